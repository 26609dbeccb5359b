//! The ways of Alertmanager's receivers as receivers and connections of this configuration.
//!
//! Flows in: what was read. Flows out: the same as `[receiver.NAME]` and `[connection.NAME]` would have it. Secrets that stand in files are read
//! here, and every secret is made known, so that nothing that is said shows it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    super::{
        Connection, HttpAuth, PluginOrigin, PluginSource, Proxy, RECEIVER_TIMEOUT_DEFAULT, TlsFiles, TlsOptions,
        connection::{ConnectionPlace, Connections, keep_url},
        dispatch::{FileDispatch, FileReceiver},
        foreign::{FileAuth, FileConnection, FileSecret, FileTls, FileUrl, SecretFrom, no_table},
        guest::GuestPlace,
        reading::Reading,
        resolved::{Email, Forwarder, Limits, Receiver, ReceiverKind},
        source::{At, FileId, Span},
    },
    Alertmanager, FileMail, FileWay, Silent, WayKind,
};
use crate::secret::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret};

/// What the names of its connections begin with.
const CONNECTION: &str = "alertmanager.";

/// What is taken of a file.
#[derive(Debug)]
pub(in super::super) struct Taken {
    pub(in super::super) dispatch: FileDispatch,
    /// For the watch of files: those that secrets stand in are not among them, as elsewhere.
    pub(in super::super) connections: BTreeMap<Arc<str>, (Arc<Connection>, ConnectionPlace)>,
}

/// See the module. Names of connections that are taken already, `existing`, are not used.
pub(in super::super) fn take(reading: &Reading<'_>, file: FileId, read: Alertmanager, existing: &Connections) -> Taken {
    let mut taking = Taking {
        reading,
        folder: reading.folder(file).to_owned(),
        existing,
        connections: BTreeMap::new(),
    };
    let mut receivers: Vec<FileReceiver> = read.silent.into_iter().map(silent).collect();
    receivers.extend(read.ways.into_iter().map(|way| taking.way(way)));
    Taken {
        dispatch: FileDispatch {
            defaults: read.defaults,
            routes: read.routes,
            inhibitions: read.inhibitions,
            intervals: read.intervals,
            receivers,
            handed_on: Vec::new(),
        },
        connections: taking.connections,
    }
}

fn silent(silent: Silent) -> FileReceiver {
    FileReceiver {
        name: At {
            value: silent.name.clone(),
            span: silent.span,
        },
        place: place(silent.span),
        resolved: None,
        shown: None,
        runs: Vec::new(),
        of: Some(silent.name),
        is_silent: true,
    }
}

const fn place(span: Span) -> GuestPlace {
    GuestPlace {
        name: span,
        table: no_table(span),
    }
}

struct Taking<'t, 'e> {
    reading: &'t Reading<'e>,
    folder: std::path::PathBuf,
    existing: &'t Connections,
    connections: BTreeMap<Arc<str>, (Arc<Connection>, ConnectionPlace)>,
}

impl Taking<'_, '_> {
    fn way(&mut self, way: FileWay) -> FileReceiver {
        let name: Arc<str> = way.name.as_str().into();
        let kind = match way.kind {
            WayKind::Mail(mail) => self.mail(*mail).map(|email| ReceiverKind::Email(Box::new(email))),
            WayKind::Plugin {
                plugin,
                connection,
                settings,
            } => {
                let settings = serde_json::Value::Object(
                    settings
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                );
                self.connection(&name, &connection, way.span)
                    .map(|connection| ReceiverKind::Plugin(forwarder(plugin, connection, &settings)))
            }
        };
        FileReceiver {
            name: At {
                value: way.name,
                span: way.span,
            },
            place: place(way.span),
            resolved: kind.map(|kind| Receiver {
                name,
                kind,
                timeout: way.timeout.unwrap_or(RECEIVER_TIMEOUT_DEFAULT),
                send_resolved: way.send_resolved,
                title: way.title.map(Arc::from),
                text: way.text.map(Arc::from),
                rate_limit: None,
                runs: Vec::new(),
                location: self.reading.sources.file_and_line(way.span),
            }),
            shown: None,
            runs: Vec::new(),
            of: Some(way.of),
            is_silent: false,
        }
    }

    /// None: a problem was noted.
    fn secret(&self, secret: &FileSecret) -> Option<Secret> {
        let text = match &secret.from {
            SecretFrom::Text(text) => text.clone(),
            SecretFrom::File(path) => self.read(&self.folder.join(path), secret.span)?,
        };
        let kept = Secret::new(&text);
        // Even one that is refused: it may stand elsewhere too.
        self.reading.keep_secret(&kept);
        if text.len() < SECRET_BYTES_MIN {
            let message = format!(
                "this secret is {} bytes long; at least {SECRET_BYTES_MIN} are needed",
                text.len()
            );
            let hint = "a shorter one could not be hidden without hiding ordinary words".to_owned();
            self.reading.error(secret.span, message, hint);
            return None;
        }
        Some(kept)
    }

