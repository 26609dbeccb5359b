//! A plain HTTP/1.1 client over TCP: enough to scrape a host on loopback, and nothing of its own that would blur a
//! measurement. One connection, kept open. No TLS, no redirects, no compression unless asked for.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// Room that is made for a larger answer next time, as a part of this one: a scrape grows and shrinks by some digits.
const SLACK: usize = 4;

/// An answer takes longer than this only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is kept open between requests.
#[derive(Debug)]
pub(crate) struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

/// Of one request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The number in the first line.
    pub(crate) status: u16,
    /// As it came: compressed, if that was asked for.
    pub(crate) body: Vec<u8>,
}

/// Memory for bodies, used again for each answer. Megabytes that are asked for, cleared and given back with each request
/// would be a good part of what is measured.
#[derive(Debug, Default)]
pub(crate) struct Body {
    memory: Vec<u8>,
    length: usize,
}

impl Body {
    /// What came last.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.memory[..self.length]
    }

    /// Room for so many more bytes, which count from now on. Memory that is new comes cleared from the system.
    fn grow(&mut self, bytes: usize) -> &mut [u8] {
        let (start, end) = (self.length, self.length + bytes);
        if end > self.memory.len() {
            let mut larger = vec![0; end + end / SLACK];
            larger[..start].copy_from_slice(self.as_bytes());
            self.memory = larger;
        }
        self.length = end;
        &mut self.memory[start..end]
    }
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).context("the body is not text")
    }
}

impl Client {
    /// Connects to `HOST:PORT`.
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            address: address.to_owned(),
            stream: BufReader::with_capacity(1 << 16, stream),
        })
    }

    /// Requests `path`, with `headers` as whole lines without their ends.
    pub(crate) fn get(&mut self, path: &str, headers: &[&str]) -> Result<Answer> {
        let mut body = Body::default();
        let status = self.get_into(&mut body, path, headers)?;
        body.memory.truncate(body.length);
        let body = body.memory;
        Ok(Answer { status, body })
    }

    /// As [`Self::get`], into memory that is there already. Gives the status.
    pub(crate) fn get_into(&mut self, body: &mut Body, path: &str, headers: &[&str]) -> Result<u16> {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        body.length = 0;
        self.answer(body)
            .with_context(|| format!("while reading {path} of {}", self.address))
    }

    /// Posts `json` to `path`.
    pub(crate) fn post(&mut self, path: &str, json: &str) -> Result<Answer> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            self.address,
            json.len()
        );
        // In one piece: a header on its own would wake the other side twice.
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut body = Body::default();
        let status = self
            .answer(&mut body)
            .with_context(|| format!("after a post to {path} of {}", self.address))?;
        body.memory.truncate(body.length);
        let body = body.memory;
        Ok(Answer { status, body })
    }

    fn answer(&mut self, body: &mut Body) -> Result<u16> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.with_context(|| format!("this is no HTTP answer: {first:?}"))?;
        let mut length = Length::None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            length = Length::from_header(&line)?.unwrap_or(length);
        }
        self.body(length, body)?;
        Ok(status)
    }

    fn body(&mut self, length: Length, body: &mut Body) -> Result<()> {
        match length {
            Length::None => {}
            Length::Known(bytes) => self.take(bytes, body)?,
            Length::Chunked => loop {
                let line = self.line()?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let bytes = usize::from_str_radix(size, 16).with_context(|| format!("a bad chunk size {size:?}"))?;
                self.take(bytes, body)?;
                self.line()?;
                if bytes == 0 {
                    break;
                }
            },
        }
        Ok(())
    }

    fn take(&mut self, bytes: usize, body: &mut Body) -> Result<()> {
        self.stream
            .read_exact(body.grow(bytes))
            .context("the answer ended early")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// How an answer says where its body ends.
#[derive(Clone, Copy)]
enum Length {
    None,
    Known(usize),
    Chunked,
}

impl Length {
    fn from_header(line: &str) -> Result<Option<Self>> {
        let Some((name, value)) = line.split_once(':') else {
            bail!("a header without a colon: {line:?}")
        };
        let value = value.trim();
        Ok(match name.to_ascii_lowercase().as_str() {
            "content-length" => Some(Self::Known(value.parse().context("a bad Content-Length")?)),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => Some(Self::Chunked),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Answers one request after the other on one connection.
    fn serve(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            for answer in answers {
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn bodies_of_known_length_and_in_chunks_are_read_from_one_connection() {
        let address = serve(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none",
            "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n",
        ]);
        let mut client = Client::connect(&address).unwrap();
        assert_eq!(client.get("/metrics", &[]).unwrap().text().unwrap(), "one");
        let second = client.get("/metrics", &["Accept-Encoding: identity"]).unwrap();
        assert_eq!((second.status, second.text().unwrap()), (503, "two"));
    }

    #[test]
    fn memory_of_one_answer_serves_the_next_whatever_its_length() {
        let address = serve(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ntwelve bytes",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none",
            "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\na few more byte",
            "HTTP/1.1 204 None\r\n\r\n",
        ]);
        let mut client = Client::connect(&address).unwrap();
        let mut body = Body::default();
        let mut memory: *const u8 = std::ptr::null();
        for (status, expected) in [(200, "twelve bytes"), (200, "one"), (200, "a few more byte"), (204, "")] {
            assert_eq!(client.get_into(&mut body, "/", &[]).unwrap(), status);
            assert_eq!(body.as_bytes(), expected.as_bytes());
            assert!(memory.is_null() || memory == body.memory.as_ptr(), "it was moved");
            memory = body.memory.as_ptr();
        }
    }

    #[test]
    fn an_answer_that_ends_early_is_an_error() {
        let address = serve(&["HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nshort"]);
        let error = format!("{:#}", Client::connect(&address).unwrap().get("/", &[]).unwrap_err());
        assert!(error.contains("ended early"), "{error}");
    }
}
