//! Parts of expressions: selectors, numbers, vectors, aggregations.

use super::{AGGREGATIONS, ARITHMETIC, COMPARISONS, COUNTERS, GAUGES, Maker, NUMBERS, ODD, PHIS, RANGES, SETS, STEPS};
use crate::series::{BEGIN, INSTANCES, JOBS};

impl Maker {
    pub(super) fn name(&mut self, of: &[&'static str]) -> &'static str {
        if self.random.chance(85) {
            self.pick(of)
        } else {
            self.pick(&[&GAUGES[..], &ODD].concat())
        }
    }

    /// Without modifiers.
    pub(super) fn bare(&mut self, of: &[&'static str]) -> String {
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
            9 => "{nothing=\"\", job=~\".*\", instance=~\"[ab]:\\\\d+|\"}".to_owned(),
            _ => String::new(),
        };
        format!("{name}{matchers}")
    }

    pub(super) fn shift(&mut self) -> String {
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

    pub(super) fn selector(&mut self, of: &[&'static str]) -> String {
        format!("{}{}", self.bare(of), self.shift())
    }

    pub(super) fn subrange(&mut self) -> String {
        let range = self.pick(&RANGES[3..11]);
        let step = self.pick(&STEPS);
        let short = step == "777ms" || step == "13s";
        let range = if short { self.pick(&["1m", "2m", "97s"]) } else { range };
        format!("[{range}:{step}]{}", self.shift())
    }

    pub(super) fn matrix(&mut self, of: &[&'static str]) -> String {
        match self.random.between(0, 9) {
            0 => format!("{}{}", self.bare(of), self.subrange()),
            1 => format!("({}){}", self.vector(1), self.subrange()),
            _ => format!("{}[{}]{}", self.bare(of), self.pick(&RANGES), self.shift()),
        }
    }

    // Values.

    pub(super) fn number(&mut self) -> String {
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
    pub(super) fn vector(&mut self, depth: u32) -> String {
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

    pub(super) fn grouping(&mut self) -> String {
        let labels = [
            "job", "instance", "code", "le", "n", "version", "__name__", "absent", "kind",
        ];
        let chosen = self.random.some(&labels, 0).join(", ");
        match self.random.between(0, 9) {
            0..=1 => String::new(),
            2..=5 => format!(" by ({chosen})"),
            6 => " by (job,)".to_owned(),
            _ => format!(" without ({chosen})"),
        }
    }

    pub(super) fn aggregation(&mut self, word: &str, of: &str) -> String {
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

    pub(super) fn aggregated(&mut self, of: &str) -> String {
        // `topk` among equals and the rounded sums of `count_values` are asked for at the top only.
        let word = self.pick(&AGGREGATIONS[..8]);
        self.aggregation(word, of)
    }
}
