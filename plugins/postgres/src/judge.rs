//! Verdicts: on the server as a whole, on each threshold that is set, and on what could not be asked.

use bellwether_sdk::{Code, Report, Status, postgres::Error, report::NewVerdict};

use crate::{
    facts::{Facts, is_given_up},
    sections::activity::HIDDEN,
    settings::{Below, Levels, Settings},
    verdict::{
        BROKEN, CACHE, CONNECTIONS, IDLE, LAG, LOCKED, PERMISSION, SIZE, SLOT, TRANSACTION, WRAPAROUND, explain, grant,
    },
    words::{one_line, size, span},
};

/// Unless said: the pool is nearly used up, and hardly anybody gets in.
const CONNECTIONS_PERCENT: Levels = Levels {
    warning: Some(80.0),
    critical: Some(95.0),
};

/// Unless said: far above `autovacuum_freeze_max_age` (by default 9 %), and long before the server refuses to write.
const WRAPAROUND_PERCENT: Levels = Levels {
    warning: Some(50.0),
    critical: Some(75.0),
};

const STANDBY_CONNECTION: &str = "standby connection";

/// How many transactions there are before their numbers come round.
const WRAPAROUND_AT: f64 = 2_147_483_648.0;

pub(crate) fn report(facts: &Facts, settings: &Settings, report: &mut Report) {
    if let Some(error) = &facts.down {
        let (code, summary) = explain("", error, None);
        report.critical("", code, one_line(&format!("{summary}{}", hint(error))));
        return;
    }
    whole(facts, report);
    refused(facts, report);
    hidden(facts, report);
    let thresholds = &settings.thresholds;
    connections(
        facts,
        thresholds.connections_percent.unwrap_or(CONNECTIONS_PERCENT),
        report,
    );
    let seconds = |value: f64| span(value);
    let mut ages = |target: &str, code, value: Option<f64>, levels: Option<Levels>, what: &str| {
        above(
            report,
            target,
            code,
            value,
            levels,
            |value| format!("{what} {}", seconds(value)),
            &seconds,
        );
    };
    ages(
        "transactions",
        &TRANSACTION,
        facts.oldest(|one| one.transaction_age),
        thresholds.transaction_seconds,
        "oldest transaction",
    );
    ages(
        "idle in transaction",
        &IDLE,
        facts.oldest(|one| one.idle_age),
        thresholds.idle_in_transaction_seconds,
        "idle in transaction for",
    );
    ages(
        "lock waits",
        &LOCKED,
        facts.oldest(|one| one.lock_wait_age),
        thresholds.lock_wait_seconds,
        "waiting for a lock for",
    );
    let plain = |value: f64| format!("{value}");
    above(
        report,
        "locks",
        &LOCKED,
        facts.waiting(),
        thresholds.locks_waiting,
        |value| format!("{value} locks waited for"),
        &plain,
    );
    replication(facts, settings, report);
    databases(facts, settings, report);
}

/// Targets that have a verdict only while something is wrong, and were seen to be fine.
pub(crate) fn well(facts: &Facts) -> Vec<String> {
    let receiving = facts.standby.is_some_and(|standby| standby.receiving);
    let standby = receiving.then(|| STANDBY_CONNECTION.to_owned());
    facts.answered.iter().cloned().chain(standby).collect()
}

/// Whoever asks a pooler that has nothing to give is made to wait.
fn hint(error: &Error) -> &'static str {
    let is_late = match error {
        Error::Timeout => true,
        Error::Query((state, _)) => is_given_up(state),
        Error::Denied(_) | Error::Connect(_) | Error::Authentication(_) => false,
    };
    match is_late {
        true => ": the server hangs, or all connections of a pooler in front of it are in use",
        false => "",
    }
}

/// `PostgreSQL 15.6, 12 of 97 connections, oldest transaction 3 s`.
fn whole(facts: &Facts, report: &mut Report) {
    let server = facts.server.as_ref();
    let version = server.map(|server| {
        format!(
            "PostgreSQL {}{}",
            server.version,
            if server.standby { ", standby" } else { "" }
        )
    });
    let used = match (facts.used(), server.and_then(|server| server.available())) {
        (Some(used), Some(available)) => Some(format!("{used} of {available} connections")),
        _ => None,
    };
    let oldest = facts
        .oldest(|one| one.transaction_age)
        .map(|age| format!("oldest transaction {}", span(age)));
    let parts: Vec<String> = [version, used, oldest].into_iter().flatten().collect();
    let verdict = report.ok("").summary(parts.join(", "));
    if let Some(latency) = facts.latency {
        verdict.latency(latency);
    }
}

