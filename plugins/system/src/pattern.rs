//! Patterns as a shell has them: `*` is any text, `?` one character, `[a-z0-9]` one of these.
//!
//! Not regular expressions: these need no quoting, read well in a configuration, and keep the plugin small.

/// Whether `pattern` fits the whole of `text`.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut position) = (0, 0);
    // Where to go on when what follows the last star did not fit: let the star take one character more.
    let mut retry: Option<(usize, usize)> = None;
    while position < text.len() {
        if pattern.get(at) == Some(&'*') {
            retry = Some((at + 1, position));
            at += 1;
        } else if let Some(next) = one(&pattern[at.min(pattern.len())..], text[position]) {
            at += next;
            position += 1;
        } else if let Some((after_star, taken)) = retry {
            retry = Some((after_star, taken + 1));
            (at, position) = (after_star, taken + 1);
        } else {
            return false;
        }
    }
    pattern[at.min(pattern.len())..].iter().all(|rest| *rest == '*')
}

/// How much of `pattern` fits this one character; none when it does not.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => set(pattern, character),
        literal => (*literal == character).then_some(1),
    }
}

/// A set that is not closed is an ordinary bracket.
fn set(pattern: &[char], character: char) -> Option<usize> {
    let Some(end) = pattern.iter().position(|character| *character == ']') else {
        return (character == '[').then_some(1);
    };
    let mut members = &pattern[1..end];
    let mut found = false;
    while let Some((first, rest)) = members.split_first() {
        match rest {
            ['-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&character);
                members = rest;
            }
            rest => {
                found |= *first == character;
                members = rest;
            }
        }
    }
    found.then_some(end + 1)
}

/// Whether a pattern fits `path` or something above it: `/dev` takes all of `/dev/shm` with it.
pub(crate) fn fits_path(pattern: &str, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    ends.map(|end| &path[..end])
        .chain([path])
        .any(|prefix| fits(pattern, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_text() {
        assert!(fits("lo", "lo"));
        assert!(!fits("lo", "loop0") && !fits("loop", "lo"));
        assert!(fits("veth*", "veth12ab") && fits("*", "") && fits("a*b*c", "a-b-b-c"));
        assert!(!fits("a*b", "a-b-c"));
        assert!(fits("eth?", "eth0") && !fits("eth?", "eth10"));
    }

    #[test]
    fn a_set_is_one_character() {
        assert!(fits("[hs]d[a-z][0-9]*", "sda12") && !fits("[hs]d[a-z][0-9]*", "sda"));
        assert!(fits("nvme[0-9]*n[0-9]*p[0-9]*", "nvme0n1p2") && !fits("nvme[0-9]*n[0-9]*p[0-9]*", "nvme0n1"));
        assert!(fits("a[b", "a[b"), "a set that is not closed is an ordinary bracket");
    }

    #[test]
    fn a_path_is_fitted_by_a_pattern_for_something_above_it() {
        assert!(fits_path("/dev", "/dev") && fits_path("/dev", "/dev/shm"));
        assert!(!fits_path("/dev", "/developer") && !fits_path("/dev", "/"));
        assert!(fits_path("/var/lib/docker/*", "/var/lib/docker/overlay2/x/merged"));
        assert!(!fits_path("/var/lib/docker/*", "/var/lib/docker"));
        assert!(fits_path("/", "/") && !fits_path("/", "/home"));
    }
}
