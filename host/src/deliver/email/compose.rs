//! One notification as the bytes of an email. Pure.
//!
//! The same notification is the same bytes at every attempt: its Message-ID is the message's id, its date is when it was decided, and
//! the border between its parts comes from what is in them, so that a server or a mailbox that has it already can tell. All emails about
//! one group refer to the same root, which makes them one thread.

use std::time::{Duration, UNIX_EPOCH};

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use sha2::{Digest as _, Sha256};

use super::html;
use crate::deliver::outgoing::Outgoing;

/// Who writes to whom, as the email itself says.
#[derive(Clone, Debug)]
pub struct Head {
    /// `Bellwether <watch@example.com>`. Its domain is that of message ids.
    pub from: Mailbox,
    /// Never empty.
    pub to: Vec<Mailbox>,
    /// May be empty.
    pub cc: Vec<Mailbox>,
    /// Where answers go; None: to whom it is from.
    pub reply_to: Option<Mailbox>,
}

/// Automatic mail says so, so that nobody's absence answers it (RFC 3834), and Exchange's neither.
const AUTOMATIC: [(&str, &str); 2] = [
    ("Auto-Submitted", "auto-generated"),
    ("X-Auto-Response-Suppress", "All"),
];

/// Errors: lettre does not take it, which is a bug of ours.
pub(super) fn email(head: &Head, outgoing: &Outgoing) -> Result<Vec<u8>, String> {
    let domain = head.from.email.domain();
    let id = outgoing.message.id.to_string();
    let root = format!("<thread.{}@{domain}>", outgoing.thread);
    let decided = u64::try_from(outgoing.message.created_at).unwrap_or(0);
    let mut builder = Message::builder()
        .from(head.from.clone())
        .subject(&outgoing.title)
        .date(UNIX_EPOCH + Duration::from_millis(decided))
        .message_id(Some(format!("<{id}@{domain}>")))
        .in_reply_to(root.clone())
        .references(root);
    for to in &head.to {
        builder = builder.to(to.clone());
    }
    for cc in &head.cc {
        builder = builder.cc(cc.clone());
    }
    if let Some(reply_to) = &head.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    for (name, value) in AUTOMATIC {
        let name = HeaderName::new_from_ascii_str(name);
        builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let page = html::page(outgoing);
    let parts = MultiPart::alternative()
        .boundary(border(&[&id, &outgoing.text, &page]))
        .singlepart(SinglePart::plain(outgoing.text.clone()))
        .singlepart(SinglePart::html(page));
    let email = builder.multipart(parts).map_err(|error| error.to_string())?;
    Ok(email.formatted())
}

/// Stands between the parts. It depends on what is in them, so that no text can hold it on purpose.
fn border(contents: &[&str]) -> String {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update(content.as_bytes());
        // It is in no UTF-8 text.
        hash.update([0xff]);
    }
    let digits = hash.finalize();
    let digits = digits.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("bellwether-{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        deliver::{
            outgoing::{TEXT_BYTES_WHOLE, Templates, Writer},
            redact::{Hiding, KEY_BYTES, Key},
            samples::{message, news},
        },
        dispatch::News,
        secret::Redactor,
    };

    fn composed(alerts: Vec<News>) -> String {
        let writer = Writer {
            templates: Templates::default(),
            hiding: Hiding::new(&[], Key::new([0; KEY_BYTES]), Redactor::default()),
            external_url: Arc::from(""),
            text_bytes: TEXT_BYTES_WHOLE,
        };
        let head = Head {
            from: "Bellwether <watch@example.com>".parse().unwrap(),
            to: vec![
                "ops@example.org".parse().unwrap(),
                "Jörg <j@example.org>".parse().unwrap(),
            ],
            cc: Vec::new(),
            reply_to: None,
        };
        let bytes = email(&head, &writer.write(&message(alerts))).unwrap();
        assert!(bytes.is_ascii(), "no server needs to know more than ASCII");
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_same_message_is_the_same_bytes_with_its_own_id_in_its_groups_thread() {
        let mail = composed(vec![news(&[("alertname", "A")])]);
        assert_eq!(mail, composed(vec![news(&[("alertname", "A")])]));
        let id = message(Vec::new()).id;
        assert!(mail.contains(&format!("Message-ID: <{id}@example.com>\r\n")), "{mail}");
        assert!(mail.contains("\r\nIn-Reply-To: <thread."), "{mail}");
        assert!(mail.contains("\r\nReferences: <thread."), "{mail}");
        assert!(mail.contains("\r\nDate: Sat, 28 Nov 2026 03:00:00 +0000\r\n"), "{mail}");
        assert!(mail.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{mail}");
        assert!(mail.contains("Content-Type: multipart/alternative"), "{mail}");
    }

    #[test]
    fn a_label_cannot_add_a_header_or_a_recipient() {
        let evil = "x\r\nBcc: thief@example.net\r\n\r\nbody";
        let mut one = news(&[("alertname", evil)]);
        one.annotations.insert("summary".into(), evil.into());
        let mail = composed(vec![one]);
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }

    #[test]
    fn no_line_is_longer_than_servers_take() {
        let mut one = news(&[("alertname", "A")]);
        one.annotations.insert("summary".into(), "w".repeat(900).into());
        one.annotations.insert("description".into(), "grün ".repeat(180).into());
        let mail = composed(vec![one]);
        let longest = mail.split("\r\n").map(str::len).max().unwrap();
        assert!(longest <= 998, "{longest}");
        assert!(!mail.replace("\r\n", "").contains(['\r', '\n']));
    }
}
