//! Which of the known words was meant: the same but for case, else the fewest changed letters.

use crate::syntax::nearest::nearest as fewest_edits;

/// The candidate that was probably meant by `word`; `None` if none is near. Ties go to the first.
#[must_use]
pub fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let lower = word.to_lowercase();
    let same = candidates.iter().find(|c| c.to_lowercase() == lower);
    same.copied().or_else(|| fewest_edits(word, &candidates))
}
