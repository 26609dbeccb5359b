//! What the schema cannot say about settings.

use bellwether_sdk::Failure;

use super::{Backend, NameSet, Settings};
use crate::pattern::is_pattern;

impl Settings {
    /// Refuses what contradicts itself, or has no effect and was surely meant to have one.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.check_queues()?;
        self.check_tables()?;
        if self.prefix.is_some() && !self.backend.takes_prefix() {
            return Err(Failure::settings(format_args!(
                "`prefix` has no effect with backend \"{}\": give whole names in `queues`",
                self.backend.name()
            )));
        }
        if self.name_sets().contains(&NameSet::RedisExporter) && !self.redis_health {
            return Err(Failure::settings(
                "`name_sets` are names of what `redis_health = false` switches off; remove one of them",
            ));
        }
        Ok(())
    }

    fn check_queues(&self) -> Result<(), Failure> {
        let queues = self.queues();
        if queues.is_empty() {
            return Err(Failure::settings(format_args!(
                "backend \"{}\" needs `queues`: the names of the keys",
                self.backend.name()
            )));
        }
        let Some(pattern) = queues.iter().find(|queue| is_pattern(queue)) else {
            return Ok(());
        };
        if matches!(
            self.backend,
            Backend::Arq | Backend::Streams | Backend::List | Backend::Zset
        ) {
            return Err(Failure::settings(format_args!(
                "`{pattern}` in `queues` is a pattern, and backend \"{}\" keeps no list of its queues; name them",
                self.backend.name()
            )));
        }
        Ok(())
    }

    fn check_tables(&self) -> Result<(), Failure> {
        let tables = [
            ("celery", self.celery.is_some(), Backend::Celery),
            ("list", self.list.is_some(), Backend::List),
            ("zset", self.zset.is_some(), Backend::Zset),
            ("groups", self.groups.is_some(), Backend::Streams),
            (
                "arq_health_check_seconds",
                self.arq_health_check_seconds.is_some(),
                Backend::Arq,
            ),
        ];
        let stray = tables
            .iter()
            .find(|(_, given, backend)| *given && *backend != self.backend);
        stray.map_or(Ok(()), |(key, ..)| {
            Err(Failure::settings(format_args!(
                "`{key}` has no effect with backend \"{}\"; remove it or change `backend`",
                self.backend.name()
            )))
        })
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;
    use serde_json::Value;

    use super::*;
    use bellwether_sdk::settings::Levels;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).expect("fits the type")
    }

    fn refusal(value: Value) -> String {
        settings(value).check().expect_err("is refused").message().to_owned()
    }

    #[test]
    fn a_backend_without_default_queues_wants_names() {
        assert!(refusal(json!({ "backend": "streams" })).contains("needs `queues`"));
        assert!(refusal(json!({ "backend": "list", "queues": ["a*"] })).contains("`a*`"));
        assert!(settings(json!({ "backend": "rq", "queues": ["a*"] })).check().is_ok());
    }

    #[test]
    fn keys_of_another_backend_are_refused_by_name() {
        assert!(refusal(json!({ "backend": "rq", "celery": {} })).contains("`celery`"));
        assert!(refusal(json!({ "backend": "rq", "groups": ["g"] })).contains("`groups`"));
        assert!(refusal(json!({ "backend": "asynq", "prefix": "x" })).contains("`prefix`"));
        let both = json!({ "backend": "rq", "redis_health": false, "name_sets": ["redis_exporter"] });
        assert!(refusal(both).contains("redis_health"));
    }

    #[test]
    fn a_default_threshold_is_replaced_or_switched_off() {
        let waiting = |value: Value| {
            settings(json!({ "backend": "rq", "thresholds": value }))
                .thresholds
                .waiting
        };
        assert_eq!(waiting(json!({})).warning, Some(100.0));
        assert_eq!(waiting(json!({ "waiting": {} })), Levels::default());
        assert_eq!(waiting(json!({ "waiting": { "critical": 9 } })).warning, None);
    }
}
