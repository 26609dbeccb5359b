//! A settings schema that would have the host fetch from the network and read files.

guests::guest!(
    |_| guests::report(Vec::new()),
    describe: || guests::Description {
        settings_schema: r##"{
            "type": "object",
            "properties": {
                "remote": { "$ref": "http://127.0.0.1:9/schema.json" },
                "file": { "$ref": "file:///etc/passwd" }
            }
        }"##.to_owned(),
        ..guests::description()
    }
);
