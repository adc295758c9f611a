//! Whether the numbers of a plan fit into the memory that is free, before any of it is taken.
//!
//! In: a graph with sizes, or a number of bytes. Out: nothing, or what is needed and what there is.
//! Invariant: nothing that the user writes as a size makes the process die for want of memory where
//! the system says how much is free (Linux: `MemAvailable`, and the limit of the control group).
//! Deliberately absent: swap, which no training survives.

use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::graph::Graph;
use chainrule_graph::module::Module;
use chainrule_graph::shape::{Dim, Sizes};

use crate::error::Error;
use crate::plan::Plan;

/// A value of more entries than this is refused whatever the memory: below it, no sum of sizes that
/// a plan makes can overflow.
const COUNTABLE: f64 = 1e15;

/// Refuses values whose entries cannot be counted.
///
/// # Errors
/// T1 at the first such node.
pub(crate) fn countable(
    graph: &Graph,
    sizes: &Sizes,
    rows: usize,
) -> Result<(), Diagnostic> {
    for (_, node) in graph.iter() {
        let n = entries(&node.shape.rows, &node.shape.cols, node.each, sizes, rows);
        if n > COUNTABLE {
            let text = format!("{n:.0e} numbers for one value: no memory holds them");
            let hint = "smaller dimensions, or a smaller batch";
            return Err(Diagnostic::error(Code::T1, node.span, text).hint(hint));
        }
    }
    Ok(())
}

/// More numbers than this in all values together are not worked out one by one (0.4 GB).
pub(crate) const BY_HAND: f64 = 5e7;

/// Refuses what is too large for the literal evaluation; a dimension without a size counts little, as
/// the check puts a small one in.
///
/// # Errors
/// T1 at the largest value.
pub(crate) fn by_hand(m: &Module, sizes: &Sizes, rows: usize) -> Result<(), Diagnostic> {
    at_most(BY_HAND, m, sizes, rows)
}

fn at_most(most: f64, m: &Module, sizes: &Sizes, rows: usize) -> Result<(), Diagnostic> {
    const LITTLE: usize = 13;
    let side = |d: &Dim| d.under(sizes).unwrap_or(LITTLE) as f64;
    let count = |r: &Dim, c: &Dim, each: bool| {
        side(r) * side(c) * if each { rows as f64 } else { 1.0 }
    };
    let symbols =
        m.symbols.iter().map(|s| (count(&s.shape.rows, &s.shape.cols, s.each), s.span));
    let nodes = m.graph.iter();
    let nodes = nodes.map(|(_, n)| (count(&n.shape.rows, &n.shape.cols, n.each), n.span));
    let all: Vec<(f64, Span)> = symbols.chain(nodes).collect();
    let total: f64 = all.iter().map(|(n, _)| n).sum();
    let largest = all.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    match largest {
        Some((_, span)) if total > most => {
            let text = format!(
                "{total:.1e} numbers in all values together: too many to be worked out one by one"
            );
            Err(Diagnostic::error(Code::T1, span, text).hint("smaller dimensions"))
        }
        _ => Ok(()),
    }
}

/// More numbers than this in all values together are not made up for a check (4 GB).
const CHECKABLE: f64 = 5e8;

/// Refuses what the check of gradients at made-up numbers could not hold.
///
/// # Errors
/// T1 at the largest value.
pub(crate) fn checkable(m: &Module) -> Result<(), Diagnostic> {
    let way_out = "or names for them: `where H = 4096`; gradients are checked with small sizes for names";
    at_most(CHECKABLE, m, &Sizes::default(), 1).map_err(|d| d.hint(way_out))
}

/// Entries of a value; a dimension without a size counts the rows.
fn entries(r: &Dim, c: &Dim, each: bool, sizes: &Sizes, rows: usize) -> f64 {
    let side = |d: &Dim| d.under(sizes).unwrap_or(rows) as f64;
    side(r) * side(c) * if each { rows as f64 } else { 1.0 }
}

/// Refuses a plan whose arena, with `states` further parts for each learned number and `copies` of
/// it in f64, does not fit; `width` is the size of a number.
///
/// # Errors
/// [`Error::Usage`] with what is needed, what is free, and what makes it large.
pub(crate) fn fits(
    plan: &Plan,
    width: usize,
    states: usize,
    copies: usize,
) -> Result<(), Error> {
    let learned: usize = plan.learned_slices().map(|(_, _, len)| len).sum();
    let held = (plan.arena() as f64 + (states * learned) as f64) * width as f64;
    let needed = held + (copies * learned * size_of::<f64>()) as f64;
    let largest = plan.learned_slices().max_by_key(|(_, _, len)| *len);
    // Learned numbers and their gradients are in the arena too.
    let each = (2 + states) * width + copies * size_of::<f64>();
    let by_size = 2.0 * (learned * each) as f64 > needed;
    let what = match largest {
        Some((_, _, len)) if by_size => Share::Learned(len),
        _ => Share::Rows(plan.rows()),
    };
    room(needed, &what)
}

