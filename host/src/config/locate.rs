//! Places of what turns out wrong after loading: a plugin that is not there, settings that its schema refuses.

use super::{
    User,
    guest::GuestPlace,
    load::Loaded,
    problem::{Location, Problem},
    rule::RulePlace,
    source::Span,
    tree::{Node, Value},
    wording::title,
};

impl Loaded {
    /// A problem that was found after loading, without secrets in its words.
    pub fn conceal(&self, problem: Problem) -> Problem {
        self.concealer.problem(problem)
    }

    /// Words about this configuration, without its secrets.
    pub fn conceal_text(&self, text: &str) -> String {
        self.concealer.text(text)
    }

    /// The value of `key` (`plugin`, `sha256`, `limits`, …) of who uses a plugin, else where its table begins. An unknown
    /// one has the main file as its place.
    pub fn locate(&self, user: User<'_>, key: &str) -> Location {
        self.place(user)
            .map_or_else(|| self.main_file(), |place| self.sources.locate(place.span_of(key)))
    }

    /// The name of the connection that is bound to a slot; where none is, where the table says so or begins.
    pub fn locate_slot(&self, user: User<'_>, slot: &str) -> Location {
        self.place(user).map_or_else(
            || self.main_file(),
            |place| self.sources.locate(place.span_of_slot(slot)),
        )
    }

    /// The value at `json_pointer` (RFC 6901; "" is the whole) of the settings; where that does not exist, the
    /// nearest thing around it that does; without settings, where the table begins.
    pub fn locate_setting(&self, user: User<'_>, json_pointer: &str) -> Location {
        let Some(place) = self.place(user) else {
            return self.main_file();
        };
        self.sources.locate(setting_span(place, json_pointer))
    }

    /// What is wrong with a setting, said where it stands. When the setting is a key of the table that slid into the
    /// settings below it, the hint says so.
    pub fn setting_problem(&self, user: User<'_>, json_pointer: &str, message: &str) -> Problem {
        let message = format!("settings of {user}: {message}");
        let Some((key, span, header)) = self.slid(user, json_pointer, &message) else {
            return Problem::at(self.locate_setting(user, json_pointer), message);
        };
        let line = self.sources.line(header);
        let owner = title(&[user.word().to_owned(), user.name().to_owned()]);
        let hint = format!("`{key}` belongs in `{owner}`: move it above line {line}, where its settings begin");
        Problem::at(self.sources.locate(span), message).with_hint(hint)
    }

    /// A key of the table among its settings, which the message is about.
    fn slid(&self, user: User<'_>, json_pointer: &str, message: &str) -> Option<(&str, Span, Span)> {
        let Value::Table(settings) = &self.place(user)?.settings()?.value else {
            return None;
        };
        let about = |key: &str| match json_pointer {
            "" => ['\'', '"', '`']
                .iter()
                .any(|quote| message.contains(&format!("{quote}{key}{quote}"))),
            pointer => pointer.strip_prefix('/') == Some(key),
        };
        let mut entries = settings.entries.iter().filter(|_| settings.headed);
        let own = |key: &str| user.spec().keys.contains(&key);
        let entry = entries.find(|entry| own(&entry.key) && about(&entry.key))?;
        Some((&entry.key, entry.key_span, settings.span))
    }

    /// The value at a path of keys of the `[[rule]]` numbered `rule` (from 0), else where the rule begins. `within` are bytes
    /// of the value as it was read.
    pub fn locate_rule(&self, rule: usize, path: &[&str], within: Option<std::ops::Range<usize>>) -> Location {
        match self.rules.get(rule) {
            Some(place) => self.locate_in(place, path, within),
            None => self.main_file(),
        }
    }

    /// As [`Self::locate_rule`], of the `[alerting.bundled.ALERT]` of that name.
    pub fn locate_bundled(&self, alert: &str, path: &[&str], within: Option<std::ops::Range<usize>>) -> Location {
        match self.bundled.get(alert) {
            Some(place) => self.locate_in(place, path, within),
            None => self.main_file(),
        }
    }

    /// As [`Self::locate_rule_key`], of the `[alerting.bundled.ALERT]` of that name.
    pub fn locate_bundled_key(&self, alert: &str, path: &[&str]) -> Location {
        match self.bundled.get(alert) {
            Some(place) => self.sources.locate(place.key(path)),
            None => self.main_file(),
        }
    }

    fn locate_in(&self, place: &RulePlace, path: &[&str], within: Option<std::ops::Range<usize>>) -> Location {
        let (span, value) = place.at(path);
        let narrowed = within.zip(value).map(|(within, value)| {
            let source = self.sources.slice(span);
            let place = |at| span.start as usize + super::place_within(source, value, at, true);
            Span::new(span.file, &(place(within.start)..place(within.end)))
        });
        self.sources.locate(narrowed.unwrap_or(span))
    }

    /// Where the key at a path of the `[[rule]]` numbered `rule` stands, else where the rule begins.
    pub fn locate_rule_key(&self, rule: usize, path: &[&str]) -> Location {
        match self.rules.get(rule) {
            Some(place) => self.sources.locate(place.key(path)),
            None => self.main_file(),
        }
    }

    /// Where `[source.NAME]` names a receiver.
    pub fn locate_source_receiver(&self, source: &str, receiver: &str) -> Location {
        let place = self.pushed.receivers.get(&(source.into(), receiver.into()));
        place.map_or_else(|| self.main_file(), |span| self.sources.locate(*span))
    }

    fn place(&self, user: User<'_>) -> Option<&GuestPlace> {
        match user {
            User::Check(name) => self.checks.places.get(name),
            User::Receiver(name) => self.receivers.get(name),
        }
    }

    fn main_file(&self) -> Location {
        let main = self.config.files.first();
        Location::file(&main.map(|path| path.display().to_string()).unwrap_or_default())
    }
}

/// Where the value at a pointer stands, else the nearest thing around it.
pub(super) fn setting_span(place: &GuestPlace, json_pointer: &str) -> Span {
    let Some(mut node) = place.settings() else {
        return place.name;
    };
    for token in json_pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        match child(node, &token) {
            Some(found) => node = found,
            None => break,
        }
    }
    node.span
}

fn child<'n>(node: &'n Node, token: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(table) => table.get(token).map(|entry| &entry.node),
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        _ => None,
    }
}
