//! `alertmanager.yml`, as Alertmanager reads it.
//!
//! Flows in: the text of such a file, which is one of the sources. Flows out: routes, inhibitions, time intervals and receivers in the
//! types of `dispatch`, with places in that file, and what is wrong with it. What Bellwether has no counterpart for is warned of,
//! one by one. Who puts it to use is `load`, for `alertmanager_file`, and `migrate`.
//!
//! A receiver of the file may have several ways, each of which is a receiver here: a lone one has its name, several have
//! `NAME.slack` and so on. Secrets in it are kept out of everything that is said.

mod mail;
mod receiver;
mod route;
mod take;
mod template;

use std::{collections::BTreeSet, time::Duration};

use super::{
    dispatch::{FileDefaults, FileInhibit, FileInterval, FileRoute},
    foreign::{Doc, Fields, Secrets},
    reading::Reading,
    source::FileId,
};
pub(super) use {
    mail::FileMail,
    receiver::{FileWay, Silent, WayKind},
    take::take,
};

/// Keys of the file.
const FILE: &[&str] = &[
    "global",
    "templates",
    "route",
    "inhibit_rules",
    "receivers",
    "mute_time_intervals",
    "time_intervals",
    "tracing",
];

/// Those of `global` that are read somewhere; the others are defaults of ways that nobody takes.
const GLOBAL: &[&str] = &[
    "resolve_timeout",
    "http_config",
    "smtp_from",
    "smtp_hello",
    "smtp_smarthost",
    "smtp_auth_username",
    "smtp_auth_password",
    "smtp_auth_password_file",
    "smtp_require_tls",
    "smtp_tls_config",
    "slack_api_url",
    "slack_api_url_file",
    "pagerduty_url",
];

/// A file of Alertmanager.
#[derive(Debug, Default)]
pub(super) struct Alertmanager {
    pub(super) defaults: FileDefaults,
    pub(super) routes: Vec<FileRoute>,
    pub(super) inhibitions: Vec<FileInhibit>,
    pub(super) intervals: Vec<FileInterval>,
    /// Ways of its receivers that there are here as well.
    pub(super) ways: Vec<FileWay>,
    /// Its receivers that nobody is behind.
    pub(super) silent: Vec<Silent>,
}

/// What it is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be followed: a receiver that a route names and nobody is behind is an error.
    InForce,
    /// To be translated: that is one of the things that are lost.
    Migration,
}

/// Reads a file that is among the sources. `replaced` are names of receivers that others stand in for: they are not looked at.
pub(super) fn read(
    reading: &Reading<'_>,
    file: FileId,
    secrets: &Secrets,
    replaced: &BTreeSet<String>,
    purpose: Purpose,
) -> Alertmanager {
    let doc = Doc::new(reading, file, secrets);
    let Some(root) = doc.parse() else {
        return Alertmanager::default();
    };
    let Some(fields) = doc.fields(&root, "the file", FILE) else {
        return Alertmanager::default();
    };
    for key in ["templates", "tracing"] {
        doc.lost(
            &fields,
            key,
            "the host has no use for it: texts of receivers stand in their `title` and `text`",
        );
    }
    let global = global(&doc, &fields);
    let tree = route::tree(&doc, &fields);
    let used = match purpose {
        Purpose::InForce => tree.named(),
        Purpose::Migration => BTreeSet::new(),
    };
    let receivers = receiver::all(&doc, &fields, &global, &used, replaced);
    let defaults = FileDefaults {
        resolve_timeout: resolve_timeout(&doc, &global),
        ..tree.defaults
    };
    Alertmanager {
        defaults,
        routes: tree.routes,
        inhibitions: route::inhibitions(&doc, &fields),
        intervals: route::intervals(&doc, &fields),
        ways: receivers.ways,
        silent: receivers.silent,
    }
}

fn resolve_timeout(doc: &Doc<'_, '_>, global: &Fields<'_>) -> Option<Duration> {
    doc.duration(global, "resolve_timeout").map(|given| given.value)
}

/// Unknown keys are not noted: the defaults of ways that are not taken are among them.
fn global<'n>(doc: &Doc<'_, '_>, file: &Fields<'n>) -> Fields<'n> {
    let Some(node) = file.get("global") else {
        return Fields::default();
    };
    doc.some_fields(node, "`global`", GLOBAL)
}
