//! What is known of the server, gathered query by query.

use std::time::Duration;

use bellwether_sdk::{
    Failure, context,
    postgres::{Error, QUERY_CANCELED},
};

use crate::{
    client::{Table, query},
    custom,
    sections::{
        activity::{self, Activity},
        databases::{self, Database},
        locks::{self, Lock},
        replication::{self, Replica, Slot, Standby},
        server::{self, Server},
        sizes,
        vacuum::{self, TableDebt, Workers},
    },
    settings::{Section, Settings},
    verdict::OWN_QUERY,
};

/// Said of a section with more rows than the host takes.
const CUT: &str = "the server has more rows of this than the host takes, so that they were cut off";

/// With less time than this left, a query would only find out that there is none.
const TIME_MIN: Duration = Duration::from_millis(50);

/// Everything, as far as it could be learnt.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Why nothing could be asked at all.
    pub(crate) down: Option<Error>,
    /// How long the first query took.
    pub(crate) latency: Option<Duration>,
    pub(crate) server: Option<Server>,
    pub(crate) activity: Option<Vec<Activity>>,
    pub(crate) locks: Option<Vec<Lock>>,
    pub(crate) replicas: Option<Vec<Replica>>,
    pub(crate) standby: Option<Standby>,
    pub(crate) slots: Option<Vec<Slot>>,
    pub(crate) databases: Option<Vec<Database>>,
    /// Bytes by name.
    pub(crate) sizes: Option<Vec<(String, f64)>>,
    pub(crate) workers: Option<Workers>,
    pub(crate) tables: Option<Vec<TableDebt>>,
    /// One for each custom query, in their order; none where it was refused.
    pub(crate) custom: Vec<Option<Table>>,
    /// What could not be asked, and why.
    pub(crate) refused: Vec<(String, Error)>,
    /// What could.
    pub(crate) answered: Vec<String>,
}

impl Facts {
    /// Asks everything that is wanted. An error only when the host grants nothing.
    pub(crate) fn gather(settings: &Settings) -> Result<Self, Failure> {
        let mut facts = Self::default();
        match query(server::SQL) {
            Ok(table) => {
                facts.answered.push("section server".to_owned());
                facts.latency = Some(Duration::from_nanos(table.latency_ns()));
                facts.server = table.first().map(Server::of);
            }
            Err(Error::Query((state, message)))
                if !is_exhausted(&state, &message) && !is_not_now(&state) && !is_given_up(&state) =>
            {
                facts
                    .refused
                    .push(("section server".to_owned(), Error::Query((state, message))));
            }
            Err(Error::Denied(reason)) => return Err(Failure::denied(reason)),
            Err(error) => {
                facts.down = Some(error);
                return Ok(facts);
            }
        }
        for section in settings.sections() {
            facts.section(*section, settings);
        }
        for query in &settings.queries {
            let table = facts.ask(&format!("{OWN_QUERY}{}", query.name), &query.sql);
            facts.custom.push(table.map(|table| custom::kept(query, table)));
        }
        Ok(facts)
    }

    fn section(&mut self, section: Section, settings: &Settings) {
        let name = &format!("section {}", section.as_str());
        match section {
            Section::Activity => self.activity = self.ask(name, activity::SQL).map(|table| activity::all(&table)),
            Section::Locks => self.locks = self.ask(name, locks::SQL).map(|table| locks::all(&table)),
            Section::Replication => {
                self.replicas = self
                    .ask(name, replication::REPLICAS)
                    .map(|table| replication::replicas(&table));
                self.slots = self
                    .ask("section slots", replication::SLOTS)
                    .map(|table| replication::slots(&table));
                let standby = self.ask("section standby", replication::STANDBY);
                self.standby = standby.as_ref().and_then(Table::first).and_then(Standby::of);
            }
            Section::Databases => {
                let table = self.ask(name, databases::SQL);
                self.databases = table.map(|table| databases::all(&table, |database| settings.watches(database)));
            }
            Section::Sizes => {
                let table = self.ask(name, sizes::SQL);
                self.sizes = table.map(|table| sizes::all(&table, |database| settings.watches(database)));
            }
            Section::Vacuum => {
                let workers = self.ask(name, vacuum::WORKERS);
                self.workers = workers.as_ref().and_then(Table::first).map(Workers::of);
                self.tables = self
                    .ask("section tables", vacuum::TABLES)
                    .map(|table| vacuum::tables(&table));
            }
        }
    }

    /// One query; when it is refused, the rest stands.
    fn ask(&mut self, what: &str, sql: &str) -> Option<Table> {
        if context::remaining() < TIME_MIN {
            self.refused.push((what.to_owned(), Error::Timeout));
            return None;
        }
        match query(sql) {
            // Half a section would be taken for all of it. What a query of one's own has left is told row by row.
            Ok(table) if table.truncated() && !what.starts_with(OWN_QUERY) => {
                self.refused.push((what.to_owned(), Error::Denied(CUT.to_owned())));
                None
            }
            Ok(table) => {
                self.answered.push(what.to_owned());
                Some(table)
            }
            Err(error) => {
                self.refused.push((what.to_owned(), error));
                None
            }
        }
    }

    /// Connections of clients, whatever their state.
    pub(crate) fn used(&self) -> Option<f64> {
        let activity = self.activity.as_ref()?;
        Some(total(activity.iter().map(|one| one.connections)))
    }

    /// Used of what ordinary roles may have.
    pub(crate) fn usage_ratio(&self) -> Option<f64> {
        let available = self.server.as_ref()?.available().filter(|available| *available > 0.0)?;
        Some(self.used()? / available)
    }

    /// The oldest of all clients; 0 without any. None when some may not be seen: it may be one of those.
    pub(crate) fn oldest(&self, age: impl Fn(&Activity) -> Option<f64>) -> Option<f64> {
        let activity = self.activity.as_ref()?;
        if activity.iter().any(|one| one.state == activity::HIDDEN) {
            return None;
        }
        Some(activity.iter().filter_map(age).fold(0.0, f64::max))
    }

    /// Locks that are waited for.
    pub(crate) fn waiting(&self) -> Option<f64> {
        Some(total(self.locks.as_ref()?.iter().map(|lock| lock.waiting)))
    }
}

/// From zero, since the sum of no numbers is minus zero.
pub(crate) fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}

/// The server starts or stops.
pub(crate) fn is_not_now(state: &str) -> bool {
    ["57P01", "57P02", "57P03"].contains(&state)
}

/// For want of time, here or on the server. The host says where it hung.
pub(crate) fn is_given_up(state: &str) -> bool {
    state == QUERY_CANCELED
}

/// Refused for want of a free connection: SQLSTATE 53300, which may stand in the message, or the server's words where only they are
/// known. PgBouncer's `no more connections allowed` is the same, and so is that somebody waited in vain for one of its pool.
pub(crate) fn is_exhausted(state: &str, message: &str) -> bool {
    const WORDS: [&str; 6] = [
        "53300",
        "too many clients",
        "remaining connection slots",
        "too many connections",
        "no more connections allowed",
        "query_wait_timeout",
    ];
    state == "53300" || WORDS.iter().any(|words| message.contains(words))
}
