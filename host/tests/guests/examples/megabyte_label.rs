//! A label value of a megabyte beside a family that is as it should be.

guests::guest!(|_| guests::report(vec![
    guests::gauge("too_long", &[(&"x".repeat(1 << 20), 1.0)]),
    guests::gauge("just_right", &[("x", 1.0)]),
]));
