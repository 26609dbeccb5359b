//! What is known of a stream and its consumer groups, apart from what every queue has.

use std::collections::BTreeMap;

/// One stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stream {
    /// Entries, delivered ones included: no backlog.
    pub(crate) length: Option<u64>,
    pub(crate) groups: BTreeMap<String, Group>,
}

/// One consumer group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// Entries that no consumer was given yet; none when Redis cannot tell and they are too many to count.
    pub(crate) lag: Option<u64>,
    /// Entries that a consumer was given and has not acknowledged.
    pub(crate) pending: Option<u64>,
    pub(crate) consumers: Option<u64>,
    /// Of each consumer, in seconds.
    pub(crate) idle: Vec<(String, f64)>,
    /// How often the oldest pending entry was delivered.
    pub(crate) deliveries: Option<u64>,
}

/// The time in an entry's id, `MILLISECONDS-NUMBER`, as Unix seconds; none for ids of an application's own, which need not
/// hold a time.
pub(crate) fn time_of(id: &str) -> Option<f64> {
    let milliseconds: f64 = id.split('-').next()?.parse().ok()?;
    // 1973: what is smaller was counted, not read from a clock.
    (milliseconds >= 1e11).then_some(milliseconds / 1e3)
}

/// The queue that a group is reported as.
pub(crate) fn queue_name(stream: &str, group: &str) -> String {
    format!("{stream}/{group}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_a_time_unless_an_application_chose_it() {
        assert_eq!(time_of("1767225600500-3"), Some(1_767_225_600.5));
        assert_eq!(time_of("17-0"), None);
        assert_eq!(time_of("x"), None);
    }
}
