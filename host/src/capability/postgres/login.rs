//! Logging in to a PostgreSQL server: SCRAM-SHA-256; where nobody else can hear, also MD5 and a password in clear text.
//!
//! Flows in: the server's messages from the first to `ReadyForQuery`. Flows out: what to answer, and what is known of the
//! session then. Neither a server nor somebody in its place must be able to make us give the password away: MD5 over a salt
//! of theirs is one that can be guessed at leisure, and the guesses are fast.

use std::io;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::{
    authentication::{
        md5_hash,
        sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256},
    },
    message::{backend::Message, frontend},
};

use super::{
    Error,
    rows::Said,
    target::Target,
    wire::{Broken, Wire},
};
use crate::{
    capability::database::{doing::Doing, password},
    config::Connection,
};

/// Shown in `pg_stat_activity`.
const APPLICATION_NAME: &str = "bellwether";

/// What is known once we are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Welcome {
    /// The backend's, or what a pooler says in its place.
    pub(super) process: i32,
    /// For cancelling.
    pub(super) key: i32,
    /// The role may do everything.
    pub(super) superuser: bool,
}

/// One login.
struct Login<'l> {
    user: &'l str,
    password: Option<&'l str>,
    /// By anybody but the server: see [`Target::is_unheard`].
    unheard: bool,
    scram: Option<ScramSha256>,
    welcome: Welcome,
}

/// Says who we are and answers until the server is ready.
pub(super) async fn log_in(
    wire: &mut Wire,
    target: &Target,
    connection: &Connection,
    unheard: bool,
    doing: &Doing,
) -> Result<Welcome, Error> {
    let broke = |broken: Broken| Error::Connect(doing.broke(broken));
    let mut login = Login {
        user: &target.user,
        password: password(connection),
        unheard,
        scram: None,
        welcome: Welcome::default(),
    };
    wire.send(&hello(target)?).await.map_err(broke)?;
    loop {
        let message = wire.next(0).await.map_err(broke)?;
        if let Message::ReadyForQuery(_) = message {
            return Ok(login.welcome);
        }
        // What is not about who we are is about the server, and says nothing of where it was said.
        let heeded = login.heed(&message).map_err(|error| match error {
            Error::Connect(said) => Error::Connect(format!("turned away while {}: {said}", doing.words())),
            Error::Authentication(said) => Error::Authentication(format!("{said}, while {}", doing.words())),
            other => other,
        });
        if let Some(answer) = heeded? {
            wire.send(&answer).await.map_err(broke)?;
        }
    }
}

fn hello(target: &Target) -> Result<BytesMut, Error> {
    let parameters = [
        ("user", target.user.as_str()),
        ("database", target.database.as_str()),
        ("application_name", APPLICATION_NAME),
        ("client_encoding", "UTF8"),
    ];
    encoded(|into| frontend::startup_message(parameters, into))
}

fn encoded(encode: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<BytesMut, Error> {
    let mut into = BytesMut::new();
    encode(&mut into).map_err(|error| Error::Connect(format!("cannot log in: {error}")))?;
    Ok(into)
}

impl Login<'_> {
    fn heed(&mut self, message: &Message) -> Result<Option<BytesMut>, Error> {
        match message {
            Message::AuthenticationOk => self.accepted().map(|()| None),
            Message::AuthenticationCleartextPassword => self.in_clear_text().map(Some),
            Message::AuthenticationMd5Password(body) => self.by_md5(body.salt()).map(Some),
            Message::AuthenticationSasl(body) => {
                let offered = body.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256));
                self.begin_scram(offered.unwrap_or(false)).map(Some)
            }
            Message::AuthenticationSaslContinue(body) => self.prove(body.data()).map(Some),
            Message::AuthenticationSaslFinal(body) => self.verify(body.data()).map(|()| None),
            Message::BackendKeyData(body) => {
                self.welcome.process = body.process_id();
                self.welcome.key = body.secret_key();
                Ok(None)
            }
            Message::ParameterStatus(body) => {
                if let (Ok("is_superuser"), Ok(value)) = (body.name(), body.value()) {
                    self.welcome.superuser = value == "on";
                }
                Ok(None)
            }
            Message::NoticeResponse(_) => Ok(None),
            Message::ErrorResponse(body) => Err(turned_away(&Said::of(body))),
            _ => Err(Error::Authentication(
                "the server asks for a way to log in that is not offered: use SCRAM-SHA-256".to_owned(),
            )),
        }
    }

    fn password(&self) -> Result<&str, Error> {
        self.password.ok_or_else(|| {
            Error::Authentication("the server asks for a password and the connection has none".to_owned())
        })
    }

    fn in_clear_text(&self) -> Result<BytesMut, Error> {
        let password = self.password()?;
        self.refuse_listeners("in clear text")?;
        encoded(|into| frontend::password_message(password.as_bytes(), into))
    }

    fn by_md5(&self, salt: [u8; 4]) -> Result<BytesMut, Error> {
        let password = self.password()?;
        self.refuse_listeners("by MD5")?;
        let hash = md5_hash(self.user.as_bytes(), password.as_bytes(), salt);
        encoded(|into| frontend::password_message(hash.as_bytes(), into))
    }

    fn refuse_listeners(&self, how: &str) -> Result<(), Error> {
        if self.unheard {
            return Ok(());
        }
        Err(Error::Authentication(format!(
            "the server asks for the password {how}, and it has not shown by a certificate who it is: use TLS with \
             `sslmode=verify-full`, or SCRAM-SHA-256 on the server"
        )))
    }

    fn begin_scram(&mut self, offered: bool) -> Result<BytesMut, Error> {
        if !offered {
            return Err(Error::Authentication(format!(
                "the server does not offer {SCRAM_SHA_256}"
            )));
        }
        let scram = ScramSha256::new(self.password()?.as_bytes(), ChannelBinding::unsupported());
        let first = encoded(|into| frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), into));
        self.scram = Some(scram);
        first
    }

    fn prove(&mut self, challenge: &[u8]) -> Result<BytesMut, Error> {
        let scram = self.scram.as_mut().ok_or_else(out_of_turn)?;
        // Bounded by the crate: a server may ask for 100,000 rounds of hashing, some 50 ms, and no more.
        scram
            .update(challenge)
            .map_err(|error| Error::Authentication(error.to_string()))?;
        encoded(|into| frontend::sasl_response(scram.message(), into))
    }

    /// The server proves that it knows the password, too.
    fn verify(&mut self, proof: &[u8]) -> Result<(), Error> {
        let mut scram = self.scram.take().ok_or_else(out_of_turn)?;
        scram
            .finish(proof)
            .map_err(|error| Error::Authentication(error.to_string()))
    }

    /// Not before the server proved itself.
    fn accepted(&self) -> Result<(), Error> {
        match self.scram {
            Some(_) => Err(Error::Authentication(
                "the server did not prove that it knows the password".to_owned(),
            )),
            None => Ok(()),
        }
    }
}

