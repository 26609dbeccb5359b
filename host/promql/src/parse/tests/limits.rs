//! Long and deep texts: quick, and never the end of the process.

use std::fmt::Write;

use super::*;
use crate::{
    engine::{LOOKBACK, Options, Query},
    labels::Labels,
    storage::memory::Memory,
    value::Point,
};

/// The deepest trees that are accepted.
fn deepest() -> Vec<String> {
    let deep = |open: &str, close: &str, levels: usize| format!("{}a{}", open.repeat(levels), close.repeat(levels));
    vec![
        deep("(", ")", NESTING - 1),
        deep("-", "", NESTING - 1),
        deep("abs(", ")", NESTING - 1),
        deep("sum(", ")", NESTING - 1),
        deep("a+(", ")", NESTING / 2 - 1),
        format!("a{}", "^a".repeat(NESTING - 1)),
        format!("a{}", "+a".repeat(DEPTH - 1)),
        format!("a{}", " or a".repeat(DEPTH - 1)),
        format!("1{}", "+1".repeat(DEPTH - 1)),
        deep("sum(last_over_time(", "[5m:]))", NESTING / 2 - 1),
        format!("a[{}5m{}]", "(".repeat(NESTING - 1), ")".repeat(NESTING - 1)),
    ]
}

/// Runs `job` on a thread with a stack of so many bytes.
fn on_stack(bytes: usize, job: impl FnOnce() + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "the test is about the stack of its thread")]
    let worker = std::thread::Builder::new().stack_size(bytes).spawn(job);
    worker.unwrap().join().unwrap();
}

#[test]
fn the_deepest_trees_parse_print_clone_and_drop_on_half_the_stack_of_a_thread() {
    on_stack(1 << 20, || {
        for text in deepest() {
            let expr = parse(&text).unwrap_or_else(|error| panic!("{error}"));
            let again = parse(&expr.to_string()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.clone().to_string(), expr.to_string());
            assert_eq!(again.value_type(), expr.value_type());
        }
    });
}

#[test]
fn the_deepest_trees_are_evaluated_on_the_stack_of_a_thread() {
    on_stack(2 << 20, || {
        let mut memory = Memory::new();
        let point = Point { at: 0, value: 1.0 };
        memory.append(&Labels::new([("__name__", "a")]), point);
        let options = Options {
            lookback: LOOKBACK,
            default_step: 300_000,
            samples: 100_000,
            elements: 100_000,
            stop: &|| false,
        };
        for text in deepest() {
            let mut query = Query::new(parse(&text).unwrap());
            let answer = query.instant(&memory, 0, &options);
            assert!(answer.is_ok(), "{text}: {answer:?}");
        }
    });
}

#[test]
fn what_is_deeper_is_refused_without_a_stack_overflow() {
    for (open, close) in [
        ("(", ")"),
        ("-", ""),
        ("abs(", ")"),
        ("sum by (x) (", ")"),
        ("a+(", ")"),
        ("a^", ""),
    ] {
        let text = format!("{}a{}", open.repeat(100_000), close.repeat(100_000));
        let text = if text.len() > TEXT {
            text[..TEXT].to_owned()
        } else {
            text
        };
        let error = error(&text);
        assert!(error.message.contains("levels deep"), "{open}: {error}");
    }
    assert!(
        error(&format!("a[{}", "(".repeat(100_000)))
            .message
            .contains("levels deep")
    );
    assert!(
        error(&format!("a[{}", "-".repeat(100_000)))
            .message
            .contains("levels deep")
    );
    assert!(
        error(&format!("a offset {}", "(".repeat(100_000)))
            .message
            .contains("levels deep")
    );
}

#[test]
fn a_chain_of_thirty_two_thousand_operands_is_answered_in_linear_time() {
    let chain = |operands: usize| vec!["a"; operands].join(" + ");
    let error = error(&chain(32_000));
    assert!(error.message.contains("levels deep"), "{error}");
    // Long, but not deep.
    let mut labels = String::from("sum by (");
    (0..32_000).for_each(|at| write!(labels, "l{at},").unwrap());
    labels.push_str(") (a)");
    assert!(parse(&labels).is_ok());
    let mut conditions = String::from("a{");
    (0..32_000).for_each(|at| write!(conditions, "l{at}=\"x\",").unwrap());
    conditions.push('}');
    assert!(parse(&conditions).is_ok());
    let durations = format!("a[{}]", vec!["1m"; 32_000].join("+"));
    assert!(parse(&durations).is_ok());
}

#[test]
fn a_text_beyond_the_limit_is_refused() {
    let text = format!("a{}", " ".repeat(TEXT));
    assert!(error(&text).message.contains("more than the limit"), "{}", error(&text));
    assert!(parse(&text[..TEXT]).is_ok());
}
