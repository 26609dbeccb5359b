//! The effective configuration as TOML: references followed, defaults filled in, secrets masked. Reading it back gives
//! the same configuration, but for tokens that stood in the file as constants.

mod connection;
mod dispatch;
mod pushed;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use super::{
    Connection, User,
    access::ShownTokens,
    load::Loaded,
    log,
    resolved::{
        Access, Alerting, Capability, Check, Config, Dispatch, History, Host, Limits, PluginOrigin, PluginSource,
        RuleTable, Schedule,
    },
    units::{show_bytes, show_duration},
    wording::{bare_or_quoted, title},
};

/// What is in force for a check and cannot be read off its configuration alone.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// Defaults filled in; `None` in it is said in words.
    pub limits: Limits,
    /// What its settings grant by naming an address.
    pub addresses: Vec<Arc<Connection>>,
}

impl Loaded {
    /// The configuration as it is used, for `validate --print`. Above each check a comment lists what it is granted.
    /// `in_force` adds what its plugin has a say in.
    pub fn print_masked(&self, in_force: &dyn Fn(&Check) -> InForce) -> String {
        let mut page = Page::default();
        let Config {
            host,
            access,
            log,
            history,
            connections,
            checks,
            alerting,
            dispatch,
            sources,
            heartbeats,
            rules,
            files: _,
            secrets: _,
        } = &self.config;
        print_host(&mut page, host);
        if let Some(shown) = &self.heartbeat_shown {
            page.raw("heartbeat_url", &quoted(shown));
        }
        print_access(&mut page, access, &self.tokens);
        page.table(&["log"]);
        page.text("level", log::level_word(log.level));
        page.text("format", log::format_word(log.format));
        print_history(&mut page, history);
        for (name, connection) in connections {
            let shown = self.connections.shown.get(name).cloned().unwrap_or_default();
            connection::table(&mut page, connection, &shown);
        }
        for check in checks.values() {
            print_check(&mut page, check, &in_force(check));
        }
        for name in self.checks.disabled.keys() {
            page.comment_block(&format!(
                "{} has enabled = false",
                title(&["check".to_owned(), name.to_string()])
            ));
        }
        pushed::heartbeats(&mut page, heartbeats, &self.pushed.heartbeat_keys);
        pushed::sources(&mut page, sources, &self.pushed.source_keys);
        dispatch::receivers(&mut page, dispatch, &self.receivers_shown);
        print_alerting(&mut page, alerting, dispatch);
        dispatch::tables(&mut page, dispatch, &self.periods);
        rules.iter().for_each(|rule| print_rule(&mut page, rule));
        // A variable that is also a secret may have come in by ${env:…}.
        self.concealer.text(&page.text)
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn table(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.gap();
        self.line(&title(&path));
    }

    fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn comment_block(&mut self, comment: &str) {
        self.gap();
        self.comment(comment);
    }

    fn comment(&mut self, comment: &str) {
        self.line(&format!("# {comment}"));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.line(&format!("{} = {value}", bare_or_quoted(key)));
    }

    /// A string in which nothing is left to replace.
    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &quoted(&escaped(value)));
    }
}

/// What looks like a reference came out of one, or was escaped: it must not be followed again.
pub(super) fn escaped(value: &str) -> String {
    value.replace("${", "$${")
}

