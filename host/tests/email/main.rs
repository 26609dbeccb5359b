//! Emails, handed to a real mail server on loopback: encryption, login, refusals, and what stands in them.
//!
//! Flows in: messages as `dispatch` makes them, and alerts of a real host (`live`). Flows out: what `aiosmtpd` took, as Python's parser of emails reads it.
//!
//! Needs: python
//! Budget: 2 min

#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from a thread of its own"
)]

#[path = "../support"]
mod support {
    pub(crate) mod certificates;
    #[expect(dead_code, reason = "this suite uses a part of it")]
    pub(crate) mod host;
}

mod live;
mod server;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bellwether::{
    alert::ResolveCause,
    capability::{dial::Dialer, tls::Trust},
    clock::Clock,
    config::{EmailSecurity, TlsOptions},
    deliver::{
        email::{Email, Head, Settings},
        outgoing::{Outgoing, TEXT_BYTES_WHOLE, Templates, Writer},
        redact::{Hiding, KEY_BYTES, Key},
        transport::Transport as _,
    },
    dispatch::{Attempt, Message, MessageId, News, NewsReason},
    secret::{Redactor, Secret},
};
use bellwether_promql::labels::Labels;
use server::{Mode, PASSWORD, Server, Taken, USER};

const NIGHT: i64 = 1_795_834_800_000;

fn settings(server: &Server, to: &[&str]) -> Settings {
    let security = match server.mode {
        Mode::Plain => EmailSecurity::Open,
        Mode::StartTls => EmailSecurity::StartTls,
        Mode::Tls => EmailSecurity::Tls,
    };
    let mailbox = |text: &&str| text.parse().expect("a mailbox");
    Settings {
        host: "127.0.0.1".to_owned(),
        port: server.port,
        security,
        tls: TlsOptions {
            ca: Some(server.certificates.ca.clone()),
            ca_only: true,
            server_name: Some("mail.example.com".to_owned()),
            ..TlsOptions::default()
        },
        login: server.has_login.then(|| (USER.to_owned(), Secret::new(PASSWORD))),
        head: Head {
            from: mailbox(&"Bellwether <watch@example.com>"),
            to: to.iter().map(mailbox).collect(),
            cc: Vec::new(),
            reply_to: None,
        },
        bcc: Vec::new(),
        hello: None,
    }
}

fn news(name: &str, labels: &[(&str, &str)]) -> News {
    let all = [("alertname", name), ("severity", "critical")];
    News {
        labels: Labels::new(all.iter().chain(labels).copied()),
        annotations: [("summary".into(), format!("{name} is wrong").as_str().into())].into(),
        is_firing: true,
        was_told: false,
        value: Some(1.0),
        starts_at: NIGHT - 60_000,
        ends_at: None,
        updated_at: NIGHT,
        generator_url: "https://watch.example.com/graph".into(),
        cause: None,
        details: Vec::new(),
    }
}

fn message(sequence: u64, alerts: Vec<News>) -> Message {
    Message {
        id: MessageId::of("mail", "default:{}", sequence),
        receiver: "mail".into(),
        group_key: "default:{}".into(),
        sequence,
        reason: NewsReason::First,
        created_at: NIGHT,
        group_labels: Labels::default(),
        alerts: Arc::from(alerts),
        withheld: 0,
        attempts: 0,
        not_before: 0,
        journaled: true,
    }
}

fn written(message: &Message, hidden: &[&str], secrets: &[&str]) -> Outgoing {
    let redactor = Redactor::default();
    redactor.learn(&secrets.iter().map(|secret| Secret::new(secret)).collect::<Vec<_>>());
    let hidden: Vec<Arc<str>> = hidden.iter().map(|name| (*name).into()).collect();
    let writer = Writer {
        templates: Templates::default(),
        hiding: Hiding::new(&hidden, Key::new([7; KEY_BYTES]), redactor),
        external_url: "https://watch.example.com".into(),
        text_bytes: TEXT_BYTES_WHOLE,
    };
    writer.write(message)
}

