//! Phases: known delays come out as they were put in.

use std::{net::SocketAddr, thread, time::Duration};

use super::{
    said::Said,
    servers::{Tls, hear, ok, say, serve},
    support::host::Place,
};

const TLS: Duration = Duration::from_millis(300);
const PROCESSING: Duration = Duration::from_millis(500);
const TRANSFER: Duration = Duration::from_millis(400);

/// Runs until one is undisturbed: on a busy machine a thread that should wake may have to wait for its turn.
const RUNS_MAX: usize = 8;

/// A server with these delays.
fn slow(dir: &std::path::Path) -> (SocketAddr, std::path::PathBuf) {
    let tls = Tls::new(dir);
    let ca = tls.files.ca.clone();
    let address = serve(move |client| {
        thread::sleep(TLS);
        let mut stream = tls.accept(client);
        hear(&mut stream)?;
        thread::sleep(PROCESSING);
        say(
            &mut stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nfirst",
        )?;
        thread::sleep(TRANSFER);
        say(&mut stream, "-last")?;
        stream.conn.send_close_notify();
        say(&mut stream, "")
    });
    (address, ca)
}

fn quick() -> SocketAddr {
    serve(|mut client| {
        hear(&mut client)?;
        say(&mut client, ok("", "at once"))
    })
}

/// What was put in, by target and phase.
const EXPECTED: [(&str, &str, Duration); 8] = [
    ("slow", "resolve", Duration::ZERO),
    ("slow", "connect", Duration::ZERO),
    ("slow", "tls", TLS),
    ("slow", "processing", PROCESSING),
    ("slow", "transfer", TRANSFER),
    ("quick", "connect", Duration::ZERO),
    ("quick", "processing", Duration::ZERO),
    ("quick", "transfer", Duration::ZERO),
];

/// Phases that are further off than 5 ms or 5 %, whichever is more.
fn off(said: &Said) -> Vec<String> {
    let far = |(target, phase, put_in): &(&str, &str, Duration)| {
        let labels = [("target", *target), ("phase", *phase)];
        let measured = said.sample("http_probe_phase_seconds", &labels);
        let measured = measured.unwrap_or_else(|| panic!("{target}: {phase} was not measured"));
        // The other names are for the same numbers.
        let labels = [("instance", *target), ("phase", *phase)];
        assert_eq!(said.sample("probe_http_duration_seconds", &labels), Some(measured));
        let tolerance = Duration::from_millis(5).max(*put_in / 20).as_secs_f64();
        let is_far = (measured - put_in.as_secs_f64()).abs() > tolerance;
        is_far.then(|| format!("{target}: {phase} took {measured} s instead of {put_in:?}"))
    };
    EXPECTED.iter().filter_map(far).collect()
}

#[test]
fn every_phase_is_measured_within_five_milliseconds_or_five_percent() {
    let dir = tempfile::tempdir().expect("a directory");
    let ((slow, ca), quick) = (slow(dir.path()), quick());
    let place = Place::new(&format!(
        "[check.timed]\nplugin = \"http\"\nconnection = \"slow\"\nsettings.name_sets = [\"canonical\", \"blackbox\"]\n\
         settings.expect.certificate_days = {{}}\n\
         [[check.timed.settings.targets]]\nname = \"slow\"\npath = \"\"\n\
         [[check.timed.settings.targets]]\nname = \"quick\"\nurl = \"http://{quick}/\"\n\
         [connection.slow]\nurl = \"https://localhost:{}/\"\ntls.ca = \"{}\"\n",
        slow.port(),
        ca.display(),
    ));
    let mut disturbed = Vec::new();
    for _ in 0..RUNS_MAX {
        let said = Said::of(&place.finish(&["once", "timed", "--json"]));
        for target in ["slow", "quick"] {
            assert_eq!(said.judged(target).0, "ok", "{:?}", said.verdict(target));
        }
        let labels = [("target", "slow")];
        let whole = said.sample("http_probe_duration_seconds", &labels).expect("measured");
        let put_in = (TLS + PROCESSING + TRANSFER).as_secs_f64();
        assert!(whole >= put_in, "{whole} s of at least {put_in}");
        let off = off(&said);
        if off.is_empty() {
            return;
        }
        disturbed.push(off.join("; "));
    }
    panic!("in none of {RUNS_MAX} runs:\n{}", disturbed.join("\n"));
}
