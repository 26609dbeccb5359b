//! The text of a configuration while it is written.

use super::super::wording::{bare_or_quoted, title};

/// Lines of TOML.
#[derive(Debug, Default)]
pub(super) struct Page {
    head: String,
    /// The keys of `[alerting]`, which both files have a part in.
    alerting: Vec<(String, String)>,
    body: String,
}

impl Page {
    pub(super) fn into_text(self) -> String {
        let keys = self.alerting.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let keys: String = keys.collect();
        let alerting = match keys.is_empty() {
            true => String::new(),
            false => format!("\n[alerting]\n{keys}"),
        };
        self.head + &alerting + &self.body
    }

    /// A comment before everything.
    pub(super) fn head(&mut self, comment: &str) {
        self.head.push_str(&format!("# {comment}\n"));
    }

    /// A key of `[alerting]`, with its value as TOML has it.
    pub(super) fn alerting(&mut self, key: &str, value: String) {
        self.alerting.push((key.to_owned(), value));
    }

    fn line(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
    }

    pub(super) fn comment(&mut self, comment: &str) {
        self.line(&format!("# {comment}"));
    }

    fn gap(&mut self) {
        self.body.push('\n');
    }

    /// `[check.web]`, after an empty line.
    pub(super) fn table(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.gap();
        self.line(&title(&path));
    }

    /// `[[route]]`, after an empty line.
    pub(super) fn item(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|part| bare_or_quoted(part)).collect();
        self.gap();
        self.line(&format!("[[{}]]", path.join(".")));
    }

    /// A value as TOML has it.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    /// A text in which nothing is to be replaced.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &text(value));
    }
}

/// In quotes, nothing in it to be replaced.
pub(super) fn text(value: &str) -> String {
    quoted(&value.replace("${", "$${"))
}

/// In quotes as it is.
pub(super) fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// `"${secret:NAME}"`.
pub(super) fn secret(name: &str) -> String {
    quoted(&format!("${{secret:{name}}}"))
}

/// `["a", "b"]`.
pub(super) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|one| text(one.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// `{ a = "b" }`; nothing when there is nothing in it.
pub(super) fn inline(entries: &[(String, String)]) -> Option<String> {
    let each: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("{} = {value}", bare_or_quoted(key)))
        .collect();
    (!each.is_empty()).then(|| format!("{{ {} }}", each.join(", ")))
}

/// A name that tables here may have: what it cannot have becomes `-`.
pub(super) fn plain_name(name: &str) -> String {
    let good = |c: char| {
        if c.is_ascii_alphanumeric() || "_-.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let mut plain: String = name.chars().take(NAME_MAX).map(good).collect();
    if !plain.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        plain.insert(0, 'x');
    }
    plain
}

/// Letters of a name, so that a number finds room after it.
const NAME_MAX: usize = 80;
