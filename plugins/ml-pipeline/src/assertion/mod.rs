//! What an answer must be, by JSON pointer: the settings, and which of them an answer breaks.
//!
//! Pure. All that one assertion names must hold. A pointer with `*` leads to many values, of which each must be as asserted;
//! what is about a list as a whole (unique, sorted, sum, contains) then sees all of them as one list.

mod numbers;
mod values;

use bellwether_sdk::{pattern::Pattern, work::Searched};
pub(crate) use numbers::widths;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    budget, code,
    finding::{Finding, beginning},
    pointer,
};

/// How far a norm or a sum may be off unless said.
const TOLERANCE: f64 = 0.01;

/// Values of a failed assertion that a message shows.
const SHOWN_CHARS_MAX: usize = 60;

/// Something that must hold for the values at a JSON pointer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assertion {
    /// JSON pointer; a part that is `*` is every element or member, and "" is the whole answer.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    pub(crate) at: String,
    /// There is a value there, or there is none.
    exists: Option<bool>,
    /// A list with this many elements, or a text of this many characters.
    len: Option<u64>,
    /// At least this many.
    min_len: Option<u64>,
    /// At most this many.
    max_len: Option<u64>,
    /// A vector with this many dimensions; a list of vectors: each of them.
    #[schemars(range(min = 1))]
    pub(crate) dim: Option<u64>,
    /// All numbers, at any depth, are finite: no NaN, no infinity, no null.
    finite: Option<bool>,
    /// A vector of this length (Euclidean), within `tolerance`: 1 when embeddings are normalised.
    norm: Option<f64>,
    /// A vector that points where another does.
    cosine: Option<Cosine>,
    /// No element of the list occurs twice.
    unique: Option<bool>,
    /// The list of numbers or texts is in this order; equal neighbours are fine.
    sorted: Option<Order>,
    /// All numbers, at any depth, lie within.
    range: Option<Range>,
    /// The value is exactly this.
    equals: Option<Value>,
    /// The value is one of these.
    one_of: Option<Vec<Value>>,
    /// The list has this element, or the text this part.
    contains: Option<Value>,
    /// The regular expression is found in the text.
    matches: Option<Pattern>,
    /// The numbers of the list add up to this, within `tolerance`: 1 for probabilities.
    sum: Option<f64>,
    /// How far `norm` and `sum` may be off; 0.01 unless said.
    #[schemars(range(min = 0))]
    tolerance: Option<f64>,
}

/// A vector to compare with.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cosine {
    /// The least cosine similarity: 0.999 for a deterministic model, 0.98 across kinds of hardware.
    #[schemars(range(min = -1, max = 1))]
    min: f64,
    /// The vector itself.
    reference: Option<Vec<f64>>,
    /// Where another vector of the same answer stands.
    reference_at: Option<String>,
}

/// Which of two neighbours comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The smaller.
    Ascending,
    /// The greater: scores, best first.
    Descending,
}

/// Bounds that belong to the range.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["min", "max"]))]
pub(crate) struct Range {
    /// The least.
    min: Option<f64>,
    /// The greatest.
    max: Option<f64>,
}

impl Assertion {
    /// What is wrong with the assertion itself.
    pub(crate) fn problem(&self) -> Option<String> {
        let at = &self.at;
        if let Some(problem) = pointer::problem(at) {
            return Some(format!("`at = \"{at}\"` {problem}"));
        }
        if let Some(cosine) = &self.cosine
            && cosine.reference.is_some() == cosine.reference_at.is_some()
        {
            return Some(format!("`cosine` at `{at}` takes either `reference` or `reference_at`"));
        }
        let says_nothing = !self.says_something();
        says_nothing.then(|| format!("nothing is asserted at `{at}`: add `len`, `finite`, `equals` or another"))
    }

    fn says_something(&self) -> bool {
        let numbers = [self.len, self.min_len, self.max_len, self.dim];
        numbers.iter().any(Option::is_some)
            || [self.finite, self.unique].contains(&Some(true))
            || self.exists.is_some()
            || self.norm.is_some()
            || self.cosine.is_some()
            || self.sorted.is_some()
            || self.range.is_some()
            || self.equals.is_some()
            || self.one_of.is_some()
            || self.contains.is_some()
            || self.matches.is_some()
            || self.sum.is_some()
    }

