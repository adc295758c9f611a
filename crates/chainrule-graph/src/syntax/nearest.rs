//! The word that was probably meant.

/// The candidate with the fewest changed letters, if few enough.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = match word.chars().count() {
        0 | 1 => return None,
        2..=4 => 1,
        _ => 2,
    };
    let word = word.to_lowercase();
    let near = candidates.iter().map(|c| (distance(&word, &c.to_lowercase()), *c));
    near.filter(|n| n.0 <= limit).min_by_key(|n| n.0).map(|n| n.1)
}

/// Insertions, deletions, changes, and swaps of neighbours (Damerau's restricted distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_a_letter_or_two_are_found() {
        let words = ["batch", "epochs", "seed"];
        assert_eq!(nearest("bacth", &words), Some("batch"));
        assert_eq!(nearest("epoch", &words), Some("epochs"));
        assert_eq!(nearest("see", &words), Some("seed"));
        assert_eq!(nearest("momentum", &words), None);
    }
}