/// Absolute, because a relative path means something else in a file that stands elsewhere.
fn shown(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn print_host(page: &mut Page, host: &Host) {
    page.table(&["host"]);
    page.text("listen", &host.listen.to_string());
    if let Some(address) = host.push_listen {
        page.text("push_listen", &address.to_string());
    }
    page.text("environment", &host.environment);
    page.text("state_dir", &shown(&host.state_dir));
    page.text("cache_dir", &shown(&host.cache_dir));
    page.raw("concurrency", &host.concurrency.to_string());
}

fn print_history(page: &mut Page, history: &History) {
    page.table(&["history"]);
    page.text("interval", &show_duration(history.interval));
    page.text("retention", &show_duration(history.retention));
    page.text("retention_unselected", &show_duration(history.retention_unselected));
    page.text("memory", &show_bytes(history.memory_bytes));
    page.text("job", &history.job);
    match &history.instance {
        Some(instance) => page.text("instance", instance),
        None => page.comment("instance: the address it listens on"),
    }
}

/// As the file may have it: alone, or in an array.
fn one_or_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

fn print_access(page: &mut Page, access: &Access, written: &ShownTokens) {
    page.table(&["access"]);
    for (key, tokens) in [
        ("read", &written.read),
        ("push", &written.push),
        ("admin", &written.admin),
    ] {
        match tokens.as_slice() {
            [] => page.comment(&format!("{key}: no token")),
            tokens => page.raw(key, &one_or_list(tokens)),
        }
    }
    page.raw("open", &access.open.to_string());
    if let Some(tls) = &access.tls {
        page.table(&["access", "tls"]);
        page.text("certificate", &shown(&tls.certificate));
        page.text("key", &shown(&tls.key));
    }
}

fn print_check(page: &mut Page, check: &Check, in_force: &InForce) {
    page.table(&["check", &check.name]);
    page.comment(&format!("from {}", check.location));
    print_grants(page, &check.allow, &check.connections, &in_force.addresses);
    print_plugin(page, &check.plugin);
    print_times(page, check);
    page.text("prefix", &check.prefix);
    page.raw("required", &check.required.to_string());
    print_allow(page, &check.allow);
    let bound = check.connections.iter().map(|(slot, bound)| (slot, &**bound));
    connection::bindings(page, bound);
    if !check.labels.is_empty() {
        page.table(&["check", &check.name, "labels"]);
        check
            .labels
            .iter()
            .for_each(|(name, value)| page.text(name.as_str(), value));
    }
    print_limits(page, User::Check(&check.name), &in_force.limits);
    print_settings(page, User::Check(&check.name), &check.settings);
}

/// A line for each thing it may reach.
fn print_plugin(page: &mut Page, plugin: &PluginSource) {
    let origin = match &plugin.origin {
        PluginOrigin::Bundled(name) => name.clone(),
        PluginOrigin::File(path) => shown(path),
    };
    page.text("plugin", &origin);
    if let Some(digest) = &plugin.sha256 {
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        page.text("sha256", &digits);
    }
}

fn print_allow(page: &mut Page, allow: &BTreeSet<Capability>) {
    let words: Vec<String> = allow.iter().map(|capability| quoted(capability.as_str())).collect();
    page.raw("allow", &format!("[{}]", words.join(", ")));
}

fn print_grants(
    page: &mut Page,
    allow: &BTreeSet<Capability>,
    connections: &BTreeMap<String, Arc<Connection>>,
    addresses: &[Arc<Connection>],
) {
    let system = allow.iter().map(|capability| match capability {
        Capability::System => "system (reads about the machine the host runs on)".to_owned(),
    });
    let bound = connections.iter().map(|(slot, bound)| {
        let grant = connection::grant(bound);
        format!("connection `{}` as `{slot}`: {grant}", bound.name)
    });
    let granted = addresses
        .iter()
        .map(|address| format!("by its settings: {}", connection::grant(address)));
    let all: Vec<String> = system.chain(bound).chain(granted).collect();
    match all.as_slice() {
        [] => page.comment("grants: nothing"),
        all => all.iter().for_each(|grant| page.comment(&format!("grants: {grant}"))),
    }
}

fn print_times(page: &mut Page, check: &Check) {
    match &check.schedule {
        Schedule::Interval { every, retry } => {
            page.text("interval", &show_duration(*every));
            match retry {
                Some(retry) => page.text("retry_interval", &show_duration(*retry)),
                None => page.comment("retry_interval: as interval"),
            }
        }
        Schedule::Cron(cron) => {
            page.text("cron", cron.expression());
            page.text("timezone", cron.zone());
        }
    }
    page.text("timeout", &show_duration(check.timeout));
    match (&check.stale_after, &check.schedule) {
        (Some(stale), _) => page.text("stale_after", &show_duration(*stale)),
        (None, Schedule::Interval { every, .. }) => {
            let stale = show_duration(super::stale_after_by_default(*every, check.timeout));
            page.comment(&format!(
                "stale_after: two intervals and the timeout, at least 2s: {stale}"
            ));
        }
        (None, Schedule::Cron(_)) => page.comment("stale_after: the second missed time"),
    }
}

fn print_limits(page: &mut Page, user: User<'_>, limits: &Limits) {
    let Limits {
        memory_bytes,
        cpu,
        series,
        state_bytes,
        log_lines,
    } = limits;
    let set = [
        memory_bytes.map(|size| ("memory", quoted(&show_bytes(size)))),
        cpu.map(|span| ("cpu", quoted(&show_duration(span)))),
        series.map(|count| ("series", count.to_string())),
        state_bytes.map(|size| ("state", quoted(&show_bytes(size)))),
        log_lines.map(|count| ("log_lines", count.to_string())),
    ];
    page.table(&[user.word(), user.name(), "limits"]);
    if memory_bytes.is_none() {
        page.comment("memory: what the plugin describes, else the host's default");
    }
    if state_bytes.is_none() {
        page.comment("state: what the plugin describes, else 64KiB");
    }
    set.iter().flatten().for_each(|(key, value)| page.raw(key, value));
}

fn print_alerting(page: &mut Page, alerting: &Alerting, dispatch: &Dispatch) {
    page.table(&["alerting"]);
    let files: Vec<String> = alerting.rule_files.iter().map(|file| quoted(&shown(file))).collect();
    page.raw("rule_files", &format!("[{}]", files.join(", ")));
    page.text("evaluation_interval", &show_duration(alerting.evaluation_interval));
    page.raw("bundled_rules", &alerting.bundled_rules.to_string());
    alerting
        .external_url
        .iter()
        .for_each(|url| page.text("external_url", url));
    for (name, value) in &alerting.external_labels {
        let key = format!("external_labels.{}", bare_or_quoted(name.as_str()));
        page.line(&format!("{key} = {}", quoted(&escaped(value))));
    }
    dispatch::defaults(page, dispatch);
    for (name, alert) in &alerting.bundled {
        page.table(&["alerting", "bundled", name]);
        page.raw("enabled", &alert.enabled.to_string());
        alert
            .hold
            .iter()
            .for_each(|hold| page.text("for", &show_duration(*hold)));
        print_texts(page, &alert.labels, &alert.annotations);
    }
}

fn print_rule(page: &mut Page, rule: &RuleTable) {
    page.gap();
    page.line("[[rule]]");
    let texts = [
        ("alert", &rule.alert),
        ("record", &rule.record),
        ("expr", &rule.expr),
        ("group", &rule.group),
    ];
    for (key, value) in texts {
        value.iter().for_each(|value| page.text(key, value));
    }
    let spans = [
        ("for", rule.hold),
        ("keep_firing_for", rule.keep_firing_for),
        ("interval", rule.interval),
    ];
    for (key, value) in spans {
        value.iter().for_each(|span| page.text(key, &show_duration(*span)));
    }
    if rule.record.is_none() {
        page.text("on_no_data", rule.on_no_data.as_str());
    }
    print_texts(page, &rule.labels, &rule.annotations);
}

fn print_texts(page: &mut Page, labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) {
    for (table, entries) in [("labels", labels), ("annotations", annotations)] {
        for (name, value) in entries {
            let key = format!("{table}.{}", bare_or_quoted(name));
            page.line(&format!("{key} = {}", quoted(&escaped(value))));
        }
    }
}

fn print_settings(page: &mut Page, user: User<'_>, settings: &str) {
    let settings: serde_json::Value = serde_json::from_str(settings).unwrap_or_default();
    let fields = settings.as_object().filter(|fields| !fields.is_empty());
    let Some(fields) = fields else {
        return;
    };
    page.table(&[user.word(), user.name(), "settings"]);
    for (key, value) in fields {
        if let Some(value) = toml_value(value) {
            page.raw(key, &value.to_string());
        }
    }
}

/// None for null, which TOML does not have and settings from TOML never hold.
fn toml_value(value: &serde_json::Value) -> Option<toml::Value> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(value) => (*value).into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        serde_json::Value::String(text) => escaped(text).into(),
        serde_json::Value::Array(items) => toml::Value::Array(items.iter().filter_map(toml_value).collect()),
        serde_json::Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), toml_value(value)?)));
            toml::Value::Table(fields.collect())
        }
    })
}
