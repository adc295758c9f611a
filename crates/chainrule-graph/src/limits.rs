//! How much of anything a text may ask for: one row a limit, read by the code and by the docs.
//!
//! Invariant: a limit ends in a diagnostic that names its number, never in a crash, a hang or a full
//! memory. The limits of files are beside them, in `chainrule::limits`; docs/limits.md lists all.

/// One limit, for people.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is counted.
    pub what: &'static str,
    /// The most there may be.
    pub most: u64,
    /// What to do where more is needed.
    pub way_out: &'static str,
}

/// Bytes of a text of equations.
pub const TEXT: usize = 4 << 20;
/// Brackets within brackets, so that no text can exhaust the stack.
pub const DEPTH: usize = 200;
/// Operators on one path of an expression, for the same reason.
pub const OPERATORS: usize = 1000;
/// Repetitions of one loop.
pub const REPEATS: i64 = 10_000;
/// Loops within loops.
pub const LOOPS: usize = 16;
/// Words after loops are written out: nested loops must not exhaust the memory.
pub const WORDS: usize = 500_000;
/// Entries of a worked value: nobody reads more, and no memory is lost to a slip.
pub const ENTRIES: usize = 10_000_000;

/// The limits of texts.
pub const TABLE: &[Limit] = &[
    Limit {
        what: "bytes of a text of equations",
        most: TEXT as u64,
        way_out: "is it a data file?",
    },
    Limit {
        what: "brackets within brackets",
        most: DEPTH as u64,
        way_out: "give a part a name of its own",
    },
    Limit {
        what: "operators on one path of an expression",
        most: OPERATORS as u64,
        way_out: "give a part a name of its own",
    },
    Limit {
        what: "repetitions of one `for`",
        most: REPEATS as u64,
        way_out: "a dimension, not a loop, counts units",
    },
    Limit {
        what: "`for` within `for`",
        most: LOOPS as u64,
        way_out: "write fewer loops",
    },
    Limit {
        what: "words after all loops are written out",
        most: WORDS as u64,
        way_out: "write fewer repetitions",
    },
    Limit {
        what: "entries of a worked value (`:=`)",
        most: ENTRIES as u64,
        way_out: "a value that large is data or a start: `input`, or `param … ~ …`",
    },
];
