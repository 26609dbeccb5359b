//! Rules across restarts: two tables, one batch for each evaluation of a group.
//!
//! Flows in: the alerts of a group after an evaluation. Flows out, at start: [`Kept`] alerts with the rule they are of. Which rule
//! of today they belong to is decided by [`inherit`], which reload uses as well: the name of the alert and its labels identify it,
//! wherever its rule stands and whatever its expression is. A row that cannot be read is passed over.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use bellwether_promql::labels::Labels;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::{Deserialize, Serialize};

use super::state::Alerts;
use crate::{
    alert::{Alert, AlertState, ResolveCause},
    store::{Store, StoreError, WriteKey},
};

const MODULE: &str = "rule";

const MIGRATIONS: &[&str] = &[
    "CREATE TABLE rule_groups (
    group_key TEXT NOT NULL PRIMARY KEY,
    evaluated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE rule_alerts (
    group_key TEXT NOT NULL,
    rule TEXT NOT NULL,
    number INTEGER NOT NULL,
    labels TEXT NOT NULL,
    state TEXT NOT NULL,
    active_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (group_key, rule, number, labels)
) STRICT",
    // Grows with each write of a group's alerts, so that who wrote last knows whether the table holds just that.
    "ALTER TABLE rule_groups ADD COLUMN written INTEGER NOT NULL DEFAULT 0",
];

/// What tells a rule from the others of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RuleId {
    /// See [`Group::key`](super::Group::key).
    pub(super) group: Arc<str>,
    /// Of the alert.
    pub(super) name: Arc<str>,
    /// Among the rules of the same name in the group, from 0.
    pub(super) number: u32,
}

/// The alerts of one rule, and when it was evaluated last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    /// The rule they were made by.
    pub(super) id: RuleId,
    /// Its last slot, in milliseconds.
    pub(super) last: Option<i64>,
    /// As they were then.
    pub(super) alerts: Alerts,
}

/// Makes the tables.
pub(super) fn prepare(store: &Store) -> Result<(), StoreError> {
    store.migrate(MODULE, MIGRATIONS)
}

/// Everything that can be read.
pub(super) fn load(store: &Store) -> Result<Vec<Kept>, StoreError> {
    store.read(read)
}

/// See [`load`].
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = connection.prepare(
        "SELECT alerts.group_key, rule, number, labels, state, active_at, body, evaluated_at
         FROM rule_alerts AS alerts LEFT JOIN rule_groups USING (group_key)",
    )?;
    let mut rows = statement.query([])?;
    let mut found: BTreeMap<RuleId, Kept> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let Some((id, last, alert)) = kept(row) else { continue };
        let alerts = &mut found
            .entry(id.clone())
            .or_insert_with(|| Kept {
                id,
                last,
                alerts: Alerts::new(),
            })
            .alerts;
        alerts.insert(alert.labels.clone(), alert);
    }
    Ok(found.into_values().collect())
}

/// What of a group's alerts was written last, so that only what is different need be.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Arc<Mutex<Option<(i64, GroupAlerts)>>>);

/// The alerts of a group, by rule.
pub(super) type GroupAlerts = Vec<(RuleId, Arc<Alerts>)>;

/// Queues what a group's evaluation leaves: the slot, and, when they changed, its alerts. Both become part of the same commit.
pub(super) fn save(store: &Store, group: &Arc<str>, slot: i64, alerts: Option<GroupAlerts>, written: &Written) {
    let key = Arc::clone(group);
    store.write(WriteKey::new(MODULE, format!("slot {group}")), move |transaction| {
        transaction
            .prepare_cached(
                "INSERT INTO rule_groups (group_key, evaluated_at) VALUES (?1, ?2)
                 ON CONFLICT (group_key) DO UPDATE SET evaluated_at = excluded.evaluated_at",
            )?
            .execute(rusqlite::params![&*key, slot])?;
        Ok(())
    });
    let Some(alerts) = alerts else { return };
    let (key, written) = (Arc::clone(group), written.clone());
    store.write(WriteKey::new(MODULE, format!("alerts {group}")), move |transaction| {
        let mut written = written.0.lock().unwrap_or_else(PoisonError::into_inner);
        *written = Some((write(transaction, &key, &alerts, written.as_ref())?, alerts.clone()));
        Ok(())
    });
}

