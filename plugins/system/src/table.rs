//! Metrics as data: a declaration beside the function that finds its value, for things of one kind (disks, interfaces, …).

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
};

/// A value of a thing; none: it has no such value, and the sample is left out.
type Value<T> = fn(&T) -> Option<f64>;

/// All metrics of things of one kind. Described and reported from the same rows.
pub(crate) struct Table<T: 'static, const N: usize> {
    /// Values of the labels, in the order of their declaration.
    pub(crate) labels: fn(&T) -> [&str; N],
    pub(crate) gauges: &'static [(Gauge<N>, Value<T>)],
    pub(crate) counters: &'static [(Counter<N>, Value<T>)],
}

impl<T, const N: usize> Table<T, N> {
    pub(crate) fn describe(&self, about: &mut Description) {
        for (gauge, _) in self.gauges {
            about.metric(gauge);
        }
        for (counter, _) in self.counters {
            about.metric(counter);
        }
    }

    /// A family without a sample is not reported.
    pub(crate) fn report<'t>(&self, things: impl IntoIterator<Item = &'t T>, report: &mut Report) {
        let things: Vec<&T> = things.into_iter().collect();
        for (gauge, value) in self.gauges {
            for (thing, value) in valued(&things, *value) {
                report.gauge(gauge).set((self.labels)(thing), value);
            }
        }
        for (counter, value) in self.counters {
            for (thing, value) in valued(&things, *value) {
                report.counter(counter).set((self.labels)(thing), value);
            }
        }
    }
}

fn valued<'t, T>(things: &[&'t T], value: Value<T>) -> impl Iterator<Item = (&'t T, f64)> {
    things.iter().filter_map(move |thing| Some((*thing, value(thing)?)))
}

/// The value of a detail by its name.
pub(crate) fn detail<V: Copy>(details: &[(String, V)], name: &str) -> Option<V> {
    details.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}