fn email(settings: Settings) -> Email {
    Email::new(settings, Dialer::new(Clock::system()), Trust::default())
}

async fn send(email: &Email, outgoing: &Outgoing) -> Attempt {
    let deadline = Clock::system().monotonic() + Duration::from_secs(2);
    email.send(outgoing, deadline).await
}

fn is_delivered(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Delivered { .. })
}

async fn through(mode: Mode) -> Taken {
    let mut server = Server::start(mode, true);
    let email = email(settings(&server, &["Ops <ops@example.org>", "second@example.org"]));
    let attempt = send(
        &email,
        &written(&message(1, vec![news("DiskFull", &[("host", "db")])]), &[], &[]),
    )
    .await;
    assert!(is_delivered(&attempt), "{attempt:?}");
    server.taken()
}

#[tokio::test]
async fn an_email_arrives_over_starttls_and_over_tls_with_a_login() {
    for mode in [Mode::StartTls, Mode::Tls] {
        let taken = through(mode).await;
        assert!(taken.encrypted && taken.login, "{mode:?}: {taken:?}");
        assert_eq!(taken.sender, "watch@example.com");
        assert_eq!(taken.to, ["ops@example.org", "second@example.org"]);
        assert_eq!(taken.headers["Subject"], "FIRING critical: DiskFull: DiskFull is wrong");
        assert!(taken.defects.is_empty(), "{taken:?}");
        assert!(taken.text.starts_with("FIRING DiskFull (critical)"), "{}", taken.text);
        assert!(taken.html.contains("<strong"), "{}", taken.html);
        let id = MessageId::of("mail", "default:{}", 1);
        assert_eq!(taken.headers["Message-ID"], format!("<{id}@example.com>"));
    }
}

#[tokio::test]
async fn a_server_that_cannot_show_who_it_is_gets_neither_password_nor_email() {
    for mode in [Mode::StartTls, Mode::Tls] {
        let mut server = Server::start(mode, true);
        let mut strict = settings(&server, &["ops@example.org"]);
        strict.tls.server_name = Some("other.example.com".to_owned());
        let attempt = send(&email(strict), &written(&message(1, vec![news("A", &[])]), &[], &[])).await;
        let said = format!("{attempt:?}");
        assert!(
            matches!(
                attempt,
                Attempt::Transient {
                    is_ambiguous: false,
                    ..
                }
            ),
            "{said}"
        );
        assert!(said.contains("certificate") && !said.contains(PASSWORD), "{said}");
        assert!(server.nothing_taken());
    }
}

#[tokio::test]
async fn a_wrong_password_is_no_reason_to_drop_an_alert() {
    let server = Server::start(Mode::StartTls, true);
    let mut wrong = settings(&server, &["ops@example.org"]);
    wrong.login = Some((USER.to_owned(), Secret::new("not the password")));
    let attempt = send(&email(wrong), &written(&message(1, vec![news("A", &[])]), &[], &[])).await;
    let Attempt::Transient {
        message, retry_after, ..
    } = &attempt
    else {
        panic!("{attempt:?}");
    };
    assert!(message.contains("logging in: 535"), "{message}");
    assert!(
        retry_after.is_some_and(|wait| wait >= Duration::from_secs(600)),
        "{attempt:?}"
    );
}

#[tokio::test]
async fn what_a_server_answers_decides_whether_it_is_tried_again() {
    let mut server = Server::start(Mode::Plain, false);
    let one = written(&message(1, vec![news("A", &[])]), &[], &[]);
    for (to, expected) in [
        ("later@example.org", vec!["transient", "delivered"]),
        ("full@example.org", vec!["transient", "delivered"]),
        ("never@example.org", vec!["permanent"]),
        ("spam@example.org", vec!["permanent"]),
        ("cut@example.org", vec!["ambiguous"]),
        ("hang@example.org", vec!["ambiguous"]),
    ] {
        let email = email(settings(&server, &[to]));
        for (at, expected) in expected.iter().enumerate() {
            let attempt = send(&email, &one).await;
            assert_eq!(attempt.as_str(), *expected, "{to}, attempt {at}: {attempt:?}");
        }
    }
    assert_eq!(server.taken().to, ["later@example.org"]);
    assert_eq!(server.taken().to, ["full@example.org"]);
    assert!(server.nothing_taken());
}

