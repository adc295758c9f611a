//! Sizes that may grow with the number of rows: `c0 + c1·m + c2·m²`.
//!
//! In: sizes of named dimensions, the batch dimension among them. Out: [`Ext`], resolved for
//! each m by [`Ext::at`]. Invariant: no size, stride or offset of a plan has a higher degree.
//! Deliberately absent: subtraction.

use chainrule_graph::shape::{Atom, Dim, Sizes};

/// A size, stride or offset as a polynomial of the number of rows m.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ext(pub(crate) [usize; 3]);

impl Ext {
    /// 0.
    pub(crate) const ZERO: Self = Self([0; 3]);
    /// 1.
    pub(crate) const ONE: Self = Self([1, 0, 0]);
    /// m, the number of rows of the batch.
    pub(crate) const ROWS: Self = Self([0, 1, 0]);

    /// A number.
    pub(crate) const fn new(n: usize) -> Self {
        Self([n, 0, 0])
    }

    /// Its value for `m` rows.
    pub(crate) fn at(self, m: usize) -> usize {
        self.0[0] + m * (self.0[1] + m * self.0[2])
    }

    /// Whether it is the number 1 for every m.
    pub(crate) fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// Whether it changes with m.
    pub(crate) fn grows(self) -> bool {
        self.0[1] + self.0[2] > 0
    }

    /// The sum.
    pub(crate) fn plus(self, o: Self) -> Self {
        Self([self.0[0] + o.0[0], self.0[1] + o.0[1], self.0[2] + o.0[2]])
    }

    /// The product.
    ///
    /// # Panics
    /// If m³ would be needed; `import` refuses graphs that could lead there.
    pub(crate) fn times(self, o: Self) -> Self {
        let mut out = [0; 3];
        for (i, a) in self.0.into_iter().enumerate() {
            for (j, b) in o.0.into_iter().enumerate() {
                if a * b > 0 {
                    assert!(i + j < 3, "a size with m³");
                    out[i + j] += a * b;
                }
            }
        }
        Self(out)
    }

    /// The dimension, with `batch` as the name of m; `None` where a size is not known.
    pub(crate) fn of(dim: &Dim, sizes: &Sizes, batch: Option<&str>) -> Option<Self> {
        dim.atoms.iter().try_fold(Self::new(dim.known), |sum, atom| match atom {
            Atom::Name(n) if Some(n.as_str()) == batch => Some(sum.plus(Self::ROWS)),
            Atom::Name(n) => sizes.get(n).map(|&s| sum.plus(Self::new(s))),
            Atom::Var(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_are_those_of_the_values() {
        let (a, b) = (Ext([2, 3, 0]), Ext([5, 1, 0]));
        for m in [0, 1, 7] {
            assert_eq!(a.plus(b).at(m), a.at(m) + b.at(m));
            assert_eq!(a.times(b).at(m), a.at(m) * b.at(m));
        }
    }
}
