//! How a PostgreSQL server is: connections, transactions, locks, replication, databases, vacuum, and queries of one's own.
//!
//! Flows in: rows, one query for each thing. Flows out: [`facts`], from which samples in up to three name sets and verdicts are
//! made. A query that is refused costs what it alone would have told. Address, credentials and read-only transactions are the
//! host's.

mod canonical;
mod client;
mod custom;
mod deadlocks;
mod exporter;
mod facts;
mod judge;
mod pool;
mod sections;
mod settings;
mod verdict;
mod words;

use bellwether_sdk::{prelude::*, streak};
use facts::Facts;
use settings::NameSet;
pub use settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct Postgres;

/// The slot of the server.
const SLOT: &str = "default";

impl Check for Postgres {
    const NAME: &'static str = "postgres";
    const SUMMARY: &'static str = "Connections, transactions, locks, replication and databases of a PostgreSQL server";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about
            .connection(
                SLOT,
                &["postgres", "postgresql"],
                "The server and one of its databases; a role that is a member of `pg_monitor` sees everything.",
            )
            // Names of metrics of custom queries stand in the settings.
            .dynamic_metrics();
        // What alerts hang on comes first: the host leaves out what comes last.
        verdict::describe(about);
        deadlocks::describe(about);
        pool::describe(about);
        canonical::describe(about);
        exporter::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        settings.check()?;
        let facts = Facts::gather(&settings)?;
        let mut report = Report::new();
        for name_set in settings.name_sets() {
            match name_set {
                NameSet::Canonical => canonical::report(&facts, &mut report),
                NameSet::PostgresExporter => exporter::report(&facts, &mut report),
                NameSet::Pool => pool::report(&facts, &mut report),
            }
        }
        deadlocks::report(&facts, &mut report);
        custom::report(&settings.queries, &facts, &mut report)?;
        judge::report(&facts, &settings, &mut report);
        streak::report_with(&verdict::RUNS, &mut report, &judge::well(&facts));
        Ok(report)
    }
}

export_check!(Postgres);

#[cfg(test)]
mod tests;
