//! `x-bellwether-grant`: which strings of a settings table are addresses, so that writing one grants the check to reach it.
//!
//! A pure walk over schema and table side by side. Flows in: both, the table valid. Flows out: JSON pointers to the strings
//! below every value whose schema carries the keyword. A branch of `anyOf` or `oneOf` counts only when the value could be
//! meant by it, seen from its shape: what another branch calls an address is none here. What this walk does not find is
//! not granted.

use std::{
    collections::{BTreeSet, HashSet},
    ptr,
};

use regex::RegexBuilder;
use serde_json::{Map, Value};

/// Stands in the schema of a field; `true`, or a word for its author.
const KEYWORD: &str = "x-bellwether-grant";

/// How deep the shape of a branch is looked at: through a reference to the words that tell branches apart.
const SHAPE_DEPTH: u8 = 6;

/// Bytes of a compiled pattern; `admit` has refused larger ones.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Pointers to every granted string, sorted, each once.
pub(super) fn find(schema: &Value, document: &Value) -> Vec<String> {
    let mut walk = Walk {
        root: schema,
        seen: HashSet::new(),
        todo: vec![(schema, document, String::new())],
        found: BTreeSet::new(),
    };
    // References may lead in circles, and the same value is looked at by one schema once.
    while let Some((schema, value, pointer)) = walk.todo.pop() {
        if walk.seen.insert((ptr::from_ref(schema), ptr::from_ref(value))) {
            walk.visit(schema, value, &pointer);
        }
    }
    walk.found.into_iter().collect()
}

struct Walk<'v> {
    root: &'v Value,
    seen: HashSet<(*const Value, *const Value)>,
    todo: Vec<(&'v Value, &'v Value, String)>,
    found: BTreeSet<String>,
}

impl<'v> Walk<'v> {
    fn visit(&mut self, schema: &'v Value, value: &'v Value, pointer: &str) {
        let Value::Object(words) = schema else { return };
        if is_marked(words) {
            strings_below(value, pointer, &mut self.found);
        }
        self.same_value(words, value, pointer);
        match value {
            Value::Object(fields) => self.fields(words, fields, pointer),
            Value::Array(items) => self.items(words, items, pointer),
            _ => {}
        }
    }

    fn push(&mut self, schema: &'v Value, value: &'v Value, pointer: &str) {
        self.todo.push((schema, value, pointer.to_owned()));
    }

    /// Keywords that say more about the value itself.
    fn same_value(&mut self, words: &'v Map<String, Value>, value: &'v Value, pointer: &str) {
        if let Some(target) = referenced(self.root, words) {
            self.push(target, value, pointer);
        }
        for schema in list(words, "allOf") {
            self.push(schema, value, pointer);
        }
        let branches = ["anyOf", "oneOf"].into_iter().flat_map(|key| list(words, key));
        let conditional = ["then", "else"].into_iter().filter_map(|key| words.get(key));
        for schema in branches.chain(conditional) {
            if could_be(self.root, schema, value, SHAPE_DEPTH) {
                self.push(schema, value, pointer);
            }
        }
        let dependent = words.get("dependentSchemas").and_then(Value::as_object);
        for (name, schema) in dependent.into_iter().flatten() {
            if value.get(name).is_some() {
                self.push(schema, value, pointer);
            }
        }
    }

    fn fields(&mut self, words: &'v Map<String, Value>, fields: &'v Map<String, Value>, pointer: &str) {
        for (name, value) in fields {
            let below = child(pointer, name);
            let own = words.get("properties").and_then(|properties| properties.get(name));
            let mut schemas: Vec<&Value> = own.into_iter().collect();
            let patterns = words.get("patternProperties").and_then(Value::as_object);
            schemas.extend(
                patterns
                    .into_iter()
                    .flatten()
                    .filter(|(pattern, _)| matches(pattern, name))
                    .map(|(_, schema)| schema),
            );
            if schemas.is_empty() {
                schemas.extend(
                    ["additionalProperties", "unevaluatedProperties"]
                        .into_iter()
                        .filter_map(|key| words.get(key)),
                );
            }
            for schema in schemas {
                self.push(schema, value, &below);
            }
        }
    }

