//! A check that turns is in the log, once each way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    servers::{hear, ok, say, serve},
    support::host::{Place, sample},
};

#[test]
fn a_check_that_turns_has_one_line_in_the_log_with_its_target_each_time() {
    let well = Arc::new(AtomicBool::new(false));
    let mend = Arc::clone(&well);
    let server = serve(move |mut client| {
        hear(&mut client)?;
        let answer = match well.load(Ordering::Relaxed) {
            true => ok("", "well"),
            false => ok("", "sick")
                .iter()
                .map(|byte| if *byte == b'2' { b'5' } else { *byte })
                .collect(),
        };
        say(&mut client, answer)
    });
    let place = Place::new(&format!(
        "[check.shop]\nplugin = \"http\"\ninterval = \"1s\"\nsettings = {{ name = \"front\", url = \"http://{server}/\" }}\n"
    ));
    let mut host = place.run();
    host.line("The check is critical at its first run: front: status 500");
    let critical = "bellwether_check_runs_total{check=\"shop\",outcome=\"critical\"}";
    host.eventually("/metrics", |body| {
        sample(body, critical).is_some_and(|runs| runs >= 3.0)
    });
    assert!(
        host.get("/health/detailed")
            .body
            .contains("\"message\":\"front: status 500")
    );
    mend.store(true, Ordering::Relaxed);
    host.line("The check is ok again, after critical: front: 200 in");
    mend.store(false, Ordering::Relaxed);
    host.line("The check turned from ok to critical: front: status 500");
    let said = host.stop().join("\n");
    for once in ["at its first run", "ok again", "turned from"] {
        assert_eq!(said.matches(once).count(), 1, "{once}: {said}");
    }
    assert!(
        said.contains("\"before\":\"ok\",\"code\":\"status_unexpected\""),
        "{said}"
    );
}
