//! The shipped functions and optimisers, read once from `prelude.chain`.

use std::sync::OnceLock;

use crate::functions::Functions;
use crate::syntax::ast::StatementKind;

/// The text of the prelude.
pub const TEXT: &str = include_str!("prelude.chain");

/// The table of shipped functions and optimisers.
///
/// # Panics
/// If `prelude.chain` does not read: our bug, and every test would show it.
#[must_use]
pub fn functions() -> &'static Functions {
    static TABLE: OnceLock<Functions> = OnceLock::new();
    TABLE.get_or_init(read)
}

fn read() -> Functions {
    let parsed = crate::syntax::parse(TEXT, &crate::lower::is_builtin, &[]);
    let bad =
        parsed.diagnostics.iter().find(|d| d.severity == crate::diag::Severity::Error);
    if let Some(d) = bad {
        let (line, _) = crate::diag::line_column(TEXT, d.span.start);
        panic!("prelude.chain line {line}: {}", d.message);
    }
    let mut table = Functions::default();
    for s in parsed.file.statements {
        match s.kind {
            StatementKind::Function(f) => table.all.push(f),
            StatementKind::Optimizer(o) => table.optimizers.push(o),
            other => {
                panic!("prelude.chain holds functions and optimisers only, not {other:?}")
            }
        }
    }
    table.shipped = table.all.len();
    table
}