/// Nobody can tell how that part is; the others stand.
fn refused(facts: &Facts, report: &mut Report) {
    let role = facts.server.as_ref().map(|server| server.role.as_str());
    for (what, error) in &facts.refused {
        let (code, summary) = explain(what, error, role);
        report.unknown(what, code, one_line(&summary));
    }
}

/// Connections are counted all the same, but nobody knows what they do.
fn hidden(facts: &Facts, report: &mut Report) {
    let Some(server) = facts.server.as_ref().filter(|server| !server.sees_all) else {
        return;
    };
    let mend = format!("hidden from role {}: {}", server.role, grant(Some(&server.role)));
    let connections = facts.activity.iter().flatten().filter(|one| one.state == HIDDEN);
    let count: f64 = connections.map(|one| one.connections).sum();
    if count > 0.0 {
        let summary = format!("what {count} connections do is {mend}");
        report.unknown("section activity", &PERMISSION, summary);
    }
    let replicas = facts.replicas.iter().flatten();
    let unseen = replicas.filter(|replica| replica.state.is_empty()).count();
    if unseen > 0 {
        let summary = format!("how far {unseen} replicas are behind is {mend}");
        report.unknown("section replication", &PERMISSION, summary);
    }
}

fn connections(facts: &Facts, levels: Levels, report: &mut Report) {
    let ratio = facts.usage_ratio().map(|ratio| ratio * 100.0);
    let used = facts.used().unwrap_or(0.0);
    let available = facts
        .server
        .as_ref()
        .and_then(|server| server.available())
        .unwrap_or(0.0);
    let pooled: f64 = facts.activity.iter().flatten().map(|one| one.pooled).sum();
    // What waits in front of a pooler is not known to the server.
    let hint = if pooled > 0.0 {
        format!("; {pooled} of them are a pooler's, whose clients may wait unseen: merge its own exporter")
    } else {
        String::new()
    };
    let said = |percent: f64| format!("{used} of {available} connections used ({percent:.0} %){hint}");
    above(
        report,
        "connections",
        &CONNECTIONS,
        ratio,
        Some(levels),
        said,
        &|level| format!("{level} %"),
    );
}

fn replication(facts: &Facts, settings: &Settings, report: &mut Report) {
    let thresholds = &settings.thresholds;
    let (seconds, bytes) = (thresholds.replication_lag_seconds, thresholds.replication_lag_bytes);
    for replica in facts.replicas.iter().flatten() {
        let target = format!("replica {} {}", replica.replica, replica.address);
        lag(
            report,
            &target,
            (replica.lag_seconds, seconds),
            (replica.lag_bytes, bytes),
        );
    }
    if let Some(standby) = facts.standby {
        lag(
            report,
            "standby",
            (standby.lag_seconds, seconds),
            (standby.lag_bytes, bytes),
        );
        if !standby.receiving {
            report.warning(
                STANDBY_CONNECTION,
                &BROKEN,
                "this standby is not connected to the server it receives from",
            );
        }
    }
    for slot in facts.slots.iter().flatten() {
        let target = format!("slot {}", slot.slot);
        let idle = if slot.active { "" } else { ", and nobody receives" };
        let said = |value: f64| format!("slot keeps {}{idle}", size(value));
        above(
            report,
            &target,
            &SLOT,
            slot.retained_bytes,
            thresholds.slot_retained_bytes,
            said,
            &size,
        );
    }
}

type Judged = (Option<f64>, Option<Levels>);

/// One verdict: of seconds and bytes, the worse.
fn lag(report: &mut Report, target: &str, seconds: Judged, bytes: Judged) {
    if seconds.1.is_none() && bytes.1.is_none() {
        return;
    }
    let judged = |(value, levels): Judged| reached(value?, levels?);
    let worst = [judged(seconds), judged(bytes)]
        .into_iter()
        .flatten()
        .max_by_key(|(status, _)| *status == Status::Critical);
    let said: Vec<String> = [seconds.0.map(span), bytes.0.map(size)].into_iter().flatten().collect();
    if said.is_empty() {
        return;
    }
    let summary = format!("{} behind", said.join(", "));
    match worst {
        Some((status, _)) => add(report, target, &LAG, status, summary),
        None => report.ok(target).summary(summary),
    };
}

