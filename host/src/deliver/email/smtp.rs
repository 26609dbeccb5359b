//! One conversation with a mail server: hello, encryption, login, one email to some recipients.
//!
//! Owns the order of commands and what each refusal means. Flows in: a stream, encrypted or not. Flows out: what became of each
//! recipient, or the place where it ended. That place decides whether the email may have arrived: the server is free to take it
//! from the moment the last line is on its way, and not before.
//!
//! Nothing that came before encryption counts after it: a reply that somebody slipped in ahead of the handshake ends the
//! conversation (CVE-2021-38371 and its kin).

use std::{fmt, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    time::timeout_at,
};

use super::reply::{Abilities, Class, LINE_BYTES_MAX, Lines, Reply};
use crate::{clock::Instant, secret::Secret};

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Until there is a connection.
    Connecting,
    /// Waiting for the server's first words.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS and the handshake.
    Encrypting,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipients,
    /// DATA, and the email but for its last line.
    Content,
    /// After the last line: it may have arrived.
    Taken,
}

impl Stage {
    /// Whether a refusal is about the email, and not about who we are or how we come.
    pub(super) const fn is_about_the_email(self) -> bool {
        matches!(self, Self::Sender | Self::Recipients | Self::Content | Self::Taken)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Greeting => "waiting for its greeting",
            Self::Hello => "saying hello",
            Self::Encrypting => "starting encryption",
            Self::Login => "logging in",
            Self::Sender => "naming the sender",
            Self::Recipients => "naming the recipients",
            Self::Content => "sending the email",
            Self::Taken => "waiting for it to be taken",
        })
    }
}

/// Why a conversation ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{}", .0.shown())]
    Refused(Reply),
    #[error("{0}")]
    Broken(String),
    #[error("no answer in time")]
    Timeout,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A conversation under way.
pub(super) struct Conversation<S> {
    stream: BufReader<S>,
    deadline: Instant,
    pub(super) can: Abilities,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    /// Over a stream on which nothing was said.
    pub(super) fn new(stream: S, deadline: Instant) -> Self {
        Self {
            stream: BufReader::new(stream),
            deadline,
            can: Abilities::default(),
        }
    }

    /// The server speaks first.
    pub(super) async fn greeting(&mut self) -> Result<(), Fault> {
        self.good().await.map(drop)
    }

    /// EHLO, and what the server can do.
    pub(super) async fn hello(&mut self, name: &str) -> Result<(), Fault> {
        let reply = self.command(&format!("EHLO {name}")).await?;
        self.can = Abilities::of(&reply);
        Ok(())
    }

    /// Asks for encryption and gives the bare stream back for the handshake.
    pub(super) async fn starttls(mut self) -> Result<S, Fault> {
        if !self.can.starttls {
            let why = "it offers no STARTTLS; use `tls = \"implicit\"` (port 465) if it speaks TLS from the start";
            return Err(Fault::Broken(why.to_owned()));
        }
        self.command("STARTTLS").await?;
        if !self.stream.buffer().is_empty() {
            let why = "something was said between STARTTLS and encryption, which only an attacker does";
            return Err(Fault::Broken(why.to_owned()));
        }
        Ok(self.stream.into_inner())
    }

    /// AUTH, by PLAIN or LOGIN.
    pub(super) async fn login(&mut self, user: &str, password: &Secret) -> Result<(), Fault> {
        let password = password.expose();
        if self.can.plain || !self.can.login {
            let both = STANDARD.encode(format!("\0{user}\0{password}"));
            return self.command(&format!("AUTH PLAIN {both}")).await.map(drop);
        }
        self.command("AUTH LOGIN").await?;
        self.command(&STANDARD.encode(user)).await?;
        self.command(&STANDARD.encode(password)).await.map(drop)
    }

    /// MAIL FROM.
    pub(super) async fn sender(&mut self, address: &str) -> Result<(), Fault> {
        let utf8 = self.needs_utf8(address)?;
        self.command(&format!("MAIL FROM:<{address}>{utf8}")).await.map(drop)
    }

    /// RCPT TO: what the server says about this one.
    pub(super) async fn recipient(&mut self, address: &str) -> Result<Reply, Fault> {
        self.needs_utf8(address)?;
        self.write(format!("RCPT TO:<{address}>\r\n").as_bytes()).await?;
        self.reply().await
    }

    fn needs_utf8(&self, address: &str) -> Result<&'static str, Fault> {
        match (address.is_ascii(), self.can.utf8) {
            (true, _) => Ok(""),
            (false, true) => Ok(" SMTPUTF8"),
            (false, false) => Err(Fault::Broken(format!(
                "it does not take addresses beyond ASCII such as `{address}`"
            ))),
        }
    }

    /// DATA, and all of the email but its end.
    pub(super) async fn content(&mut self, email: &[u8]) -> Result<(), Fault> {
        self.command("DATA").await?;
        self.write(&stuffed(email)).await
    }

    /// The line that ends it. From here on it may have arrived.
    pub(super) async fn end(&mut self) -> Result<Reply, Fault> {
        self.write(b".\r\n").await?;
        self.good().await
    }

    /// Leaves without waiting for an answer.
    pub(super) async fn quit(mut self) {
        // Whatever becomes of it, what had to be said was said.
        let _ = self.write(b"QUIT\r\n").await;
        let _ = self.stream.get_mut().shutdown().await;
    }

    async fn command(&mut self, command: &str) -> Result<Reply, Fault> {
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.good().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let stream = self.stream.get_mut();
        let written = timeout_at(self.deadline, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        });
        Ok(written.await.map_err(|_| Fault::Timeout)??)
    }

    async fn good(&mut self) -> Result<Reply, Fault> {
        let reply = self.reply().await?;
        match reply.class() {
            Class::Good => Ok(reply),
            Class::Later | Class::Never => Err(Fault::Refused(reply)),
        }
    }

    async fn reply(&mut self) -> Result<Reply, Fault> {
        let mut lines = Lines::default();
        loop {
            let line = timeout_at(self.deadline, self.line())
                .await
                .map_err(|_| Fault::Timeout)??;
            if let Some(reply) = lines.take(&line).map_err(Fault::Broken)? {
                return Ok(reply);
            }
        }
    }

    async fn line(&mut self) -> Result<String, Fault> {
        let mut line = Vec::new();
        let most = LINE_BYTES_MAX as u64;
        let read = (&mut self.stream).take(most).read_until(b'\n', &mut line).await?;
        match (read, line.last()) {
            (0, _) => Err(Fault::Broken("it closed the connection".to_owned())),
            (_, Some(b'\n')) => Ok(String::from_utf8_lossy(&line).into_owned()),
            _ if line.len() as u64 == most => Err(Fault::Broken("it said too much on one line".to_owned())),
            _ => Err(Fault::Broken(
                "it closed the connection in the middle of a line".to_owned(),
            )),
        }
    }
}

/// With a dot before each that begins a line, and a line's end at the end.
fn stuffed(email: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(email.len() + 64);
    let mut begins = true;
    for byte in email {
        if begins && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        begins = *byte == b'\n';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_dot_does_not_end_the_email() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b"), b"a\r\n..\r\n...b\r\n");
        assert_eq!(stuffed(b".\r\n"), b"..\r\n");
    }
}
