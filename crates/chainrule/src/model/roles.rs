//! What a file asks of the data, and what the data says about the file's dimensions.
//!
//! In: a checked file, prepared data. Out: [`SymbolInfo`]s for `data`, [`Sizes`] for everything
//! else. Invariant: a dimension that neither the file nor the data gives a size is an error here,
//! before anything is planned.

use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::graph::SymId;
use chainrule_graph::module::{Module, Symbol};
use chainrule_graph::shape::{Atom, Dim, Sizes};
use chainrule_graph::syntax::ast::{Layout, Role};

use crate::data::{Array, Dataset, SymbolInfo};
use crate::error::Error;

/// The symbol that carries the weight of an example, where the `data:` line has weights.
pub(crate) const WEIGHT: &str = "example_weight";

/// Inputs and targets, in the order of the file.
pub(crate) fn symbols(module: &Module) -> Vec<SymbolInfo> {
    data_symbols(module)
        .map(|s| SymbolInfo {
            key: s.key.clone(),
            target: s.role == Role::Target,
            rows: entries(module, s).under(&module.dims.sizes),
            mark: s.mark,
        })
        .collect()
}

/// The symbols that a file of data fills.
pub(crate) fn data_symbols(module: &Module) -> impl Iterator<Item = &Symbol> {
    let role = |s: &&Symbol| matches!(s.role, Role::Input | Role::Target);
    module.symbols.iter().filter(role).filter(|s| s.key != WEIGHT)
}

/// The dimension of one example of a symbol, whatever the layout.
fn entries(module: &Module, s: &Symbol) -> Dim {
    let dim = if module.layout == Layout::Rows { &s.shape.cols } else { &s.shape.rows };
    module.dims.resolve(dim)
}

/// The dimension that counts the examples, in files that write a batch as a matrix.
pub(crate) fn batch_dim(module: &Module) -> Option<String> {
    let first = data_symbols(module).next()?;
    let dim = match module.layout {
        Layout::One => return None,
        Layout::Columns => &first.shape.cols,
        Layout::Rows => &first.shape.rows,
    };
    match module.dims.resolve(dim).atoms.as_slice() {
        [Atom::Name(name)] => Some(name.clone()),
        _ => None,
    }
}

/// One-hot symbols that a plan may hold as an index, as the data does. Where a batch is a matrix,
/// equations may read all of it.
pub(crate) fn indices(module: &Module, data: &Dataset) -> Vec<SymId> {
    let alone = module.layout == Layout::One;
    let is_index = |key: &str| matches!(data.array(key), Some(Array::Index { .. }));
    let all = data_symbols(module).filter(|s| alone && is_index(&s.key));
    all.map(|s| s.id).collect()
}

/// Refuses a file that cannot be trained, with the lines that it lacks.
pub(crate) fn check_trainable(module: &Module) -> Result<(), Error> {
    let any = |role| data_symbols(module).any(|s| s.role == role);
    let mut lacks = Vec::new();
    if !any(Role::Input) {
        lacks.push("input x : D");
    }
    if !any(Role::Target) {
        lacks.push("target y : K one-hot");
    }
    // In a bare file everything free counts as learned; once there are roles, only `param` does.
    if module.bare || module.trainable.is_empty() {
        lacks.push("param W : K×D ~ glorot, b : K = 0");
    }
    let said = module.objective.as_ref().map(|o| o.said);
    if said.is_none() || (said == Some(false) && !lacks.is_empty()) {
        lacks.push("minimize mean(L)");
    }
    if module.data.is_none() && !lacks.is_empty() {
        lacks.push("data: FILE.csv, x = *, y = COLUMN");
    }
    if lacks.is_empty() {
        return Ok(());
    }
    let d = Diagnostic::error(
        Code::T1,
        Span::default(),
        "the file can be explained, and not trained: it does not say what is data and what is \
         learned",
    );
    let text = format!("add lines such as: {}", lacks.join(" · "));
    Err(Error::Diagnostics(vec![d.hint(text)]))
}

/// Sizes of all dimensions, those of the data included.
pub(crate) fn sizes(module: &Module, data: &Dataset) -> Result<Sizes, Error> {
    let mut sizes = module.dims.sizes.clone();
    for s in data_symbols(module) {
        if let Some(array) = data.array(&s.key) {
            bind(&entries(module, s), array.cols(), s, &mut sizes)?;
        }
    }
    let batch = batch_dim(module);
    for &id in &module.trainable {
        check_known(module, id, &sizes, batch.as_deref())?;
    }
    Ok(sizes)
}

/// Solves `dim = found` for the one name in it that has no size.
fn bind(dim: &Dim, found: usize, s: &Symbol, sizes: &mut Sizes) -> Result<(), Error> {
    let known = |atom: &&Atom| match atom {
        Atom::Name(n) => sizes.contains_key(n),
        Atom::Var(_) => false,
    };
    let sum: usize = dim.known
        + dim.atoms.iter().filter(known).filter_map(|a| size_of(a, sizes)).sum::<usize>();
    let open: Vec<&Atom> = dim.atoms.iter().filter(|a| !known(a)).collect();
    match open.as_slice() {
        [] if sum == found => Ok(()),
        [Atom::Name(n)] if found >= sum => {
            sizes.insert(n.clone(), found - sum);
            Ok(())
        }
        _ => {
            let text = format!(
                "{} has {dim} entries here, and the data gives it {found}",
                s.shown
            );
            let d = Diagnostic::error(Code::S5, s.span, text);
            Err(Error::Diagnostics(vec![d]))
        }
    }
}

fn size_of(atom: &Atom, sizes: &Sizes) -> Option<usize> {
    match atom {
        Atom::Name(n) => sizes.get(n).copied(),
        Atom::Var(_) => None,
    }
}

fn check_known(
    module: &Module,
    id: SymId,
    sizes: &Sizes,
    batch: Option<&str>,
) -> Result<(), Error> {
    let s = &module.symbols[id.0 as usize];
    for dim in [&s.shape.rows, &s.shape.cols] {
        let open = dim.atoms.iter().find(|a| size_of(a, sizes).is_none());
        if let Some(Atom::Name(n)) = open {
            let text = if Some(n.as_str()) == batch {
                format!("{} would have one entry per example: {n} counts them", s.shown)
            } else {
                format!(
                    "the size of {n} is not known: neither the file nor the data gives it"
                )
            };
            let d = Diagnostic::error(Code::S8, s.span, text);
            return Err(Error::Diagnostics(vec![d.hint(format!("add: where {n} = 64"))]));
        }
    }
    Ok(())
}
