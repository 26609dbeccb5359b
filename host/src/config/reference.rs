//! `${env:NAME}`, `${env:NAME:-default}` and `${secret:NAME}` inside string values.
//!
//! Pure parsing and looking up. Which field may hold what, and how a mistake is placed, is `reading`'s.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{environment::Environment, search::no_regular_file};
use crate::secret::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret};

/// A part of a string value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands.
    Text(String),
    /// `${env:NAME}` or `${env:NAME:-default}`.
    Env { name: String, default: Option<String> },
    /// `${secret:NAME}`.
    Secret { name: String },
}

/// What is wrong with a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReferenceError {
    /// The reference as written, for the caret.
    pub(super) written: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl ReferenceError {
    fn new(written: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            written: written.to_owned(),
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

/// Cuts a string value into pieces. `$${` is a literal `${`; a `$` before anything else is itself.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, ReferenceError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let end = rest[at..].find('}').ok_or_else(|| unclosed(&rest[at..]))?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(piece(&rest[at..=at + end])?);
        rest = &rest[at + end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn unclosed(written: &str) -> ReferenceError {
    let written: String = written.chars().take(40).collect();
    ReferenceError::new(
        &written,
        "a reference is not closed",
        "add `}`, or write `$${` for a literal `${`",
    )
}

/// `written` with its `${` and `}`.
fn piece(written: &str) -> Result<Piece, ReferenceError> {
    let inner = &written[2..written.len() - 1];
    match inner.split_once(':') {
        Some(("env", rest)) => {
            let (name, default) = match rest.split_once(":-") {
                Some((name, default)) => (name, Some(default.to_owned())),
                None => (rest, None),
            };
            let name = checked_name(written, name)?;
            Ok(Piece::Env { name, default })
        }
        Some(("secret", rest)) if rest.contains(":-") => Err(ReferenceError::new(
            written,
            "a secret has no default",
            "a default would be a secret in the file; leave it out",
        )),
        Some(("secret", name)) => Ok(Piece::Secret {
            name: checked_name(written, name)?,
        }),
        _ => Err(unknown(written, inner)),
    }
}

fn unknown(written: &str, inner: &str) -> ReferenceError {
    let name = inner.split([':', '-', '?']).next().unwrap_or("");
    let hint = if is_name(name) && (name == inner || inner.starts_with(&format!("{name}:-"))) {
        format!("write `${{env:{inner}}}` for an environment variable, or `$${{` for a literal `${{`")
    } else {
        "references are `${env:NAME}`, `${env:NAME:-default}` and `${secret:NAME}`; a literal `${` is written `$${`"
            .to_owned()
    };
    ReferenceError::new(written, format!("`{written}` is not a reference"), hint)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn checked_name(written: &str, name: &str) -> Result<String, ReferenceError> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(ReferenceError::new(
        written,
        format!("`{name}` cannot be the name of a variable"),
        "names have letters, digits and `_`, and do not start with a digit",
    ))
}

/// The value of `${env:…}`; as in a shell, a default also replaces an empty value.
pub(super) fn variable(env: &Environment, name: &str, default: Option<&str>) -> Result<String, ReferenceError> {
    match (env.get(name), default) {
        (Some(value), None) => Ok(value.to_owned()),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value.to_owned()),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(unset(env, name)),
    }
}

fn unset(env: &Environment, name: &str) -> ReferenceError {
    let near = super::meant::nearest(name, env.names())
        .map(|near| format!("did you mean `{near}`, which is set? Otherwise "))
        .unwrap_or_default();
    ReferenceError::new(
        &format!("${{env:{name}}}"),
        format!("the environment variable `{name}` is not set"),
        format!("{near}set it, or give a default: `${{env:{name}:-value}}`"),
    )
}

/// The value of `${secret:NAME}`: from the variable `NAME`, the file that `NAME_FILE` names, or
/// `$CREDENTIALS_DIRECTORY/NAME`. Line ends at its end are trimmed.
pub(super) fn secret(env: &Environment, name: &str) -> Result<Secret, ReferenceError> {
    let written = format!("${{secret:{name}}}");
    let fail = |message: String, hint: String| ReferenceError::new(&written, message, hint);
    let mut sources = sources(env, name);
    let (source, value) = match sources.len() {
        0 => {
            return Err(fail(
                format!("the secret `{name}` was found nowhere"),
                where_to_put(env, name),
            ));
        }
        1 => sources.remove(0),
        _ => {
            let all: Vec<String> = sources.iter().map(|(source, _)| source.clone()).collect();
            let hint = format!("it is in {}; leave one of them", all.join(" and in "));
            return Err(fail(format!("the secret `{name}` is given more than once"), hint));
        }
    };
    let value = value.map_err(|problem| {
        let hint = format!("it is looked for in {source}");
        fail(format!("the secret `{name}` cannot be read: {problem}"), hint)
    })?;
    let value = value.trim_end_matches(['\n', '\r']);
    if value.len() < SECRET_BYTES_MIN {
        let hint = format!("it is in {source}; a shorter one could not be hidden without hiding ordinary words");
        let message = format!(
            "the secret `{name}` is {} bytes long; at least {SECRET_BYTES_MIN} are needed",
            value.len()
        );
        return Err(fail(message, hint));
    }
    Ok(Secret::new(value))
}

type Found = (String, Result<String, String>);

fn sources(env: &Environment, name: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    if let Some(value) = env.non_empty(name) {
        found.push((format!("the variable `{name}`"), Ok(value.to_owned())));
    }
    let file_variable = format!("{name}_FILE");
    if let Some(path) = env.non_empty(&file_variable) {
        let source = format!("the file {path} (from `{file_variable}`)");
        found.push((source, read(Path::new(path))));
    }
    if let Some(path) = credential(env, name).filter(|path| path.exists()) {
        found.push((format!("the file {}", path.display()), read(&path)));
    }
    found
}

fn credential(env: &Environment, name: &str) -> Option<PathBuf> {
    Some(Path::new(env.non_empty("CREDENTIALS_DIRECTORY")?).join(name))
}

fn read(path: &Path) -> Result<String, String> {
    // A pipe would be waited for, at every reload anew, and a reload that waits holds up the end of the host.
    if let Some(kind) = no_regular_file(path) {
        return Err(format!("it is {kind}, not a regular file"));
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // Not by its size first: that of a file in /proc is zero.
    file.take(SECRET_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(format!("it is longer than {SECRET_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

fn where_to_put(env: &Environment, name: &str) -> String {
    let empty = match env.get(name) {
        Some(_) => format!("the variable `{name}` is set but empty; "),
        None => String::new(),
    };
    let credentials = match credential(env, name) {
        Some(path) => format!("{}", path.display()),
        None => format!("$CREDENTIALS_DIRECTORY/{name}"),
    };
    format!("{empty}set the variable `{name}`, or `{name}_FILE` to the path of a file, or provide {credentials}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn references_are_cut_out_of_text() {
        let env = |name: &str, default: Option<&str>| Piece::Env {
            name: name.into(),
            default: default.map(Into::into),
        };
        assert_eq!(parse("plain $5 $").unwrap(), [text("plain $5 $")]);
        assert_eq!(parse("").unwrap(), [text("")]);
        assert_eq!(
            parse("127.0.0.1:${env:PORT:-9920}").unwrap(),
            [text("127.0.0.1:"), env("PORT", Some("9920"))]
        );
        assert_eq!(
            parse("${env:A}${env:B:-}s").unwrap(),
            [env("A", None), env("B", Some("")), text("s")]
        );
        assert_eq!(parse("a $${env:A} b").unwrap(), [text("a ${env:A} b")]);
        assert_eq!(parse("${secret:X}").unwrap(), [Piece::Secret { name: "X".into() }]);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let hint = |text: &str| parse(text).unwrap_err().hint.unwrap();
        assert!(hint("${HOME}").contains("${env:HOME}"));
        assert!(hint("${HOME:-x}").contains("${env:HOME:-x}"));
        assert!(hint("${env:X").contains("add `}`"));
        assert!(parse("${env:1X}").is_err());
        assert!(parse("${env:}").is_err());
        assert!(parse("${secret:X:-y}").unwrap_err().message.contains("no default"));
        assert!(parse("${vault:X}").is_err());
    }

    #[test]
    fn defaults_replace_what_is_unset_or_empty() {
        let env: Environment = [("EMPTY", ""), ("SET", "x")].into_iter().collect();
        assert_eq!(variable(&env, "SET", Some("d")).unwrap(), "x");
        assert_eq!(variable(&env, "EMPTY", Some("d")).unwrap(), "d");
        assert_eq!(variable(&env, "EMPTY", None).unwrap(), "");
        assert_eq!(variable(&env, "NONE", Some("d")).unwrap(), "d");
        assert!(
            variable(&env, "SETT", None)
                .unwrap_err()
                .hint
                .unwrap()
                .contains("did you mean `SET`")
        );
    }

    #[test]
    fn secrets_come_from_a_variable_a_file_or_a_credential_and_from_one_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("TOKEN");
        std::fs::write(&path, "from-a-file-value\r\n").unwrap();
        let path = path.display().to_string();
        let folder = folder.path().display().to_string();
        let value = |pairs: &[(&str, &str)]| {
            let env: Environment = pairs.iter().copied().collect();
            secret(&env, "TOKEN")
                .map(|secret| secret.expose().to_owned())
                .map_err(|error| error.message)
        };
        assert_eq!(value(&[("TOKEN", "from-variable\n")]).unwrap(), "from-variable");
        assert_eq!(value(&[("TOKEN_FILE", &path)]).unwrap(), "from-a-file-value");
        assert_eq!(
            value(&[("CREDENTIALS_DIRECTORY", &folder)]).unwrap(),
            "from-a-file-value"
        );
        assert_eq!(
            value(&[("TOKEN", ""), ("TOKEN_FILE", &path)]).unwrap(),
            "from-a-file-value"
        );
        assert!(
            value(&[("TOKEN", "long-enough"), ("TOKEN_FILE", &path)])
                .unwrap_err()
                .contains("more than once")
        );
        assert!(value(&[("TOKEN", "short")]).unwrap_err().contains("at least 8"));
        assert!(
            value(&[("TOKEN_FILE", "/nowhere/at/all")])
                .unwrap_err()
                .contains("cannot be read")
        );
        assert!(value(&[]).unwrap_err().contains("nowhere"));
    }

    #[test]
    fn a_secret_is_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("TOKEN").display().to_string();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        let folder = folder.path().display().to_string();
        for given in [
            ("TOKEN_FILE", pipe.as_str()),
            ("CREDENTIALS_DIRECTORY", folder.as_str()),
        ] {
            let error = secret(&[given].into_iter().collect(), "TOKEN").unwrap_err();
            assert!(
                error.message.contains("it is a pipe, not a regular file"),
                "{}",
                error.message
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_escaping_restores_it(any in "[ -~$é{}]*") {
            let _ = parse(&any);
            if !any.contains("$${") && !any.contains("$$") {
                prop_assert_eq!(parse(&any.replace("${", "$${")).unwrap(), [text(&any)]);
            }
        }
    }
}
