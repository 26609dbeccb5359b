//! A settings schema that refers to itself: without end at the top, and with one for each nested table.

guests::guest!(
    |_| guests::report(Vec::new()),
    describe: || guests::Description {
        settings_schema: r##"{
            "allOf": [{ "$ref": "#" }, { "$ref": "#/$defs/one" }],
            "properties": { "inner": { "$ref": "#" } },
            "additionalProperties": false,
            "$defs": { "one": { "$ref": "#/$defs/other" }, "other": { "anyOf": [{ "$ref": "#/$defs/one" }, true] } }
        }"##.to_owned(),
        ..guests::description()
    }
);
