//! Named and known dimensions, and shapes made of two of them.
//!
//! A dimension is a sum of a number and names (`H`, `4`, `D1 + D2`); names are rigid: two of
//! them are equal only if they are the same name, or if [`Dims`] was told so (`where H = D`).
//! Variables stand for dimensions of symbols without a declared shape until they are found.

use std::collections::BTreeMap;
use std::fmt;

/// One term of a dimension that is not a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom {
    /// A declared dimension.
    Name(String),
    /// To be found by unification.
    Var(u32),
}

/// A dimension: `known` plus the atoms, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim {
    /// The number in it.
    pub known: usize,
    /// The names in it, sorted; a name may stand twice.
    pub atoms: Vec<Atom>,
}

impl Dim {
    /// The dimension of a scalar.
    pub const ONE: Self = Self { known: 1, atoms: Vec::new() };

    /// A number.
    #[must_use]
    pub fn size(n: usize) -> Self {
        Self { known: n, atoms: Vec::new() }
    }

    /// A name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { known: 0, atoms: vec![Atom::Name(name.to_string())] }
    }

    /// A variable.
    #[must_use]
    pub fn var(id: u32) -> Self {
        Self { known: 0, atoms: vec![Atom::Var(id)] }
    }

    /// The sum of two dimensions.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut atoms = [self.atoms.clone(), other.atoms.clone()].concat();
        atoms.sort();
        Self { known: self.known + other.known, atoms }
    }

    /// Whether it is the number 1. A name is never taken for 1.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.known == 1 && self.atoms.is_empty()
    }

    /// The number, if it has no names.
    #[must_use]
    pub fn number(&self) -> Option<usize> {
        self.atoms.is_empty().then_some(self.known)
    }

    /// The number under the given sizes, if they suffice.
    #[must_use]
    pub fn under(&self, sizes: &Sizes) -> Option<usize> {
        self.atoms.iter().try_fold(self.known, |n, atom| match atom {
            Atom::Name(name) => sizes.get(name).map(|s| n + s),
            Atom::Var(_) => None,
        })
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self
            .atoms
            .iter()
            .map(|a| match a {
                Atom::Name(n) => n.clone(),
                Atom::Var(_) => "?".to_string(),
            })
            .collect();
        if self.known > 0 || parts.is_empty() {
            parts.push(self.known.to_string());
        }
        f.write_str(&parts.join("+"))
    }
}

/// What the named dimensions are, once known.
pub type Sizes = BTreeMap<String, usize>;

/// Rows × columns; a scalar is 1×1, a column n×1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Number of rows.
    pub rows: Dim,
    /// Number of columns.
    pub cols: Dim,
}

impl Shape {
    /// 1×1.
    pub const SCALAR: Self = Self { rows: Dim::ONE, cols: Dim::ONE };

    /// `rows`×`cols`.
    #[must_use]
    pub fn new(rows: Dim, cols: Dim) -> Self {
        Self { rows, cols }
    }

    /// `rows`×1.
    #[must_use]
    pub fn column(rows: Dim) -> Self {
        Self { rows, cols: Dim::ONE }
    }

    /// Whether it is 1×1.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        self.rows.is_one() && self.cols.is_one()
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self { rows: self.cols.clone(), cols: self.rows.clone() }
    }

    /// Rows and columns as numbers, if the sizes suffice.
    #[must_use]
    pub fn under(&self, sizes: &Sizes) -> Option<(usize, usize)> {
        Some((self.rows.under(sizes)?, self.cols.under(sizes)?))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.rows, self.cols)
    }
}

/// What is known about equality of dimensions: names made one by `where`, variables found.
#[derive(Clone, Debug, Default)]
pub struct Dims {
    /// Sizes bound by `where`, values or data.
    pub sizes: Sizes,
    aliases: BTreeMap<String, Dim>,
    vars: Vec<Option<Dim>>,
}

impl Dims {
    /// A new variable.
    pub fn fresh(&mut self) -> Dim {
        self.vars.push(None);
        Dim::var(self.vars.len() as u32 - 1)
    }

