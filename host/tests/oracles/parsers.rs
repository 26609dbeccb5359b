//! An exposition as Python's `prometheus_client` reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use super::tools;

/// Which of its two parsers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parser {
    Text,
    OpenMetrics,
}

impl Parser {
    const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::OpenMetrics => "openmetrics",
        }
    }
}

/// A family as parsed.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) unit: String,
}

/// A name with labels.
pub(crate) type Series = (String, BTreeMap<String, String>);

/// A whole exposition.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) families: Vec<Family>,
    /// Values as their bits: so that NaN equals itself, and minus zero does not equal zero.
    pub(crate) samples: BTreeMap<Series, u64>,
}

impl Parsed {
    /// Parses, and finds no series twice.
    pub(crate) fn read(parser: Parser, exposition: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/parse.py");
        let said = tools::feed(
            Command::new(tools::python()).arg(script).arg(parser.word()),
            exposition.as_bytes(),
        );
        assert_eq!(said.code, Some(0), "{parser:?} refuses it: {}", said.stderr);
        let parsed: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        let mut all = Self {
            families: Vec::new(),
            samples: BTreeMap::new(),
        };
        for family in parsed.as_array().expect("a list") {
            all.add(family);
        }
        all
    }

    fn add(&mut self, family: &serde_json::Value) {
        let text = |key: &str| family[key].as_str().expect("text").to_owned();
        self.families.push(Family {
            name: text("name"),
            kind: text("type"),
            help: text("help"),
            unit: text("unit"),
        });
        for sample in family["samples"].as_array().expect("a list") {
            let labels = serde_json::from_value(sample[1].clone()).expect("labels");
            let series = (sample[0].as_str().expect("a name").to_owned(), labels);
            let value: f64 = sample[2].as_str().expect("text").parse().expect("a number");
            let before = self.samples.insert(series.clone(), bits(value));
            assert_eq!(before, None, "twice: {series:?}");
        }
    }

    /// The family of this name.
    pub(crate) fn family(&self, name: &str) -> &Family {
        let found = self.families.iter().find(|family| family.name == name);
        found.unwrap_or_else(|| panic!("no family {name} among {:?}", self.families))
    }

    /// All there is to tell apart.
    pub(crate) fn series(&self) -> BTreeSet<&Series> {
        self.samples.keys().collect()
    }

    /// The values of a name by one label; samples without it stand under "".
    pub(crate) fn by_label(&self, name: &str, label: &str) -> BTreeMap<&str, f64> {
        let samples = self.samples.iter().filter(|((of, _), _)| of == name);
        samples
            .map(|((_, labels), bits)| (labels.get(label).map_or("", String::as_str), f64::from_bits(*bits)))
            .collect()
    }
}

/// One pattern for every NaN.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}
