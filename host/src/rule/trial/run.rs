//! One test: samples come in, groups are evaluated at every slot, and what is asked for is compared.
//!
//! Flows in: a [`Trial`] and the groups of the rule files. Flows out: failures. As for promtool all groups are evaluated at
//! `evaluation_interval`, whatever their own; a sample is there from its moment on; an expression sees what the last slot saw; an
//! evaluation that fails ends the test.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

use bellwether_promql::{
    engine::{LOOKBACK, Options, Query},
    labels::Labels,
    parse::{self, series},
    storage::memory::Memory,
    value::{Point, Sample, Value, stale_marker},
};

use super::{
    super::{
        Group, Rule,
        feeds::Feeds,
        group::{self, ELEMENTS_MAX, Evaluated, RuleProblem, SAMPLES_MAX, Surroundings},
        state::{Alerts, Moment},
        template::{Answers, VerdictSeen},
    },
    AlertCase, ExprCase, Failure, Fired, Suite, Trial, compare,
};
use crate::alert::{Alert, AlertState};

/// Most slots of one test: nearly two years of minutes. More is a unit gone wrong, and would run for hours.
const SLOTS_MAX: i64 = 1_000_000;

/// What does not hold; empty: all does.
pub(super) fn run(suite: &Suite, test: &Trial, groups: &[Arc<Group>]) -> Vec<Failure> {
    let nameless = test.alerts.iter().find(|case| case.name.is_empty());
    if let Some(case) = nameless {
        let what = "alert without a name";
        return vec![Failure::problem(case.line, what, "`alertname` must say which one")];
    }
    let inputs = match inputs(test) {
        Ok(inputs) => inputs,
        Err(failure) => return vec![failure],
    };
    let times = test.alerts.iter().map(|case| case.at);
    let times = times.chain(test.expressions.iter().map(|case| case.at));
    let length = times.max().unwrap_or(0);
    if length / suite.interval > SLOTS_MAX {
        let problem = format!("more than {SLOTS_MAX} evaluations; is the unit of `eval_time` as meant?");
        return vec![Failure::problem(test.line, "this test", problem)];
    }
    let mut runner = Runner::new(suite, test, groups, inputs);
    if let Err(failures) = runner.slots(length) {
        return failures;
    }
    let mut failures = runner.failures;
    let storage = runner.storage.borrow();
    failures.extend(
        test.expressions
            .iter()
            .filter_map(|case| expression(&storage, suite, test, case).err()),
    );
    failures
}

/// Samples that are yet to come, the next one last. Of a series that is given twice the last one counts.
fn inputs(test: &Trial) -> Result<Vec<(Labels, Vec<Point>)>, Failure> {
    let mut all: BTreeMap<Labels, Vec<Point>> = BTreeMap::new();
    for input in &test.inputs {
        let fail = |problem: String| Failure::problem(input.line, format!("series `{}`", input.text.trim()), problem);
        let described = series::description(&input.text).map_err(|error| fail(error.message))?;
        let mut points = Vec::with_capacity(described.values.len());
        let mut at = test.start;
        for item in described.values {
            match item {
                series::Item::Gap => {}
                series::Item::Float(value) => points.push(Point { at, value }),
                series::Item::Histogram => {
                    return Err(fail("native histograms are not evaluated by this host".to_owned()));
                }
            }
            at += test.interval;
        }
        points.reverse();
        all.insert(described.labels, points);
    }
    Ok(all.into_iter().collect())
}

/// One rule and what it has come to.
struct RuleRun {
    group: Arc<Group>,
    rule: Arc<Rule>,
    query: Query,
    alerts: Alerts,
    /// The series of its last evaluation.
    written: BTreeSet<Labels>,
}

struct Runner<'t> {
    suite: &'t Suite,
    test: &'t Trial,
    storage: Rc<RefCell<Memory>>,
    inputs: Vec<(Labels, Vec<Point>)>,
    /// Moment of the newest sample of each series: nothing is written before or over it.
    newest: HashMap<Labels, i64>,
    rules: Vec<RuleRun>,
    failures: Vec<Failure>,
}

