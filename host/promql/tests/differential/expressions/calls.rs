//! Calls of every function with arguments that make sense, and some that do not.

use bellwether_promql::{signature::Function, value::ValueType};

use super::{COUNTERS, DEPTH, GAUGES, Maker, ODD, PHIS, RANGES};

impl Maker {
    pub(super) fn call(&mut self, function: Function) -> String {
        use Function as F;
        let name = function.signature().name;
        match function {
            F::Rate | F::Increase | F::Irate | F::Resets => format!("{name}({})", self.matrix(&COUNTERS)),
            F::PredictLinear => format!(
                "{name}({}, {})",
                self.matrix(&GAUGES),
                self.pick(&["60", "3600", "-30", "0", "1e6", "NaN"])
            ),
            F::QuantileOverTime => format!("{name}({}, {})", self.pick(&PHIS), self.matrix(&GAUGES)),
            F::AbsentOverTime => format!("{name}({})", self.missing_matrix()),
            F::Absent => format!("{name}({})", self.missing()),
            F::Clamp => format!("{name}({}, {}, {})", self.vector(DEPTH), self.number(), self.number()),
            F::ClampMax | F::ClampMin => format!("{name}({}, {})", self.vector(DEPTH), self.number()),
            F::Round if self.random.chance(70) => format!(
                "{name}({}, {})",
                self.vector(DEPTH),
                self.pick(&["0.1", "5", "0.25", "-2", "0", "1e-3", "3"])
            ),
            F::DayOfMonth | F::DayOfWeek | F::DayOfYear | F::DaysInMonth | F::Hour | F::Minute | F::Month | F::Year => {
                self.date(name)
            }
            F::HistogramQuantile => format!("{name}({}, {})", self.pick(&PHIS), self.buckets()),
            F::HistogramFraction => {
                let bounds = [
                    "0", "0.05", "0.07", "0.1", "0.3", "1", "2", "10", "-1", "-1.5", "Inf", "-Inf", "NaN",
                ];
                format!(
                    "{name}({}, {}, {})",
                    self.pick(&bounds),
                    self.pick(&bounds),
                    self.buckets()
                )
            }
            F::LabelReplace => self.label_replace(),
            F::LabelJoin => self.label_join(),
            F::Time | F::Pi => format!("{name}()"),
            F::Scalar => format!("{name}({})", self.one()),
            F::Vector => format!("{name}({})", self.number()),
            F::Acos | F::Asin | F::Atanh | F::Atan => format!("{name}({})", self.bare(&["ratio"])),
            F::Acosh => format!("{name}({})", self.bare(&["size"])),
            F::Exp | F::Sinh | F::Cosh => format!("{name}({})", self.bare(&["ratio", "temperature", "level"])),
            F::Ln | F::Log2 | F::Log10 | F::Sqrt => {
                // Not of the smallest numbers: the logarithms of Go 1.27, with which the server may be built, are wrong for them.
                let of = self.pick(&["size", "bytes_total", "level", "temperature"]);
                format!("{name}({of}{})", self.shift())
            }
            F::Sin | F::Cos | F::Tan | F::Tanh | F::Asinh | F::Deg | F::Rad => format!(
                "{name}({})",
                self.selector(&["size", "temperature", "ratio", "bytes_total"])
            ),
            F::Timestamp => format!(
                "{name}({})",
                if self.random.chance(70) {
                    self.selector(&GAUGES)
                } else {
                    self.vector(1)
                }
            ),
            _ if function.signature().args == [ValueType::Matrix] => {
                format!("{name}({})", self.matrix(&[&GAUGES[..], &ODD].concat()))
            }
            _ => format!("{name}({})", self.vector(DEPTH)),
        }
    }

    /// Mostly selects nothing.
    pub(super) fn missing(&mut self) -> String {
        match self.random.between(0, 9) {
            0 => self.selector(&GAUGES),
            1 => "sparse{n=\"0\"}".to_owned(),
            2 => "flapping{n=\"1\",job=~\".*\"}".to_owned(),
            3 => "nothing".to_owned(),
            4 => "nothing{job=\"a\",instance=\"b\",kind!=\"c\",code=~\"x\"}".to_owned(),
            5 => "nothing{job=\"a\",job=\"b\",instance=\"c\"}".to_owned(),
            6 => format!("nothing{{job=\"x\"}}{}", self.shift()),
            7 => "sum(nothing{job=\"x\"})".to_owned(),
            8 => "level{job=\"api\"} > 100".to_owned(),
            _ => "{job=\"none\",__name__=~\"lev.*\"}".to_owned(),
        }
    }

