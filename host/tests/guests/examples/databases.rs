//! Asks a Redis and a PostgreSQL, and says what came back.

use guests::{Status, postgres, redis, report, verdict};

fn command(text: &str) -> redis::Command {
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn said(target: &str, summary: String) -> guests::Verdict {
    guests::Verdict {
        target: target.to_owned(),
        ..verdict(Status::Ok, &summary)
    }
}

fn pipeline(slot: &str) -> String {
    match redis::pipeline(slot, &["PING", "KEYS *", "LLEN q"].map(command)) {
        Ok((replies, _)) => format!("{replies:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn query(slot: &str, sql: &str) -> String {
    match postgres::query(slot, sql, &[Some("1".to_owned()), None]) {
        Ok(rows) => format!("{:?}", rows.values),
        Err(error) => format!("{error:?}"),
    }
}

guests::guest!(|_| {
    let mut made = report(Vec::new())?;
    made.verdicts = vec![
        said("cache", pipeline("cache")),
        said("unbound", pipeline("elsewhere")),
        said("wrong", pipeline("database")),
        said("closed", query("database", "SELECT $1, $2")),
        said("write", query("database", "SET x = 1")),
    ];
    // With the five above, this is once more than a run may ask.
    let mut last = String::new();
    for _ in 0..996 {
        last = pipeline("elsewhere");
    }
    made.verdicts.push(said("often", last));
    Ok(made)
});