impl<'t> Runner<'t> {
    fn new(suite: &'t Suite, test: &'t Trial, groups: &[Arc<Group>], inputs: Vec<(Labels, Vec<Point>)>) -> Self {
        let rules = groups.iter().flat_map(|group| {
            group.rules.iter().map(|rule| RuleRun {
                group: Arc::clone(group),
                rule: Arc::clone(rule),
                query: Query::new(rule.expr.clone()),
                alerts: Alerts::new(),
                written: BTreeSet::new(),
            })
        });
        Self {
            suite,
            test,
            storage: Rc::default(),
            inputs,
            newest: HashMap::new(),
            rules: rules.collect(),
            failures: Vec::new(),
        }
    }

    /// All slots up to `length` after the start. Errors: what is known when an evaluation failed.
    fn slots(&mut self, length: i64) -> Result<(), Vec<Failure>> {
        let interval = self.suite.interval;
        let mut after = 0;
        while after <= length {
            self.arrive(self.test.start + after);
            let troubles = self.evaluate(after);
            if !troubles.is_empty() {
                self.failures.extend(troubles);
                return Err(std::mem::take(&mut self.failures));
            }
            let test = self.test;
            // A moment between two slots sees what the first of them made.
            let due = test
                .alerts
                .iter()
                .filter(|case| (after..after + interval).contains(&case.at));
            let mut due: Vec<&AlertCase> = due.collect();
            due.sort_by_key(|case| case.at);
            self.failures
                .extend(due.into_iter().filter_map(|case| alert(&self.rules, case)));
            after += interval;
        }
        Ok(())
    }

    /// Samples up to and at a moment.
    fn arrive(&mut self, until: i64) {
        let mut inputs = std::mem::take(&mut self.inputs);
        for (labels, points) in &mut inputs {
            while let Some(point) = points.pop_if(|point| point.at <= until) {
                self.append(labels, point);
            }
        }
        inputs.retain(|(_, points)| !points.is_empty());
        self.inputs = inputs;
    }

    fn append(&mut self, labels: &Labels, point: Point) {
        match self.newest.get_mut(labels) {
            Some(newest) if *newest >= point.at => return,
            Some(newest) => *newest = point.at,
            None => drop(self.newest.insert(labels.clone(), point.at)),
        }
        self.storage.borrow_mut().append(labels, point);
    }

    /// All rules at a slot, each seeing what those before it recorded.
    fn evaluate(&mut self, after: i64) -> Vec<Failure> {
        let mut troubles = Vec::new();
        let mut rules = std::mem::take(&mut self.rules);
        for run in &mut rules {
            let evaluated = self
                .evaluated(run, after)
                .and_then(|evaluated| match evaluated.problem {
                    None => Ok(evaluated),
                    Some(problem) => Err(problem),
                });
            match evaluated {
                Ok(evaluated) => self.take(run, evaluated, after),
                Err(problem) => {
                    let rule = &run.rule;
                    let what = format!(
                        "rule `{}` ({}) at {}",
                        rule.name,
                        rule.location,
                        compare::duration(after)
                    );
                    troubles.push(Failure::problem(self.test.line, what, problem.to_string()));
                }
            }
        }
        self.rules = rules;
        troubles
    }

    fn evaluated(&self, run: &mut RuleRun, after: i64) -> Result<Evaluated, RuleProblem> {
        let interval = self.suite.interval;
        let at = self.test.start + after;
        let moment = Moment {
            at,
            last: (after > 0).then_some(at - interval),
            interval,
            is_first: false,
            hold: None,
        };
        let answers = || -> Rc<dyn Answers> {
            Rc::new(TrialAnswers {
                storage: Rc::clone(&self.storage),
                at,
                interval,
            })
        };
        let storage = self.storage.borrow();
        let around = Surroundings {
            storage: &*storage,
            query_offset: run.group.query_offset,
            default_step: interval,
            limit: run.group.limit,
            externals: &self.test.externals,
            feeds: &Feeds::default(),
            own: [""; 2],
            former: &[],
            is_settled: true,
            stop: &|| false,
            answers: &answers,
        };
        group::evaluate(&run.rule, &mut run.query, &run.alerts, &moment, &around)
    }