fn databases(facts: &Facts, settings: &Settings, report: &mut Report) {
    let thresholds = &settings.thresholds;
    for database in facts.databases.iter().flatten() {
        let age = database
            .value("transaction_age")
            .into_iter()
            .chain(database.value("multixact_age"))
            .reduce(f64::max);
        let percent = age.map(|age| age / WRAPAROUND_AT * 100.0);
        let levels = thresholds.wraparound_percent.unwrap_or(WRAPAROUND_PERCENT);
        let said = |percent: f64| format!("{percent:.0} % of the way to wraparound");
        let target = format!("wraparound {}", database.name);
        above(report, &target, &WRAPAROUND, percent, Some(levels), said, &|level| {
            format!("{level} %")
        });
        let hit = database.cache_hit_ratio().map(|ratio| ratio * 100.0);
        below(
            report,
            &format!("cache {}", database.name),
            hit,
            thresholds.cache_hit_percent,
        );
    }
    for (name, bytes) in facts.sizes.iter().flatten() {
        let said = |bytes: f64| format!("{name} has {}", size(bytes));
        above(
            report,
            &format!("size {name}"),
            &SIZE,
            Some(*bytes),
            thresholds.database_bytes,
            said,
            &size,
        );
    }
}

/// The level that is reached, if any.
pub(crate) fn reached(value: f64, levels: Levels) -> Option<(Status, f64)> {
    let at = |level: Option<f64>| level.filter(|level| value >= *level);
    let critical = at(levels.critical).map(|level| (Status::Critical, level));
    critical.or_else(|| at(levels.warning).map(|level| (Status::Warning, level)))
}

/// The level that is not reached, if any.
pub(crate) fn undercut(value: f64, levels: Below) -> Option<(Status, f64)> {
    let under = |level: Option<f64>| level.filter(|level| value < *level);
    let critical = under(levels.critical).map(|level| (Status::Critical, level));
    critical.or_else(|| under(levels.warning).map(|level| (Status::Warning, level)))
}

/// Nothing without levels, and nothing where the value is not known.
fn above(
    report: &mut Report,
    target: &str,
    code: &'static Code,
    value: Option<f64>,
    levels: Option<Levels>,
    said: impl Fn(f64) -> String,
    shown: &impl Fn(f64) -> String,
) {
    let (Some(value), Some(levels)) = (value, levels) else {
        return;
    };
    if levels == Levels::default() {
        return;
    }
    match reached(value, levels) {
        Some((status, level)) => {
            add(
                report,
                target,
                code,
                status,
                format!("{}, at or above {}", said(value), shown(level)),
            );
        }
        None => {
            report.ok(target).summary(said(value));
        }
    }
}

fn below(report: &mut Report, target: &str, value: Option<f64>, levels: Option<Below>) {
    let (Some(value), Some(levels)) = (value, levels) else {
        return;
    };
    let said = format!("{value:.1} % of blocks found in memory");
    match undercut(value, levels) {
        Some((status, level)) => add(report, target, &CACHE, status, format!("{said}, below {level} %")),
        None => report.ok(target).summary(said),
    };
}

pub(crate) fn add<'r>(
    report: &'r mut Report,
    target: &str,
    code: &'static Code,
    status: Status,
    summary: String,
) -> NewVerdict<'r> {
    match status {
        Status::Critical => report.critical(target, code, summary),
        Status::Warning => report.warning(target, code, summary),
        Status::Ok | Status::Unknown => report.unknown(target, code, summary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_level_counts() {
        let levels = Levels {
            warning: Some(1.0),
            critical: Some(2.0),
        };
        assert_eq!(reached(2.0, levels), Some((Status::Critical, 2.0)));
        assert_eq!(reached(1.9, levels), Some((Status::Warning, 1.0)));
        assert_eq!(reached(0.9, levels), None);
        assert_eq!(
            undercut(
                0.9,
                Below {
                    warning: Some(1.0),
                    critical: None
                }
            ),
            Some((Status::Warning, 1.0))
        );
        assert_eq!(
            undercut(
                1.0,
                Below {
                    warning: Some(1.0),
                    critical: None
                }
            ),
            None
        );
    }
}
