//! Patterns for names of queues: `*` is any text, `?` one character.

/// Whether a name may stand for more than itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `pattern` fits the whole of `text`.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut position) = (0, 0);
    // Where to go on when what follows the last star did not fit: let the star take one character more.
    let mut retry: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, position));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[position] => (at, position) = (at + 1, position + 1),
            Some(_) | None => {
                let Some((after_star, taken)) = retry else { return false };
                retry = Some((after_star, taken + 1));
                (at, position) = (after_star, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// As `SCAN` takes it: what is special to Redis stands for itself.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_name() {
        assert!(fits("mail", "mail") && !fits("mail", "mails"));
        assert!(fits("*", "") && fits("mail*", "mail-eu") && fits("*-eu", "mail-eu") && fits("a*b*c", "a-b-b-c"));
        assert!(!fits("a*b", "a-b-c") && !fits("mail?", "mail") && fits("mail?", "mail1"));
    }

    #[test]
    fn what_redis_would_read_as_a_pattern_is_escaped() {
        assert_eq!(escaped("{bull}[1]*"), "{bull}\\[1\\]\\*");
        assert!(is_pattern("a*") && is_pattern("a?") && !is_pattern("a.b"));
    }
}
