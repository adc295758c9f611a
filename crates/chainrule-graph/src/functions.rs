//! The table of functions and optimisers: the prelude's entries, then the file's own.
//!
//! An entry is an equation in chainrule's own language; value, gradient, kernel, explanation and
//! listing are derived from it. Adding one is one entry in `prelude.chain`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::graph::FuncId;
use crate::syntax::ast::{Function, Optimizer};

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    /// All functions; a [`FuncId`] is a place here.
    pub all: Vec<Function>,
    /// How many of them are the prelude's.
    pub shipped: usize,
    /// All optimisers, the prelude's first.
    pub optimizers: Vec<Optimizer>,
    /// Names given by `where act = tanh`.
    pub aliases: Vec<(String, FuncId)>,
}

impl Functions {
    /// The entry.
    #[must_use]
    pub fn get(&self, id: FuncId) -> &Function {
        &self.all[id.0 as usize]
    }

    /// Whether it works entry by entry (no argument has a shape).
    #[must_use]
    pub fn is_entrywise(&self, id: FuncId) -> bool {
        self.get(id).params.iter().all(|p| p.shape.is_none())
    }

    /// The function of this name: the file's own wins, exact spelling first, then without
    /// regard to case and underscores, aliases included.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FuncId> {
        if let Some((_, id)) = self.aliases.iter().find(|(n, _)| n == name) {
            return Some(*id);
        }
        let own = &self.all[self.shipped..];
        let last = |p: &dyn Fn(&Function) -> bool| {
            own.iter().rposition(p).map(|i| i + self.shipped)
        };
        let exact = |f: &Function| f.name.key == name || f.name.written == name;
        let index = (self.shipped > 0).then(Index::shipped);
        let short = folded(name);
        let loose = |f: &Function| names(f).any(|n| folded(n) == short);
        last(&exact)
            .or_else(|| index?.exact.get(name).copied())
            .or_else(|| last(&loose))
            .or_else(|| index?.loose.get(&short).copied())
            .map(|i| FuncId(i as u32))
    }

    /// The optimiser of this name.
    #[must_use]
    pub fn optimizer(&self, name: &str) -> Option<&Optimizer> {
        self.optimizers.iter().rfind(|o| folded(&o.name.written) == folded(name))
    }
}

/// Where each spelling of a shipped function leads: reading a file asks for every name in it.
struct Index {
    exact: BTreeMap<String, usize>,
    loose: BTreeMap<String, usize>,
}

impl Index {
    fn shipped() -> &'static Self {
        static INDEX: OnceLock<Index> = OnceLock::new();
        INDEX.get_or_init(|| {
            let mut out = Self { exact: BTreeMap::new(), loose: BTreeMap::new() };
            for (i, f) in crate::prelude::functions().all.iter().enumerate() {
                out.exact.insert(f.name.key.clone(), i);
                out.exact.insert(f.name.written.clone(), i);
                out.loose.extend(names(f).map(|n| (folded(n), i)));
            }
            out
        })
    }
}

/// A function's name and its aliases (`# alias: σ, logistic`).
pub fn names(f: &Function) -> impl Iterator<Item = &str> {
    let aliases = f.notes.iter().filter(|(k, _)| k == "alias");
    let aliases =
        aliases.flat_map(|(_, v)| v.split([',', ' ']).filter(|s| !s.is_empty()));
    [f.name.key.as_str(), f.name.written.as_str()].into_iter().chain(aliases)
}

/// Without case and underscores.
#[must_use]
pub fn folded(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}
