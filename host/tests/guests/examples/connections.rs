//! Says which connections it was given: a slot it needs, one it can do without, and addresses in its settings.

use guests::{Status, context, report, verdict};

fn run(_: String) -> Result<guests::Report, guests::Failure> {
    let mut made = report(Vec::new())?;
    made.verdicts = context::connections()
        .into_iter()
        .map(|given| guests::Verdict {
            target: given.name,
            details: vec![("scheme".to_owned(), given.scheme)],
            ..verdict(Status::Ok, &format!("leads to <{}>", given.url))
        })
        .collect();
    Ok(made)
}

fn slot(name: &str, schemes: &[&str], required: bool, summary: &str) -> guests::ConnectionSlot {
    guests::ConnectionSlot {
        name: name.to_owned(),
        schemes: schemes.iter().map(|scheme| (*scheme).to_owned()).collect(),
        required,
        summary: summary.to_owned(),
    }
}

guests::guest!(run, describe: || guests::Description {
    name: "connections".to_owned(),
    settings_schema: r##"{
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string", "x-bellwether-grant": true },
            "note": { "type": "string" },
            "targets": { "type": "array", "items": { "$ref": "#/$defs/Target" } }
        },
        "$defs": { "Target": { "type": "object", "properties": {
            "at": { "type": "string", "x-bellwether-grant": true },
            "name": { "type": "string" }
        } } }
    }"##.to_owned(),
    connections: vec![
        slot("default", &["https"], true, "The API"),
        slot("cache", &["redis", "rediss"], false, "Its cache"),
    ],
    ..guests::description()
});
