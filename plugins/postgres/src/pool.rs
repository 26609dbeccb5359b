//! Three gauges without labels, for dashboards and rules that compare used with maximum. They hide databases and states: prefer
//! the canonical set.

use bellwether_sdk::{Description, Report, metric::Gauge};

use crate::facts::Facts;

const USED: Gauge<0> = Gauge::new(
    "database_connections_used",
    "Connections of clients, whatever their state.",
    [],
);
const MAXIMUM: Gauge<0> = Gauge::new(
    "database_connections_max",
    "Connections that ordinary roles may have.",
    [],
);
const CONNECTIONS: Gauge<0> = Gauge::new("db_connections", "The same as database_connections_used.", []);

pub(crate) fn describe(about: &mut Description) {
    about.metric(&USED).metric(&MAXIMUM).metric(&CONNECTIONS);
}

pub(crate) fn report(facts: &Facts, report: &mut Report) {
    let maximum = facts.server.as_ref().and_then(|server| server.available());
    for (gauge, value) in [(USED, facts.used()), (MAXIMUM, maximum), (CONNECTIONS, facts.used())] {
        if let Some(value) = value {
            report.gauge(&gauge).set([], value);
        }
    }
}