    fn read(&self, path: &Path, span: Span) -> Option<String> {
        let failed = |why: String| {
            let message = format!("the file {} cannot be read: {why}", path.display());
            self.reading.error(span, message, None);
            None
        };
        match super::super::read_file(path) {
            Ok(text) if text.len() > SECRET_BYTES_MAX => failed(format!("it is longer than {SECRET_BYTES_MAX} bytes")),
            Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(problems) => failed(
                problems
                    .iter()
                    .map(|problem| problem.message.clone())
                    .collect::<Vec<_>>()
                    .join("; "),
            ),
        }
    }

    fn connection(&mut self, receiver: &str, file: &FileConnection, span: Span) -> Option<Arc<Connection>> {
        let (text, is_secret) = match &file.url {
            FileUrl::Plain(text) => (text.value.clone(), false),
            FileUrl::Secret(secret) => (self.secret(secret)?.expose().to_owned(), true),
        };
        let mut connection = match Connection::at_address(&text) {
            Ok(connection) => connection,
            Err(error) => {
                self.reading
                    .error(file.url.span(), format!("the address {error}"), error.hint(false));
                return None;
            }
        };
        if is_secret {
            keep_url(self.reading, &connection.url, false);
        }
        let name = self.free_name(receiver);
        connection.name = Arc::clone(&name);
        connection.url_is_secret = is_secret;
        connection.methods.insert("POST".to_owned());
        connection.tls = self.tls(&file.tls);
        let secrets = file.secrets.iter();
        connection.secrets = secrets
            .filter_map(|(name, secret)| Some(((*name).to_owned(), self.secret(secret)?)))
            .collect();
        let headers = file.headers.iter();
        connection.headers = headers
            .filter_map(|(name, secret)| Some((name.clone(), self.secret(secret)?)))
            .collect();
        connection.auth = file.auth.as_ref().and_then(|auth| self.auth(auth));
        connection.proxy = file.proxy.as_ref().and_then(|proxy| self.proxy(proxy));
        let connection = Arc::new(connection);
        let place = ConnectionPlace {
            name: span,
            url: Some(file.url.span()),
            has_methods: true,
        };
        self.connections.insert(name, (Arc::clone(&connection), place));
        Some(connection)
    }

    fn free_name(&self, receiver: &str) -> Arc<str> {
        let first = format!("{CONNECTION}{receiver}");
        let others = (2..).map(|number| format!("{first}-{number}"));
        let is_free =
            |name: &String| !self.existing.places.contains_key(name) && !self.connections.contains_key(name.as_str());
        let found = std::iter::once(first.clone()).chain(others).find(is_free);
        found.unwrap_or(first).into()
    }

    fn auth(&self, auth: &FileAuth) -> Option<HttpAuth> {
        match auth {
            FileAuth::Basic(user, password) => Some(HttpAuth::Basic {
                user: user.clone(),
                password: self.secret(password)?,
            }),
            FileAuth::Bearer(token) => self.secret(token).map(HttpAuth::Bearer),
        }
    }

    fn proxy(&self, proxy: &At<String>) -> Option<Proxy> {
        let good = Connection::at_address(&proxy.value).ok();
        let good = good.filter(|address| matches!(address.url.scheme(), "http" | "https"));
        if good.is_none() {
            let message = "`proxy_url` is no address of a proxy";
            let hint = "http://HOST:PORT, without a user".to_owned();
            self.reading.error(proxy.span, message, hint);
        }
        good.map(|address| Proxy {
            url: address.url,
            auth: None,
        })
    }

    fn tls(&self, tls: &FileTls) -> TlsOptions {
        let path = |path: &String| self.folder.join(path);
        TlsOptions {
            ca: tls.ca.as_ref().map(path),
            ca_only: tls.ca.is_some(),
            client: tls
                .certificate
                .as_ref()
                .zip(tls.key.as_ref())
                .map(|(certificate, key)| TlsFiles {
                    certificate: path(certificate),
                    key: path(key),
                }),
            server_name: tls.server_name.clone(),
            insecure: tls.insecure,
        }
    }

    fn mail(&self, mail: FileMail) -> Option<Email> {
        let (user, password) = match &mail.login {
            Some((user, password)) => (Some(user.clone()), Some(self.secret(password)?)),
            None => (None, None),
        };
        let (server, port) = mail.server;
        Some(Email {
            server,
            port,
            security: mail.security,
            user,
            password,
            from: mail.from,
            to: mail.to,
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: mail.reply_to,
            hello: mail.hello,
            tls: self.tls(&mail.tls),
        })
    }
}

fn forwarder(plugin: &str, connection: Arc<Connection>, settings: &serde_json::Value) -> Forwarder {
    Forwarder {
        plugin: PluginSource {
            origin: PluginOrigin::Bundled(plugin.to_owned()),
            sha256: None,
        },
        plugin_edition: 0,
        limits: Limits::default(),
        connections: [("default".to_owned(), connection)].into(),
        settings: settings.to_string().into(),
    }
}
