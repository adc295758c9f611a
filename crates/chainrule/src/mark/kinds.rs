//! Lines about shapes, counts, and entries by letters.

use chainrule_graph::diag::Diagnostic;
use chainrule_graph::syntax::canonical;

use super::against::POINTS;
use super::compare::{Fit, fit};
use super::formula;
use super::judge::{Finding, Judge, no_values, plain};
use super::letters::{self, Numbered};
use super::number::{Written, written};
use super::sheet::Piece;
use super::{Mark, Verdict, asked};
use crate::explain::Side;
use crate::explain::question::Asked;

impl Judge<'_> {
    /// `shape z1 = H×m`.
    pub(super) fn shape(
        &self,
        left: &Piece,
        sides: &[Piece],
        mark: &mut Mark,
    ) -> Result<Finding, Diagnostic> {
        let answer = self.answer(left)?;
        let side = |s: &Side| match s {
            Side::Size(n) => n.to_string(),
            Side::Name(n) => n.clone(),
        };
        let right: Vec<String> = answer.shape.iter().map(side).collect();
        let holds = sides.iter().all(|piece| {
            let theirs = shape_sides(&piece.text);
            // n alone is a column, or a single number.
            let theirs = match theirs.as_slice() {
                [n] => vec![n.clone(), "1".to_owned()],
                _ => theirs,
            };
            self.sizes_alike(&theirs, &right)
        });
        mark.formula = (!holds).then(|| right.join("×"));
        Ok(plain(holds))
    }

    /// Names are compared by what they are called and by their sizes where these are known.
    fn sizes_alike(&self, theirs: &[String], right: &[String]) -> bool {
        let sizes = &self.file.module.dims.sizes;
        let size = |s: &String| sizes.get(s).map_or_else(|| s.clone(), usize::to_string);
        theirs.len() == right.len()
            && theirs.iter().zip(right).all(|(a, b)| {
                let a = canonical(a);
                a == *b || size(&a) == size(b)
            })
    }

    /// `params = 17`.
    pub(super) fn count(
        &self,
        left: &Piece,
        sides: &[Piece],
        mark: &mut Mark,
    ) -> Result<Finding, Diagnostic> {
        let answer = self.answer(left)?;
        let right = super::asked(
            self.file.module,
            self.file.ask,
            std::slice::from_ref(&left.text),
        )
        .remove(0);
        let mut holds = true;
        for piece in sides {
            let value = match written(&piece.text) {
                Some(w) => right.as_ref().map(|r| w.value == *r),
                None => self.counted(piece)?,
            };
            holds &= value.ok_or_else(|| no_values(left))?;
        }
        if !holds {
            mark.expected = right;
            mark.formula = answer.symbolic;
        }
        Ok(plain(holds))
    }

    /// A count as a formula in the dimensions: compared at made-up sizes.
    fn counted(&self, piece: &Piece) -> Result<Option<bool>, Diagnostic> {
        let f = formula::read(self.file, &self.defined, piece)?;
        let question = ["params".to_owned()];
        let mut compared = None;
        for p in 0..self.points.len() {
            let right = asked(&self.points[p], self.file.ask, &question).remove(0);
            if let (Some(right), Some(theirs)) = (right, self.at(&f, p)) {
                let same = fit(&right, &Written::exact(theirs)) == Fit::Exact;
                compared = Some(compared.unwrap_or(true) && same);
            }
        }
        Ok(compared)
    }

    /// `dŷ[k]/dz[i] = …`: every choice of numbers for the letters, at every point.
    pub(super) fn by_letters(
        &self,
        asked_for: &Asked,
        left: &Piece,
        sides: &[Piece],
        mark: &mut Mark,
    ) -> Result<Finding, Diagnostic> {
        let answer = self.answer(left)?;
        for piece in sides {
            let (mut seen, mut off) = (0, None);
            for p in (1..self.points.len()).chain([0]) {
                if seen >= POINTS || off.is_some() {
                    break;
                }
                let m = &self.points[p];
                let Some(all) = letters::numbered(m, asked_for, &piece.text) else {
                    continue;
                };
                match self.letters_at(p, &all, piece)? {
                    None => {}
                    Some(None) => seen += 1,
                    Some(off_at) => off = off_at,
                }
            }
            if off.is_none() && seen == 0 {
                return Err(no_values(left));
            }
            if let Some(place) = off {
                mark.formula.clone_from(&answer.symbolic);
                mark.latex.clone_from(&answer.latex);
                let remarks = vec![format!("it differs for {place}")];
                return Ok(Finding {
                    verdict: Verdict::Wrong,
                    remarks,
                    from: Vec::new(),
                });
            }
        }
        Ok(plain(true))
    }

    /// None: nothing to compare; else the first choice that differs, if one does.
    fn letters_at(
        &self,
        p: usize,
        all: &[Numbered],
        piece: &Piece,
    ) -> Result<Option<Option<String>>, Diagnostic> {
        let questions: Vec<String> = all.iter().map(|n| n.question.clone()).collect();
        let right = asked(&self.points[p], self.file.ask, &questions);
        let mut seen = false;
        for (n, right) in all.iter().zip(right) {
            let text = Piece { text: n.formula.clone(), at: piece.at };
            let f = formula::read(self.file, &self.defined, &text).map_err(|mut d| {
                d.span = piece.span();
                d.labels.clear();
                d
            })?;
            let (Some(right), Some(theirs)) = (right, self.at(&f, p)) else { continue };
            seen = true;
            if fit(&right, &Written::exact(theirs)) != Fit::Exact {
                return Ok(Some(Some(n.choice.clone())));
            }
        }
        Ok(seen.then_some(None))
    }
}

/// `4×m`, `4 x m`, `(4, m)`, `4`.
fn shape_sides(text: &str) -> Vec<String> {
    let inner = text.trim().trim_matches(['(', ')']);
    let spaced =
        inner.replace(['×', ','], " ").replace(" x ", " ").replace("\\times", " ");
    spaced.split_whitespace().map(str::to_owned).collect()
}
