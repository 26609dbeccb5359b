//! Reading replies: the shapes that the commands of this plugin answer in, whichever protocol version the host speaks.

use bellwether_sdk::redis::Reply;

/// A count; none for anything that is not a whole number, or is negative.
pub(crate) fn count(reply: &Reply) -> Option<u64> {
    u64::try_from(reply.integer()?).ok()
}

/// A number with or without a fraction.
pub(crate) fn number(reply: &Reply) -> Option<f64> {
    match reply {
        Reply::Double(value) => Some(*value),
        Reply::Integer(value) => Some(*value as f64),
        Reply::Nil
        | Reply::Boolean(_)
        | Reply::Simple(_)
        | Reply::Bulk(_)
        | Reply::Error(_)
        | Reply::Array(_)
        | Reply::Dictionary(_) => reply.text()?.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// 1 of `EXISTS` or `SISMEMBER`, `true` in RESP3.
pub(crate) fn yes(reply: &Reply) -> bool {
    matches!(reply, Reply::Boolean(true)) || count(reply).is_some_and(|value| value > 0)
}

/// The elements of a list or set; none for anything else.
pub(crate) fn items(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(items) => items,
        Reply::Nil
        | Reply::Integer(_)
        | Reply::Double(_)
        | Reply::Boolean(_)
        | Reply::Simple(_)
        | Reply::Bulk(_)
        | Reply::Error(_)
        | Reply::Dictionary(_) => Vec::new(),
    }
}

/// The elements that are text. Names that are not UTF-8 cannot become labels and are passed over.
pub(crate) fn texts(reply: Reply) -> Vec<String> {
    items(reply)
        .iter()
        .filter_map(|item| item.text().map(str::to_owned))
        .collect()
}

/// Names and values, of a hash in RESP2 or RESP3 or of an `XINFO` record.
pub(crate) fn pairs(reply: Reply) -> Vec<(String, Reply)> {
    let pairs: Vec<(Reply, Reply)> = match reply {
        Reply::Dictionary(pairs) => pairs,
        reply => flat_pairs(items(reply)),
    };
    let named = pairs.into_iter();
    named
        .filter_map(|(name, value)| Some((name.text()?.to_owned(), value)))
        .collect()
}

fn flat_pairs(items: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut pairs = Vec::new();
    let mut items = items.into_iter();
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        pairs.push((name, value));
    }
    pairs
}

/// One of the pairs.
pub(crate) fn field<'p>(pairs: &'p [(String, Reply)], name: &str) -> Option<&'p Reply> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Members with their scores: flat in RESP2, nested in RESP3.
pub(crate) fn scored(reply: Reply) -> Vec<(String, f64)> {
    let items = items(reply);
    let pairs: Vec<(Reply, Reply)> = if matches!(items.first(), Some(Reply::Array(_))) {
        items
            .into_iter()
            .flat_map(|pair| flat_pairs(self::items(pair)))
            .collect()
    } else {
        flat_pairs(items)
    };
    let scored = pairs.into_iter();
    scored
        .filter_map(|(member, score)| Some((member.text()?.to_owned(), number(&score)?)))
        .collect()
}

/// A page of `SCAN` or `SSCAN`: the cursor of the next one, "0" after the last, and what was found.
pub(crate) fn page(reply: Reply) -> Option<(String, Vec<String>)> {
    let mut items = items(reply).into_iter();
    let cursor = items.next()?.text()?.to_owned();
    Some((cursor, texts(items.next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn members_and_scores_are_read_in_both_protocols() {
        let flat = Reply::Array(vec![bulk("a"), bulk("1.5"), bulk("b"), bulk("2")]);
        let nested = Reply::Array(vec![
            Reply::Array(vec![bulk("a"), Reply::Double(1.5)]),
            Reply::Array(vec![bulk("b"), Reply::Double(2.0)]),
        ]);
        let expected = vec![("a".to_owned(), 1.5), ("b".to_owned(), 2.0)];
        assert_eq!(scored(flat), expected);
        assert_eq!(scored(nested), expected);
    }

    #[test]
    fn a_hash_is_read_in_both_protocols() {
        let flat = Reply::Array(vec![bulk("lag"), Reply::Integer(3)]);
        let nested = Reply::Dictionary(vec![(bulk("lag"), Reply::Integer(3))]);
        assert_eq!(pairs(flat), pairs(nested));
    }

    #[test]
    fn what_is_not_a_count_is_none() {
        assert_eq!(count(&bulk("7")), Some(7));
        assert_eq!(count(&Reply::Integer(-1)), None);
        assert_eq!(count(&Reply::Nil), None);
        assert_eq!(number(&bulk("inf")), None);
    }

    #[test]
    fn a_page_has_a_cursor() {
        let reply = Reply::Array(vec![bulk("17"), Reply::Array(vec![bulk("k")])]);
        assert_eq!(page(reply), Some(("17".to_owned(), vec!["k".to_owned()])));
        assert_eq!(page(Reply::Nil), None);
    }
}
