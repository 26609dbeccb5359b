//! A settings schema with patterns that backtrack for ever or compile to gigabytes.

guests::guest!(
    |_| guests::report(Vec::new()),
    describe: || guests::Description {
        settings_schema: r##"{
            "type": "object",
            "properties": {
                "slow": { "type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$" },
                "large": { "type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}" }
            }
        }"##.to_owned(),
        ..guests::description()
    }
);
