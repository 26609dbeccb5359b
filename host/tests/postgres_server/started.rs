//! A PostgreSQL server with what the tests need, a pooler in front of it, and how to ask.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Instant};

use bellwether::{
    capability::postgres::{Answer, Error, Postgres},
    config::Connection,
};
use rustix::process::Signal;

use super::support::{
    certificates::certificates,
    database::{connection, tools, within},
    server::{PATIENCE, Server, as_nobody, command, free_port, give_to_nobody},
};

/// What the tests' role has for a password, and what may be seen nowhere.
pub(crate) const PASSWORD: &str = "canary-hunter22-canary";

/// The one who sets things up, a superuser.
pub(crate) const OWNER: &str = "owner";

/// A server with the roles `owner` and `monitor`, on a port, with TLS.
pub(crate) struct Started {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) port: u16,
}

impl Started {
    /// With `monitor`, who may log in by SCRAM only, and a table that belongs to `owner`. A role `clear` would be asked for its
    /// password in clear text, a role `hashed` by MD5 if it is kept so.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let made = certificates(dir.path(), &["localhost"]);
        for file in [&made.certificate, &made.key, &made.ca] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("ours");
            give_to_nobody(file);
        }
        let data = dir.path().join("data");
        Self::init(dir.path(), &data);
        let port = free_port();
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\nssl = on\n\
             ssl_cert_file = '{}'\nssl_key_file = '{}'\nmax_connections = 20\nautovacuum = off\n",
            made.certificate.display(),
            made.key.display(),
        );
        append(&data.join("postgresql.conf"), &config);
        let access = "host all owner 127.0.0.1/32 trust\nhost all monitor 127.0.0.1/32 scram-sha-256\n\
                      host all clear 127.0.0.1/32 password\nhost all hashed 127.0.0.1/32 md5\n";
        std::fs::write(data.join("pg_hba.conf"), access).expect("written");
        let started = Self {
            server: Self::start(dir.path(), &data),
            dir,
            port,
        };
        started.set_up();
        started
    }

    fn init(dir: &Path, data: &Path) {
        let mut init = command("initdb");
        init.args([
            "--username",
            OWNER,
            "--auth",
            "trust",
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]);
        init.arg("--pgdata").arg(data);
        as_nobody(&mut init, dir);
        let said = init.output().expect("initdb runs");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }

    fn start(dir: &Path, data: &Path) -> Server {
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(data);
        as_nobody(&mut postgres, dir);
        // At once, and without leaving shared memory behind.
        Server::start(postgres, "ready to accept connections").ended_by(Signal::QUIT)
    }

    /// As an operator would, by another client.
    pub(crate) fn operate(&self, sql: &str) {
        let mut psql = command("psql");
        psql.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            OWNER,
            "-d",
            "postgres",
        ]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-q", "-c", sql]);
        let said = psql.output().expect("psql runs");
        assert!(
            said.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
    }

    fn set_up(&self) {
        self.operate(&format!(
            "CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor"
        ));
        self.operate("CREATE TABLE jobs (id int, state text, at timestamptz); GRANT ALL ON jobs TO monitor");
        self.operate("INSERT INTO jobs VALUES (1, 'waiting', 'epoch'), (2, NULL, NULL)");
        self.operate("CREATE SEQUENCE numbers; GRANT ALL ON numbers TO monitor");
    }

    pub(crate) fn url(&self, query: &str) -> String {
        format!("postgres://127.0.0.1:{}/postgres{query}", self.port)
    }

    pub(crate) fn monitor(&self) -> Connection {
        connection(&self.url(""), Some("monitor"), Some(PASSWORD))
    }

    /// Waits until nobody runs anything like `fragment`.
    pub(crate) async fn is_over(&self, postgres: &Postgres, fragment: &str) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()";
        let pattern = [Some(format!("%{fragment}%"))];
        let began = Instant::now();
        loop {
            let answer = ask(postgres, &self.monitor(), sql, &pattern).await.expect("an answer");
            if answer.rows.values[0][0].as_deref() == Some("0") {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "`{fragment}` still runs");
        }
    }
}

pub(crate) fn append(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).expect("there");
    std::fs::write(file, before + text).expect("written");
}

/// PgBouncer in transaction mode in front of it, with one connection to the server.
pub(crate) fn pooler(started: &Started) -> (Server, u16) {
    let port = free_port();
    let users = started.dir.path().join("users.txt");
    std::fs::write(
        &users,
        format!("\"monitor\" \"{PASSWORD}\"\n\"owner\" \"{PASSWORD}\"\n"),
    )
    .expect("written");
    let config = format!(
        "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
         default_pool_size = 1\nadmin_users = monitor\n",
        started.port,
        users.display(),
    );
    let file = started.dir.path().join("pgbouncer.ini");
    std::fs::write(&file, config).expect("written");
    give_to_nobody(&file);
    give_to_nobody(&users);
    let mut pgbouncer = command("pgbouncer");
    pgbouncer.arg(&file);
    as_nobody(&mut pgbouncer, started.dir.path());
    (Server::start(pgbouncer, "process up"), port)
}

pub(crate) async fn ask(
    postgres: &Postgres,
    connection: &Connection,
    sql: &str,
    parameters: &[Option<String>],
) -> Result<Answer, Error> {
    let connection = Arc::new(connection.clone());
    postgres
        .query(&"database".into(), &connection, sql, parameters, within(PATIENCE))
        .await
}

pub(crate) fn client() -> Postgres {
    Postgres::new(tools().0)
}

pub(crate) fn code_of(answered: Result<Answer, Error>) -> String {
    match answered {
        Err(Error::Query { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}
