//! The command as its users meet it: what it prints, where, and with which exit status.
//!
//! One binary; each module a kind of promise. Every test runs the built command in a folder of its
//! own, which is looked at afterwards.

mod bad_input;
mod cache;
mod check;
mod compare;
mod diagnose;
mod draw;
mod exam;
mod explain;
mod export;
mod fmt;
mod listing;
mod lost;
mod mark;
mod new;
mod output;
mod plan;
mod support;
mod training;
mod tune;
