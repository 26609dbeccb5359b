//! Debian's Prometheus of the third version with our series in it, asked over loopback.
//!
//! Series go in by remote write, the one way that keeps stale markers and the bits of NaN.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bellwether_promql::{labels::Labels, value::Point};

use super::series::{BATCH, Data, EARLIEST};

/// For one answer, and for the server to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where `cargo xtask setup --tests` puts the server, unless the environment says otherwise.
const PROGRAM: &str = "../../target/debian-unstable/usr/bin/prometheus";

/// A server with a data directory of its own; ended when dropped.
pub(crate) struct Oracle {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let told = std::env::var_os("BELLWETHER_TEST_PROMETHEUS_3").map(PathBuf::from);
    let program = told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM));
    assert!(
        program.is_file(),
        "there is no {}: run `cargo xtask setup --tests`",
        program.display()
    );
    program
}

impl Oracle {
    pub(crate) fn with(data: &Data) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(folder.path().join("prometheus.yml"), "global: {}\n").expect("write");
        let log = std::fs::File::create(folder.path().join("log")).expect("create");
        let child = Command::new(program())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .args(["--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut oracle = Self {
            child,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        oracle.address = oracle.listening();
        oracle.send(data);
        oracle
    }

    /// As it names itself.
    pub(crate) fn version(&self) -> String {
        let log = self.log();
        let version = log
            .split("version=\"(version=")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        version.unwrap_or("unknown").to_owned()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    fn listening(&self) -> SocketAddr {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""));
            let address = line.and_then(|line| line.split("address=").nth(1));
            if let Some(address) = address.filter(|_| log.contains("Server is ready to receive web requests")) {
                return address.trim().parse().expect("an address");
            }
            assert!(Instant::now() < deadline, "it is not ready: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn send(&self, data: &Data) {
        let mut connection = Connection::to(self.address);
        let last = data
            .series
            .iter()
            .filter_map(|(_, points)| points.last())
            .map(|point| point.at);
        let last = last.max().expect("points");
        let mut from = EARLIEST;
        while from <= last {
            let body = write_request(&data.series, from, from + BATCH);
            let headers = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
                           X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
            let answer = connection.post("/api/v1/write", headers, &snappy(&body));
            assert!(
                answer.0 < 300,
                "remote write: {}: {}\n{}",
                answer.0,
                answer.1,
                self.log()
            );
            from += BATCH;
        }
    }
}

/// The points with `from <= at < to`, as a protocol buffer.
fn write_request(series: &[(Labels, Vec<Point>)], from: i64, to: i64) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, points) in series {
        let points: Vec<&Point> = points.iter().filter(|point| (from..to).contains(&point.at)).collect();
        if points.is_empty() {
            continue;
        }
        let mut one = Vec::new();
        for (name, value) in labels.iter() {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut one, 1, &label);
        }
        for point in points {
            let mut sample = vec![1 << 3 | 1];
            sample.extend(point.value.to_bits().to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, point.at as u64);
            field(&mut one, 2, &sample);
        }
        field(&mut request, 1, &one);
    }
    request
}

fn field(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    into.push(number << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend(bytes);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Snappy's block format with nothing but literals: valid, and as long as what it holds.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    /// A literal whose length stands in the two bytes after its tag.
    const TWO_BYTES: u8 = 61 << 2;
    let mut packed = Vec::new();
    varint(&mut packed, bytes.len() as u64);
    for chunk in bytes.chunks(1 << 16) {
        packed.push(TWO_BYTES);
        packed.extend(((chunk.len() - 1) as u16).to_le_bytes());
        packed.extend(chunk);
    }
    packed
}

/// One connection, kept for many requests: just enough of HTTP/1.1.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Status and body.
    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend(body);
        self.stream.get_mut().write_all(&request).expect("it reads");
        self.answer()
    }

    /// `fields` as a form.
    pub(crate) fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.post(path, headers, fields.join("&").as_bytes())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("it answers");
        line.trim_end().to_owned()
    }

    fn answer(&mut self) -> (u16, String) {
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut length = None;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let body = match length {
            Some(length) => self.exactly(length),
            // Nothing but 204 comes without a length or chunks.
            None if status == Some(204) => Vec::new(),
            None => self.chunks(),
        };
        (status.expect("a status"), String::from_utf8(body).expect("UTF-8"))
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("it answers whole");
        body
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).expect("a chunk's length");
            let chunk = self.exactly(length);
            self.line();
            if chunk.is_empty() {
                return body;
            }
            body.extend(chunk);
        }
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
