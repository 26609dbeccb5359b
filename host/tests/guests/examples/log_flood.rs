//! Ten thousand log lines and as many on each of stdout and stderr, then a report.

guests::guest!(|_| {
    for line in 0..10_000 {
        guests::log::emit(guests::log::Level::Error, &format!("line {line}"), &[]);
        println!("stdout {line}");
        eprintln!("stderr {line}");
    }
    guests::report(Vec::new())
});
