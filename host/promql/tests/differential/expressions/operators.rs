//! Operators, modifiers, literals, and what is wrong.

use super::{COMPARISONS, DEPTH, GAUGES, Maker, ODD, RANGES, SETS};
use crate::series::{BEGIN, END};

impl Maker {
    pub(super) fn operation(&mut self, op: &str) -> String {
        let set = SETS.contains(&op);
        let comparison = COMPARISONS.contains(&op);
        let bool = if comparison && self.random.chance(30) {
            " bool"
        } else {
            ""
        };
        // Powers with large exponents are a matter of taste: see `main.rs`.
        let (left, right): (&[&str], &[&str]) = if op == "^" {
            (&["size", "ratio", "level"], &["ratio", "level"])
        } else {
            (&GAUGES, &GAUGES)
        };
        match self.random.between(0, 9) {
            0 if !set => {
                let (left, right) = (self.number(), self.number());
                let bool = if comparison { " bool" } else { "" };
                let right = if op == "^" { "2.5".to_owned() } else { right };
                format!("{left} {op}{bool} {right}")
            }
            1 if !set && op != "^" => format!("{} {op}{bool} {}", self.vector(1), self.number()),
            2 if !set && op != "^" => format!("{} {op}{bool} {}", self.number(), self.vector(1)),
            3 | 4 => self.matched(op, bool, left, right),
            5 if !set => self.grouped(op, bool),
            6 if set => format!(
                "{} {op} on ({}) {}",
                self.vector(1),
                self.pick(&["job", "instance", "job, instance", ""]),
                self.vector(1)
            ),
            7 if set => format!(
                "{} {op} ignoring ({}) {}",
                self.vector(1),
                self.pick(&["job", "code", "le, code"]),
                self.vector(1)
            ),
            _ if op == "^" => format!(
                "{}{} ^ {}",
                self.selector(left),
                "",
                self.pick(&["2", "0.5", "-1", "3", "0", "NaN", "Inf", "-Inf"])
            ),
            _ => {
                let name = self.name(&GAUGES);
                let shift = self.shift();
                format!(
                    "{name} {op}{bool} {name}{}{}",
                    self.pick(&["", "{job!=\"db\"}", "{code=~\".00\"}"]),
                    shift
                )
            }
        }
    }

    /// One to one over what both sides have.
    pub(super) fn matched(&mut self, op: &str, bool: &str, left: &[&'static str], right: &[&'static str]) -> String {
        let (left, right) = (self.pick(left), self.pick(right));
        if self.random.chance(70) {
            let labels = self.pick(&["job, instance", "instance, job", "job, instance, code"]);
            return format!("{left} {op}{bool} on ({labels}) {right}");
        }
        format!(
            "{left} {op}{bool} ignoring ({}) {right}",
            self.pick(&["code", "", "code, le", "version"])
        )
    }

    pub(super) fn grouped(&mut self, op: &str, bool: &str) -> String {
        let many = self.pick(&["requests_total", "level", "temperature", "size"]);
        let one = self.pick(&["owner", "limit", "build_info", "level"]);
        let on = match one {
            "build_info" => self.pick(&["job, instance", "instance, job"]),
            "level" => "job, instance",
            _ => self.pick(&["job", "job", "job, absent"]),
        };
        let include = self.pick(&["", "team", "version", "team, version", "absent", "code", "instance"]);
        let include = if on.contains(include) && !include.is_empty() {
            ""
        } else {
            include
        };
        if self.random.chance(60) {
            format!("{many} {op}{bool} on ({on}) group_left ({include}) {one}")
        } else {
            format!("{one} {op}{bool} on ({on}) group_right ({include}) {many}")
        }
    }

