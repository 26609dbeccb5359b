//! What `promtool query` makes of a running host: it is a server like any other to it.

use std::process::Command;

use super::{
    host::{Place, Running},
    tools::{Said, feed, program},
};

fn promtool(host: &Running, words: &[&str], rest: &[&str]) -> Said {
    let server = format!("http://{}", host.address());
    let mut command = Command::new(program("promtool"));
    feed(command.arg("query").args(words).arg(server).args(rest), b"")
}

fn good(said: &Said) -> &str {
    assert_eq!(said.code, Some(0), "{said:?}");
    &said.stdout
}

#[test]
fn promtool_queries_a_host_as_it_does_a_server() {
    let place = Place::new("[history]\ninterval = \"1s\"\n");
    let host = place.run();
    host.eventually("/api/v1/label/__name__/values", |body| {
        body.contains("\"bellwether_build_info\"")
    });

    let instant = promtool(&host, &["instant"], &["bellwether_build_info"]);
    let line = good(&instant);
    assert!(
        line.starts_with("bellwether_build_info{") && line.contains("} => 1 @["),
        "{line}"
    );
    assert!(good(&promtool(&host, &["instant"], &["1 + 1"])).contains("scalar: 2"));

    let range = promtool(&host, &["range", "--step=15s"], &["vector(2)"]);
    assert!(
        good(&range).contains("{} =>") && range.stdout.lines().count() > 10,
        "{range:?}"
    );

    let labels = promtool(&host, &["labels"], &["job"]);
    assert_eq!(good(&labels).trim(), "bellwether");
    let series = promtool(&host, &["series", "--match=bellwether_build_info"], &[]);
    assert!(good(&series).contains("job=\"bellwether\""), "{series:?}");

    let wrong = promtool(&host, &["instant"], &["rate(x)"]);
    assert_ne!(wrong.code, Some(0));
    assert!(wrong.stderr.contains("parse error"), "{wrong:?}");
    host.stop();
}
