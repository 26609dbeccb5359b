//! A settings schema under which one wrong value is wrong in more ways than memory can list.

fn schema() -> String {
    let level = |n: usize| format!("\"d{n}\": {{\"allOf\": [{{\"$ref\": \"#/$defs/d{0}\"}}, {{\"$ref\": \"#/$defs/d{0}\"}}]}}, ", n + 1);
    let levels: String = (0..60).map(level).collect();
    format!("{{\"$ref\": \"#/$defs/d0\", \"$defs\": {{{levels}\"d60\": {{\"type\": \"string\"}}}}}}")
}

guests::guest!(
    |_| guests::report(Vec::new()),
    describe: || guests::Description { settings_schema: schema(), ..guests::description() }
);
