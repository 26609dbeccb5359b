//! Dispatch across restarts: its tables.
//!
//! Flows in: batches of [`Write`]s, each queued as one write of the store, so that it is kept as a whole and after those before it.
//! Flows out, at start: [`Loaded`]. A row that cannot be read is passed over. What rules keep of their alerts was queued before the
//! batches that follow from it, so that after a crash the rules never know less than this.

mod body;

use bellwether_promql::labels::Labels;
use rusqlite::{Connection, Row, Transaction, params};

use self::body::{Body, labels_of, labels_text};
use super::{
    message::{Message, MessageId, News, NewsReason},
    posted::PostedRow,
    rows::{DeadLetter, GroupKey, GroupRow, Loaded, ToldRow, Write},
    silence::Silence,
};
use crate::store::{Store, StoreError, WriteKey};

const MODULE: &str = "dispatch";

/// Refused messages that are kept, the newest. Somebody who looks for what was lost looks at the last of them.
pub(super) const DEAD_MAX: u32 = 1_000;

/// How long, in milliseconds: 30 days.
const DEAD_RETENTION: i64 = 30 * 86_400_000;

const MIGRATIONS: &[&str] = &["CREATE TABLE dispatch_groups (
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    route TEXT NOT NULL,
    labels TEXT NOT NULL,
    flush_at INTEGER NOT NULL,
    has_flushed INTEGER NOT NULL,
    told_at INTEGER,
    PRIMARY KEY (receiver, group_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE dispatch_told (
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    labels TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (receiver, group_key, labels)
) STRICT, WITHOUT ROWID;
CREATE TABLE dispatch_messages (
    id TEXT NOT NULL PRIMARY KEY,
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    group_labels TEXT NOT NULL,
    withheld INTEGER NOT NULL,
    alerts TEXT NOT NULL
) STRICT;
CREATE TABLE dispatch_posted (
    labels TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE dispatch_silences (
    id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE dispatch_dead (
    id TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    alerts TEXT NOT NULL
) STRICT;
CREATE INDEX dispatch_dead_at ON dispatch_dead (at);
CREATE TABLE dispatch_sequence (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL
) STRICT"];

const FORGET_ALL: &str = "DELETE FROM dispatch_groups; DELETE FROM dispatch_told; DELETE FROM dispatch_messages;
DELETE FROM dispatch_posted; DELETE FROM dispatch_silences; DELETE FROM dispatch_sequence";

/// Makes the tables.
pub(super) fn prepare(store: &Store) -> Result<(), StoreError> {
    store.migrate(MODULE, MIGRATIONS)
}

/// Queues a batch. `number` differs from that of every other batch of this process.
pub(super) fn save(store: &Store, number: u64, writes: Vec<Write>) {
    if writes.is_empty() {
        return;
    }
    // Batches never replace each other: each says only what is different.
    store.write(WriteKey::new(MODULE, format!("batch {number}")), move |transaction| {
        writes.iter().try_for_each(|write| apply(transaction, write))
    });
}

fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::Group(row) => put_group(transaction, row),
        Write::ForgetGroup(key) => forget_group(transaction, key),
        Write::Message(message) => put_message(transaction, message),
        Write::ForgetMessage(id) => run(
            transaction,
            "DELETE FROM dispatch_messages WHERE id = ?1",
            params![id.to_string()],
        ),
        Write::Told { group, firing, over } => {
            put_told(transaction, group, firing, true)?;
            forget_told(transaction, group, over)
        }
        Write::Doubtful { group, firing } => put_told(transaction, group, firing, false),
        Write::Sequence(sequence) => run(
            transaction,
            "INSERT INTO dispatch_sequence (one, sequence) VALUES (1, ?1)
             ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence",
            params![i64::try_from(*sequence).unwrap_or(i64::MAX)],
        ),
        Write::Posted(row) => run(
            transaction,
            "INSERT INTO dispatch_posted (labels, body) VALUES (?1, ?2)
             ON CONFLICT (labels) DO UPDATE SET body = excluded.body",
            params![labels_text(&row.labels)?, body::posted(row)?],
        ),
        Write::ForgetPosted(labels) => run(
            transaction,
            "DELETE FROM dispatch_posted WHERE labels = ?1",
            params![labels_text(labels)?],
        ),
        Write::Silence(silence) => run(
            transaction,
            "INSERT INTO dispatch_silences (id, body) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            params![&*silence.id, body::silence(silence)?],
        ),
        Write::ForgetSilence(id) => run(
            transaction,
            "DELETE FROM dispatch_silences WHERE id = ?1",
            params![&**id],
        ),
        Write::Dead(letter) => put_dead(transaction, letter),
        Write::ForgetAll => transaction.execute_batch(FORGET_ALL),
    }
}

fn run(transaction: &Transaction<'_>, sql: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
    transaction.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn put_group(transaction: &Transaction<'_>, row: &GroupRow) -> rusqlite::Result<()> {
    run(
        transaction,
        "INSERT INTO dispatch_groups (receiver, group_key, route, labels, flush_at, has_flushed, told_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (receiver, group_key) DO UPDATE SET route = excluded.route, flush_at = excluded.flush_at,
         has_flushed = excluded.has_flushed, told_at = excluded.told_at",
        params![
            &*row.key.receiver,
            &*row.key.key,
            &*row.route,
            labels_text(&row.labels)?,
            row.flush_at,
            row.has_flushed,
            row.told_at
        ],
    )
}

fn forget_group(transaction: &Transaction<'_>, key: &GroupKey) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM dispatch_groups WHERE receiver = ?1 AND group_key = ?2",
        "DELETE FROM dispatch_told WHERE receiver = ?1 AND group_key = ?2",
    ] {
        run(transaction, sql, params![&*key.receiver, &*key.key])?;
    }
    Ok(())
}

fn put_message(transaction: &Transaction<'_>, message: &Message) -> rusqlite::Result<()> {
    run(
        transaction,
        "INSERT OR REPLACE INTO dispatch_messages
         (id, receiver, group_key, sequence, reason, created_at, group_labels, withheld, alerts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            message.id.to_string(),
            &*message.receiver,
            &*message.group_key,
            i64::try_from(message.sequence).unwrap_or(i64::MAX),
            message.reason.as_str(),
            message.created_at,
            labels_text(&message.group_labels)?,
            i64::try_from(message.withheld).unwrap_or(i64::MAX),
            body::all_news(&message.alerts)?
        ],
    )
}

fn put_told(
    transaction: &Transaction<'_>,
    group: &GroupKey,
    firing: &[News],
    is_certain: bool,
) -> rusqlite::Result<()> {
    firing.iter().try_for_each(|news| {
        run(
            transaction,
            "INSERT INTO dispatch_told (receiver, group_key, labels, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (receiver, group_key, labels) DO UPDATE SET body = excluded.body",
            params![
                &*group.receiver,
                &*group.key,
                labels_text(&news.labels)?,
                body::told(news, is_certain)?
            ],
        )
    })
}

fn forget_told(transaction: &Transaction<'_>, group: &GroupKey, over: &[Labels]) -> rusqlite::Result<()> {
    over.iter().try_for_each(|labels| {
        run(
            transaction,
            "DELETE FROM dispatch_told WHERE receiver = ?1 AND group_key = ?2 AND labels = ?3",
            params![&*group.receiver, &*group.key, labels_text(labels)?],
        )
    })
}

fn put_dead(transaction: &Transaction<'_>, letter: &DeadLetter) -> rusqlite::Result<()> {
    let message = &letter.message;
    run(
        transaction,
        "INSERT OR REPLACE INTO dispatch_dead (id, at, receiver, group_key, reason, alerts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            message.id.to_string(),
            letter.at,
            &*message.receiver,
            &*message.group_key,
            letter.reason,
            body::all_news(&message.alerts)?
        ],
    )?;
    run(
        transaction,
        "DELETE FROM dispatch_dead WHERE at < ?1 OR id NOT IN (SELECT id FROM dispatch_dead ORDER BY at DESC LIMIT ?2)",
        params![letter.at - DEAD_RETENTION, DEAD_MAX],
    )
}

/// Everything that can be read.
pub(super) fn load(store: &Store) -> Result<Loaded, StoreError> {
    store.read(read)
}

/// See [`load`].
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Loaded> {
    Ok(Loaded {
        groups: all(
            connection,
            "SELECT receiver, group_key, route, labels, flush_at, has_flushed, told_at FROM dispatch_groups",
            group,
        )?,
        told: all(
            connection,
            "SELECT receiver, group_key, labels, body FROM dispatch_told",
            told,
        )?,
        messages: all(
            connection,
            "SELECT id, receiver, group_key, sequence, reason, created_at, group_labels, withheld, alerts FROM dispatch_messages",
            message,
        )?,
        posted: all(connection, "SELECT labels, body FROM dispatch_posted", posted)?,
        silences: all(connection, "SELECT body FROM dispatch_silences", silence)?,
        sequence: all(connection, "SELECT sequence FROM dispatch_sequence", number)?
            .into_iter()
            .next()
            .unwrap_or(0),
    })
}

fn all<T>(connection: &Connection, sql: &str, read: fn(&Row<'_>) -> Option<T>) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(read(row));
    }
    Ok(found)
}

fn text(row: &Row<'_>, column: usize) -> Option<String> {
    row.get(column).ok()
}

fn key(row: &Row<'_>, first: usize) -> Option<GroupKey> {
    Some(GroupKey {
        receiver: text(row, first)?.into(),
        key: text(row, first + 1)?.into(),
    })
}

fn group(row: &Row<'_>) -> Option<GroupRow> {
    Some(GroupRow {
        key: key(row, 0)?,
        route: text(row, 2)?.into(),
        labels: labels_of(&text(row, 3)?)?,
        flush_at: row.get(4).ok()?,
        has_flushed: row.get(5).ok()?,
        told_at: row.get(6).ok()?,
    })
}

fn told(row: &Row<'_>) -> Option<ToldRow> {
    let (labels, body) = (labels_of(&text(row, 2)?)?, text(row, 3)?);
    let body = Body::read(&body)?;
    Some(ToldRow {
        group: key(row, 0)?,
        is_certain: !body.doubtful,
        news: body.news(labels)?,
    })
}

fn message(row: &Row<'_>) -> Option<Message> {
    let GroupKey { receiver, key } = key(row, 1)?;
    Some(Message {
        id: MessageId::parse(&text(row, 0)?)?,
        receiver,
        group_key: key,
        sequence: number_at(row, 3)?,
        reason: NewsReason::of(&text(row, 4)?)?,
        created_at: row.get(5).ok()?,
        group_labels: labels_of(&text(row, 6)?)?,
        withheld: usize::try_from(number_at(row, 7)?).ok()?,
        alerts: body::read_all_news(&text(row, 8)?)?.into(),
        attempts: 0,
        not_before: 0,
        journaled: true,
    })
}

fn posted(row: &Row<'_>) -> Option<PostedRow> {
    body::read_posted(&text(row, 1)?, labels_of(&text(row, 0)?)?)
}

fn silence(row: &Row<'_>) -> Option<Silence> {
    body::read_silence(&text(row, 0)?)
}

fn number(row: &Row<'_>) -> Option<u64> {
    number_at(row, 0)
}

fn number_at(row: &Row<'_>, column: usize) -> Option<u64> {
    u64::try_from(row.get::<_, i64>(column).ok()?).ok()
}

#[cfg(test)]
mod tests;