    /// What an answer of so many bytes breaks, and what there is no time to tell.
    pub(crate) fn judge(&self, answer: &Value, bytes: usize) -> Vec<Finding> {
        let Some(broken) = budget::perform(bytes, budget::ASSERTING, || self.broken(answer)) else {
            let text = format!(
                "this run has no time left to hold {bytes} bytes against what is asserted at `{}`",
                self.place()
            );
            return vec![Finding::unknown(code::NOT_JUDGED, text)];
        };
        let broken = broken.into_iter();
        let broken = broken.map(|text| Finding::critical(code::ASSERTION_FAILED, text));
        broken.chain(self.unsearched(answer)).collect()
    }

    /// All texts must match, so that the first that does not, or could not be searched, says it.
    fn unsearched(&self, answer: &Value) -> Option<Finding> {
        let pattern = self.matches.as_ref()?;
        let found = pointer::values(answer, &self.at).into_iter();
        found
            .filter_map(Value::as_str)
            .find_map(|text| match budget::search(pattern, text) {
                Searched::Found => None,
                Searched::Missing => Some(Finding::critical(
                    code::ASSERTION_FAILED,
                    format!(
                        "`{}`: is {}, in which `{}` is not found",
                        self.place(),
                        shown(&Value::from(beginning(text))),
                        pattern.as_str()
                    ),
                )),
                Searched::MissingInFirst(part) => Some(Finding::unknown(
                    code::NOT_JUDGED,
                    format!(
                        "`{}`: is a text of which this run has the time to search {part} bytes, without finding `{}` in them",
                        self.place(),
                        pattern.as_str()
                    ),
                )),
            })
    }

    /// What an answer breaks, each with the place. Patterns are looked for by themselves: what that costs is up to both sides.
    pub(crate) fn broken(&self, answer: &Value) -> Vec<String> {
        let found = pointer::values(answer, &self.at);
        match (found.is_empty(), self.exists) {
            (true, Some(false)) => return Vec::new(),
            (true, _) => return vec![format!("there is nothing at `{}`", self.place())],
            (false, Some(false)) => return vec![format!("there is a value at `{}`", self.place())],
            (false, _) => {}
        }
        let each = found.iter().find_map(|value| self.broken_by(value, answer));
        let whole = self.broken_by_all(&found);
        let texts = each.into_iter().chain(whole);
        texts.map(|text| format!("`{}`: {text}", self.place())).collect()
    }

    fn place(&self) -> &str {
        if self.at.is_empty() { "/" } else { &self.at }
    }

    /// The first that one value breaks.
    fn broken_by(&self, value: &Value, answer: &Value) -> Option<String> {
        let tolerance = self.tolerance.unwrap_or(TOLERANCE);
        let size = |wanted, fits: fn(u64, u64) -> bool, words| values::size(value, wanted, fits, words);
        let checks = [
            self.len.and_then(|len| size(len, |is, wanted| is == wanted, "")),
            self.min_len
                .and_then(|len| size(len, |is, wanted| is >= wanted, "at least ")),
            self.max_len
                .and_then(|len| size(len, |is, wanted| is <= wanted, "at most ")),
            self.dim.and_then(|dim| numbers::dimension(value, dim)),
            self.finite.filter(|asked| *asked).and_then(|_| numbers::finite(value)),
            self.norm.and_then(|norm| numbers::norm(value, norm, tolerance)),
            self.cosine
                .as_ref()
                .and_then(|cosine| numbers::cosine(value, cosine, answer)),
            self.range.and_then(|range| numbers::range(value, range)),
            self.equals
                .as_ref()
                .and_then(|wanted| values::one_of(value, std::slice::from_ref(wanted))),
            self.one_of.as_ref().and_then(|wanted| values::one_of(value, wanted)),
            self.matches.as_ref().and_then(|_| values::text(value)),
        ];
        checks.into_iter().flatten().next()
    }

    /// What the values as one list break.
    fn broken_by_all(&self, found: &[&Value]) -> Vec<String> {
        let tolerance = self.tolerance.unwrap_or(TOLERANCE);
        let many = pointer::is_many(&self.at);
        let list: Vec<&Value> = match found {
            [Value::Array(items)] if !many => items.iter().collect(),
            found => found.to_vec(),
        };
        let checks = [
            self.unique.filter(|asked| *asked).and_then(|_| values::unique(&list)),
            self.sorted.and_then(|order| values::sorted(&list, order)),
            self.sum.and_then(|sum| numbers::sum(&list, sum, tolerance)),
            self.contains
                .as_ref()
                .and_then(|wanted| values::contains(&list, wanted)),
        ];
        checks.into_iter().flatten().collect()
    }
}

/// A value for a message.
fn shown(value: &Value) -> String {
    crate::finding::one_line(&value.to_string(), SHOWN_CHARS_MAX)
}

#[cfg(test)]
mod tests;
