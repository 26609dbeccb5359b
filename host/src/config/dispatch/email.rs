//! `email` of a receiver: mail that the host sends itself.

use super::super::{
    connection::{Shown, always, tls_options},
    reader::Reader,
    reading::Reading,
    resolved::{Email, EmailSecurity},
    source::At,
    vocabulary::EMAIL,
    wording::excerpt,
};

/// Where mail is handed in over TLS from the first byte (RFC 8314).
const PORT_TLS: u16 = 465;

/// Where mail is handed in otherwise (RFC 6409).
const PORT_SUBMISSION: u16 = 587;

/// Most addresses of one mail: servers take a hundred at least (RFC 5321, 4.5.3.1.8).
const ADDRESSES_MAX: usize = 100;

/// Longest address with a name before it, in bytes.
const ADDRESS_BYTES_MAX: usize = 512;

/// `None`: a problem was noted.
pub(super) fn read(receiver: &Reader<'_, '_>, shown: &mut Shown) -> Option<Email> {
    let reader = receiver.table("email", &EMAIL)?;
    let server = server(&reader);
    let words = EmailSecurity::ALL.map(|security| (security.as_str(), security));
    let security = reader.word("security", &words).map(|given| given.value);
    let password = reader.node("password");
    let secret = password.and_then(|node| always(&reader, "password", node, shown));
    let user = reader.string("user").map(|user| user.value);
    refuse_half_a_login(&reader);
    let from = required(&reader, "from", "\"Bellwether <alerts@example.com>\"");
    let from = from.and_then(|from| address(reader.reading, "from", &from).then_some(from.value));
    let to = addresses(&reader, "to");
    if to.is_empty() && reader.node("to").is_none() {
        missing(&reader, "to", "[\"ops@example.com\"]");
    }
    let reply_to = reader.string("reply_to");
    let reply_to = reply_to.filter(|given| address(reader.reading, "reply_to", given));
    let (cc, bcc) = (addresses(&reader, "cc"), addresses(&reader, "bcc"));
    let hello = reader.string("hello").map(|hello| hello.value);
    let tls = tls_options(&reader);
    let (server, port) = server?;
    let usual = if port == PORT_TLS {
        EmailSecurity::Tls
    } else {
        EmailSecurity::StartTls
    };
    let security = security.unwrap_or(usual);
    warn_of_open_login(&reader, security, &server);
    Some(Email {
        server,
        port,
        security,
        user,
        password: secret,
        from: from?,
        to,
        cc,
        bcc,
        reply_to: reply_to.map(|given| given.value),
        hello,
        tls,
    })
}

/// Name and port.
fn server(reader: &Reader<'_, '_>) -> Option<(String, u16)> {
    let given = required(reader, "server", "\"smtp.example.com:587\"")?;
    let parsed = parse_server(&given.value);
    if parsed.is_none() {
        let message = format!("`server` cannot be \"{}\"", excerpt(&given.value));
        let hint = "a name or an address, and a port: \"smtp.example.com:587\"".to_owned();
        reader.reading.error(given.span, message, hint);
    }
    parsed
}

/// `smtp.example.com`, `smtp.example.com:465`, `[::1]:25`.
pub(in super::super) fn parse_server(text: &str) -> Option<(String, u16)> {
    let text = text.trim();
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port.parse().ok()?),
        Some(_) => return None,
        None => (text, PORT_SUBMISSION),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (!name.is_empty() && name.bytes().all(good) && port > 0).then(|| (name.to_owned(), port))
}

fn refuse_half_a_login(reader: &Reader<'_, '_>) {
    let (given, missing, node) = match (reader.node("user"), reader.node("password")) {
        (Some(node), None) => ("user", "password", node),
        (None, Some(node)) => ("password", "user", node),
        _ => return,
    };
    let message = format!("`email.{given}` is given and `email.{missing}` is not");
    let hint = "a login has both: user = \"alerts@example.com\", password = \"${secret:SMTP_PASSWORD}\"".to_owned();
    reader.reading.error(node.span, message, hint);
}

