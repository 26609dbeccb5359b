//! node_exporter, once live and once the same text again.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use super::{
    at, check,
    support::{
        agreement::{Bracket, Terms, differences},
        exposition::{Family, Labels, parse},
        host::{Place, Running, request},
        server::{Server, command, free_port},
    },
};

type Families = BTreeMap<String, Family>;

/// Families of the plugin's own.
const OWN: &str = "scrape_target_";

/// Everything; counters lie between two direct scrapes, and so does what does not move.
const TERMS: Terms<'_> = Terms {
    subset: &["*"],
    constant: &[
        "go_info",
        "node_boot_time_seconds",
        "node_exporter_build_info",
        "node_filefd_maximum",
        "node_filesystem_size_bytes",
        "node_memory_MemTotal_bytes",
        "node_network_mtu_bytes",
        "node_scrape_collector_success",
        "node_uname_info",
        "process_start_time_seconds",
    ],
    slow: &[],
    slack: (0.0, 0.0),
};

fn node_exporter() -> (Server, SocketAddr) {
    let port = free_port();
    let mut exporter = command("prometheus-node-exporter");
    exporter.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    (Server::start(exporter, "Listening on"), at(port))
}

fn scrape(exporter: SocketAddr) -> String {
    let answer = request(exporter, "GET", "/metrics", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// As numbers, whatever their text: `0` and `0.0` are the same bound.
fn bounds_as_numbers(families: Families) -> Families {
    let of = |mut labels: Labels| {
        for bound in ["le", "quantile"] {
            if let Some(text) = labels.get_mut(bound) {
                *text = text.parse::<f64>().expect("a number").to_string();
            }
        }
        labels
    };
    let renamed = |family: Family| Family {
        series: family
            .series
            .into_iter()
            .map(|(labels, value)| (of(labels), value))
            .collect(),
        ..family
    };
    families
        .into_iter()
        .map(|(name, family)| (name, renamed(family)))
        .collect()
}

fn theirs(text: &str) -> Families {
    bounds_as_numbers(parse(text))
}

/// What the check `node` has merged, without the label that the host adds.
fn ours(text: &str) -> Families {
    let of_check = |family: Family| {
        let series = family.series.into_iter().filter_map(|(mut labels, value)| {
            let check = labels.remove("check")?;
            (check == "node").then_some((labels, value))
        });
        Family {
            series: series.collect(),
            ..family
        }
    };
    let families = parse(text)
        .into_iter()
        .filter(|(name, _)| !name.starts_with(OWN) && !name.starts_with("bellwether_"))
        .map(|(name, family)| (name, of_check(family)))
        .filter(|(_, family)| !family.series.is_empty());
    bounds_as_numbers(families.collect())
}

/// `/metrics`, once it holds a scrape that began later than now.
fn merged_after_now(host: &Running) -> String {
    let runs = "bellwether_check_runs_total{check=\"node\",outcome=\"ok\"}";
    // A run that is under way may have asked already; the one after it has not.
    let seen = host.value(runs);
    host.reaches(runs, seen + 2.0);
    host.get("/metrics").body
}

#[test]
fn what_node_exporter_serves_is_merged_without_loss_and_between_two_direct_scrapes() {
    let (_exporter, address) = node_exporter();
    // Its first answer lacks what it learns by answering.
    scrape(address);
    let place = Place::new(&check("node", &format!("http://{address}/metrics")));
    let host = place.run();
    host.value("bellwether_check_runs_total{check=\"node\",outcome=\"ok\"}");
    let before = theirs(&scrape(address));
    let text = merged_after_now(&host);
    let after = theirs(&scrape(address));
    let found = differences(
        &ours(&text),
        Bracket {
            before: &before,
            after: &after,
        },
        &TERMS,
    );
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    assert!(before.len() > 150, "node_exporter serves more: {:?}", before.keys());
    let kinds: Vec<&str> = before.values().map(|family| family.kind.as_str()).collect();
    for kind in ["counter", "gauge", "summary", "untyped"] {
        assert!(kinds.contains(&kind), "no {kind} among what was compared");
    }
}

/// Serves the same text to everybody, until the test ends.
fn serve(text: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that leaves is its own affair.
            let _ = answer(client, &text);
        }
    });
    address
}

fn answer(mut client: TcpStream, text: &str) -> std::io::Result<()> {
    let (mut heard, mut part) = (Vec::new(), [0; 1024]);
    while !heard.ends_with(b"\r\n\r\n") {
        let read = client.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        heard.extend_from_slice(&part[..read]);
    }
    let length = text.len();
    write!(
        client,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    )
}

/// So that NaN equals itself.
fn bits(families: &Families) -> BTreeMap<&str, (&str, BTreeMap<&Labels, u64>)> {
    families
        .iter()
        .map(|(name, family)| {
            let series = family.series.iter();
            let exact = series.map(|(labels, value)| (labels, value.to_bits())).collect();
            (name.as_str(), (family.kind.as_str(), exact))
        })
        .collect()
}

#[test]
fn every_value_of_a_text_of_node_exporter_s_is_merged_bit_by_bit() {
    let (_exporter, address) = node_exporter();
    scrape(address);
    let text = scrape(address);
    let again = serve(text.clone());
    let place = Place::new(&check("node", &format!("http://{again}/metrics")));
    let host = place.run();
    host.value("bellwether_check_runs_total{check=\"node\",outcome=\"ok\"}");
    let merged = host.get("/metrics").body;
    let (direct, through) = (theirs(&text), ours(&merged));
    let (direct, through) = (bits(&direct), bits(&through));
    for (name, family) in &direct {
        assert_eq!(through.get(name), Some(family), "{name}");
    }
    assert_eq!(through.len(), direct.len(), "and nothing else");
    let dropped = merged.lines().filter(|line| line.starts_with("scrape_target_dropped{"));
    for line in dropped {
        assert!(line.ends_with(" 0"), "{line}");
    }
    for none in [
        "bellwether_check_series_dropped_total",
        "bellwether_check_families_refused_total",
    ] {
        assert_eq!(host.value(&format!("{none}{{check=\"node\"}}")), 0.0, "{none}");
    }
}