    /// What was found about variables so far.
    pub(crate) fn found(&self) -> Vec<Option<Dim>> {
        self.vars.clone()
    }

    /// Back to what was found before.
    pub(crate) fn forget(&mut self, found: Vec<Option<Dim>>) {
        self.vars = found;
    }

    /// Makes the name stand for another dimension (`where H = D`).
    pub fn alias(&mut self, name: &str, dim: Dim) {
        self.aliases.insert(name.to_string(), dim);
    }

    /// The dimension with aliases and found variables put in.
    #[must_use]
    pub fn resolve(&self, dim: &Dim) -> Dim {
        let mut out = Dim::size(dim.known);
        for atom in &dim.atoms {
            let known = match atom {
                Atom::Name(n) => self.aliases.get(n),
                Atom::Var(v) => self.vars.get(*v as usize).and_then(Option::as_ref),
            };
            let term = match known {
                Some(d) => self.resolve(d),
                None => Dim { known: 0, atoms: vec![atom.clone()] },
            };
            out = out.plus(&term);
        }
        out
    }

    /// The shape with both dimensions resolved.
    #[must_use]
    pub fn resolve_shape(&self, shape: &Shape) -> Shape {
        Shape::new(self.resolve(&shape.rows), self.resolve(&shape.cols))
    }

    /// Whether the two can be one; a free variable is then bound.
    ///
    /// A number fits a name only where `where`, a value or the data says that size.
    pub fn unify(&mut self, a: &Dim, b: &Dim) -> bool {
        let (a, b) = (self.resolve(a), self.resolve(b));
        if a == b {
            return true;
        }
        match (single_var(&a), single_var(&b)) {
            (Some(v), _) if !mentions(&b, v) => self.bind(v, b),
            (_, Some(v)) if !mentions(&a, v) => self.bind(v, a),
            _ => self.same_number(&a, &b),
        }
    }

    fn bind(&mut self, var: u32, dim: Dim) -> bool {
        self.vars[var as usize] = Some(dim);
        true
    }

    /// One of them is a plain number and the other has exactly that size.
    fn same_number(&self, a: &Dim, b: &Dim) -> bool {
        let plain = a.atoms.is_empty() != b.atoms.is_empty();
        let one = a.is_one() || b.is_one();
        plain
            && !one
            && a.under(&self.sizes).is_some_and(|n| Some(n) == b.under(&self.sizes))
    }

    /// Whether both are equal without binding anything.
    #[must_use]
    pub fn equal(&self, a: &Dim, b: &Dim) -> bool {
        let (a, b) = (self.resolve(a), self.resolve(b));
        a == b || self.same_number(&a, &b)
    }
}

fn single_var(dim: &Dim) -> Option<u32> {
    match (dim.known, dim.atoms.as_slice()) {
        (0, [Atom::Var(v)]) => Some(*v),
        _ => None,
    }
}

fn mentions(dim: &Dim, var: u32) -> bool {
    dim.atoms.contains(&Atom::Var(var))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rigid_even_at_equal_size() {
        let mut dims = Dims::default();
        dims.sizes.extend([("K".to_string(), 3), ("D".to_string(), 3)]);
        assert!(!dims.unify(&Dim::named("K"), &Dim::named("D")));
        assert!(dims.unify(&Dim::named("K"), &Dim::size(3)));
        dims.alias("K", Dim::named("D"));
        assert!(dims.unify(&Dim::named("K"), &Dim::named("D")));
    }

    #[test]
    fn a_name_is_never_taken_for_one() {
        let mut dims = Dims::default();
        dims.sizes.insert("K".to_string(), 1);
        assert!(!dims.unify(&Dim::named("K"), &Dim::ONE));
    }

    #[test]
    fn variables_are_found_through_sums() {
        let mut dims = Dims::default();
        let v = dims.fresh();
        assert!(dims.unify(&v, &Dim::named("H").plus(&Dim::size(2))));
        assert_eq!(dims.resolve(&v).to_string(), "H+2");
    }
}
