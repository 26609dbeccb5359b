//! Several targets of one check: such as differ in their query alone, and one that serves more than is taken.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use super::support::host::Place;

/// Says what the query says, and without one more than a mebibyte.
fn answer(mut client: TcpStream) -> std::io::Result<()> {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        heard.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&heard);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let text = match path.split_once("?x=") {
        Some((_, x)) => format!("x {x}\n"),
        None => "# many comments, and no metric among them\n".repeat(30_000) + "x 0\n",
    };
    let length = text.len();
    write!(
        client,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    )
}

fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // What becomes of the client is its own affair.
            let _ = answer(client);
        }
    });
    address
}

#[test]
fn targets_that_differ_in_their_query_are_each_merged_and_one_that_is_cut_is_critical() {
    let server = serve();
    let place = Place::new(&format!(
        "[check.shop]\nplugin = \"prometheus\"\ninterval = \"1s\"\nsettings.targets = [\n\
         {{ name = \"one\", url = \"http://{server}/metrics?x=1\" }},\n\
         {{ name = \"two\", url = \"http://{server}/metrics?x=2\" }},\n\
         {{ name = \"long\", url = \"http://{server}/metrics\" }},\n]\n"
    ));
    let host = place.run();
    for (target, value) in [("one", 1.0), ("two", 2.0)] {
        assert_eq!(host.value(&format!("x{{check=\"shop\",instance=\"{target}\"}}")), value);
    }
    let up = |target: &str| host.value(&format!("scrape_target_up{{check=\"shop\",target=\"{target}\"}}"));
    assert_eq!((up("one"), up("two"), up("long")), (1.0, 1.0, 0.0));
    let checks = host.get("/api/v1/checks").body;
    assert!(
        checks.contains("too_large") && checks.contains("longer than 1048576 bytes: no more is kept of an answer"),
        "{checks}"
    );
    let health = host.get("/health/detailed").body;
    assert!(
        health.contains("long: the text is longer than"),
        "the worst target is named: {health}"
    );
}