/// Writes what differs from what was written last, or all of it where the table does not hold that: another process wrote it, the
/// transaction came to nothing, or the database was begun anew. Returns the number by which the next write knows this one.
fn write(
    transaction: &Transaction<'_>,
    group: &str,
    alerts: &[(RuleId, Arc<Alerts>)],
    written: Option<&(i64, GroupAlerts)>,
) -> rusqlite::Result<i64> {
    let held: Option<i64> = transaction
        .prepare_cached("SELECT written FROM rule_groups WHERE group_key = ?1")?
        .query_row([group], |row| row.get(0))
        .optional()?;
    match written.filter(|(number, _)| Some(*number) == held) {
        Some((_, before)) => write_changes(transaction, before, alerts)?,
        None => {
            delete_alerts(transaction, group)?;
            for (id, alerts) in alerts {
                alerts.values().try_for_each(|alert| put(transaction, id, alert))?;
            }
        }
    }
    let number = held.unwrap_or(0) + 1;
    transaction
        .prepare_cached("UPDATE rule_groups SET written = ?2 WHERE group_key = ?1")?
        .execute(rusqlite::params![group, number])?;
    Ok(number)
}

fn write_changes(
    transaction: &Transaction<'_>,
    before: &[(RuleId, Arc<Alerts>)],
    after: &[(RuleId, Arc<Alerts>)],
) -> rusqlite::Result<()> {
    let of = |all: &[(RuleId, Arc<Alerts>)], id: &RuleId| -> Arc<Alerts> {
        let found = all.iter().find(|(own, _)| own == id);
        found.map(|(_, alerts)| Arc::clone(alerts)).unwrap_or_default()
    };
    for (id, new) in after {
        let old = of(before, id);
        let is_other = |alert: &&Alert| old.get(&alert.labels) != Some(*alert);
        let different = new.values().filter(|_| !Arc::ptr_eq(&old, new)).filter(is_other);
        different
            .into_iter()
            .try_for_each(|alert| put(transaction, id, alert))?;
    }
    for (id, old) in before {
        let new = of(after, id);
        let gone = old.values().filter(|alert| !new.contains_key(&alert.labels));
        gone.into_iter().try_for_each(|alert| delete(transaction, id, alert))?;
    }
    Ok(())
}

/// Queues the removal of what a group left.
pub(super) fn remove(store: &Store, group: &Arc<str>) {
    let key = Arc::clone(group);
    store.write(WriteKey::new(MODULE, format!("alerts {group}")), move |transaction| {
        delete_alerts(transaction, &key)
    });
    let key = Arc::clone(group);
    store.write(WriteKey::new(MODULE, format!("slot {group}")), move |transaction| {
        transaction
            .prepare_cached("DELETE FROM rule_groups WHERE group_key = ?1")?
            .execute([&*key])?;
        Ok(())
    });
}

fn delete_alerts(transaction: &Transaction<'_>, group: &str) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM rule_alerts WHERE group_key = ?1")?
        .execute([group])?;
    Ok(())
}

fn delete(transaction: &Transaction<'_>, id: &RuleId, alert: &Alert) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM rule_alerts WHERE group_key = ?1 AND rule = ?2 AND number = ?3 AND labels = ?4")?
        .execute(rusqlite::params![&*id.group, &*id.name, id.number, labels_text(alert)?])?;
    Ok(())
}

fn put(transaction: &Transaction<'_>, id: &RuleId, alert: &Alert) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO rule_alerts (group_key, rule, number, labels, state, active_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (group_key, rule, number, labels) DO UPDATE SET state = excluded.state, active_at = excluded.active_at,
             body = excluded.body",
        )?
        .execute(rusqlite::params![
            &*id.group,
            &*id.name,
            id.number,
            labels_text(alert)?,
            alert.state.as_str(),
            alert.active_at,
            json(&Body::of(alert))?
        ])?;
    Ok(())
}

