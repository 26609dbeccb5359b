//! Alert and recording rules: read, evaluated at their slots, remembered.
//!
//! Beside the user's own there are those of bundled plugins (`bundled`). `inhibition` declares which alerts make others
//! superfluous, for who sends notifications.
//!
//! One thread owns everything that changes (`owner`): the history, the state of every rule, and what is kept of it in the
//! store. Flows in: rule files and `[[rule]]` tables (`load`), snapshots of the board, time. Flows out: recorded series in the
//! history, changes of alerts with their reasons, and an immutable `RuleStatus` for whoever shows it. What an expression
//! means is `bellwether-promql`'s, who hears of an alert is `dispatch`'s.
//!
//! The way: `file` and `table` read rules, `check` decides whether one is good, `schedule` says when a group is due,
//! `group` evaluates it, `state` decides what becomes of each alert, `template` writes labels and annotations, `store`
//! keeps it all. All but the owner and the store are pure.

mod bundled;
mod check;
pub mod data;
mod events;
pub mod feeds;
mod file;
pub mod group;
pub mod inhibition;
mod lint;
mod load;
pub mod outlet;
mod owner;
pub mod presence;
pub mod schedule;
pub mod state;
mod status;
mod store;
mod table;
pub mod template;
pub mod trial;

use std::sync::Arc;

use bellwether_promql::ast::Expr;

pub use self::{
    data::CHECKS_HOLD_MAX,
    events::RuleWarnings,
    group::{ELEMENTS_MAX, RESULTS_MAX, RuleProblem, SAMPLES_MAX},
    lint::{Lints, Metrics},
    load::{lint, load, load_text, unwise},
    owner::{RuleOptions, Rules, RulesHandle},
    status::{GroupStatus, Health, RuleReport, RuleStatus},
    template::{Data, Externals, NoticeFault, NoticeTemplate, Template},
};
use crate::config::OnNoData;

/// Every rule of a configuration.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// In the order of the files, then those of `[[rule]]`, then bundled ones.
    pub groups: Vec<Arc<Group>>,
    /// Bundled alerts in whose place a user's own stands, by name.
    pub replaced: Vec<Replaced>,
    /// Which alerts make others superfluous.
    pub inhibitions: &'static [inhibition::Inhibition],
    /// For templates; an empty URL is where the host listens.
    pub externals: Externals,
    /// `evaluation_interval`, milliseconds: of groups that name none, and the step of subqueries without one in whatever is
    /// evaluated.
    pub interval: i64,
}

impl Default for RuleSet {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            replaced: Vec::new(),
            inhibitions: &[],
            externals: Externals::default(),
            interval: status::INTERVAL_DEFAULT,
        }
    }
}

impl RuleSet {
    /// How many rules the user has, and how many are bundled.
    pub fn counts(&self) -> (usize, usize) {
        let count = |is_bundled| {
            let groups = self.groups.iter().filter(|group| group.is_bundled == is_bundled);
            groups.map(|group| group.rules.len()).sum()
        };
        (count(false), count(true))
    }
}

/// A bundled alert that a user's own of the same name stands in for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replaced {
    /// Its name.
    pub alert: Arc<str>,
    /// Where the user's stands.
    pub by: String,
}

/// Rules that are evaluated in order, at the same moments.
#[derive(Clone, Debug)]
pub struct Group {
    /// Unique within its file.
    pub name: Arc<str>,
    /// The file it stands in, as it is shown; for `[[rule]]` the main configuration file.
    pub file: Arc<str>,
    /// Whether it came with a plugin; its file is then `bundled:PLUGIN`.
    pub is_bundled: bool,
    /// Milliseconds, at least one second.
    pub interval: i64,
    /// Expressions are evaluated at the slot less this, in milliseconds.
    pub query_offset: i64,
    /// Most alerts or samples of each rule; 0: as many as there are.
    pub limit: usize,
    /// In order.
    pub rules: Vec<Arc<Rule>>,
}

impl Group {
    /// What tells it from all others, over restarts too.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Of the alert or of the recorded metric.
    pub name: Arc<str>,
    /// What it is for.
    pub kind: RuleKind,
    /// As written.
    pub text: Arc<str>,
    /// Parsed.
    pub expr: Expr,
    /// Put on every element, over what it has; empty ones take a label away. Those of the group among them.
    pub labels: Vec<(Arc<str>, Template)>,
    /// Where it stands, for messages: `rules/web.yml:12`.
    pub location: String,
}

/// What a rule is for.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// Its elements become samples of a series of this name.
    Record,
    /// Its elements become alerts.
    Alert(AlertRule),
}

/// What only a rule for alerts has.
#[derive(Clone, Debug)]
pub struct AlertRule {
    /// `for`: milliseconds of evaluated time that the condition must hold.
    pub hold: i64,
    /// Milliseconds of evaluated time that an alert fires on after its condition ended.
    pub keep_firing_for: i64,
    /// Texts for people.
    pub annotations: Vec<(Arc<str>, Template)>,
    /// What becomes of an alert whose series vanish.
    pub on_no_data: OnNoData,
}

impl Rule {
    /// What only a rule for alerts has.
    pub const fn alert(&self) -> Option<&AlertRule> {
        match &self.kind {
            RuleKind::Alert(alert) => Some(alert),
            RuleKind::Record => None,
        }
    }
}
