//! Against a server that says what a test tells it to. Real servers and encryption are the suite `email`'s.

use std::{net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    clock::Clock,
    deliver::{
        outgoing::{TEXT_BYTES_WHOLE, Templates, Writer},
        redact::{Hiding, KEY_BYTES, Key},
        samples::{message, news},
    },
    secret::Redactor,
};

/// What the server does at a command.
#[derive(Clone, Copy, Debug)]
enum Act {
    Say(&'static str),
    Hang,
    Close,
}

use Act::{Close, Hang, Say};

/// By how a command begins; `""` is the greeting and `.` the end of an email. What is not here is answered by `250 ok`.
type Script = &'static [(&'static str, Act)];

const PLAIN: Script = &[("", Say("220 mail")), ("DATA", Say("354 go on"))];

async fn act(stream: &mut BufReader<TcpStream>, act: Act) -> bool {
    match act {
        Say(text) => stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok(),
        Hang => {
            // Until the client gives up.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            false
        }
        Close => false,
    }
}

/// One connection. What the client said.
async fn serve(listener: &TcpListener, script: &[(&str, Act)]) -> Vec<String> {
    let (stream, _) = listener.accept().await.expect("a client");
    let mut stream = BufReader::new(stream);
    let wanted = |said: &str| {
        let found = script
            .iter()
            .find(|(begins, _)| !begins.is_empty() && said.starts_with(begins));
        found.map_or(Say("250 ok"), |(_, act)| *act)
    };
    let greeting = script
        .iter()
        .find(|(begins, _)| begins.is_empty())
        .map_or(Say("220 mail"), |(_, act)| *act);
    let mut heard = Vec::new();
    if !act(&mut stream, greeting).await {
        return heard;
    }
    let mut in_email = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return heard;
        }
        let line = line.trim_end().to_owned();
        heard.push(line.clone());
        if in_email && line != "." {
            if matches!(wanted("(content)"), Close) {
                return heard;
            }
            continue;
        }
        in_email = line == "DATA";
        if !act(&mut stream, wanted(&line)).await {
            return heard;
        }
    }
}

struct World {
    listener: TcpListener,
    email: Email,
}

impl World {
    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let mut settings = Settings {
            host: IpAddr::from([127, 0, 0, 1]).to_string(),
            port: address.port(),
            security: EmailSecurity::Open,
            tls: config::TlsOptions::default(),
            login: None,
            head: Head {
                from: "Bellwether <watch@example.com>".parse().expect("a mailbox"),
                to: vec!["ops@example.org".parse().expect("a mailbox")],
                cc: Vec::new(),
                reply_to: None,
            },
            bcc: Vec::new(),
            hello: Some("watch.example.com".to_owned()),
        };
        change(&mut settings);
        let dialer = Dialer::new(Clock::system());
        Self {
            listener,
            email: Email::new(settings, dialer, Trust::default()),
        }
    }

    /// Through one conversation: the attempt, and what was said.
    async fn talk(&self, script: &[(&str, Act)]) -> (Attempt, Vec<String>) {
        let outgoing = outgoing();
        let deadline = Clock::system().monotonic() + Duration::from_millis(400);
        tokio::join!(self.email.send(&outgoing, deadline), serve(&self.listener, script))
    }
}

fn outgoing() -> Outgoing {
    let writer = Writer {
        templates: Templates::default(),
        hiding: Hiding::new(&[], Key::new([0; KEY_BYTES]), Redactor::default()),
        external_url: Arc::from(""),
        text_bytes: TEXT_BYTES_WHOLE,
    };
    let mut one = news(&[("alertname", "A")]);
    one.annotations.insert("summary".into(), "a line\n.\n.dotted".into());
    writer.write(&message(vec![one]))
}

#[derive(Debug, PartialEq, Eq)]
enum Became {
    Delivered,
    Later,
    Ambiguous,
    Never,
}

fn became(attempt: &Attempt) -> Became {
    match attempt {
        Attempt::Delivered { .. } => Became::Delivered,
        Attempt::Transient { is_ambiguous: true, .. } => Became::Ambiguous,
        Attempt::Transient { .. } => Became::Later,
        Attempt::Permanent { .. } => Became::Never,
    }
}

#[tokio::test]
async fn an_email_is_handed_over_in_order_and_whole() {
    let (attempt, heard) = World::new(|_| {}).await.talk(PLAIN).await;
    assert_eq!(became(&attempt), Became::Delivered, "{attempt:?}");
    assert_eq!(
        heard[..4],
        [
            "EHLO watch.example.com",
            "MAIL FROM:<watch@example.com>",
            "RCPT TO:<ops@example.org>",
            "DATA"
        ]
    );
    assert_eq!(heard[heard.len() - 2..], [".", "QUIT"]);
    assert_eq!(heard.iter().filter(|line| *line == ".").count(), 1);
}