fn labels_text(alert: &Alert) -> rusqlite::Result<String> {
    json(&texts(alert.labels.iter()))
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

type Texts = Vec<(String, String)>;

fn texts<'t>(texts: impl Iterator<Item = &'t (Arc<str>, Arc<str>)>) -> Texts {
    texts
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// What of an alert nobody asks the database about. Floats are kept as their bits, because JSON has neither NaN nor infinity.
#[derive(Serialize, Deserialize)]
struct Body {
    value: u64,
    fired_at: Option<i64>,
    keep_firing_since: Option<i64>,
    no_data_since: Option<i64>,
    resolved_at: Option<i64>,
    cause: Option<String>,
    annotations: Texts,
}

impl Body {
    fn of(alert: &Alert) -> Self {
        let annotations = alert.annotations.iter();
        Self {
            value: alert.value.to_bits(),
            fired_at: alert.fired_at,
            keep_firing_since: alert.keep_firing_since,
            no_data_since: alert.no_data_since,
            resolved_at: alert.resolved.map(|(at, _)| at),
            cause: alert.resolved.map(|(_, cause)| cause.as_str().to_owned()),
            annotations: annotations
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect(),
        }
    }
}

fn kept(row: &Row<'_>) -> Option<(RuleId, Option<i64>, Alert)> {
    let text = |column: usize| row.get::<_, String>(column).ok();
    let id = RuleId {
        group: text(0)?.into(),
        name: text(1)?.into(),
        number: row.get(2).ok()?,
    };
    let labels: Texts = serde_json::from_str(&text(3)?).ok()?;
    let body: Body = serde_json::from_str(&text(6)?).ok()?;
    let cause = body.cause.as_deref().and_then(ResolveCause::of);
    let alert = Alert {
        labels: Labels::new(labels),
        annotations: body
            .annotations
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect(),
        state: AlertState::of(&text(4)?)?,
        value: f64::from_bits(body.value),
        active_at: row.get(5).ok()?,
        fired_at: body.fired_at,
        keep_firing_since: body.keep_firing_since,
        no_data_since: body.no_data_since,
        resolved: body.resolved_at.zip(cause),
    };
    Some((id, row.get(7).ok()?, alert))
}

/// Who inherits which alerts: for each of `rules`, what it begins with, and last what belongs to nobody any more.
///
/// A rule inherits what was its own; then what a rule of the same name left that is not there any more, the first such rule
/// everything that nobody else has.
pub(super) fn inherit(kept: Vec<Kept>, rules: &[RuleId]) -> (Vec<Option<Kept>>, Vec<Kept>) {
    let places: HashMap<&RuleId, usize> = rules.iter().enumerate().map(|(at, id)| (id, at)).collect();
    let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, id) in rules.iter().enumerate() {
        named.entry(&*id.name).or_default().push(at);
    }
    let mut heirs: Vec<Option<Kept>> = vec![None; rules.len()];
    let mut left = Vec::new();
    for own in kept {
        match places.get(&own.id) {
            Some(at) => take(&mut heirs[*at], own),
            None => left.push(own),
        }
    }
    let mut nobodys = Vec::new();
    for own in left {
        let named = named.get(&*own.id.name).map_or(&[][..], Vec::as_slice);
        let free = named.iter().find(|at| heirs[**at].is_none());
        match free.or(named.first()) {
            Some(at) => take(&mut heirs[*at], own),
            None => nobodys.push(own),
        }
    }
    (heirs, nobodys)
}

