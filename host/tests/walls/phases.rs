//! Phases: known delays in every one of them, in real time, come out as they were put in.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    servers::{Tls, hear, say},
    world::{Names, World, plain},
};

const RESOLVE: Duration = Duration::from_millis(300);
/// From when on there is room for one more connection. The kernel asks again a second after it first did, so that is what
/// connecting takes.
const ROOM_AFTER: Duration = Duration::from_millis(400);
const TLS: Duration = Duration::from_millis(250);
const PROCESSING: Duration = Duration::from_millis(500);
const TRANSFER: Duration = Duration::from_millis(400);

/// Runs until one is undisturbed: on a busy machine a thread that should wake may have to wait for its turn.
const RUNS_MAX: usize = 8;

/// A listener whose queue is full, and who fills it.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback");
    let listener = socket
        .listen(1)
        .and_then(tokio::net::TcpListener::into_std)
        .expect("it listens");
    listener.set_nonblocking(false).expect("set");
    let address = listener.local_addr().expect("bound");
    // One more than it was said to hold.
    let waiting = (0..2).map(|_| TcpStream::connect(address).expect("room for it"));
    let waiting = waiting.collect();
    (listener, waiting)
}

fn talk(tls: &Tls, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
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
}

/// Once the name is known: makes room after a while, and measures by itself how long it takes to connect meanwhile.
fn opens(
    (listener, waiting): (TcpListener, Vec<TcpStream>),
    tls: Arc<Tls>,
    known: mpsc::Receiver<()>,
) -> thread::JoinHandle<Duration> {
    thread::spawn(move || {
        let address = listener.local_addr().expect("bound");
        known.recv().expect("somebody looks the name up");
        let reference = thread::spawn(move || {
            let began = Instant::now();
            drop(TcpStream::connect(address).expect("connected in the end"));
            began.elapsed()
        });
        thread::sleep(ROOM_AFTER);
        drop(waiting);
        // Those that waited, the reference, and the one who is measured, in any order.
        for _ in 0..4 {
            let (client, _) = listener.accept().expect("a client");
            let tls = Arc::clone(&tls);
            thread::spawn(move || talk(&tls, client));
        }
        reference.join().expect("measured")
    })
}

/// Each phase with what was put in.
async fn measured() -> Vec<(&'static str, Duration, Duration)> {
    let world = World::new().await;
    let dir = tempfile::tempdir().expect("a directory");
    let tls = Arc::new(Tls::new(dir.path()));
    let full = full().await;
    let url = format!("https://localhost:{}/", full.0.local_addr().expect("bound").port());
    let mut connection = plain(&url);
    connection.tls.ca = Some(tls.files.ca.clone());
    let (told, known) = mpsc::sync_channel(1);
    let names: &Names = &world.names;
    names.slow_down(RESOLVE, told);
    let opened = opens(full, tls, known);
    // Through one door: the other has no word for phases.
    let asked = json!({ "method": "GET", "url": url, "options": [] });
    let said = world.ask(vec![("default", connection)], &[asked]).await;
    let seen = said.by("contract", 0);
    assert!(seen.word == "answered" && seen.text.contains("first-last"), "{seen:?}");
    let reference = opened.join().expect("it ends");
    let parts = [
        ("resolve", RESOLVE),
        ("connect", reference),
        ("tls", TLS),
        ("processing", PROCESSING),
        ("transfer", TRANSFER),
    ];
    let whole = ("total", parts.iter().map(|(_, span)| *span).sum());
    let spans = seen.phases.iter().map(|span| span.expect("measured"));
    let all = parts.into_iter().chain([whole]).zip(spans);
    all.map(|((phase, put_in), span)| (phase, put_in, span)).collect()
}

#[tokio::test]
async fn a_delay_in_each_phase_is_measured_within_five_milliseconds_or_five_percent() {
    let mut disturbed = Vec::new();
    for _ in 0..RUNS_MAX {
        let measured = measured().await;
        // No disturbance makes these quicker than they were made to be. What is read late is a longer phase and then a shorter one.
        for (phase, least) in [
            ("resolve", RESOLVE),
            ("connect", ROOM_AFTER),
            ("total", RESOLVE + ROOM_AFTER + TLS + PROCESSING + TRANSFER),
        ] {
            let (_, _, span) = measured.iter().find(|(name, ..)| *name == phase).expect("measured");
            assert!(
                *span >= least - Duration::from_millis(1),
                "{phase}: {span:?} of at least {least:?}"
            );
        }
        let is_off = |(_, put_in, span): &&(&str, Duration, Duration)| {
            span.abs_diff(*put_in) > Duration::from_millis(5).max(*put_in / 20)
        };
        let off: Vec<_> = measured.iter().filter(is_off).collect();
        if off.is_empty() {
            return;
        }
        disturbed.push(format!("{off:?}"));
    }
    panic!("in none of {RUNS_MAX} runs:\n{}", disturbed.join("\n"));
}
