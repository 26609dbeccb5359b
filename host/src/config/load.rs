//! From a request to a [`Loaded`] configuration, or every problem of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use super::{
    access, alerting,
    alertmanager::{self, Purpose},
    check::{self, Checks},
    conceal::Concealer,
    connection::{self, Connections, Shown},
    dispatch::{self, FileDispatch, FilePeriod},
    environment::Environment,
    foreign::Secrets,
    guest::GuestPlace,
    history, host, include, leak, log,
    problem::Problems,
    pushed::{self, Places},
    reader::Reader,
    reading::Reading,
    resolved::Config,
    rule, search,
    source::{FileId, Sources},
    tree::Table,
    vocabulary::ROOT,
};

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// `--config`, when it was given.
    pub path: Option<PathBuf>,
    /// Where variables come from.
    pub env: Environment,
}

/// A configuration that can be used, and what is needed to speak about it later.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration itself.
    pub config: Config,
    /// What can be used but should be looked at.
    pub warnings: Problems,
    /// Folders in which a new file would be included, or a new rule file found: to be watched together with
    /// [`Config::files`].
    pub include_folders: Vec<PathBuf>,
    pub(super) sources: Sources,
    pub(super) checks: Checks,
    pub(super) connections: Connections,
    pub(super) rules: Vec<rule::RulePlace>,
    pub(super) bundled: BTreeMap<String, rule::RulePlace>,
    pub(super) receivers: BTreeMap<String, GuestPlace>,
    /// How credentials of receivers are written.
    pub(super) receivers_shown: BTreeMap<Arc<str>, Shown>,
    pub(super) periods: BTreeMap<String, Vec<FilePeriod>>,
    pub(super) heartbeat_shown: Option<String>,
    pub(super) pushed: Places,
    pub(super) tokens: access::ShownTokens,
    pub(super) concealer: Concealer,
}

/// Finds, reads, parses and resolves. Nothing is cached and nothing is kept: a reload is another load. Blocks on file
/// access, and on the system's resolver when `listen` is a name.
///
/// # Errors
///
/// Every problem of every file, warnings too, in the order of files and lines.
pub fn load(request: &LoadRequest) -> Result<Loaded, Problems> {
    let path = search::main_file(request.path.as_deref(), &request.env)?;
    let text = search::read(&path)?;
    let mut sources = Sources::default();
    sources.add(path, text);
    let mut reading = Reading::new(&request.env, sources);
    let Some(main) = include::parse(&mut reading, FileId::MAIN) else {
        return Err(reading.problems(&Concealer::default()));
    };
    // Hints speak of headers of the same file only, so that the order of the next steps does not matter to them.
    let include = host::includes(&Reader::quiet(&reading, &main, &ROOT));
    let included = include::read(&mut reading, &include);
    let alertmanager = alerting::alertmanager_file(&mut reading, &main);
    resolve(reading, &main, &included, alertmanager)
}

/// Where a host with this configuration keeps compiled plugins, however wrong the rest of it may be. `None`: there is no
/// configuration, or none that says. Blocks on file access.
pub fn cache_dir(request: &LoadRequest) -> Option<PathBuf> {
    let path = search::main_file(request.path.as_deref(), &request.env).ok()?;
    let text = search::read(&path).ok()?;
    let mut sources = Sources::default();
    sources.add(path, text);
    let mut reading = Reading::new(&request.env, sources);
    let main = include::parse(&mut reading, FileId::MAIN)?;
    host::cache_dir_alone(&Reader::quiet(&reading, &main, &ROOT))
}

