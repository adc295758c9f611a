//! How much of anything a file may ask for: one row a limit, read by the code and by the docs.
//!
//! Invariant: what is allocated is bounded by the bytes that are there and by these numbers; a limit
//! ends in an error that names it and the way out. The limits of texts are those of
//! [`chainrule_graph::limits`]; docs/limits.md lists all.

pub use chainrule_graph::limits::{Limit, TABLE as TEXTS};

/// Bytes that a packed file of any size may unpack to.
pub const UNPACKED: usize = 256 << 20;
/// … or so many times its own size, whichever is more.
pub const UNPACKED_TIMES: usize = 100;
/// Columns of a table.
pub const COLUMNS: usize = 1_000_000;
/// Bytes of one cell of a table of text.
pub const CELL: usize = 1 << 20;
/// Numbers that a symbol holds over all rows of a table.
pub const NUMBERS: usize = 1 << 30;
/// Bytes of one line of a table of text that is read in blocks.
pub const LINE: usize = 64 << 20;
/// Different words of one column of a table that is read in blocks.
pub const WORDS: usize = 1 << 20;
/// Bytes of the header of a model file or checkpoint.
pub const HEADER: usize = 64 << 20;

/// The limits of files.
pub const FILES: &[Limit] = &[
    Limit {
        what: "bytes that a .gz or .npz file unpacks to, if it is small",
        most: UNPACKED as u64,
        way_out: "unpack it: `gunzip FILE`; for .npz save plain .npy",
    },
    Limit {
        what: "… else: times its own size",
        most: UNPACKED_TIMES as u64,
        way_out: "unpack it: `gunzip FILE`; for .npz save plain .npy",
    },
    Limit {
        what: "columns of a table",
        most: COLUMNS as u64,
        way_out: "is it written with rows and columns exchanged?",
    },
    Limit {
        what: "bytes of one cell of a table of text",
        most: CELL as u64,
        way_out: "is a quote never closed?",
    },
    Limit {
        what: "numbers of one symbol over all rows of a table",
        most: NUMBERS as u64,
        way_out: "leave out columns with many categories",
    },
    Limit {
        what: "bytes of one line of a table of text that is read into a cache",
        most: LINE as u64,
        way_out: "is a quote never closed?",
    },
    Limit {
        what: "different words of one column of a table that is read into a cache",
        most: WORDS as u64,
        way_out: "leave the column out with `-COLUMN`",
    },
    Limit {
        what: "bytes of the header of a model file",
        most: HEADER as u64,
        way_out: "it is damaged: fetch it again",
    },
];

/// The bytes that a file of `packed` bytes may unpack to.
#[must_use]
pub fn unpacked(packed: usize) -> usize {
    packed.saturating_mul(UNPACKED_TIMES).max(UNPACKED)
}
