//! A client that says exactly what it is told and hears everything.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Nothing in these tests takes longer; past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

pub(in crate::expose) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

pub(in crate::expose) struct Client {
    pub(in crate::expose) stream: BufReader<Box<dyn Stream>>,
}

#[derive(Debug)]
pub(in crate::expose) struct Answer {
    pub(in crate::expose) status: u16,
    pub(in crate::expose) headers: Vec<(String, String)>,
    pub(in crate::expose) body: Vec<u8>,
}

pub(in crate::expose) fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.set_write_timeout(Some(PATIENCE)).expect("set");
    stream
}

impl Client {
    pub(in crate::expose) fn connect(address: SocketAddr) -> Self {
        Self::over(tcp(address))
    }

    pub(in crate::expose) fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
        }
    }

    pub(in crate::expose) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("sent");
        self.stream.get_mut().flush().expect("sent");
    }

    pub(in crate::expose) fn ask(&mut self, method: &str, path: &str, headers: &[&str]) -> Answer {
        let host = if headers.iter().any(|line| line.starts_with("Host:")) {
            ""
        } else {
            "Host: localhost\r\n"
        };
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(format!("{method} {path} HTTP/1.1\r\n{host}{lines}\r\n").as_bytes());
        self.hear(method == "HEAD")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    pub(in crate::expose) fn hear(&mut self, is_head: bool) -> Answer {
        let first = self.line();
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if !is_head {
            let length = answer
                .header("content-length")
                .map_or(0, |length| length.parse().expect("a length"));
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body).expect("the body");
        }
        answer
    }

    /// Everything until the server hangs up, cleanly or not.
    pub(in crate::expose) fn drain(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("still open"),
            _ => rest,
        }
    }
}

impl Answer {
    pub(in crate::expose) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(in crate::expose) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(in crate::expose) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
