//! The real host: from a rule to a mailbox.

use super::{
    server::{Mode, PASSWORD, Server, USER},
    support::host::Place,
};

/// A receiver on this server.
fn receiver(server: &Server, more: &str) -> String {
    format!(
        "[receiver.mail]\n{more}\n[receiver.mail.email]\nserver = \"127.0.0.1:{port}\"\nsecurity = \"starttls\"\nuser = \"{USER}\"\n\
         password = \"${{secret:SMTP_PASSWORD}}\"\nfrom = \"Bellwether <watch@example.com>\"\nto = [\"ops@example.org\"]\n\
         tls = {{ ca = \"{ca}\", ca_only = true, server_name = \"mail.example.com\" }}\n\n",
        port = server.port,
        ca = server.certificates.ca.display(),
    )
}

const ALERTING: &str = "[alerting]\nreceivers = [\"mail\"]\nevaluation_interval = \"1s\"\ngroup_wait = \"0s\"\ngroup_interval = \"1s\"\n\
    redact_labels = [\"user\"]\nexternal_url = \"https://watch.example.com\"\n\n[history]\ninterval = \"1s\"\n\n";

const RULE: &str = "[[rule]]\nalert = \"LoginFails\"\nexpr = 'vector(3)'\nlabels = { severity = \"critical\", user = \"alice.smith\" }\n\
    annotations = { summary = \"{{ $labels.user }} failed {{ $value }} times\" }\n";

#[test]
fn an_alert_reaches_a_mailbox_and_so_does_its_end_with_its_cause() {
    let mut server = Server::start(Mode::StartTls, true);
    let place = Place::new(&[ALERTING, &receiver(&server, ""), RULE].concat());
    let mut running = place.run_with(|command| {
        command.env("SMTP_PASSWORD", PASSWORD);
    });
    let fired = server.taken();
    assert!(fired.encrypted && fired.login);
    assert!(
        fired.headers["Subject"].starts_with("FIRING critical: LoginFails"),
        "{fired:?}"
    );
    assert!(
        fired.text.contains("[hidden:") && fired.text.contains("failed 3 times"),
        "{}",
        fired.text
    );
    assert!(!format!("{fired:?}").contains("alice"), "{fired:?}");
    place.configure(&[ALERTING, &receiver(&server, "")].concat());
    running.signal("HUP");
    let over = server.taken();
    assert!(over.headers["Subject"].starts_with("RESOLVED: LoginFails"), "{over:?}");
    assert!(over.text.contains("its rule is no longer configured"), "{}", over.text);
    assert_eq!(over.headers["References"], fired.headers["References"]);
    running.line("A notification was delivered.");
    let metrics = running.eventually("/metrics", |body| {
        body.contains("bellwether_receiver_last_delivery_timestamp_seconds")
    });
    assert!(metrics.contains("bellwether_receiver_down"), "{metrics}");
    let log = running.stop().join("\n");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn a_receiver_can_be_tried_without_a_host_and_says_why_it_does_not_work() {
    let mut server = Server::start(Mode::StartTls, true);
    let place = Place::new(&[ALERTING, &receiver(&server, "")].concat());
    let with = |password: &'static str| {
        place.finish_with(&["receivers", "test", "mail"], |command| {
            command.env("SMTP_PASSWORD", password);
        })
    };
    let good = with(PASSWORD);
    assert_eq!(
        (good.code, good.stdout.as_str()),
        (0, "receiver mail: the test was taken\n"),
        "{}",
        good.stderr
    );
    let taken = server.taken();
    assert_eq!(taken.headers["Subject"], "TEST: this is how receiver mail is told");
    let wrong = with("another password");
    assert_eq!(wrong.code, 3, "{}", wrong.stdout);
    assert!(wrong.stdout.contains("logging in: 535"), "{}", wrong.stdout);
    let nobody = place.finish_with(&["receivers", "test", "mails"], |command| {
        command.env("SMTP_PASSWORD", PASSWORD);
    });
    assert_eq!(nobody.code, 2);
    assert!(nobody.stderr.contains("did you mean `mail`?"), "{}", nobody.stderr);
    assert!(server.nothing_taken());
}

#[test]
fn a_template_that_is_none_is_refused_where_it_stands() {
    let server = Server::start(Mode::StartTls, true);
    let place = Place::new(&[ALERTING, &receiver(&server, "title = \"{{ .Status | toUper }}\"")].concat());
    for verb in [&["validate"][..], &["run"][..]] {
        let refused = place.finish_with(verb, |command| {
            command.env("SMTP_PASSWORD", PASSWORD);
        });
        assert_eq!(refused.code, 2, "{verb:?}: {}", refused.stderr);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("`title` of receiver `mail` is no template"), "{said}");
        assert!(said.contains("did you mean `toUpper`?"), "{said}");
    }
}
