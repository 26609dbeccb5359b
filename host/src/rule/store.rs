//! Rules across restarts: two tables, one batch for each evaluation of a group.
//!
//! Flows in: the alerts of a group after an evaluation. Flows out, at start: [`Kept`] alerts with the rule they are of. Which rule
//! of today they belong to is decided by [`inherit`], which reload uses as well: the name of the alert and its labels identify it,
//! wherever its rule stands and whatever its expression is. A row that cannot be read is passed over.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bellwether_promql::labels::Labels;
use rusqlite::{Row, Transaction};
use serde::{Deserialize, Serialize};

use super::{events::NotRestored, state::Alerts};
use crate::{
    alert::{Alert, AlertState, ResolveCause},
    store::{Store, StoreError, WriteKey},
    telemetry::Telemetry,
};

const MODULE: &str = "rule";

const MIGRATIONS: &[&str] = &["CREATE TABLE rule_groups (
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
) STRICT"];

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

/// The store with what it has, which blocks for a moment; without a store that can be used there is nothing.
pub(super) fn open(store: Option<Store>, telemetry: &Telemetry) -> (Option<Store>, Vec<Kept>) {
    let Some(store) = store else { return (None, Vec::new()) };
    if let Err(error) = prepare(&store) {
        telemetry.emit(&NotRestored { error: &error });
        return (None, Vec::new());
    }
    let kept = load(&store).unwrap_or_else(|error| {
        telemetry.emit(&NotRestored { error: &error });
        Vec::new()
    });
    (Some(store), kept)
}

/// Everything that can be read.
pub(super) fn load(store: &Store) -> Result<Vec<Kept>, StoreError> {
    store.read(|connection| {
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
    })
}

/// Queues what a group's evaluation leaves: the slot, and, when they changed, its alerts. Both become part of the same commit.
pub(super) fn save(store: &Store, group: &Arc<str>, slot: i64, alerts: Option<Vec<(RuleId, Arc<Alerts>)>>) {
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
    let key = Arc::clone(group);
    store.write(WriteKey::new(MODULE, format!("alerts {group}")), move |transaction| {
        delete_alerts(transaction, &key)?;
        alerts
            .iter()
            .try_for_each(|(id, alerts)| insert(transaction, id, alerts))
    });
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

fn insert(transaction: &Transaction<'_>, id: &RuleId, alerts: &Alerts) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO rule_alerts (group_key, rule, number, labels, state, active_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for alert in alerts.values() {
        let labels = json(&texts(alert.labels.iter()))?;
        let body = json(&Body::of(alert))?;
        let state = alert.state.as_str();
        statement.execute(rusqlite::params![
            &*id.group,
            &*id.name,
            id.number,
            labels,
            state,
            alert.active_at,
            body
        ])?;
    }
    Ok(())
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
    use crate::supervisor::Supervisor;

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
        let group: Arc<str> = "a.yml;g".into();
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
        );
        store.flush().await.unwrap();
        // Nothing changed but the slot.
        save(&store, &group, 30_000, None);
        store.flush().await.unwrap();
        assert_eq!(load(&store).unwrap(), [kept(own.clone(), 30_000, &all)]);

        save(
            &store,
            &group,
            45_000,
            Some(vec![(own.clone(), Arc::new(alerts(&all[..1])))]),
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
