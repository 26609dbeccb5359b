//! Every folder in `tests/cases/rules` is a bad rule file (`rules.yml`), or a configuration with bad rules (`bellwether.toml`), with
//! what loading it must say in `error.txt`.
//!
//! `UPDATE_EXPECT=1` rewrites the expectations instead of comparing; look at the difference then.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bellwether::{
    config::{Environment, LoadRequest, Problems, load},
    rule,
};

/// So that cases cannot vanish unseen.
const CASES_MIN: usize = 50;

fn cases() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir("tests/cases/rules")
        .expect("the cases are there")
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}

/// What is wrong with a case.
fn problems(case: &Path) -> Problems {
    let main = case.join("bellwether.toml");
    if !main.exists() {
        let text = fs::read_to_string(case.join("rules.yml")).unwrap();
        return rule::load_text("rules.yml", &text, 15_000).expect_err("it is a bad one");
    }
    let env = [("HOME", "/home/operator")].into_iter().collect::<Environment>();
    let loaded = load(&LoadRequest { path: Some(main), env }).expect("only its rules are bad");
    rule::load(&loaded).expect_err("its rules are bad")
}

#[test]
fn every_case_says_what_is_written_beside_it() {
    let mut failures = Vec::new();
    let all = cases();
    for case in &all {
        let said = problems(case).to_string().replace(&format!("{}/", case.display()), "");
        let said = format!("{}\n", said.trim_end());
        let path = case.join("error.txt");
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
            fs::write(&path, &said).unwrap();
        } else if said != expected {
            failures.push(format!(
                "=== {}\n--- expected\n{expected}\n--- found\n{said}",
                path.display()
            ));
        }
    }
    assert!(all.len() >= CASES_MIN, "only {} cases", all.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_problem_has_a_line_and_a_column_and_nearly_every_one_advice() {
    let (mut all, mut with_hint) = (0, 0);
    for case in cases() {
        for problem in problems(&case) {
            assert!(problem.location.line > 0 && problem.location.column > 0, "{problem}");
            assert!(
                !problem.message.ends_with('.') && !problem.message.contains('\n'),
                "{problem}"
            );
            all += 1;
            with_hint += usize::from(problem.hint.is_some());
        }
    }
    assert!(with_hint * 100 >= all * 70, "{with_hint} of {all} problems have a hint");
}

#[test]
fn files_as_people_have_them_are_read_unchanged() {
    let text = include_str!("cases/rule_files/prometheus.yml");
    let (rules, warnings) = rule::load_text("prometheus.yml", text, 60_000).unwrap();
    assert!(warnings.is_empty(), "{warnings}");
    let groups: Vec<(&str, i64, i64, usize, usize)> = rules
        .groups
        .iter()
        .map(|group| {
            (
                &*group.name,
                group.interval,
                group.query_offset,
                group.limit,
                group.rules.len(),
            )
        })
        .collect();
    assert_eq!(groups, [("node", 60_000, 0, 0, 3), ("api", 30_000, 5_000, 10, 2)]);
    let alert = rules.groups[0].rules[1].alert().unwrap();
    assert_eq!((alert.hold, alert.keep_firing_for), (300_000, 60_000));
    let labels: Vec<(&str, &str)> = rules.groups[1].rules[1]
        .labels
        .iter()
        .map(|(name, value)| (&**name, &**value.text()))
        .collect();
    assert_eq!(
        labels,
        [("severity", "page"), ("team", "web")],
        "the rule's own over those of its group"
    );
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// A file with a few characters changed.
fn broken(text: &str, dice: &mut Dice) -> String {
    const PIECES: [&str; 16] = [
        "\"", "'", "{{", "}}", ": ", "- ", "\n", "  ", "(", ")", "*x", "&x ", "|\n", "é", "\t", "[5m",
    ];
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(characters.len());
        match dice.roll(3) {
            0 => drop(characters.remove(at)),
            1 => characters.truncate(at + 1),
            _ => drop(characters.splice(at..at, PIECES[dice.roll(PIECES.len())].chars())),
        }
    }
    characters.into_iter().collect()
}

#[test]
fn no_damage_to_a_file_does_more_than_say_where_it_is() {
    let text = include_str!("cases/rule_files/prometheus.yml");
    let mut dice = Dice(7);
    let mut refused = 0;
    for _ in 0..3_000 {
        let text = broken(text, &mut dice);
        let Err(problems) = rule::load_text("broken.yml", &text, 15_000) else {
            continue;
        };
        refused += 1;
        let lines = text.lines().count().max(1);
        for problem in problems {
            assert!(
                (1..=lines + 1).contains(&problem.location.line) && problem.location.column >= 1,
                "{problem}\n{text}"
            );
        }
    }
    assert!(refused > 1_500, "{refused}");
}
