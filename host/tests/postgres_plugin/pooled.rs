//! Behind PgBouncer in transaction mode.

use super::{
    AVAILABLE, check, once,
    sessions::Session,
    started::{PASSWORD, Started},
    support::{
        host::Place,
        server::{Server, as_nobody, command, free_port, give_to_nobody},
    },
    until, used_and_max,
};

/// In front of the server, with more of its settings.
fn pgbouncer(started: &Started, more: &str) -> (Server, u16) {
    let port = free_port();
    let file = |name: &str, text: String| {
        let path = started.dir.path().join(format!("{name}-{port}"));
        std::fs::write(&path, text).expect("written");
        give_to_nobody(&path);
        path
    };
    let users = file("users", format!("\"monitor\" \"{PASSWORD}\"\n"));
    let config = format!(
        "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n{more}",
        started.port,
        users.display(),
    );
    let mut pgbouncer = command("pgbouncer");
    pgbouncer.arg(file("pgbouncer", config));
    as_nobody(&mut pgbouncer, started.dir.path());
    (Server::start(pgbouncer, "process up"), port)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_s_connections_are_counted_through_a_pooler_until_none_is_left() {
    let started = Started::new().await;
    let (_pooler, port) = pgbouncer(&started, "default_pool_size = 40\nserver_login_retry = 1\n");
    let place = Place::new(&check("pooled", port, ""));
    let mut held = Session::in_transaction(AVAILABLE - 1, port);
    let full = once(&place, "pooled");
    assert_eq!(used_and_max(&full), (Some(17.0), Some(17.0)));
    assert_eq!(full.judged("connections").0, "critical");
    // The pooler has kept the backend that we had, and gives it to whoever comes.
    held.extend(Session::in_transaction(1, port));
    let waiting = once(&place, "pooled");
    let (status, code, summary) = waiting.judged("");
    assert_eq!(status, "critical", "{summary}");
    // Some versions make whoever asks wait, some pass on what the server said.
    let is_told = code == "connections_exhausted" || code == "timeout" && summary.contains("pooler");
    assert!(is_told, "{code}: {summary}");
    assert_eq!(waiting.sample("shop_postgres_up", &[]), Some(0.0));
    drop(held);
    // The pooler remembers for a while that the server refused it.
    let after = until(&place, "pooled", |said| said.judged("").0 == "ok");
    assert_eq!(after.judged("connections").0, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_used_up_is_told_apart_from_a_server_that_is_down() {
    let started = Started::new().await;
    let (_small, port) = pgbouncer(&started, "default_pool_size = 2\nquery_wait_timeout = 1\n");
    let place = Place::new(
        &(check("pooled", port, "")
            .replace("timeout = \"1s\"", "timeout = \"20s\"")
            .replace("interval = \"1s\"", "interval = \"20s\"")),
    );
    assert_eq!(once(&place, "pooled").judged("").0, "ok");
    let _held = Session::in_transaction(2, port);
    let exhausted = once(&place, "pooled");
    let (status, code, summary) = exhausted.judged("");
    assert_eq!((status, code), ("critical", "connections_exhausted"), "{summary}");
    assert!(summary.contains("query_wait_timeout"), "{summary}");
    started.operate("SELECT 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_takes_no_more_clients_says_so() {
    let started = Started::new().await;
    let (_strict, port) = pgbouncer(&started, "default_pool_size = 5\nmax_client_conn = 2\n");
    let place = Place::new(&check("pooled", port, ""));
    let _held = Session::idle(2, port);
    let said = once(&place, "pooled");
    let (status, code, summary) = said.judged("");
    assert_eq!((status, code), ("critical", "connections_exhausted"), "{summary}");
    assert!(summary.contains("max_client_conn"), "{summary}");
}
