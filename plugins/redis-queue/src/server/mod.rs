//! Redis itself, as `INFO` tells it.
//!
//! Flows in: the text of `INFO`. Flows out: its fields, and metrics under up to two sets of names. Nothing is judged here.

mod canonical;
mod redis_exporter;

use std::collections::BTreeMap;

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
};

use crate::{ask::Ask, picture::Picture, settings::NameSet};

/// The fields of `INFO`, by Redis' own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Server {
    fields: BTreeMap<String, String>,
}

/// Keys of one database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Database {
    /// `db0`.
    pub(crate) name: String,
    pub(crate) keys: f64,
    pub(crate) expiring: f64,
}

impl Server {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let fields = lines.filter_map(|line| line.split_once(':'));
        Self {
            fields: fields
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// `yes` or `ok` as a word, as 1.
    fn is(&self, name: &str, word: &str) -> Option<f64> {
        Some(f64::from(u8::from(self.text(name)? == word)))
    }

    /// Lines such as `db0:keys=3,expires=1,avg_ttl=0`.
    pub(crate) fn databases(&self) -> Vec<Database> {
        let lines = self.fields.iter().filter(|(name, _)| {
            let digits = name.strip_prefix("db").unwrap_or_default();
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        lines
            .filter_map(|(name, value)| {
                Some(Database {
                    name: name.clone(),
                    keys: part(value, "keys")?,
                    expiring: part(value, "expires")?,
                })
            })
            .collect()
    }

    /// Memory that counts against `maxmemory`, as part of it; none without a `maxmemory`.
    pub(crate) fn memory_ratio(&self) -> Option<f64> {
        let maximum = self.number("maxmemory").filter(|bytes| *bytes > 0.0)?;
        let not_counted = self.number("mem_not_counted_for_evict").unwrap_or(0.0);
        Some((self.number("used_memory")? - not_counted).max(0.0) / maximum)
    }

    /// Clients as part of `maxclients`; none where the server does not say how many it takes.
    pub(crate) fn clients_ratio(&self) -> Option<f64> {
        let maximum = self.number("maxclients").filter(|clients| *clients > 0.0)?;
        Some(self.number("connected_clients")? / maximum)
    }
}

fn part(value: &str, name: &str) -> Option<f64> {
    let parts = value.split(',').filter_map(|part| part.split_once('='));
    parts.into_iter().find(|(known, _)| *known == name)?.1.parse().ok()
}

/// The question.
pub(crate) fn ask() -> Ask {
    Ask::note(["INFO"], |reply, picture: &mut Picture| {
        picture.server = reply.text().map(Server::parse);
    })
}

/// A value of the server; none: it has no such value, and the sample is left out.
type Value = fn(&Server) -> Option<f64>;

/// Metrics as data: a declaration beside the function that finds its value.
struct Table {
    gauges: &'static [(Gauge<0>, Value)],
    counters: &'static [(Counter<0>, Value)],
}

impl Table {
    fn describe(&self, about: &mut Description) {
        for (gauge, _) in self.gauges {
            about.metric(gauge);
        }
        for (counter, _) in self.counters {
            about.metric(counter);
        }
    }

    fn report(&self, server: &Server, report: &mut Report) {
        for (gauge, value) in self.gauges {
            if let Some(value) = value(server) {
                report.gauge(gauge).set([], value);
            }
        }
        for (counter, value) in self.counters {
            if let Some(value) = value(server) {
                report.counter(counter).set([], value);
            }
        }
    }
}

pub(crate) fn describe(about: &mut Description) {
    canonical::describe(about);
    redis_exporter::describe(about);
}

pub(crate) fn report(picture: &Picture, name_sets: &[NameSet], report: &mut Report) {
    for name_set in name_sets {
        match name_set {
            NameSet::Canonical => canonical::report(picture, report),
            NameSet::RedisExporter => redis_exporter::report(picture, report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:950\r\nmaxmemory:1000\r\n\
        mem_not_counted_for_evict:50\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb12:keys=7,expires=0,avg_ttl=0\r\n\
        dbx:keys=1,expires=1\r\n";

    #[test]
    fn info_is_lines_of_names_and_values() {
        let server = Server::parse(INFO);
        assert_eq!(server.text("redis_version"), Some("7.0.15"));
        assert_eq!(server.number("used_memory"), Some(950.0));
        assert_eq!(server.number("absent"), None);
    }

    #[test]
    fn what_is_never_evicted_does_not_count_as_memory() {
        assert_eq!(Server::parse(INFO).memory_ratio(), Some(0.9));
        assert_eq!(Server::parse("used_memory:950\r\nmaxmemory:0").memory_ratio(), None);
    }

    #[test]
    fn databases_are_lines_of_their_own() {
        let databases = Server::parse(INFO).databases();
        let names: Vec<_> = databases
            .iter()
            .map(|database| (database.name.as_str(), database.keys))
            .collect();
        assert_eq!(names, [("db0", 3.0), ("db12", 7.0)]);
    }
}
