//! Expressions over the series of [`super::series`]: each has a focus, one function or operator or modifier after the other, and
//! around and inside it whatever chance brings.

use bellwether_promql::{signature::Function, value::ValueType};

use super::{
    random::Random,
    series::{BEGIN, END, INSTANCES, JOBS},
};

/// What an expression is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    Function(Function),
    Aggregation(&'static str),
    Operator(&'static str),
    Modifier(&'static str),
}

const AGGREGATIONS: [&str; 12] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
const SETS: [&str; 3] = ["and", "or", "unless"];
const MODIFIERS: [&str; 12] = [
    "offset",
    "@",
    "subquery",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "sign",
    "literal",
    "selector",
    "wrong",
];

/// Names with their own labels besides `job` and `instance`.
const GAUGES: [&str; 9] = [
    "gridded",
    "temperature",
    "level",
    "ratio",
    "size",
    "bytes_total",
    "requests_total",
    "latency_seconds_count",
    "latency_seconds_sum",
];
const ODD: [&str; 8] = [
    "steady",
    "extreme",
    "sparse",
    "dense",
    "flapping",
    "cancelling",
    "moment",
    "text",
];
const COUNTERS: [&str; 6] = [
    "gridded",
    "requests_total",
    "bytes_total",
    "latency_seconds_count",
    "latency_seconds_bucket",
    "latency_seconds_sum",
];
const RANGES: [&str; 12] = [
    "500ms", "15s", "37s", "1m", "2m", "3m", "5m", "5m", "7m13s", "10m", "30m", "1h10m",
];
const STEPS: [&str; 6] = ["", "13s", "30s", "1m", "2m30s", "777ms"];
const NUMBERS: [&str; 16] = [
    "0", "1", "2", "-1", "0.5", "3.7", "10", "100", "1e3", "-2.5", "NaN", "Inf", "-Inf", "0x1F", "1e-3", "1m",
];
const PHIS: [&str; 12] = [
    "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.99", "1", "-0.1", "1.1", "NaN", "0.333",
];

/// Of ordinary depth: what is wrapped into more is still to be read by a person.
const DEPTH: u32 = 2;

impl Focus {
    pub(crate) fn all() -> Vec<Self> {
        // The server knows `first_over_time` since 3.7 only.
        let compared = Function::ALL
            .iter()
            .filter(|function| **function != Function::FirstOverTime);
        let functions = compared.map(|function| Self::Function(*function));
        let aggregations = AGGREGATIONS.into_iter().map(Self::Aggregation);
        let operators = [&ARITHMETIC[..], &COMPARISONS, &SETS]
            .concat()
            .into_iter()
            .map(Self::Operator);
        let modifiers = MODIFIERS.into_iter().map(Self::Modifier);
        functions
            .chain(aggregations)
            .chain(operators)
            .chain(modifiers)
            .collect()
    }

    /// How the word stands in expressions.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Function(function) => function.signature().name,
            Self::Aggregation(word) | Self::Operator(word) | Self::Modifier(word) => word,
        }
    }
}

/// Whether two libraries of mathematics may differ in the last digit of the result.
fn is_rounded_by_libraries(focus: Focus) -> bool {
    use Function as F;
    match focus {
        Focus::Operator(word) => matches!(word, "^" | "atan2"),
        Focus::Function(function) => matches!(
            function,
            F::Acos
                | F::Acosh
                | F::Asin
                | F::Asinh
                | F::Atan
                | F::Atanh
                | F::Cos
                | F::Cosh
                | F::Exp
                | F::Ln
                | F::Log10
                | F::Log2
                | F::Sin
                | F::Sinh
                | F::Tan
                | F::Tanh
        ),
        Focus::Aggregation(_) | Focus::Modifier(_) => false,
    }
}