    fn take(&mut self, run: &mut RuleRun, evaluated: Evaluated, after: i64) {
        let at = self.test.start + after - run.group.query_offset;
        let mut written = BTreeSet::new();
        for (labels, value) in evaluated.samples {
            self.append(&labels, Point { at, value });
            written.insert(labels);
        }
        for ended in run.written.difference(&written) {
            let value = stale_marker();
            self.append(ended, Point { at, value });
        }
        run.written = written;
        run.alerts = evaluated.alerts;
    }
}

/// What templates may ask: there are no checks here.
struct TrialAnswers {
    storage: Rc<RefCell<Memory>>,
    at: i64,
    interval: i64,
}

impl Answers for TrialAnswers {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        group::ask(&*self.storage.borrow(), text, self.at, self.interval, &|| false)
    }

    fn verdict(&self, _check: &str, _target: &str) -> Option<VerdictSeen> {
        None
    }

    fn is_late(&self) -> bool {
        false
    }
}

/// Alerts of a name may come from several rules.
fn alert(rules: &[RuleRun], case: &AlertCase) -> Option<Failure> {
    let named = rules
        .iter()
        .filter(|run| run.rule.alert().is_some() && *run.rule.name == *case.name);
    let firing = named
        .flat_map(|run| run.alerts.values())
        .filter(|alert| alert.state == AlertState::Firing);
    let mut got: Vec<Fired> = firing.map(fired).collect();
    got.sort();
    let what = format!("alert `{}` at {}", case.name, compare::duration(case.at));
    let mut failure = compare::alerts(case.line, &what, &case.expected, &got)?;
    if rules
        .iter()
        .all(|run| run.rule.alert().is_none() || *run.rule.name != *case.name)
    {
        failure.what.push_str(", of which there is no rule");
    }
    Some(failure)
}

fn fired(alert: &Alert) -> Fired {
    let labels = alert.labels.iter();
    Fired {
        labels: labels
            .map(|(name, value)| (Arc::clone(name), Arc::clone(value)))
            .collect(),
        annotations: alert.annotations.clone(),
    }
}

fn expression(storage: &Memory, suite: &Suite, test: &Trial, case: &ExprCase) -> Result<(), Failure> {
    let what = format!("expression `{}` at {}", case.text, compare::duration(case.at));
    let fail = |problem: String| Failure::problem(case.line, what.clone(), problem);
    let got = asked(storage, suite, test, case).map_err(fail)?;
    let mut expected = Vec::with_capacity(case.expected.len());
    for sample in &case.expected {
        if sample.is_histogram {
            return Err(fail("native histograms are not evaluated by this host".to_owned()));
        }
        let labels = series::labels(&sample.labels);
        let labels = labels.map_err(|error| fail(format!("labels `{}`: {}", sample.labels, error.message)))?;
        expected.push((labels, sample.value));
    }
    compare::samples(case.line, &what, &expected, &got, suite.fuzzy).map_or(Ok(()), Err)
}

fn asked(storage: &Memory, suite: &Suite, test: &Trial, case: &ExprCase) -> Result<Vec<Sample>, String> {
    let expr = parse::parse(&case.text).map_err(|error| error.to_string())?;
    let options = Options {
        lookback: LOOKBACK,
        default_step: suite.interval,
        samples: SAMPLES_MAX,
        elements: ELEMENTS_MAX,
        stop: &|| false,
    };
    let answer = Query::new(expr).instant(storage, test.start + case.at, &options);
    match answer.map_err(|error| error.to_string())?.value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar(value) => Ok(vec![Sample {
            labels: Labels::default(),
            value,
        }]),
        Value::String(_) | Value::Matrix(_) => Err("it yields neither an instant vector nor a scalar".to_owned()),
    }
}
