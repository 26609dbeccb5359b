//! Keys that no table has here: what they were meant to be, and where they belong.

use super::{
    meant::{self, Meant},
    reader::Reader,
    source::Span,
    tree::Header,
    vocabulary::{self, TableSpec},
    wording::{excerpt, title},
};

impl Reader<'_, '_> {
    /// Notes a key that the spec does not have.
    pub(super) fn unknown(&self, key: &str, span: Span) {
        let shown = excerpt(key);
        let meant = meant::meant(self.spec, key);
        let here = match self.spec.path {
            [] => String::new(),
            _ => format!(" in `{}`", self.title()),
        };
        if let Meant::Later(word) = meant {
            let what = if self.spec.path.is_empty() { "table" } else { "key" };
            let message = format!("{what} `{shown}`{here} is not available in this version yet");
            let spelling = (word != key).then(|| format!("it will be called `{word}`; until then remove it"));
            let hint = spelling.unwrap_or_else(|| "remove it; the change log says when it comes".to_owned());
            return self.reading.error(span, message, hint);
        }
        let what = if self.spec.path.is_empty() {
            "unknown table or key"
        } else {
            "unknown key"
        };
        let hint = match meant {
            Meant::Key(word) if self.spec.path.is_empty() => Some(format!("did you mean `[{}]`?", root_table(word))),
            Meant::Key(word) => Some(format!("did you mean `{word}`?")),
            Meant::Elsewhere(owners) => Some(self.belongs(key, span, &owners)),
            Meant::Later(_) => None,
            Meant::Nothing if self.spec == &vocabulary::CHECK => Some(format!(
                "what the plugin itself understands stands in its settings: settings.{shown} = …"
            )),
            Meant::Nothing => Some(format!("known here: {}", self.spec.keys.join(", "))),
        };
        self.reading.error(span, format!("{what} `{shown}`{here}"), hint);
    }

    /// Where a key of another table should stand.
    fn belongs(&self, key: &str, span: Span, owners: &[&'static TableSpec]) -> String {
        let line = |header: &Header| self.reading.sources.line(header.span);
        let above = owners.iter().find(|owner| is_above(owner.path, &self.path));
        if let Some(above) = above.filter(|_| self.table.headed) {
            let owner = title(&self.path[..above.path.len()]);
            let header = self.reading.sources.line(self.table.span);
            return format!(
                "`{key}` belongs in `{owner}`: move it above line {header}, where `{}` begins",
                self.title()
            );
        }
        let here = || {
            self.reading
                .headers
                .iter()
                .filter(|header| header.span.file == span.file)
        };
        let owns = |header: &&Header| owners.iter().any(|owner| matches(owner.path, &header.path));
        if let Some(owner) = here().filter(|header| header.span < span).rfind(owns) {
            let next = here().find(|header| header.span > owner.span);
            let place = next
                .map(|next| format!(": move it above line {}", line(next)))
                .unwrap_or_default();
            return format!("`{key}` belongs in `{}`{place}", title(&owner.path));
        }
        // Which of many checks somebody meant is anybody's guess.
        let single = |header: &&Header| owns(header) && owners.iter().all(|owner| !owner.path.contains(&"NAME"));
        if let Some(owner) = here().find(single) {
            return format!(
                "`{key}` belongs in `{}`: move it below line {}",
                title(&owner.path),
                line(owner)
            );
        }
        let names: Vec<String> = owners
            .iter()
            .map(|owner| format!("`[{}]`", owner.path.join(".")))
            .collect();
        format!("`{key}` belongs in {}", names.join(" or "))
    }
}

fn root_table(word: &str) -> &str {
    match word {
        "check" => "check.NAME",
        "connection" => "connection.NAME",
        "receiver" => "receiver.NAME",
        "time_interval" => "time_interval.NAME",
        "rule" => "[rule]",
        "route" => "[route]",
        "inhibit" => "[inhibit]",
        other => other,
    }
}

fn matches(spec: &[&str], path: &[String]) -> bool {
    spec.len() == path.len()
        && spec
            .iter()
            .zip(path)
            .all(|(spec, part)| *spec == "NAME" || spec == part)
}

/// Whether `spec` describes a table that holds the one at `path`.
fn is_above(spec: &[&str], path: &[String]) -> bool {
    spec.len() < path.len() && matches(spec, &path[..spec.len()])
}