/// What a table of so many bytes takes in memory, roughly: the text, its cells and encoded rows in
/// f64, and the rows in the number type of the run.
const TIMES: u64 = 4;

/// Bytes that a table would take in memory and those that are free, if it would not fit.
///
/// An estimate: categories take more, bytes of images less.
#[must_use]
pub fn too_large(table: u64) -> Option<(u64, u64)> {
    exceeds(table.saturating_mul(TIMES), free()?)
}

fn exceeds(needed: u64, free: u64) -> Option<(u64, u64)> {
    (needed > free).then_some((needed, free))
}

/// What takes the most.
pub(crate) enum Share {
    /// The entries of a learned symbol.
    Learned(usize),
    /// The rows of a batch.
    Rows(usize),
}

fn room(needed: f64, what: &Share) -> Result<(), Error> {
    let Some(free) = free().filter(|free| needed > *free as f64) else { return Ok(()) };
    let way_out = match what {
        Share::Learned(n) => format!(
            "one parameter alone has {} numbers: smaller dimensions help",
            grouped(*n)
        ),
        Share::Rows(n) => {
            format!("it holds {} rows at once: a smaller batch helps", grouped(*n))
        }
    };
    let message = format!(
        "{} bytes are needed ({}), and {} are free; {way_out}",
        grouped_f64(needed),
        bytes(needed),
        bytes(free as f64)
    );
    Err(Error::Usage { field: "memory".into(), message })
}

/// Refuses values of a worked example that do not fit.
///
/// # Errors
/// [`Error::Usage`] with what is needed and what is free.
pub fn worked(m: &Module, sizes: &Sizes, rows: usize) -> Result<(), Error> {
    let all = m
        .graph
        .iter()
        .map(|(_, n)| entries(&n.shape.rows, &n.shape.cols, n.each, sizes, rows));
    let needed = all.sum::<f64>() * size_of::<f64>() as f64;
    let learned = m.trainable.iter().map(|id| {
        let s = &m.symbols[id.0 as usize];
        entries(&s.shape.rows, &s.shape.cols, false, sizes, rows) as usize
    });
    let largest = learned.max();
    room(needed, &largest.map_or(Share::Rows(rows), Share::Learned))
}

/// "12.8 GB".
#[must_use]
pub fn bytes(n: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(size, _)| n >= *size);
    unit.map_or_else(
        || format!("{n:.0} bytes"),
        |(size, word)| format!("{:.1} {word}", n / size),
    )
}

/// "3,200,000,000".
fn grouped(n: usize) -> String {
    grouped_f64(n as f64)
}

fn grouped_f64(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes that can be had now; `None` where the system does not say so.
fn free() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let here = kib * 1024;
    Some(group().map_or(here, |limit| limit.min(here)))
}

/// What the control group still allows.
fn group() -> Option<u64> {
    let number = |path: &str| -> Option<u64> {
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    let new = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current");
    let old = (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    );
    let left = |(max, now): (&str, &str)| {
        Some(number(max)?.saturating_sub(number(now).unwrap_or(0)))
    };
    left(new).or_else(|| left(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_any_machine_has_is_refused_with_both_figures() {
        let said = room(1e17, &Share::Rows(7)).map_err(|e| e.to_string());
        if free().is_some() {
            let said = said.unwrap_err();
            assert!(said.contains("100,000,000,000,000,000 bytes are needed"), "{said}");
            assert!(said.contains("are free; it holds 7 rows at once"), "{said}");
        }
        assert!(room(1e3, &Share::Rows(7)).is_ok());
    }

    #[test]
    fn a_table_is_too_large_when_its_numbers_are() {
        assert_eq!(exceeds(4_000, 3_999), Some((4_000, 3_999)));
        assert_eq!(exceeds(4_000, 4_000), None);
        assert_eq!(too_large(1), None);
        assert!(free().is_none() || too_large(u64::MAX).is_some());
    }

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        assert_eq!(bytes(512.0), "512 bytes");
        assert_eq!(bytes(1.28e10), "12.8 GB");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }
}