#[tokio::test]
async fn where_a_conversation_ends_says_whether_the_email_may_have_arrived() {
    let go_on = ("DATA", Say("354 go on"));
    let cases: &[(&[(&str, Act)], Became)] = &[
        (&[("", Say("421 too busy"))], Became::Later),
        (&[("", Say("554 not for you"))], Became::Later),
        (&[("", Close)], Became::Later),
        (&[("", Hang)], Became::Later),
        (&[("", Say("HTTP/1.1 400 Bad Request"))], Became::Later),
        (&[("MAIL", Say("451 later"))], Became::Later),
        (&[("MAIL", Say("550 who are you"))], Became::Never),
        (&[("RCPT", Say("450 greylisted"))], Became::Later),
        (&[("RCPT", Say("550 no such user"))], Became::Never),
        (&[("DATA", Say("452 disk full"))], Became::Later),
        (&[("DATA", Close)], Became::Later),
        (&[("DATA", Hang)], Became::Later),
        // The last line is on its way by then, and nobody knows how much was read.
        (&[go_on, ("(content)", Close)], Became::Ambiguous),
        (&[go_on, (".", Say("451 later"))], Became::Later),
        (&[go_on, (".", Say("554 spam"))], Became::Never),
        (&[go_on, (".", Close)], Became::Ambiguous),
        (&[go_on, (".", Hang)], Became::Ambiguous),
        (&[go_on, ("QUIT", Close)], Became::Delivered),
    ];
    for (script, expected) in cases {
        let (attempt, _) = World::new(|_| {}).await.talk(script).await;
        assert_eq!(became(&attempt), *expected, "{script:?}: {attempt:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_no_email_that_may_have_arrived() {
    let world = World::new(|settings| settings.port = 1).await;
    let deadline = Clock::system().monotonic() + Duration::from_secs(2);
    let attempt = world.email.send(&outgoing(), deadline).await;
    assert_eq!(became(&attempt), Became::Later, "{attempt:?}");
}

#[tokio::test]
async fn without_encryption_on_offer_nothing_is_said_and_no_password_sent() {
    let world = World::new(|settings| {
        settings.security = EmailSecurity::StartTls;
        settings.login = Some(("watch".to_owned(), Secret::new("canary-5f8e2b71")));
    });
    let (attempt, heard) = world.await.talk(PLAIN).await;
    assert_eq!(became(&attempt), Became::Later);
    assert!(format!("{attempt:?}").contains("STARTTLS"), "{attempt:?}");
    assert_eq!(heard, ["EHLO watch.example.com"]);
}

#[tokio::test]
async fn words_slipped_in_before_the_handshake_end_the_conversation() {
    let world = World::new(|settings| settings.security = EmailSecurity::StartTls).await;
    let script: Script = &[
        ("EHLO", Say("250-mail\r\n250 STARTTLS")),
        ("STARTTLS", Say("220 go\r\n250-evil\r\n250 AUTH PLAIN")),
    ];
    let (attempt, _) = world.talk(script).await;
    assert!(format!("{attempt:?}").contains("only an attacker does"), "{attempt:?}");
}

#[tokio::test]
async fn a_login_that_is_refused_is_tried_again_much_later() {
    let world = World::new(|settings| settings.login = Some(("watch".to_owned(), Secret::new("canary-5f8e2b71"))));
    let script: Script = &[
        ("EHLO", Say("250-mail\r\n250 AUTH LOGIN PLAIN")),
        ("AUTH", Say("535 wrong")),
    ];
    let (attempt, heard) = world.await.talk(script).await;
    assert_eq!(heard[1], "AUTH PLAIN AHdhdGNoAGNhbmFyeS01ZjhlMmI3MQ==");
    let Attempt::Transient { retry_after, .. } = &attempt else {
        panic!("{attempt:?}");
    };
    assert_eq!(*retry_after, Some(REFUSED_WAIT));
    assert!(!format!("{attempt:?}").contains("canary"));
}

#[tokio::test]
async fn who_has_an_email_is_not_sent_it_again_while_others_wait() {
    let world = World::new(|settings| {
        settings.head.cc.push("slow@example.org".parse().expect("a mailbox"));
        settings.bcc.push("gone@example.org".parse().expect("a mailbox"));
    });
    let world = world.await;
    let first: Script = &[
        ("RCPT TO:<slow", Say("450 greylisted")),
        ("RCPT TO:<gone", Say("550 no such user")),
        ("DATA", Say("354 go on")),
    ];
    let (attempt, heard) = world.talk(first).await;
    assert_eq!(became(&attempt), Became::Later, "{attempt:?}");
    assert_eq!(heard.iter().filter(|line| line.starts_with("RCPT")).count(), 3);
    let second: Script = &[("RCPT TO:<gone", Say("550 no such user")), ("DATA", Say("354 go on"))];
    let (attempt, heard) = world.talk(second).await;
    let asked: Vec<_> = heard.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(asked, ["RCPT TO:<slow@example.org>", "RCPT TO:<gone@example.org>"]);
    let Attempt::Delivered { receipt } = attempt else {
        panic!("{attempt:?}");
    };
    assert_eq!(
        receipt,
        [("refused".to_owned(), "gone@example.org: 550 no such user".to_owned())]
    );
}