fn warn_of_open_login(reader: &Reader<'_, '_>, security: EmailSecurity, server: &str) {
    let stays = server == "localhost" || server.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let Some(node) = reader
        .node("password")
        .filter(|_| security == EmailSecurity::Open && !stays)
    else {
        return;
    };
    let message = "`email.password` is not safe on its way: `security = \"none\"` asks for no TLS";
    let hint = "security = \"starttls\", or \"tls\", if the server offers it".to_owned();
    reader.reading.warn(node.span, message, hint);
}

fn required(reader: &Reader<'_, '_>, key: &str, example: &str) -> Option<At<String>> {
    if reader.node(key).is_none() {
        missing(reader, key, example);
    }
    reader.string(key)
}

fn missing(reader: &Reader<'_, '_>, key: &str, example: &str) {
    let message = format!("`{}` has no `{key}`", reader.title());
    reader
        .reading
        .error(reader.table.span, message, format!("add {key} = {example}"));
}

/// Those that are good.
fn addresses(reader: &Reader<'_, '_>, key: &str) -> Vec<String> {
    let given = reader.strings(key).unwrap_or_default();
    if let Some(one) = given.get(ADDRESSES_MAX) {
        let message = format!(
            "`{key}` has {} addresses; at most {ADDRESSES_MAX} are accepted",
            given.len()
        );
        reader
            .reading
            .error(one.span, message, "make it a mailing list".to_owned());
    }
    if let (true, Some(node)) = (given.is_empty() && key == "to", reader.node(key)) {
        let hint = "at least one: to = [\"ops@example.com\"]".to_owned();
        reader.reading.error(node.span, "`to` names nobody", hint);
    }
    let good = given.into_iter().filter(|one| address(reader.reading, key, one));
    good.map(|one| one.value).collect()
}

fn address(reading: &Reading<'_>, key: &str, given: &At<String>) -> bool {
    let good = is_address(&given.value);
    if !good {
        let message = format!("`{key}`: \"{}\" is no address of mail", excerpt(&given.value));
        let hint = "NAME@DOMAIN, or with a name before it: \"Alerts <alerts@example.com>\"".to_owned();
        reading.error(given.span, message, hint);
    }
    good
}

/// `me@example.com` or `Me <me@example.com>`. Whether somebody reads it, nobody can know.
pub(in super::super) fn is_address(text: &str) -> bool {
    let text = text.trim();
    let bare = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((_, bare)) => bare,
        None => text,
    };
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;".contains(c))
    };
    let parts = bare.rsplit_once('@');
    text.len() <= ADDRESS_BYTES_MAX
        && !text.contains(char::is_control)
        && parts.is_some_and(|(name, domain)| plain(name) && plain(domain) && !domain.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_name_and_a_port() {
        let server = |text: &str| parse_server(text).map(|(name, port)| format!("{name} {port}"));
        assert_eq!(server("smtp.example.com:465").as_deref(), Some("smtp.example.com 465"));
        assert_eq!(server("smtp.example.com").as_deref(), Some("smtp.example.com 587"));
        assert_eq!(server("[::1]:25").as_deref(), Some("::1 25"));
        for text in [
            "",
            ":25",
            "smtp://example.com",
            "::1",
            "example.com:0",
            "example.com:x",
            "a b:25",
        ] {
            assert_eq!(server(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_of_mail() {
        for text in [
            "me@example.com",
            "Me <me@example.com>",
            "\"Me, too\" <me+x@example.com>",
            "root@localhost",
        ] {
            assert!(is_address(text), "{text}");
        }
        for text in [
            "",
            "me",
            "@example.com",
            "me@",
            "a b@example.com",
            "me@example.com, you@example.com",
            "a\n@b",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
