//! What the host lets no command ask for, so that a plugin which does is refused here as there (`allow` of the host's capability).

/// Elements that one command may ask for, or skip.
const ELEMENTS_MAX: i64 = 1_000;

const ARGUMENTS_MAX: usize = 1_024;

/// What the host answers in place of Redis; none: it passes the command on. `size`: elements of the collection that is named.
pub(super) fn refusal(words: &[String], size: usize) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let why = why(&words, size)?;
    Some(format!("DENIED `{}` was not sent: {why}", words[0]))
}

fn why(words: &[&str], size: usize) -> Option<&'static str> {
    if words.len() > ARGUMENTS_MAX + 1 {
        return Some("it has more than 1024 arguments");
    }
    match *words {
        ["LRANGE" | "ZRANGE", _, first, last, ..] => window(number(first), number(last)),
        ["ZRANGEBYSCORE", _, _, _, ref rest @ ..] => match after("LIMIT", rest) {
            Some([skipped, count, ..]) if (0..=ELEMENTS_MAX).contains(&number(skipped)) => counted(count),
            Some([_, _, ..]) => Some("an offset must be from 0 to 1000"),
            _ => Some("it needs `LIMIT offset count`"),
        },
        ["XRANGE", _, _, _, ref rest @ ..] => match after("COUNT", rest) {
            Some([count, ..]) => counted(count),
            _ => Some("it needs `COUNT count`"),
        },
        ["XPENDING", _, _, .., count] => counted(count),
        ["SCAN" | "SSCAN", ref rest @ ..] => after("COUNT", rest).and_then(|rest| counted(rest.first()?)),
        ["HGETALL" | "SMEMBERS", _] if i64::try_from(size).expect("small") > ELEMENTS_MAX => {
            Some("it would answer with more than 1000 elements; HSCAN or SSCAN asks piece by piece")
        }
        _ => None,
    }
}

fn number(text: &str) -> i64 {
    text.parse().expect("a whole number")
}

fn after<'w>(word: &str, words: &'w [&'w str]) -> Option<&'w [&'w str]> {
    let at = words.iter().position(|known| *known == word)?;
    Some(&words[at + 1..])
}

fn counted(count: &str) -> Option<&'static str> {
    let good = (1..=ELEMENTS_MAX).contains(&number(count));
    (!good).then_some("a count must be from 1 to 1000")
}

fn window(first: i64, last: i64) -> Option<&'static str> {
    let length = match (first < 0, last < 0) {
        (false, true) => return Some("its range has no bound: count both ends from the same side"),
        (true, false) => (last + 1).min(-first),
        _ => last - first + 1,
    };
    (length > ELEMENTS_MAX).then_some("its range holds more than 1000 elements")
}

#[test]
fn what_the_host_would_not_send_is_not_answered() {
    let said = |text: &str, size| {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        refusal(&words, size)
    };
    for (good, bad, size) in [
        ("LRANGE q 0 999", "LRANGE q 0 1000", 0),
        ("LRANGE q -1000 -1", "LRANGE q 0 -1", 0),
        ("ZRANGE q 0 0 WITHSCORES", "ZRANGE q 500 2000 WITHSCORES", 0),
        (
            "ZRANGEBYSCORE q -inf 5 WITHSCORES LIMIT 1000 1000",
            "ZRANGEBYSCORE q -inf 5 WITHSCORES LIMIT 1001 1",
            0,
        ),
        (
            "ZRANGEBYSCORE q -inf 5 LIMIT 0 1",
            "ZRANGEBYSCORE q -inf 5 WITHSCORES",
            0,
        ),
        ("XRANGE s - + COUNT 1000", "XRANGE s - + COUNT 1001", 0),
        ("XPENDING s g - + 1000", "XPENDING s g IDLE 5 - + 1001", 0),
        ("SSCAN s 0 COUNT 1000", "SSCAN s 0 COUNT 5000", 0),
        ("HGET h f", "HGETALL h", 1_001),
        ("SCARD s", "SMEMBERS s", 1_001),
    ] {
        assert_eq!(said(good, size), None, "{good}");
        let name = bad.split(' ').next().expect("a name");
        let refused = said(bad, size).expect(bad);
        assert!(
            refused.starts_with(&format!("DENIED `{name}` was not sent: ")),
            "{refused}"
        );
    }
    let keys = "MGET".to_owned() + &" k".repeat(1_025);
    assert!(said(&keys, 0).is_some() && said(&keys[..keys.len() - 2], 0).is_none());
}
