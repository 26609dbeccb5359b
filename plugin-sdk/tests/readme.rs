//! The README's check and test are these files: compiled, linted and run.

mod load_check;

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_shows_code_that_works() {
    let check = include_str!("load_check/mod.rs").trim_end_matches("\n#[cfg(test)]\nmod tests;\n");
    for shown in [check, include_str!("load_check/tests.rs")] {
        assert!(
            README.contains(&format!("\n{}\n```\n", shown.trim_end())),
            "README.md does not show:\n{shown}"
        );
    }
}