fn resolve(
    mut reading: Reading<'_>,
    main: &Table,
    included: &[Table],
    alertmanager: Option<FileId>,
) -> Result<Loaded, Problems> {
    let root = Reader::new(&reading, main, &ROOT, &[]);
    included
        .iter()
        .for_each(|table| include::refuse_other_tables(&reading, table));
    let file_host = host::read(&root);
    let file_access = access::read(&root);
    let log = log::read(&root);
    let (history, names) = history::read(&root);
    let defaults = check::read_defaults(&root);
    let mut file_alerting = alerting::read(&root);
    let mut include_folders = include::folders(&reading, &file_host.include);
    include_folders.extend(include::folders(&reading, &file_alerting.rule_files));
    let listen_span = file_host.listen.as_ref().map(|listen| listen.span);
    let push_span = file_host.push_listen.as_ref().map(|listen| listen.span);
    let environment = file_host.environment.clone();
    let heartbeat = file_host.heartbeat.clone();
    let host = host::resolve(&reading, file_host);
    let listen = host.as_ref().map(|host| (host.listen, listen_span));
    let (access, tokens) = access::resolve(&reading, file_access, listen);
    let roots = || std::iter::once(main).chain(included);
    let mut connections = connection::read(&reading, roots());
    let mut checks = check::resolve(&reading, roots(), &defaults, &connections);
    let alerting = alerting::resolve(&reading, &file_alerting);
    let defaults = std::mem::take(&mut file_alerting.defaults);
    let file_pushed = pushed::read(&reading, main);
    let mut file = dispatch::read(&reading, main, defaults, &connections, &mut checks.used);
    file.handed_on = file_pushed.handed_on();
    let other = alertmanager.map(|other| taken(&reading, other, &file, &mut connections, &mut checks.used));
    dispatch::follow_runs(&reading, &file, &checks);
    let beat = heartbeat.as_ref().map(|heartbeat| Arc::clone(&heartbeat.connection));
    let dispatching = dispatch::resolve(&reading, file, other, beat);
    let push_listen = host.as_ref().and_then(|host| host.push_listen).zip(push_span);
    let pushed = pushed::resolve(&reading, file_pushed, &dispatching, &checks, &access, push_listen);
    let (rules, rule_places) = rule::read(&reading, roots());
    let is_pushed_to = !pushed.sources.is_empty() || !pushed.heartbeats.is_empty();
    if !is_pushed_to {
        warn_of_nothing(&reading, &checks, &dispatching.places);
    }
    warn_of_unused(&reading, &checks, &connections);
    let concealer = Concealer::new(reading.secrets());
    leak::refuse(
        &reading,
        &concealer,
        environment.as_ref(),
        &names,
        &checks,
        &connections,
    );
    leak::refuse_in_rules(&reading, &concealer, &rules, &rule_places);
    leak::refuse_in_bundled(&reading, &concealer, &alerting.bundled, &file_alerting.bundled_places);
    let (url, labels) = (file_alerting.external_url.as_ref(), &file_alerting.external_labels);
    leak::refuse_in_dispatch(&reading, &concealer, &dispatching, url, labels);
    leak::refuse_in_words(&reading, &concealer, &pushed.seen);
    let Some(host) = host.filter(|_| !reading.failed()) else {
        return Err(reading.problems(&concealer));
    };
    let config = Config {
        host,
        access,
        log,
        history,
        connections: connections.all.clone(),
        checks: std::mem::take(&mut checks.checks),
        alerting,
        dispatch: dispatching.dispatch,
        sources: pushed.sources,
        heartbeats: pushed.heartbeats,
        rules,
        files: reading.sources.paths().cloned().collect(),
        secrets: reading.secrets(),
    };
    Ok(Loaded {
        config,
        warnings: reading.problems(&concealer),
        concealer,
        include_folders,
        checks,
        connections,
        rules: rule_places,
        bundled: file_alerting.bundled_places,
        receivers: dispatching.places,
        receivers_shown: dispatching.shown,
        periods: dispatching.periods,
        heartbeat_shown: heartbeat.map(|heartbeat| heartbeat.shown),
        pushed: pushed.places,
        tokens,
        sources: reading.sources,
    })
}

/// What `alertmanager_file` says beside `own`; the connections that it needs are added.
fn taken(
    reading: &Reading<'_>,
    file: FileId,
    own: &FileDispatch,
    connections: &mut Connections,
    used: &mut BTreeSet<String>,
) -> FileDispatch {
    let replaced = own.own_receivers();
    let read = alertmanager::read(reading, file, &Secrets::default(), &replaced, Purpose::InForce);
    let taken = alertmanager::take(reading, file, read, connections);
    for (name, (connection, place)) in taken.connections {
        used.insert(name.to_string());
        connections.places.insert(name.to_string(), place);
        connections.all.insert(name, connection);
    }
    taken.dispatch
}

/// A host without checks may still pass on what others post.
fn warn_of_nothing(reading: &Reading<'_>, checks: &Checks, receivers: &BTreeMap<String, GuestPlace>) {
    if checks.places.is_empty() && receivers.is_empty() && !reading.failed() {
        let hint = "for example:\n  [check.machine]\n  plugin = \"system\"\n  allow = [\"system\"]";
        reading.warn_whole(
            "there is no check: the host will only report about itself",
            hint.to_owned(),
        );
    }
}

/// A permission that nobody uses is one too many. Misspelt uses are errors of their own.
fn warn_of_unused(reading: &Reading<'_>, checks: &Checks, connections: &Connections) {
    for (name, place) in &connections.places {
        if !checks.used.contains(name) && !reading.failed() {
            let message = format!("nothing uses the connection `{name}`");
            let hint = format!("give it to a check or a receiver: connection = \"{name}\"; or remove it");
            reading.warn(place.name, message, hint);
        }
    }
}
