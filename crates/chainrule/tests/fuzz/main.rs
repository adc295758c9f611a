//! Everything that comes from outside, given to its reader broken in every way that comes to mind.
//!
//! One target a format; a test each. None may panic, hang, or take memory that neither the size of
//! the input nor a stated limit explains. How to add one: CONTRIBUTING.md; what was run for how
//! long: docs/fuzzing.md.
#![allow(clippy::print_stderr, reason = "a run says how much it tried")]

mod answers;
mod ask;
mod cache;
mod checkpoint;
mod engine;
mod equations;
mod limits;
mod meter;
mod model;
mod mutate;
mod tables;

/// So much is held for reading anything at all.
const FEW: usize = 64 << 20;

/// A test a format; `make fuzz TARGET=csv` picks by the first word.
mod targets {
    use super::engine::run;
    use super::{answers, ask, cache, checkpoint, equations, model, tables};

    #[test]
    fn chain_files_are_explained_or_refused() {
        run(equations::chain());
    }

    #[test]
    fn ask_gets_an_answer_or_a_refusal() {
        run(ask::questions());
    }

    #[test]
    fn answers_are_marked_or_refused() {
        run(answers::answers());
    }

    #[test]
    fn csv_is_a_table_or_refused() {
        run(tables::csv());
    }

    #[test]
    fn gz_is_unpacked_or_refused() {
        run(tables::gz());
    }

    #[test]
    fn idx_is_a_table_or_refused() {
        run(tables::idx_files());
    }

    #[test]
    fn npy_is_a_table_or_refused() {
        run(tables::npy_files());
    }

    #[test]
    fn npz_is_a_table_or_refused() {
        run(tables::npz());
    }

    #[test]
    fn model_files_predict_or_are_refused() {
        run(model::model());
    }

    #[test]
    fn cache_is_read_or_refused() {
        run(cache::cache());
    }

    #[test]
    fn checkpoint_is_gone_on_from_or_refused() {
        run(checkpoint::checkpoint());
    }
}