    pub(super) fn missing_matrix(&mut self) -> String {
        let of = match self.random.between(0, 5) {
            0 => self.bare(&GAUGES),
            1 => "sparse{n=\"1\"}".to_owned(),
            2 => "flapping{n=\"1\"}".to_owned(),
            3 => "nothing{job=\"a\",instance=\"b\",kind!=\"c\"}".to_owned(),
            4 => "nothing{job=\"a\",job=\"b\",instance=\"c\"}".to_owned(),
            _ => return format!("(sum by (job) (nothing)){}", self.subrange()),
        };
        format!("{of}[{}]{}", self.pick(&["15s", "1m", "30s", "5m"]), self.shift())
    }

    pub(super) fn date(&mut self, name: &str) -> String {
        match self.random.between(0, 9) {
            0 => format!("{name}()"),
            1 => format!("{name}(vector(time()))"),
            2 => format!("{name}(vector(time() - {}))", self.random.between(0, 60_000_000)),
            3 => format!("{name}(timestamp({}))", self.bare(&GAUGES)),
            4 => format!("{name}({} * 1e6)", self.bare(&GAUGES)),
            5 => format!(
                "{name}({} - {})",
                self.bare(&["moment"]),
                self.random.between(0, 4_000_000_000)
            ),
            _ => format!("{name}({})", self.selector(&["moment"])),
        }
    }

    pub(super) fn buckets(&mut self) -> String {
        match self.random.between(0, 9) {
            0..=1 => format!("broken_bucket{}", self.shift()),
            2 => "latency_seconds_bucket".to_owned(),
            3 => format!(
                "rate(latency_seconds_bucket[{}]{})",
                self.pick(&RANGES[4..]),
                self.shift()
            ),
            4 => format!(
                "sum by (le) (rate(latency_seconds_bucket[{}]))",
                self.pick(&RANGES[4..])
            ),
            5 => format!(
                "sum by (le, job) (increase(latency_seconds_bucket[{}]))",
                self.pick(&RANGES[4..])
            ),
            6 => "sum without (instance) (latency_seconds_bucket)".to_owned(),
            7 => "broken_bucket * 1.5".to_owned(),
            8 => format!(
                "{{__name__=~\".*_bucket\", le!=\"{}\"}}",
                self.pick(&["0.1", "1", "+Inf", "0.5"])
            ),
            _ => self.selector(&GAUGES),
        }
    }

    pub(super) fn label_replace(&mut self) -> String {
        let of = if self.random.chance(50) {
            self.bare(&["text"])
        } else {
            self.vector(1)
        };
        let destination = self.pick(&["new", "job", "path", "instance", "__name__", "with space", "n"]);
        let source = self.pick(&["path", "word", "letter", "job", "instance", "__name__", "absent", "n"]);
        let replacement = self.pick(&[
            "$1", "x-$1-$2", "${1}y", "$1y", "$$1", "$first!", "${first}", "constant", "", "$0", "$9", "$", "a$ b",
            "${1",
        ]);
        let regex = self.pick(&[
            "(.*)",
            "(.+)",
            "([a-z]+).*",
            "(?P<first>[^:]+)(:\\\\d+)?",
            "two.lines",
            "two(.)lines",
            "a",
            "(a|d)(.*)",
            "",
            ".*(\\\\w)",
            "(?i)(A.*|D.)",
            "[",
            "(\\\\S+)\\\\s(\\\\S+)",
        ]);
        format!("label_replace({of}, \"{destination}\", \"{replacement}\", \"{source}\", \"{regex}\")")
    }

    pub(super) fn label_join(&mut self) -> String {
        let of = if self.random.chance(50) {
            self.bare(&["text"])
        } else {
            self.vector(1)
        };
        let destination = self.pick(&["new", "job", "path", "__name__", "instance"]);
        let separator = self.pick(&["-", "", ", ", "\\n"]);
        let sources = self
            .random
            .some(&["job", "instance", "word", "letter", "absent", "__name__", "n"], 0);
        let sources: String = sources.iter().map(|source| format!(", \"{source}\"")).collect();
        format!("label_join({of}, \"{destination}\", \"{separator}\"{sources})")
    }

    /// Mostly one element.
    pub(super) fn one(&mut self) -> String {
        match self.random.between(0, 4) {
            0 => self.vector(DEPTH),
            1 => "limit{job=\"api\"}".to_owned(),
            2 => format!("sum({})", self.vector(1)),
            3 => format!("vector({})", self.number()),
            _ => "flapping{n=\"0\"}".to_owned(),
        }
    }
}
