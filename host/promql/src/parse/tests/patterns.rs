//! Regular expressions: RE2's syntax and meaning.

use super::regex::anchored;

fn matches(pattern: &str, text: &str) -> bool {
    anchored(pattern)
        .unwrap_or_else(|reason| panic!("{reason}"))
        .is_match(text)
}

#[test]
fn they_match_whole_texts() {
    assert!(matches("a|bc", "bc"));
    assert!(!matches("a|bc", "abc"));
    assert!(!matches("a|bc", "a\n"));
    assert!(matches("", ""));
    assert!(!matches("", "x"));
    assert!(matches("(a)(b)?", "a"));
}

#[test]
fn a_dot_matches_newlines_unless_told_otherwise() {
    assert!(matches("a.b", "a\nb"));
    assert!(matches("(?-s)a[^x]b", "a\nb"));
    assert!(!matches("(?-s)a.b", "a\nb"));
    assert!(matches("(?m)a$.^b", "a\nb"));
}

#[test]
fn perl_classes_know_ascii_only() {
    assert!(matches(r"\d\s\w\D\S\W", "1 aa1-"));
    assert!(!matches(r"\d", "٣"));
    assert!(!matches(r"\w", "é"));
    assert!(matches(r"\W", "é"));
    assert!(!matches(r"\s", "\u{a0}"));
    assert!(!matches(r"\s", "\u{b}"));
    assert!(matches(r"[\d_]+", "1_2"));
    assert!(matches(r"[^\d]", "x"));
    assert!(!matches(r"[^\d\s]", " "));
    assert!(matches(r"[\D]", "é"));
    assert!(
        matches(r".*\bé.*", "aé"),
        "no boundary is between letters to Unicode, but é is no word character in ASCII"
    );
    assert!(matches(r"é\Bé", "éé"));
    assert!(matches(r"\pL\p{Greek}\P{Lu}\p{^Lu}", "éαxx"));
}

#[test]
fn class_operators_of_rust_are_plain_characters() {
    assert!(matches("[a&&b]+", "a&b"));
    assert!(matches("[a~~b]+", "~a"));
    assert!(matches("[[a]+", "[a"));
    assert!(matches("[]a]+", "]a"));
    assert!(matches("[^]a]", "b"));
    assert!(matches("[+--]+", "+,-"));
    assert!(matches("[a-]+", "a-"));
    assert!(matches("[[:alpha:][:^digit:]]+", "ab-"));
}

#[test]
fn escapes_of_re2_are_understood() {
    assert!(matches(r"\Qa.b*\E+", "a.b**"));
    assert!(matches(r"\Qa.b", "a.b"));
    assert!(matches(r"\101\0\x41\x{e9}", "A\0Aé"));
    assert!(matches(r"\12", "\n"));
    assert!(matches(r"\_\-\<\>\#\ \/", "_-<># /"));
    assert!(matches(r"\Aab\z", "ab"));
    assert!(matches(r"\a\f\t\n\r\v", "\u{7}\u{c}\t\n\r\u{b}"));
    assert!(matches(r"[\.\]\-\n]+", ".]-\n"));
}

#[test]
fn braces_that_are_no_repetition_are_plain_characters() {
    assert!(matches("a{,5}", "a{,5}"));
    assert!(matches("{a}", "{a}"));
    assert!(matches("a{b}c", "a{b}c"));
    assert!(matches("a{2}b{1,}c{0,1}?", "aabbc"));
    assert!(matches("x{", "x{"));
}

#[test]
fn flags_and_groups_of_re2_are_understood() {
    assert!(matches("(?i)AbC", "aBc"));
    assert!(matches("(?i:A)b", "ab"));
    assert!(!matches("(?i:A)b", "aB"));
    assert!(matches("(?U)a+", "aaa"));
    let named = anchored("(?P<one>a)(?<two>b)(c)").unwrap();
    let groups = named.captures("abc").unwrap();
    assert_eq!((&groups["one"], &groups["two"], &groups[3]), ("a", "b", "c"));
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in [
        "a++",
        "a**",
        "a*+",
        "a??*",
        "a{2}{3}",
        "a{2}*",
        "*a",
        "(*)",
        "|+",
        "(",
        ")",
        "(a",
        "a)",
        "[a",
        "[z-a]",
        "[[:foo:]]",
        "(?x)a",
        "(?x:a)",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        r"(a)\1",
        r"\Z",
        r"\G",
        r"\8",
        r"\e",
        r"\h",
        r"\p{Foo}",
        r"\x{110000}",
        r"\xZZ",
        "\\",
        r"\é",
        "a{1001}",
        "a{2,1}",
        "(?P<a>x)(?P<a>y)",
        "(?P<>x)",
        "(?P<a b>x)",
        "(?",
        "(?i",
        r"\E",
    ] {
        let reason = anchored(pattern)
            .err()
            .unwrap_or_else(|| panic!("{pattern} was accepted"));
        assert!(reason.contains(pattern) && reason.contains(": "), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }
}

#[test]
fn an_exploding_pattern_is_refused_and_not_compiled() {
    for pattern in [
        "((a{1000}){1000}){1000}",
        r"(\pL{1000}){1000}",
        &"(".repeat(10_000),
        &"(a".repeat(1_000),
    ] {
        assert!(anchored(pattern).is_err());
    }
    let deep = format!("{}a{}", "(".repeat(50), ")".repeat(50));
    assert!(matches(&deep, "a"));
    let names: Vec<String> = (0..4_000).map(|at| format!("host-{at}.example.com")).collect();
    assert!(matches(&names.join("|"), "host-3999.example.com"));
}