fn out_of_turn() -> Error {
    Error::Authentication("the server speaks out of turn".to_owned())
}

/// Before there was a session. Poolers say `08P01` for what PostgreSQL calls `28P01`.
fn turned_away(said: &Said) -> Error {
    let stranger = said.code.starts_with("28") || (said.code == "08P01" && said.message.contains("auth"));
    let text = said.to_string();
    if stranger {
        Error::Authentication(text)
    } else {
        Error::Connect(text)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;

    use super::*;

    fn login(password: Option<&str>, unheard: bool) -> Login<'_> {
        Login {
            user: "monitor",
            password,
            unheard,
            scram: None,
            welcome: Welcome::default(),
        }
    }

    fn request(kind: i32, rest: &[u8]) -> Message {
        let mut wire = BytesMut::new();
        wire.put_u8(b'R');
        wire.put_i32(i32::try_from(rest.len() + 8).expect("short"));
        wire.put_i32(kind);
        wire.put_slice(rest);
        Message::parse(&mut wire).ok().flatten().expect("a message")
    }

    #[test]
    fn a_password_is_not_given_away_where_others_can_hear() {
        for (how, asked, sent) in [
            ("in clear text", request(3, b""), &b"s3cr3t-s3cr3t\0"[..]),
            ("by MD5", request(5, b"salt"), &b"md5"[..]),
        ] {
            let refused = login(Some("s3cr3t-s3cr3t"), false).heed(&asked).expect_err(how);
            let said = refused.to_string();
            assert!(
                said.contains(how) && said.contains("use TLS") && !said.contains("s3cr3t"),
                "{said}"
            );
            let answer = login(Some("s3cr3t-s3cr3t"), true).heed(&asked).expect(how);
            assert!(answer.expect(how)[5..].starts_with(sent), "{how}");
        }
    }

    #[test]
    fn scram_is_spoken_whoever_hears() {
        let offered = request(10, b"SCRAM-SHA-256\0\0");
        let first = login(Some("s3cr3t-s3cr3t"), false).heed(&offered).expect("begun");
        assert!(first.is_some());
    }

    #[test]
    fn a_server_that_asks_for_endless_hashing_is_left() {
        let mut login = login(Some("s3cr3t-s3cr3t"), true);
        let offered = request(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        let first = login.heed(&offered).expect("begun").expect("an answer");
        let first = String::from_utf8_lossy(&first).into_owned();
        let nonce = first.split("r=").nth(1).expect("a nonce");
        let challenge = format!("r={nonce}more,s=AAAA,i=4000000000");
        let refused = login.heed(&request(11, challenge.as_bytes())).expect_err("refused");
        assert!(refused.to_string().contains("iteration count"), "{refused}");
    }

    #[test]
    fn a_server_that_does_not_prove_itself_is_left() {
        let mut login = login(Some("s3cr3t-s3cr3t"), true);
        login.heed(&request(10, b"SCRAM-SHA-256\0\0")).expect("begun");
        assert!(matches!(login.heed(&request(0, b"")), Err(Error::Authentication(_))));
        assert!(matches!(
            self::login(None, true).heed(&request(12, b"v=x")),
            Err(Error::Authentication(_))
        ));
    }

    #[test]
    fn a_missing_password_and_a_foreign_way_to_log_in_are_said() {
        let missing = login(None, true).heed(&request(5, b"salt")).expect_err("none");
        assert!(missing.to_string().contains("has none"), "{missing}");
        let foreign = login(None, true).heed(&request(7, b"")).expect_err("kerberos");
        assert!(foreign.to_string().contains("SCRAM-SHA-256"), "{foreign}");
    }

    #[test]
    fn who_is_turned_away_learns_whether_it_was_for_the_password() {
        let said = |code: &str, message: &str| {
            turned_away(&Said {
                code: code.into(),
                message: message.into(),
            })
        };
        assert!(matches!(said("28P01", "no"), Error::Authentication(_)));
        assert!(matches!(
            said("08P01", "SASL authentication failed"),
            Error::Authentication(_)
        ));
        assert!(matches!(said("53300", "too many clients already"), Error::Connect(text) if text.contains("53300")));
    }
}
