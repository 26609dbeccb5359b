//! The rarer wishes of a request, read from their text. Pure.

use super::{
    credentials::has_identity,
    message::{Error, Request},
};
use crate::{capability::dial::ConnectTo, config::Connection};

/// Which version of HTTP to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum VersionWish {
    /// What the server chooses; over plain HTTP 1.1.
    #[default]
    Any,
    /// 1.1 only.
    Http11,
    /// 2 only; over plain HTTP without asking first.
    Http2,
}

/// What a request wants besides the ordinary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) connect_to: Option<ConnectTo>,
    pub(super) version: VersionWish,
    pub(super) server_name: Option<String>,
    pub(super) raw_body: bool,
    /// Read to the end, also past what is kept; a body that is longer than the host reads of any is an error.
    pub(super) whole_body: bool,
}

impl Wishes {
    pub(super) fn of(request: &Request) -> Result<Self, Error> {
        let mut wishes = Self::default();
        if let Some(text) = &request.connect_to {
            let parsed = text.parse::<ConnectTo>();
            wishes.connect_to = Some(parsed.map_err(|bad| Error::Invalid(format!("`connect-to`: {bad}")))?);
        }
        for (name, value) in &request.options {
            wishes.option(name, value)?;
        }
        Ok(wishes)
    }

    fn option(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match (name, value) {
            ("http-version", "1.1") => self.version = VersionWish::Http11,
            ("http-version", "2") => self.version = VersionWish::Http2,
            ("http-version", _) => return Err(Error::Invalid("`http-version` is `1.1` or `2`".to_owned())),
            ("server-name", "") => return Err(Error::Invalid("`server-name` is empty".to_owned())),
            ("server-name", name) => self.server_name = Some(name.to_owned()),
            ("raw-body", "true") => self.raw_body = true,
            ("raw-body", "false") => self.raw_body = false,
            ("raw-body", _) => return Err(Error::Invalid("`raw-body` is `true` or `false`".to_owned())),
            ("whole-body", "true") => self.whole_body = true,
            ("whole-body", "false") => self.whole_body = false,
            ("whole-body", _) => return Err(Error::Invalid("`whole-body` is `true` or `false`".to_owned())),
            _ => {
                return Err(Error::Invalid(
                    "an option is unknown: there are `http-version`, `server-name`, `raw-body` and `whole-body`"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Wishes that could carry a connection's credentials elsewhere, or bring those of a `guarded` check back unread.
    pub(super) fn check(&self, connection: &Connection, guarded: bool) -> Result<(), Error> {
        let denied = |wish: &str, why: &str| {
            Err(Error::Denied(format!(
                "`{wish}` is not for connection `{}`, {why}",
                connection.name
            )))
        };
        if self.connect_to.is_some() && connection.proxy.is_some() {
            return denied("connect-to", "which has a proxy");
        }
        if self.server_name.is_some() && connection.tls.server_name.is_some() {
            return denied("server-name", "which sets it");
        }
        if self.raw_body && guarded {
            return denied(
                "raw-body",
                "whose check has credentials: they could not be taken out of it",
            );
        }
        if !has_identity(connection) {
            return Ok(());
        }
        // The certificate proves that the dialled address is the URL's host. Where nothing does, the address must be its own.
        let proven = connection.url.scheme() == "https" && !connection.tls.insecure;
        if self.connect_to.is_some() && !proven {
            return denied(
                "connect-to",
                "whose credentials would go there without proof of who it is",
            );
        }
        if self.server_name.is_some() {
            return denied("server-name", "whose credentials are for its own name");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capability::http::fixtures::connection,
        config::{Proxy, TlsFiles},
        secret::Secret,
    };

    fn asked(name: &str, value: &str) -> Result<Wishes, Error> {
        Wishes::of(&Request {
            options: vec![(name.to_owned(), value.to_owned())],
            ..Request::default()
        })
    }

    #[test]
    fn options_are_known_by_name_and_others_are_invalid() {
        assert_eq!(asked("http-version", "2").expect("known").version, VersionWish::Http2);
        assert!(asked("raw-body", "true").expect("known").raw_body);
        assert!(asked("whole-body", "true").expect("known").whole_body);
        for (name, value) in [
            ("http-version", "3"),
            ("raw-body", "yes"),
            ("whole-body", ""),
            ("server-name", ""),
            ("colour", "red"),
        ] {
            assert!(matches!(asked(name, value), Err(Error::Invalid(_))), "{name}");
        }
        let named = Request {
            connect_to: Some("localhost".to_owned()),
            ..Request::default()
        };
        assert!(matches!(Wishes::of(&named), Err(Error::Invalid(_))));
    }

    #[test]
    fn credentials_go_only_where_somebody_proves_who_they_are() {
        let elsewhere = Wishes {
            connect_to: Some("10.0.0.7".parse().expect("an address")),
            ..Wishes::default()
        };
        let mut api = connection("api", "http://h.test/");
        assert!(elsewhere.check(&api, true).is_ok());
        api.headers = vec![("apikey".to_owned(), Secret::new("k"))];
        assert!(matches!(elsewhere.check(&api, true), Err(Error::Denied(_))));
        api.url = "https://h.test/".parse().expect("a URL");
        assert!(elsewhere.check(&api, true).is_ok());
        api.tls.insecure = true;
        assert!(matches!(elsewhere.check(&api, true), Err(Error::Denied(_))));
    }

    #[test]
    fn a_client_certificate_and_the_password_of_a_proxy_are_credentials_too() {
        let name = asked("server-name", "admin.test").expect("known");
        let mut known = connection("known", "https://h.test/");
        known.tls.client = Some(TlsFiles {
            certificate: "client.pem".into(),
            key: "client.key".into(),
        });
        assert!(matches!(name.check(&known, false), Err(Error::Denied(_))));
        let mut proxied = connection("proxied", "http://h.test/");
        proxied.proxy = Some(Proxy {
            url: "http://proxy.test:3128/".parse().expect("a URL"),
            auth: Some(("user".to_owned(), Secret::new("p"))),
        });
        assert!(name.check(&proxied, true).is_err());
    }

    #[test]
    fn with_credentials_neither_the_name_nor_the_encoding_is_the_guests() {
        let mut api = connection("api", "https://h.test/");
        let (name, raw) = (
            asked("server-name", "x").expect("known"),
            asked("raw-body", "true").expect("known"),
        );
        assert!(name.check(&api, false).is_ok() && raw.check(&api, false).is_ok());
        api.query = vec![("key".to_owned(), Secret::new("k"))];
        assert!(name.check(&api, true).is_err() && raw.check(&api, true).is_err());
    }
}
