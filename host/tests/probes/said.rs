//! What `once --json` said.

use serde_json::Value;

use super::support::host::Finished;

/// The outcome of a run.
pub(crate) struct Said(Value);

impl Said {
    pub(crate) fn of(finished: &Finished) -> Self {
        let outcome = serde_json::from_str(&finished.stdout);
        Self(outcome.unwrap_or_else(|error| panic!("{error}: {finished:?}")))
    }

    /// All of it, for whoever looks for why.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }

    pub(crate) fn verdict(&self, target: &str) -> &Value {
        let mut verdicts = self.0["verdicts"].as_array().expect("a list").iter();
        let found = verdicts.find(|verdict| verdict["target"] == target);
        found.unwrap_or_else(|| panic!("no verdict on {target}: {}", self.text()))
    }

    /// Status, code and summary.
    pub(crate) fn judged(&self, target: &str) -> (&str, &str, &str) {
        let verdict = self.verdict(target);
        let text = |name: &str| verdict[name].as_str().unwrap_or_default();
        (text("status"), text("code"), text("summary"))
    }

    pub(crate) fn verdicts(&self) -> usize {
        self.0["verdicts"].as_array().map_or(0, Vec::len)
    }

    pub(crate) fn duration_seconds(&self) -> f64 {
        self.0["duration_seconds"].as_f64().expect("a number")
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.0["cpu_seconds"].as_f64().expect("a number")
    }

    /// The labels of the sample of `family` that is about `instance`.
    pub(crate) fn labels(&self, family: &str, instance: &str) -> Option<&Value> {
        let mut families = self.0["families"].as_array()?.iter();
        let found = families.find(|known| known["name"] == family)?;
        let mut labels = found["samples"].as_array()?.iter().map(|sample| &sample["labels"]);
        labels.find(|labels| labels["instance"] == instance)
    }

    /// The value of the sample of `family` that has these labels.
    pub(crate) fn sample(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut families = self.0["families"].as_array()?.iter();
        let found = families.find(|known| known["name"] == family)?;
        let mut samples = found["samples"].as_array()?.iter();
        let fits = |sample: &&Value| labels.iter().all(|(name, value)| sample["labels"][name] == *value);
        samples.find(fits)?["value"].as_f64()
    }
}
