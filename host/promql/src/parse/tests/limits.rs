//! Long and deep texts: quick, and never the end of the process.

use std::fmt::Write;

use super::*;

#[test]
fn the_deepest_tree_parses_prints_clones_and_drops_on_a_small_stack() {
    let deep = |open: &str, close: &str, levels: usize| format!("{}a{}", open.repeat(levels), close.repeat(levels));
    let texts = [
        deep("(", ")", NESTING - 1),
        deep("-", "", NESTING - 1),
        deep("abs(", ")", NESTING - 1),
        deep("sum(", ")", NESTING - 1),
        deep("a+(", ")", NESTING / 2 - 1),
        format!("a{}", "^a".repeat(NESTING - 1)),
        format!("a{}", "+a".repeat(DEPTH - 1)),
        format!("a{}", " or a".repeat(DEPTH - 1)),
        format!(
            "{}a{}",
            "sum(last_over_time(".repeat(NESTING / 2 - 1),
            "[5m:]))".repeat(NESTING / 2 - 1)
        ),
        format!("a[{}5m{}]", "(".repeat(NESTING - 1), ")".repeat(NESTING - 1)),
    ];
    // Half of what a worker thread has.
    let small = std::thread::Builder::new().stack_size(1 << 20);
    #[expect(clippy::disallowed_methods, reason = "the test is about the stack of its thread")]
    let worker = small.spawn(move || {
        for text in texts {
            let expr = parse(&text).unwrap_or_else(|error| panic!("{error}"));
            let again = parse(&expr.to_string()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.clone().to_string(), expr.to_string());
            assert_eq!(again.value_type(), expr.value_type());
        }
    });
    worker.unwrap().join().unwrap();
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
