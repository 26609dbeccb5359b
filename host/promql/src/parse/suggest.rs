//! What somebody may have meant.

/// Letters that may be wrong.
const MISTAKES: usize = 2;

/// The name most like `word`, if one is: at most two letters differ, and not half of them.
pub(super) fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // No name is longer; a longer word would only cost time.
    if word.len() > 64 {
        return None;
    }
    names
        // Of names as near, one that goes on as the word does was probably not finished.
        .map(|name| (distance(&word, name), !name.starts_with(&word), name))
        .filter(|(distance, _, name)| *distance <= MISTAKES && distance * 2 < name.len())
        .min()
        .map(|(.., name)| name)
}

/// Insertions, deletions and replacements between two words.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}