    fn items(&mut self, words: &'v Map<String, Value>, items: &'v [Value], pointer: &str) {
        // Before 2020-12, a list under `items` said what `prefixItems` says now.
        let positional = |key| words.get(key).and_then(Value::as_array);
        let prefix = positional("prefixItems").or_else(|| positional("items"));
        for (at, value) in items.iter().enumerate() {
            let below = child(pointer, &at.to_string());
            match prefix.and_then(|prefix| prefix.get(at)) {
                Some(schema) => self.push(schema, value, &below),
                None => {
                    let rest = ["items", "additionalItems", "unevaluatedItems"];
                    for schema in rest.into_iter().filter_map(|key| words.get(key)) {
                        self.push(schema, value, &below);
                    }
                }
            }
            if let Some(schema) = words
                .get("contains")
                .filter(|schema| could_be(self.root, schema, value, SHAPE_DEPTH))
            {
                self.push(schema, value, &below);
            }
        }
    }
}

fn is_marked(words: &Map<String, Value>) -> bool {
    match words.get(KEYWORD) {
        Some(Value::Bool(marked)) => *marked,
        Some(Value::String(word)) => !word.is_empty(),
        _ => false,
    }
}

fn strings_below(value: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(_) => {
            found.insert(pointer.to_owned());
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                strings_below(item, &child(pointer, &at.to_string()), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                strings_below(field, &child(pointer, name), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn list<'v>(words: &'v Map<String, Value>, key: &str) -> impl Iterator<Item = &'v Value> {
    words.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// What `$ref` leads to, when it is a pointer into this schema.
fn referenced<'v>(root: &'v Value, words: &Map<String, Value>) -> Option<&'v Value> {
    let reference = words.get("$ref")?.as_str()?.strip_prefix('#')?;
    root.pointer(&unescaped(reference))
}

/// A pointer in a URL may have its characters percent-encoded.
fn unescaped(reference: &str) -> String {
    let mut bytes = Vec::with_capacity(reference.len());
    let mut rest = reference.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).filter(|_| *first == b'%');
        let code = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn matches(pattern: &str, name: &str) -> bool {
    let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    built.is_ok_and(|pattern| pattern.is_match(name))
}

/// Whether a value has the shape that a branch describes: types, constants and names of fields, nothing finer.
fn could_be(root: &Value, schema: &Value, value: &Value, depth: u8) -> bool {
    let Value::Object(words) = schema else {
        return schema != &Value::Bool(false);
    };
    let Some(depth) = depth.checked_sub(1) else { return true };
    let is_type = words.get("type").is_none_or(|types| has_type(types, value));
    let is_constant = words.get("const").is_none_or(|constant| constant == value);
    let is_choice = words
        .get("enum")
        .and_then(Value::as_array)
        .is_none_or(|choices| choices.contains(value));
    let more = |schema: &Value| could_be(root, schema, value, depth);
    let any = |key: &str| list(words, key).next().is_none() || list(words, key).any(more);
    is_type
        && is_constant
        && is_choice
        && referenced(root, words).is_none_or(more)
        && list(words, "allOf").all(more)
        && any("anyOf")
        && any("oneOf")
        && value
            .as_object()
            .is_none_or(|fields| could_have(root, words, fields, depth))
}

fn could_have(root: &Value, words: &Map<String, Value>, fields: &Map<String, Value>, depth: u8) -> bool {
    let named = |name: &Value| name.as_str().is_none_or(|name| fields.contains_key(name));
    let known = words.get("properties").and_then(Value::as_object);
    let closed =
        words.get("additionalProperties") == Some(&Value::Bool(false)) && !words.contains_key("patternProperties");
    let fits = |(name, value): (&String, &Value)| match known.and_then(|known| known.get(name)) {
        Some(schema) => could_be(root, schema, value, depth),
        None => !closed,
    };
    list(words, "required").all(named) && fields.iter().all(fits)
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("null") => value.is_null(),
        _ => true,
    };
    match types {
        Value::Array(types) => types.iter().any(is),
        one => is(one),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn address() -> Value {
        json!({ "type": "string", KEYWORD: true })
    }

    #[test]
    fn marked_strings_are_found_wherever_they_nest() {
        let schema = json!({
            "properties": {
                "url": address(),
                "mirror": { "type": ["string", "null"], KEYWORD: "http" },
                "name": { "type": "string" },
                "not": { "type": "string", KEYWORD: false },
                "targets": { "type": "array", "items": { "$ref": "#/$defs/Target" } },
                "pair": { "prefixItems": [address(), { "type": "string" }] },
                "by name": { "additionalProperties": address() },
                "by/pattern": { "patternProperties": { "^u_": address() } },
                "all": { "allOf": [{ "properties": { "url": address() } }] },
                "list": { KEYWORD: true, "type": "array" },
            },
            "$defs": { "Target": { "properties": { "url": address(), "next": { "$ref": "#/$defs/Target" } } } },
        });
        let document = json!({
            "url": "a", "name": "b", "not": "c",
            "targets": [{ "url": "d", "next": { "url": "e" } }, { "name": "f" }],
            "pair": ["g", "h"],
            "by name": { "x": "i" },
            "by/pattern": { "u_1": "j", "v_1": "k" },
            "all": { "url": "l" },
            "list": ["m", { "n": "o" }],
            "unknown": "p",
        });
        assert_eq!(
            find(&schema, &document),
            [
                "/all/url",
                "/by name/x",
                "/by~1pattern/u_1",
                "/list/0",
                "/list/1/n",
                "/pair/0",
                "/targets/0/next/url",
                "/targets/0/url",
                "/url",
            ]
        );
    }

    #[test]
    fn only_the_branch_that_a_value_can_mean_grants() {
        let kind = |word: &str, url: Value| json!({ "type": "object", "required": ["kind"], "properties": { "kind": { "const": word }, "url": url } });
        let schema = json!({ "properties": { "target": { "oneOf": [
            { "$ref": "#/$defs/Web" },
            kind("text", json!({ "type": "string" })),
        ] } }, "$defs": { "Web": kind("web", address()) } });
        assert_eq!(
            find(&schema, &json!({ "target": { "kind": "web", "url": "a" } })),
            ["/target/url"]
        );
        assert_eq!(
            find(&schema, &json!({ "target": { "kind": "text", "url": "a" } })),
            [""; 0]
        );
        let either = json!({ "properties": { "target": { "anyOf": [
            address(),
            { "type": "object", "additionalProperties": false, "properties": { "to": address() } },
            { "type": "object", "additionalProperties": false, "properties": { "name": { "type": "string" } } },
        ] } } });
        assert_eq!(find(&either, &json!({ "target": "a" })), ["/target"]);
        assert_eq!(find(&either, &json!({ "target": { "to": "a" } })), ["/target/to"]);
        assert_eq!(find(&either, &json!({ "target": { "name": "a" } })), [""; 0]);
    }

    #[test]
    fn circles_and_long_chains_of_references_end() {
        let circle = json!({ "$ref": "#", "allOf": [{ "$ref": "#" }], "additionalProperties": { "$ref": "#" } });
        assert_eq!(find(&circle, &json!({ "a": { "b": "c" } })), [""; 0]);
        let mut defs: Map<String, Value> = (0..20_000)
            .map(|n| (n.to_string(), json!({ "$ref": format!("#/$defs/{}", n + 1) })))
            .collect();
        defs.insert("20000".to_owned(), address());
        let chain = json!({ "properties": { "url": { "$ref": "#/$defs/0" } }, "$defs": defs });
        assert_eq!(find(&chain, &json!({ "url": "a" })), ["/url"]);
    }

    #[test]
    fn references_may_be_encoded() {
        let schema =
            json!({ "properties": { "url": { "$ref": "#/$defs/a%20b~1c" } }, "$defs": { "a b/c": address() } });
        assert_eq!(find(&schema, &json!({ "url": "x" })), ["/url"]);
        assert_eq!(unescaped("/100%/%zz/%4"), "/100%/%zz/%4");
    }
}
