//! Project, services and deployments, by the Management API.
//!
//! Flows in: settings, what earlier runs learnt, answers. Flows out: seldom requests; in every run verdicts and metrics of what
//! is known; and the names of functions for discovery. A refusal of the API says nothing about the project.

mod api;
mod report;
mod state;

use std::collections::BTreeSet;

use bellwether_sdk::{Description, Failure, Report, context, log};

use self::state::{KEY, Known};
use crate::{
    finding::{Finding, Kept, Outcome},
    ledger::{DEFAULT, Ledger, MANAGEMENT},
    memory::{keep, load},
    network::Answer,
    pattern::fits,
    settings::{Settings, function::Discover, management::Management},
};

pub(crate) fn describe(about: &mut Description) {
    report::describe(about);
}

/// Of one run.
#[derive(Debug)]
pub(crate) struct Overview<'s> {
    settings: &'s Management,
    known: Known,
}

impl<'s> Overview<'s> {
    /// Asks if it is time to; none when the settings do not want it.
    pub(crate) fn take(
        settings: &'s Settings,
        now: i64,
        ledger: &mut Ledger,
        report: &mut Report,
    ) -> Result<Option<Self>, Failure> {
        let Some(management) = &settings.management else {
            return Ok(None);
        };
        let project = project(settings)?;
        let mut overview = Self {
            settings: management,
            known: load(KEY),
        };
        let every = management.every().seconds();
        if overview.known.is_due(now, every) {
            overview.ask(&project, now, ledger, report);
        }
        overview.known.forget(now, every);
        keep(KEY, &overview.known);
        Ok(Some(overview))
    }

    fn ask(&mut self, project: &str, now: i64, ledger: &mut Ledger, to: &mut Report) {
        let questions = api::questions(self.settings);
        let request = |question: &api::Question| api::request(*question, project, self.settings.services());
        let requests: Vec<_> = questions.iter().map(request).collect();
        let answers = ledger.send(&requests);
        self.known.asked(now);
        self.known.remaining = answers.iter().filter_map(api::remaining).min();
        let mut problem = None;
        let mut changed = Vec::new();
        for (question, answer) in questions.iter().zip(&answers) {
            match self.take_in(*question, answer, now) {
                Ok(functions) => changed.extend(functions),
                Err(finding) => problem = problem.or(Some(finding)),
            }
        }
        for function in &changed {
            log::info("the code of a function changed", &[("function", function)]);
        }
        self.conclude(problem, now);
        report::asked(requests.len(), &changed, to);
    }

    fn take_in(&mut self, question: api::Question, answer: &Answer, now: i64) -> Result<Vec<String>, Finding> {
        if let Some(seconds) = api::blocked_seconds(answer) {
            self.known.block(now, seconds);
        }
        let learnt = api::read(question, answer)?;
        Ok(self.known.learn(learnt, now))
    }

    fn conclude(&mut self, problem: Option<Finding>, now: i64) {
        let outcome: Outcome = match problem {
            Some(finding) => Err(finding),
            None => {
                self.known.succeeded_at = Some(now);
                Ok("answered all questions".to_owned())
            }
        };
        self.known.kept = Kept::new(&outcome, None);
    }

    /// Verdicts and metrics. `wanted` are the functions that the check calls.
    pub(crate) fn report(&self, wanted: &BTreeSet<&str>, to: &mut Report) {
        report::known(&self.known, wanted, self.settings.severity, to);
    }

    /// Functions that discovery finds besides those in `named`, and how many more there would be.
    pub(crate) fn discovered(&self, discover: &Discover, named: &BTreeSet<&str>) -> (Vec<&str>, usize) {
        let everything = ["*".to_owned()];
        let include = discover.include.as_deref().unwrap_or(&everything);
        let any = |patterns: &[String], slug: &str| patterns.iter().any(|pattern| fits(pattern, slug));
        let served = self
            .known
            .deployed()
            .iter()
            .filter(|function| function.status != "REMOVED");
        let slugs: BTreeSet<&str> = served
            .map(|function| function.slug.as_str())
            .filter(|slug| any(include, slug) && !any(&discover.exclude, slug) && !named.contains(slug))
            .collect();
        let more = slugs.len().saturating_sub(discover.limit());
        (slugs.into_iter().take(discover.limit()).collect(), more)
    }
}

/// What hosted projects' names end in.
const HOSTED: &str = ".supabase.co";

/// From the settings, or from the project's URL.
fn project(settings: &Settings) -> Result<String, Failure> {
    let connections = context::connections();
    if !connections.iter().any(|connection| connection.name == MANAGEMENT) {
        return Err(Failure::settings(
            "`management` needs a connection: `connections = { default = \"…\", management = \"…\" }`, with the URL https://api.supabase.com/",
        ));
    }
    if let Some(project) = &settings.project {
        return Ok(project.clone());
    }
    let default = connections.iter().find(|connection| connection.name == DEFAULT);
    let reference = default.and_then(|connection| reference(&connection.url));
    reference.ok_or_else(|| {
        Failure::settings("the project's URL does not tell its reference: add `project = \"…\"`, twenty letters")
    })
}

fn reference(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', ':', '?']).next()?;
    let reference = host.strip_suffix(HOSTED)?;
    (!reference.is_empty() && !reference.contains('.')).then(|| reference.to_owned())
}

#[cfg(test)]
mod tests {
    use super::reference;

    #[test]
    fn a_hosted_projects_url_tells_its_reference() {
        let of = |url| reference(url);
        assert_eq!(
            of("https://abcdefghijklmnopqrst.supabase.co/").as_deref(),
            Some("abcdefghijklmnopqrst")
        );
        assert_eq!(
            of("https://abcdefghijklmnopqrst.supabase.co:443/x").as_deref(),
            Some("abcdefghijklmnopqrst")
        );
        for other in [
            "http://127.0.0.1:54321/",
            "https://api.example.com/",
            "https://a.b.supabase.co/",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