/// What an heir has already stays.
fn take(heir: &mut Option<Kept>, own: Kept) {
    match heir {
        None => *heir = Some(own),
        Some(heir) => {
            for (labels, alert) in own.alerts {
                heir.alerts.entry(labels).or_insert(alert);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{supervisor::Supervisor, telemetry::Telemetry};

    fn id(group: &str, name: &str, number: u32) -> RuleId {
        RuleId {
            group: group.into(),
            name: name.into(),
            number,
        }
    }

    fn alert(name: &str, instance: &str, state: AlertState) -> Alert {
        let over = (state == AlertState::Resolved).then_some((5_000, ResolveCause::NoData));
        Alert {
            labels: Labels::new([("alertname", name), ("instance", instance)]),
            annotations: [("summary".into(), "it is \"down\"".into())].into(),
            state,
            value: f64::NEG_INFINITY,
            active_at: 1_000,
            fired_at: Some(2_000),
            keep_firing_since: Some(3_000),
            no_data_since: Some(4_000),
            resolved: over,
        }
    }

    fn alerts(all: &[Alert]) -> Alerts {
        all.iter().map(|alert| (alert.labels.clone(), alert.clone())).collect()
    }

    fn kept(id: RuleId, last: i64, all: &[Alert]) -> Kept {
        Kept {
            id,
            last: Some(last),
            alerts: alerts(all),
        }
    }

    #[tokio::test]
    async fn alerts_survive_the_way_through_the_tables() {
        let supervisor = Supervisor::new(|_| {});
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).unwrap();
        prepare(&store).unwrap();
        let (group, written): (Arc<str>, _) = ("a.yml;g".into(), Written::default());
        let all = [
            alert("A", "1", AlertState::Firing),
            alert("A", "2", AlertState::Pending),
            alert("A", "3", AlertState::Resolved),
        ];
        let own = id(&group, "A", 0);
        save(
            &store,
            &group,
            15_000,
            Some(vec![(own.clone(), Arc::new(alerts(&all)))]),
            &written,
        );
        store.flush().await.unwrap();
        // Nothing changed but the slot.
        save(&store, &group, 30_000, None, &written);
        store.flush().await.unwrap();
        assert_eq!(load(&store).unwrap(), [kept(own.clone(), 30_000, &all)]);

        save(
            &store,
            &group,
            45_000,
            Some(vec![(own.clone(), Arc::new(alerts(&all[..1])))]),
            &written,
        );
        store.flush().await.unwrap();
        assert_eq!(
            load(&store).unwrap(),
            [kept(own, 45_000, &all[..1])],
            "what is gone is gone"
        );

        remove(&store, &group);
        store.flush().await.unwrap();
        assert_eq!(load(&store).unwrap(), []);
    }

    fn many(count: usize) -> Alerts {
        let one = |number: usize| alert("A", &format!("instance-{number}"), AlertState::Firing);
        alerts(&(0..count).map(one).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn of_many_alerts_only_those_that_changed_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let supervisor = Supervisor::new(|_| {});
        let store = Store::open(dir.path(), &supervisor, &Telemetry::silent()).unwrap();
        prepare(&store).unwrap();
        let (group, written): (Arc<str>, _) = ("a.yml;g".into(), Written::default());
        let own = id(&group, "A", 0);
        let keep = async |slot, all: &Alerts| {
            let all = vec![(own.clone(), Arc::new(all.clone()))];
            save(&store, &group, slot, Some(all), &written);
            // The journal from its beginning, so that its length is what is written.
            store
                .read(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
                .unwrap();
            store.flush().await.unwrap();
            std::fs::metadata(dir.path().join("bellwether.db-wal")).unwrap().len()
        };
        let mut all = many(10_000);
        let whole = keep(15_000, &all).await;
        let (labels, _) = all.first_key_value().unwrap();
        let (first, last) = (labels.clone(), all.last_key_value().unwrap().0.clone());
        all.get_mut(&first).unwrap().state = AlertState::Resolved;
        all.remove(&last);
        let bytes = keep(30_000, &all).await;
        println!("{whole} bytes for all, {bytes} for two of them");
        assert!(bytes < whole / 50, "{bytes} of {whole}");
        assert_eq!(load(&store).unwrap()[0].alerts, all);
    }

    #[tokio::test]
    async fn what_the_table_holds_by_somebody_else_is_written_whole() {
        let supervisor = Supervisor::new(|_| {});
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).unwrap();
        prepare(&store).unwrap();
        let (group, written): (Arc<str>, _) = ("a.yml;g".into(), Written::default());
        let own = id(&group, "A", 0);
        let keep = async |all: &Alerts, written: &Written| {
            save(
                &store,
                &group,
                15_000,
                Some(vec![(own.clone(), Arc::new(all.clone()))]),
                written,
            );
            store.flush().await
        };
        keep(&many(3), &written).await.unwrap();
        keep(&many(5), &Written::default()).await.unwrap();
        keep(&many(2), &written).await.unwrap();
        assert_eq!(load(&store).unwrap()[0].alerts, many(2), "another wrote in between");
        // What comes to nothing is not taken for written.
        save(
            &store,
            &group,
            30_000,
            Some(vec![(own.clone(), Arc::new(many(4)))]),
            &written,
        );
        store.write(WriteKey::new("others", "later"), |_| {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            Err(rusqlite::Error::SqliteFailure(full, None))
        });
        assert!(store.flush().await.is_err());
        store.write(WriteKey::new("others", "later"), |_| Ok(()));
        keep(&many(1), &written).await.unwrap();
        assert_eq!(load(&store).unwrap()[0].alerts, many(1));
    }

    #[test]
    fn alerts_follow_their_rule_wherever_it_goes() {
        let firing = alert("A", "1", AlertState::Firing);
        let before = vec![
            kept(id("a;g", "A", 0), 1, std::slice::from_ref(&firing)),
            kept(id("a;g", "B", 0), 1, &[alert("B", "1", AlertState::Firing)]),
            kept(id("a;g", "C", 0), 1, &[alert("C", "1", AlertState::Firing)]),
        ];
        let rules = [id("b;h", "A", 0), id("a;g", "B", 0)];
        let (heirs, nobodys) = inherit(before, &rules);
        assert_eq!(
            heirs[0].as_ref().unwrap().alerts,
            alerts(&[firing]),
            "it moved to another file"
        );
        assert_eq!(heirs[1].as_ref().unwrap().alerts.len(), 1);
        assert_eq!(nobodys.len(), 1, "C is gone");
    }

    #[test]
    fn rules_of_one_name_keep_what_is_their_own() {
        let one = kept(id("a;g", "A", 0), 1, &[alert("A", "1", AlertState::Firing)]);
        let two = kept(id("a;g", "A", 1), 1, &[alert("A", "2", AlertState::Firing)]);
        let both = [id("a;g", "A", 0), id("a;g", "A", 1)];
        let (heirs, nobodys) = inherit(vec![two.clone(), one.clone()], &both);
        assert_eq!((heirs, nobodys.len()), (vec![Some(one.clone()), Some(two.clone())], 0));
        // They become one rule, and split again.
        let (heirs, nobodys) = inherit(vec![one, two], &both[..1]);
        assert_eq!((heirs[0].as_ref().unwrap().alerts.len(), nobodys.len()), (2, 0));
    }
}
