//! Warns when the machine is overloaded.

use bellwether_sdk::{prelude::*, system};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Warn above this.
    maximum: f64,
}

const LOAD: Gauge<0> = Gauge::new("load_one_minute", "Processes that run or wait, over a minute.", []);
const HIGH: Code = Code::new("high", "The machine has more to do than it can.");

struct LoadCheck;

impl Check for LoadCheck {
    const NAME: &'static str = "load-check";
    const SUMMARY: &'static str = "Warns when the machine is overloaded";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.metric(&LOAD).code(&HIGH);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        let machine = system::read(system::Section::LOAD, &[])?;
        let load = machine
            .load
            .ok_or_else(|| Failure::target("this machine has no load average"))?;
        let mut report = Report::new();
        report.gauge(&LOAD).set([], load.one);
        if load.one > settings.maximum {
            report.warning(
                "",
                &HIGH,
                format!("load is {}, more than {}", load.one, settings.maximum),
            );
        } else {
            report.ok("");
        }
        Ok(report)
    }
}

export_check!(LoadCheck);

#[cfg(test)]
mod tests;