    pub(super) fn modified(&mut self, word: &str) -> String {
        let op = self.pick(&["+", "*", "-", ">", "<="]);
        match word {
            "offset" => {
                let of = self.bare(&GAUGES);
                let offset = self.pick(&["1m", "5m", "-1m", "-3m30s", "1h", "750ms", "0s", "29s"]);
                if self.random.chance(50) {
                    format!("{of} offset {offset}")
                } else {
                    format!(
                        "{}({of}[{}] offset {offset})",
                        self.pick(&["rate", "avg_over_time", "delta", "predict_linear_of"])
                            .replace("predict_linear_of", "deriv"),
                        self.pick(&RANGES)
                    )
                }
            }
            "@" => {
                let of = self.bare(&GAUGES);
                let moment = BEGIN + self.random.between(0, END - BEGIN);
                let at = match self.random.between(0, 3) {
                    0 => "start()".to_owned(),
                    1 => "end()".to_owned(),
                    _ => format!("{}.{:03}", moment / 1000, moment % 1000),
                };
                match self.random.between(0, 3) {
                    0 => format!("{of} @ {at}"),
                    1 => format!(
                        "{}({of}[{}] @ {at})",
                        self.pick(&["increase", "sum_over_time"]),
                        self.pick(&RANGES)
                    ),
                    2 => format!("predict_linear({of}[10m] @ {at}, 60) + timestamp({of} @ {at})"),
                    _ => format!("topk(2, {of} @ {at}) and {of}"),
                }
            }
            "subquery" => {
                let function = self.pick(&[
                    "max_over_time",
                    "avg_over_time",
                    "rate",
                    "deriv",
                    "count_over_time",
                    "quantile_over_time(0.5, ",
                    "absent_over_time",
                    "changes",
                    "timestamp_of",
                ]);
                let of = self.vector(DEPTH);
                match function {
                    "timestamp_of" => format!("last_over_time(timestamp({}){})", self.bare(&GAUGES), self.subrange()),
                    other if other.ends_with(", ") => format!("{other}({of}){})", self.subrange()),
                    other if self.random.chance(20) => format!("max_over_time({other}(({of})[2m:30s])[3m:1m])"),
                    other => format!("{other}(({of}){})", self.subrange()),
                }
            }
            "bool" => format!("{} {} bool {}", self.vector(1), self.pick(&COMPARISONS), self.number()),
            "on" => self.matched(op, "", &["level", "size", "ratio"], &["temperature", "bytes_total"]),
            "ignoring" => {
                let (left, ignored) = self.random.pick(&[
                    ("level", "code"),
                    ("size", ""),
                    ("level", "version, le"),
                    ("requests_total{code=\"200\"}", "code"),
                    ("requests_total{code=\"404\"}", "code"),
                    ("build_info", "le, version"),
                ]);
                let right = self.pick(&[
                    "temperature",
                    "bytes_total",
                    "requests_total{code=\"200\"}",
                    "build_info",
                    "level",
                ]);
                if self.random.chance(50) {
                    format!("{left} {op} ignoring ({ignored}) {right}")
                } else {
                    format!("{left} {op} ignoring ({ignored}, version, le, code) {right}").replace("(, ", "(")
                }
            }
            "group_left" | "group_right" => self.grouped(op, ""),
            "sign" => format!("{}{}", self.pick(&["-", "+", "--", "-+"]), self.vector(1)),
            "literal" => self
                .pick(&[
                    "1", "-0x10", "1e3", "\"text\"", "`raw\\d`", "'it\\'s'", "1_000", "5m", "1h30m", "NaN", "+Inf",
                    ".5", "1.", "0b11", "007", "1e1000",
                ])
                .to_owned(),
            "selector" => self.odd_selector(),
            _ => self.wrong(),
        }
    }

    pub(super) fn odd_selector(&mut self) -> String {
        match self.random.between(0, 11) {
            0 => format!("{}[{}]{}", self.bare(&GAUGES), self.pick(&RANGES), self.shift()),
            1 => "text{path=~\"two.lines\"}".to_owned(),
            2 => "text{word=~\"a\\\".*\"}".to_owned(),
            3 => "{\"text\", letter!=\"\"}".to_owned(),
            4 => "{__name__=~\"twin_[ab]\"}".to_owned(),
            5 => "requests_total{instance=\"nobody\"}".to_owned(),
            6 => "requests_total{job=\"\"}".to_owned(),
            7 => format!("({})[5m:{}]", self.vector(1), self.pick(&["30s", "1m"])),
            8 => self.selector(&ODD),
            9 => "level{instance=~\"a:9100|b:.*\",instance!=\"b:9100\"}".to_owned(),
            10 => "text{letter=~\"(?i)\u{dc}BER.*\"}".to_owned(),
            _ => "text{path=~`[^/]+=value;\\w\\d=.*`}".to_owned(),
        }
    }

    /// Does not parse, has the wrong types, or fails when it is evaluated.
    pub(super) fn wrong(&mut self) -> String {
        match self.random.between(0, 17) {
            0 => format!("rate({})", self.bare(&GAUGES)),
            1 => format!("sum({}", self.bare(&GAUGES)),
            2 => format!(
                "{} + on (job) {}",
                self.pick(&["level", "size"]),
                self.pick(&["temperature", "ratio"])
            ),
            3 => format!(
                "{} * on (job) group_left () level",
                self.pick(&["temperature", "ratio"])
            ),
            4 => "rate({__name__=~\"twin_.*\"}[5m])".to_owned(),
            5 => "{job=~\".*\"}".to_owned(),
            6 => format!("{}[5m] + 1", self.bare(&GAUGES)),
            7 => format!("no_such_function({})", self.bare(&GAUGES)),
            8 => format!("{} and 1", self.bare(&GAUGES)),
            9 => "1 > 2".to_owned(),
            10 => format!("sum({}) by (job) without (instance)", self.bare(&GAUGES)),
            11 => "label_replace(level, \"same\", \"x\", \"instance\", \".*\") + ignoring (instance) size".to_owned(),
            12 => "label_join(level, \"instance\", \"\", \"job\")".to_owned(),
            13 => "level{job=\"api\"".to_owned(),
            14 => "-{__name__=~\"twin_.*\"}".to_owned(),
            15 => "abs({__name__=~\"twin_.*\"}) > 3".to_owned(),
            16 => "label_replace(level, \"instance\", \"x\", \"job\", \".*\")".to_owned(),
            _ => format!("{} offset 5", self.bare(&GAUGES)),
        }
    }
}
