//! A settings schema of a few kilobytes that doubles the work at every level: there is no end to checking against it.

fn schema() -> String {
    let level = |n: usize| format!("\"d{n}\": {{\"oneOf\": [{{\"$ref\": \"#/$defs/d{0}\"}}, {{\"$ref\": \"#/$defs/d{0}\"}}]}}, ", n + 1);
    let levels: String = (0..60).map(level).collect();
    format!("{{\"$ref\": \"#/$defs/d0\", \"$defs\": {{{levels}\"d60\": {{\"type\": \"object\"}}}}}}")
}

guests::guest!(
    |_| guests::report(Vec::new()),
    describe: || guests::Description { settings_schema: schema(), ..guests::description() }
);
