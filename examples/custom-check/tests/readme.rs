//! The tutorial shows the code that is built, word for word.

const README: &str = include_str!("../README.md");

/// The text of the fenced block that follows the line naming `file`.
fn shown(file: &str) -> &'static str {
    let (_, after) = README
        .split_once(&format!("`{file}`:\n\n```"))
        .expect("the file is named above its block");
    let (_, code) = after.split_once('\n').expect("the fence has a line of its own");
    let (code, _) = code.split_once("\n```\n").expect("the fence is closed");
    code
}

#[test]
fn the_tutorial_shows_the_files_as_they_are() {
    let files = [
        ("Cargo.toml", include_str!("../Cargo.toml")),
        ("src/lib.rs", include_str!("../src/lib.rs")),
        ("src/tests.rs", include_str!("../src/tests.rs")),
        ("sample.toml", include_str!("../sample.toml")),
    ];
    for (file, text) in files {
        assert_eq!(shown(file), text.trim_end(), "README.md differs from {file}");
    }
}
