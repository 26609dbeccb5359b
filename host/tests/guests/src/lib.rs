//! What the guests share: the contract's bindings, a plain description and a macro that makes a component of a closure.
//!
//! It does not use the SDK: the guests must be able to say what the SDK would refuse.

/// Generated from the contract.
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../../plugin-sdk/wit",
        world: "bellwether:plugin/everything",
        pub_export_macro: true,
        generate_all,
    });
}

pub use bindings::{
    bellwether::plugin::{
        context, http, log, postgres, redis,
        report::{
            Bucket, Failure, FailureKind, HistogramSample, MetricFamily, Observations, Points, Quantile, Report, Sample,
            Status, SummarySample, Verdict,
        },
        state, system,
    },
    exports::bellwether::plugin::{
        check::Guest as Check,
        identity::{ConnectionSlot, Description, Guest as Identity},
    },
};

/// Nothing but a name, and a schema that takes any table.
pub fn description() -> Description {
    Description {
        name: "guest".to_owned(),
        version: "0.1.0".to_owned(),
        summary: "A guest of the sandbox tests".to_owned(),
        settings_schema: String::new(),
        metrics: Vec::new(),
        codes: Vec::new(),
        connections: Vec::new(),
        details: Vec::new(),
    }
}

/// A judgement about the check as a whole.
pub fn verdict(status: Status, summary: &str) -> Verdict {
    Verdict {
        target: String::new(),
        status,
        code: String::new(),
        summary: summary.to_owned(),
        latency_ns: None,
        details: Vec::new(),
    }
}

/// A gauge with one label, `of`.
pub fn gauge(name: &str, samples: &[(&str, f64)]) -> MetricFamily {
    let sample = |&(of, value): &(&str, f64)| Sample {
        label_values: vec![of.to_owned()],
        value,
    };
    MetricFamily {
        name: name.to_owned(),
        help: "Of a test".to_owned(),
        unit: String::new(),
        label_names: vec!["of".to_owned()],
        points: Points::Gauge(samples.iter().map(sample).collect()),
    }
}

/// One verdict, ok, and these families.
pub fn report(families: Vec<MetricFamily>) -> Result<Report, Failure> {
    Ok(Report {
        verdicts: vec![verdict(Status::Ok, "all is well")],
        families,
    })
}

/// Makes a component: `guest!(|settings| …)`, with `describe: || …` when the plain description will not do.
#[macro_export]
macro_rules! guest {
    ($run:expr) => {
        $crate::guest!($run, describe: $crate::description);
    };
    ($run:expr, describe: $describe:expr) => {
        struct Guest;

        impl $crate::Identity for Guest {
            fn describe() -> $crate::Description {
                ($describe)()
            }
        }

        impl $crate::Check for Guest {
            fn run(settings: String) -> Result<$crate::Report, $crate::Failure> {
                let run: fn(String) -> Result<$crate::Report, $crate::Failure> = $run;
                run(settings)
            }
        }

        $crate::bindings::export!(Guest with_types_in $crate::bindings);
    };
}

/// Makes a component that forwards: `forwarder!(|settings, notification| …)`, with `runs: …` and `events: …` when taking all will not
/// do. Its bindings are made where it stands, in `bindings`.
#[macro_export]
macro_rules! forwarder {
    ($deliver:expr) => {
        $crate::forwarder!($deliver, runs: |_, _| Ok(Vec::new()), events: |_, _| Ok(Vec::new()));
    };
    ($deliver:expr, runs: $runs:expr, events: $events:expr) => {
        mod bindings {
            wit_bindgen::generate!({
                path: "../../../plugin-sdk/wit",
                world: "bellwether:plugin/full-forwarder",
                generate_all,
            });
        }

        pub use bindings::{
            bellwether::plugin::{context, http, news, state},
            exports::bellwether::plugin as exported,
        };

        struct Guest;

        impl exported::identity::Guest for Guest {
            fn describe() -> exported::identity::Description {
                exported::identity::Description {
                    name: "guest".to_owned(),
                    version: "0.1.0".to_owned(),
                    summary: "A guest of the sandbox tests".to_owned(),
                    settings_schema: String::new(),
                    metrics: Vec::new(),
                    codes: Vec::new(),
                    connections: Vec::new(),
                    // The shortest there is.
                    details: vec![("refresh".to_owned(), "10s".to_owned())],
                }
            }
        }

        impl exported::notifications::Guest for Guest {
            fn deliver(
                settings: String,
                notification: news::Notification,
            ) -> Result<news::Receipt, news::DeliveryFailure> {
                let deliver: fn(String, news::Notification) -> Result<news::Receipt, news::DeliveryFailure> = $deliver;
                deliver(settings, notification)
            }
        }

        impl exported::runs::Guest for Guest {
            fn deliver(settings: String, runs: Vec<news::Run>) -> Result<news::Refused, news::DeliveryFailure> {
                let deliver: fn(String, Vec<news::Run>) -> Result<news::Refused, news::DeliveryFailure> = $runs;
                deliver(settings, runs)
            }
        }

        impl exported::events::Guest for Guest {
            fn deliver(settings: String, events: Vec<news::Event>) -> Result<news::Refused, news::DeliveryFailure> {
                let deliver: fn(String, Vec<news::Event>) -> Result<news::Refused, news::DeliveryFailure> = $events;
                deliver(settings, events)
            }
        }

        bindings::export!(Guest with_types_in bindings);
    };
}