/// Makes expressions.
pub(crate) struct Maker {
    pub(crate) random: Random,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
        }
    }

    /// One expression about `focus`.
    pub(crate) fn expression(&mut self, focus: Focus) -> String {
        let inner = self.about(focus);
        if focus == Focus::Function(Function::HistogramFraction) {
            // Left alone, so that a known difference can be told from others by its values.
            return inner;
        }
        match self.random.between(0, 99) {
            0..=54 => inner,
            55..=62 => self.aggregated(&inner),
            63..=69 => {
                // A remainder would show how differently two libraries round what is large.
                let of = if is_rounded_by_libraries(focus) {
                    &ARITHMETIC[..4]
                } else {
                    &ARITHMETIC[..5]
                };
                format!("({inner}) {} {}", self.pick(of), self.pick(&["2", "3", "0.5", "-1"]))
            }
            70..=75 => format!(
                "{}(({inner}){})",
                self.pick(&["max_over_time", "sum_over_time", "last_over_time", "count_over_time"]),
                self.subrange()
            ),
            76..=80 => format!("-({inner})"),
            81..=85 => format!("({inner}) {} {}", self.pick(&COMPARISONS), self.pick(&["0", "1", "20"])),
            86..=90 => format!("abs({inner})"),
            91..=93 => format!("({inner}) or {}", self.selector(&GAUGES)),
            94..=96 => format!("scalar({inner}) + 1"),
            _ => format!("label_replace({inner}, \"copy\", \"$1\", \"job\", \"(.*)\")"),
        }
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        self.random.pick(of)
    }

    fn about(&mut self, focus: Focus) -> String {
        match focus {
            Focus::Function(function) => self.call(function),
            Focus::Aggregation(word) => {
                let mut of = self.vector(DEPTH);
                let rounded = ["stddev", "stdvar", "sum", "avg"].iter().any(|word| of.contains(word));
                if word == "count_values" && rounded {
                    // Whose last digits may differ and would be labels.
                    of = self.selector(&GAUGES);
                }
                self.aggregation(word, &of)
            }
            Focus::Operator(word) => self.operation(word),
            Focus::Modifier(word) => self.modified(word),
        }
    }

    // Selectors.

    fn name(&mut self, of: &[&'static str]) -> &'static str {
        if self.random.chance(85) {
            self.pick(of)
        } else {
            self.pick(&[&GAUGES[..], &ODD].concat())
        }
    }

    /// Without modifiers.
    fn bare(&mut self, of: &[&'static str]) -> String {
        let name = self.name(of);
        let job = self.pick(&JOBS);
        let instance = self.pick(&INSTANCES);
        let matchers = match self.random.between(0, 19) {
            0 => format!("{{job=\"{job}\"}}"),
            1 => format!("{{job!=\"{job}\"}}"),
            2 => "{job=~\"a.*|web\"}".to_owned(),
            3 => "{job!~\"d.|web\", instance!=\"\"}".to_owned(),
            4 => format!("{{instance=\"{instance}\"}}"),
            5 => format!("{{instance=~\".+:9100\",job=\"{job}\",}}"),
            6 => "{code=\"\"}".to_owned(),
            7 => "{n!=\"2\"}".to_owned(),
            8 => return format!("{{__name__=\"{name}\", instance!~\"c.*\"}}"),
            9 => format!("{{nothing=\"\", job=~\".*\", instance=~\"[ab]:\\\\d+|\"}}"),
            _ => String::new(),
        };
        format!("{name}{matchers}")
    }

    fn shift(&mut self) -> String {
        let at = BEGIN + self.random.between(600_000, 8_400_000);
        let at = format!("@ {}.{:03}", at / 1000, at % 1000);
        match self.random.between(0, 39) {
            0 => " offset 3m7s".to_owned(),
            1 => " offset -45s".to_owned(),
            2 => format!(" {at}"),
            3 => " @ start()".to_owned(),
            4 => " @ end()".to_owned(),
            5 => format!(" {at} offset 1m"),
            6 => format!(" offset 90s {at}"),
            7 => " @ end() offset -2m".to_owned(),
            _ => String::new(),
        }
    }

    fn selector(&mut self, of: &[&'static str]) -> String {
        format!("{}{}", self.bare(of), self.shift())
    }

    fn subrange(&mut self) -> String {
        let range = self.pick(&RANGES[3..11]);
        let step = self.pick(&STEPS);
        let short = step == "777ms" || step == "13s";
        let range = if short { self.pick(&["1m", "2m", "97s"]) } else { range };
        format!("[{range}:{step}]{}", self.shift())
    }

    fn matrix(&mut self, of: &[&'static str]) -> String {
        match self.random.between(0, 9) {
            0 => format!("{}{}", self.bare(of), self.subrange()),
            1 => format!("({}){}", self.vector(1), self.subrange()),
            _ => format!("{}[{}]{}", self.bare(of), self.pick(&RANGES), self.shift()),
        }
    }

    // Values.

    fn number(&mut self) -> String {
        match self.random.between(0, 9) {
            0 => "time()".to_owned(),
            1 => format!("scalar({})", self.bare(&["limit", "level"])),
            2 => format!("({} {} 3)", self.pick(&NUMBERS), self.pick(&ARITHMETIC[..5])),
            3 => "pi()".to_owned(),
            4 => format!("({} {} bool 1)", self.pick(&NUMBERS), self.pick(&COMPARISONS)),
            _ => self.pick(&NUMBERS).to_owned(),
        }
    }

    /// An instant vector of something.
    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            let of = if self.random.chance(80) { &GAUGES[..] } else { &ODD[..] };
            return self.selector(of);
        }
        match self.random.between(0, 29) {
            0..=1 => format!("rate({}[{}])", self.bare(&COUNTERS), self.pick(&RANGES[3..])),
            2 => format!(
                "increase({}[{}]{})",
                self.bare(&COUNTERS),
                self.pick(&RANGES[3..]),
                self.shift()
            ),
            3 => format!(
                "{}({})",
                self.pick(&[
                    "avg_over_time",
                    "max_over_time",
                    "min_over_time",
                    "stddev_over_time",
                    "delta"
                ]),
                self.matrix(&GAUGES)
            ),
            4..=5 => {
                let of = self.vector(depth - 1);
                self.aggregated(&of)
            }
            6 => format!(
                "({} {} {})",
                self.vector(depth - 1),
                self.pick(&ARITHMETIC[..5]),
                self.number()
            ),
            7 => format!(
                "({} {} {})",
                self.vector(depth - 1),
                self.pick(&COMPARISONS),
                self.number()
            ),
            8 => format!("-{}", self.selector(&GAUGES)),
            9 => format!(
                "{}({})",
                self.pick(&["abs", "ceil", "floor", "sgn", "round", "sqrt"]),
                self.vector(depth - 1)
            ),
            10 => format!(
                "({} {} on (job, instance) {})",
                self.bare(&["level", "size"]),
                self.pick(&ARITHMETIC[..4]),
                self.bare(&["temperature", "ratio"])
            ),
            11 => format!(
                "({} {} {})",
                self.selector(&GAUGES),
                self.pick(&SETS),
                self.selector(&GAUGES)
            ),
            12 => format!("vector({})", self.number()),
            13 => format!(
                "{{__name__=~\"{}\"}}",
                self.pick(&["twin_.*", "level|size", "lat.*_(sum|count)"])
            ),
            _ => self.vector(0),
        }
    }

    // Aggregations.

    fn grouping(&mut self) -> String {
        let labels = [
            "job", "instance", "code", "le", "n", "version", "__name__", "absent", "kind",
        ];
        let chosen = self.random.some(&labels, 0).join(", ");
        match self.random.between(0, 9) {
            0..=1 => String::new(),
            2..=5 => format!(" by ({chosen})"),
            6 => format!(" by (job,)"),
            _ => format!(" without ({chosen})"),
        }
    }

    fn aggregation(&mut self, word: &str, of: &str) -> String {
        let param = match word {
            "topk" | "bottomk" => format!(
                "{}, ",
                self.pick(&[
                    "1",
                    "2",
                    "3",
                    "5",
                    "0",
                    "-1",
                    "1.9",
                    "100",
                    "scalar(level{job=\"api\",instance=\"a:9100\"})"
                ])
            ),
            "quantile" => format!("{}, ", self.pick(&PHIS)),
            "count_values" => format!("\"{}\", ", self.pick(&["value", "job", "instance", "new_label"])),
            _ => String::new(),
        };
        let grouping = self.grouping();
        if self.random.chance(50) {
            format!("{word}{grouping} ({param}{of})")
        } else {
            format!("{word}({param}{of}){grouping}")
        }
    }

    fn aggregated(&mut self, of: &str) -> String {
        // `topk` among equals and the rounded sums of `count_values` are asked for at the top only.
        let word = self.pick(&AGGREGATIONS[..8]);
        self.aggregation(word, of)
    }

    // Functions.

    fn call(&mut self, function: Function) -> String {
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
    fn missing(&mut self) -> String {
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

    fn missing_matrix(&mut self) -> String {
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

    fn date(&mut self, name: &str) -> String {
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

    fn buckets(&mut self) -> String {
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

    fn label_replace(&mut self) -> String {
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

    fn label_join(&mut self) -> String {
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
    fn one(&mut self) -> String {
        match self.random.between(0, 4) {
            0 => self.vector(DEPTH),
            1 => "limit{job=\"api\"}".to_owned(),
            2 => format!("sum({})", self.vector(1)),
            3 => format!("vector({})", self.number()),
            _ => "flapping{n=\"0\"}".to_owned(),
        }
    }

    // Operators and modifiers.

    fn operation(&mut self, op: &str) -> String {
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
    fn matched(&mut self, op: &str, bool: &str, left: &[&'static str], right: &[&'static str]) -> String {
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

    fn grouped(&mut self, op: &str, bool: &str) -> String {
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

    fn modified(&mut self, word: &str) -> String {
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
                let right = self.pick(&["temperature", "bytes_total", "requests_total{code=\"200\"}", "build_info", "level"]);
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

    fn odd_selector(&mut self) -> String {
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
    fn wrong(&mut self) -> String {
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
