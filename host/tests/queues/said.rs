//! What a producer says must be there, and what `once --json` says is there.

use std::collections::BTreeMap;

use serde_json::Value;

/// Jobs of a queue in a state.
#[derive(Debug)]
pub(crate) struct Depth {
    pub(crate) queue: String,
    pub(crate) state: String,
    pub(crate) jobs: f64,
}

/// What a producer says.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) depths: Vec<Depth>,
    /// By queue: when the oldest waiting job was put in, in Unix seconds.
    pub(crate) oldest: BTreeMap<String, f64>,
    /// By queue: when the oldest job in flight was taken.
    pub(crate) in_flight: BTreeMap<String, f64>,
    /// By queue.
    pub(crate) workers: BTreeMap<String, f64>,
    /// By queue: jobs that were processed.
    pub(crate) totals: BTreeMap<String, f64>,
}

impl Expected {
    /// Of a producer's line.
    pub(crate) fn parse(line: &str) -> Self {
        Self::of(&serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: it said {line:?}")))
    }

    /// Of the same as a value. What is left out is not looked at.
    pub(crate) fn of(said: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let depths = said["depths"].as_array().expect("a list").iter().map(|depth| Depth {
            queue: text(&depth["queue"]),
            state: text(&depth["state"]),
            jobs: depth["jobs"].as_f64().expect("a number"),
        });
        let numbers = |key: &str| {
            let named = said[key].as_object().into_iter().flatten();
            named
                .map(|(queue, number)| (queue.clone(), number.as_f64().expect("a number")))
                .collect()
        };
        let expected = Self {
            depths: depths.collect(),
            oldest: numbers("oldest"),
            in_flight: numbers("in_flight"),
            workers: numbers("workers"),
            totals: numbers("totals"),
        };
        assert!(!expected.depths.is_empty(), "it said {said}");
        expected
    }

    /// So many jobs more of a queue in a state.
    pub(crate) fn grow(&mut self, queue: &str, state: &str, jobs: u32) {
        let known = self
            .depths
            .iter_mut()
            .find(|depth| depth.queue == queue && depth.state == state);
        known.expect("the producer says how many there are").jobs += f64::from(jobs);
    }
}

/// What a run reported.
#[derive(Debug)]
pub(crate) struct Reported(Value);

impl Reported {
    pub(crate) fn parse(stdout: &str, stderr: &str) -> Self {
        let answer: Value = serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        assert_eq!(answer["failure"], Value::Null, "{answer:#}");
        Self(answer)
    }

    /// Of the sample with exactly these labels; an empty value is a label that is not there.
    pub(crate) fn value(&self, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let families = self.0["families"].as_array()?;
        let family = families.iter().find(|family| family["name"] == metric)?;
        let wanted: BTreeMap<&str, &str> = labels.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
        let fits = |sample: &&Value| {
            let labels = sample["labels"].as_object().into_iter().flatten();
            let found: BTreeMap<&str, &str> = labels
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                .filter(|(_, value)| !value.is_empty())
                .collect();
            found == wanted
        };
        family["samples"].as_array()?.iter().find(fits)?["value"].as_f64()
    }
}