#[tokio::test]
async fn all_emails_about_a_group_are_one_thread_and_each_has_its_own_id() {
    let mut server = Server::start(Mode::Plain, false);
    let email = email(settings(&server, &["ops@example.org"]));
    let mut over = news("A", &[]);
    (over.is_firing, over.was_told, over.cause) = (false, true, Some(ResolveCause::NoData));
    over.ends_at = Some(NIGHT);
    for message in [message(1, vec![news("A", &[])]), message(2, vec![over])] {
        assert!(is_delivered(&send(&email, &written(&message, &[], &[])).await));
    }
    let (first, second) = (server.taken(), server.taken());
    assert_ne!(first.headers["Message-ID"], second.headers["Message-ID"]);
    for header in ["References", "In-Reply-To"] {
        assert_eq!(first.headers[header], second.headers[header]);
    }
    assert!(second.headers["Subject"].starts_with("RESOLVED: A"));
    assert!(
        second.text.contains("nobody knows whether all is well"),
        "{}",
        second.text
    );
}

#[tokio::test]
async fn no_secret_and_no_hidden_value_is_in_any_byte_and_two_stay_two() {
    let canary = "canary-5f8e2b71";
    let mut server = Server::start(Mode::Plain, false);
    let email = email(settings(&server, &["ops@example.org"]));
    let about = |user: &str| {
        let mut one = news("LoginFails", &[("user", user), ("token", canary)]);
        one.annotations.insert(
            "description".into(),
            format!("{user} cannot log in with {canary}").into(),
        );
        one.generator_url = format!("https://watch.example.com/?t={canary}&u={user}").into();
        one.details = vec![("summary".into(), format!("{user}: {canary}").into())];
        one
    };
    let mut both = message(1, vec![about("alice.smith"), about("bob.jones")]);
    both.group_key = format!("default:{{token=\"{canary}\"}}").into();
    assert!(is_delivered(&send(&email, &written(&both, &["user"], &[canary])).await));
    let taken = server.taken();
    let raw = String::from_utf8(STANDARD.decode(&taken.raw).expect("base64")).expect("ASCII");
    let everything = format!("{raw}\n{taken:?}");
    for gone in [canary, "alice", "smith", "bob", "jones", &STANDARD.encode(canary)[..16]] {
        assert!(!everything.contains(gone), "{gone} in {everything}");
    }
    let hashes: std::collections::BTreeSet<&str> = taken
        .text
        .split("user=[hidden:")
        .skip(1)
        .filter_map(|rest| rest.split(']').next())
        .collect();
    assert_eq!(hashes.len(), 2, "{}", taken.text);
}

#[tokio::test]
async fn markup_in_labels_is_text_and_five_thousand_alerts_are_one_bounded_email() {
    let mut server = Server::start(Mode::Plain, false);
    let email = email(settings(&server, &["ops@example.org"]));
    let evil = "<!channel> @everyone <img src=x>\r\nBcc: thief@example.net";
    let alerts = (0..5_000).map(|at| news("Flood", &[("host", &format!("h{at}")), ("path", evil)]));
    assert!(is_delivered(
        &send(&email, &written(&message(1, alerts.collect()), &[], &[])).await
    ));
    let taken = server.taken();
    assert_eq!(taken.to, ["ops@example.org"]);
    assert!(!taken.headers.contains_key("Bcc"));
    assert!(
        !taken.html.contains("<img") && taken.html.contains("&lt;img src=x&gt;"),
        "{}",
        taken.html
    );
    for part in [&taken.text, &taken.html] {
        assert!(part.contains("… and 4,950 more: 4,950 firing."));
        assert!(part.len() < 128 * 1024, "{}", part.len());
    }
}
