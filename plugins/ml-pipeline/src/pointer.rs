//! JSON pointers (RFC 6901) with one addition: a part that is `*` alone stands for every element or member.

use serde_json::Value;

/// A value and where it was found, from the last `*` on: `age` for `/drift/*/score` in `{"drift":{"age":{"score":1}}}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found<'v> {
    pub(crate) value: &'v Value,
    /// What the last `*` stood for; without one, the last part of the pointer.
    pub(crate) name: String,
}

/// Why a text is no pointer. Completes "`…` ".
pub(crate) fn problem(pointer: &str) -> Option<&'static str> {
    (!pointer.is_empty() && !pointer.starts_with('/'))
        .then_some("is no JSON pointer: it is \"\" for the whole answer, or begins with `/`")
}

/// All values that the pointer leads to, in the order of the document.
pub(crate) fn find<'v>(document: &'v Value, pointer: &str) -> Vec<Found<'v>> {
    let mut found = vec![Found {
        value: document,
        name: String::new(),
    }];
    let mut starred = false;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        found = if part == "*" {
            starred = true;
            found.iter().flat_map(every).collect()
        } else {
            let step = |at: Found<'v>| one(&at, &part, starred);
            found.into_iter().filter_map(step).collect()
        };
    }
    found
}

/// As [`find`], without names: of a list of half a million those would take more memory than the list.
pub(crate) fn values<'v>(document: &'v Value, pointer: &str) -> Vec<&'v Value> {
    let mut found = vec![document];
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        found = if part == "*" {
            found.into_iter().flat_map(parts).collect()
        } else {
            found.into_iter().filter_map(|at| member(at, &part)).collect()
        };
    }
    found
}

fn parts(at: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match at {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

fn member<'v>(at: &'v Value, part: &str) -> Option<&'v Value> {
    match at {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(members) => members.get(part),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The first value, when there is one and it is not null.
pub(crate) fn first<'v>(document: &'v Value, pointer: &str) -> Option<&'v Value> {
    values(document, pointer).into_iter().find(|value| !value.is_null())
}

/// The first value as a text: a string as it is, a number or a truth value as JSON has it.
pub(crate) fn text(document: &Value, pointer: &str) -> Option<String> {
    match first(document, pointer)? {
        Value::String(text) => Some(text.clone()),
        value @ (Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a pointer may lead to several values.
pub(crate) fn is_many(pointer: &str) -> bool {
    pointer.split('/').any(|part| part == "*")
}

fn every<'v>(at: &Found<'v>) -> Vec<Found<'v>> {
    match at.value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| Found {
                value,
                name: index.to_string(),
            })
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| Found {
                value,
                name: name.clone(),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn one<'v>(at: &Found<'v>, part: &str, keep_name: bool) -> Option<Found<'v>> {
    let value = member(at.value, part)?;
    let name = if keep_name { at.name.clone() } else { part.to_owned() };
    Some(Found { value, name })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(document: &Value, pointer: &str) -> Vec<String> {
        find(document, pointer).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn a_pointer_leads_to_one_value() {
        let document = json!({ "a": [{ "b/c": 1 }, { "~": 2 }], "n": null });
        assert_eq!(first(&document, "/a/0/b~1c"), Some(&json!(1)));
        assert_eq!(first(&document, "/a/1/~0"), Some(&json!(2)));
        assert_eq!(first(&document, ""), Some(&document));
        assert_eq!(first(&document, "/a/7"), None);
        assert_eq!(first(&document, "/n"), None, "null is nothing");
        assert_eq!(first(&document, "/a/b"), None);
    }

    #[test]
    fn a_star_is_every_element_or_member_and_gives_its_name() {
        let document = json!({ "drift": { "age": { "score": 1 }, "city": { "score": 2 }, "odd": 3 }, "list": [4, 5] });
        assert_eq!(names(&document, "/drift/*/score"), ["age", "city"]);
        assert_eq!(names(&document, "/list/*"), ["0", "1"]);
        assert_eq!(names(&document, "/list"), ["list"]);
        assert!(find(&document, "/drift/age/score/*").is_empty());
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!(problem(""), None);
        assert_eq!(problem("/a"), None);
        assert!(problem("a").is_some());
    }
}
