//! A host that runs, asked over HTTP by verbs that look at it: where it is, which token it wants, what it said.
//!
//! Flows in: the configuration, or `--url`. Flows out: the `data` of an answer, or a [`Trouble`] with its exit code. The token of
//! the configuration goes to the address of the configuration and nowhere else.

use std::{net::IpAddr, path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
};
use url::{Host as UrlHost, Url};

use super::{ConfigArgument, Exit, output, session};
use crate::{
    capability::tls::{Certificate, HTTP_1_1, Trust},
    clock::Clock,
    config::{Environment, Loaded, TlsOptions},
    secret::Secret,
};

/// How long dialling may take. The host is on this machine or nearby.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long an answer may take: longer than any query may.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of an answer: more than a host sends.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Where the token for `--url` is read from.
const TOKEN: &str = "BELLWETHER_TOKEN";

/// Which host to ask.
#[derive(Debug, clap::Args)]
pub(super) struct HostArgument {
    #[command(flatten)]
    config: ConfigArgument,
    /// Ask the host at this address rather than the one of the configuration; its token is read from $BELLWETHER_TOKEN
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<Url>,
}

/// Why there is no `data`.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody answered, or nobody that speaks our language.
    Unreachable(String),
    /// It wants another token.
    Access(String),
    /// It said that it cannot.
    Refused {
        /// The `errorType`.
        kind: String,
        /// In words.
        message: String,
        /// Bytes of the expression at fault.
        position: Option<(usize, usize)>,
    },
}

impl Trouble {
    /// Says it and hands the exit code back.
    pub(super) fn report(&self) -> Exit {
        match self {
            Self::Unreachable(why) => output::fail(Exit::Unreachable, why),
            Self::Access(why) => output::fail(Exit::Usage, why),
            Self::Refused { kind, message, .. } => output::fail(Self::exit(kind), message),
        }
    }

    fn exit(kind: &str) -> Exit {
        match kind {
            "bad_data" | "not_found" => Exit::Usage,
            "execution" => Exit::Bad,
            "internal" => Exit::Internal,
            _ => Exit::Unreachable,
        }
    }
}

/// What a host said that could answer.
#[derive(Debug)]
pub(super) struct Said {
    /// Of its answer.
    pub(super) data: Value,
    /// Its warnings and remarks.
    pub(super) notes: Vec<String>,
}

/// How the host is known to be the one that is meant.
enum Encryption {
    /// It is not: there is none.
    None,
    /// It has a certificate for the URL's host that the system trusts.
    Trusted,
    /// Its certificate has this SHA-256.
    Shown(String),
}

/// What it is asked for; the token follows.
#[derive(Clone, Copy)]
enum Purpose {
    Look,
    Change,
}

/// A host to ask.
pub(super) struct Host {
    runtime: Runtime,
    base: Url,
    encryption: Encryption,
    token: Option<Secret>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Host {
    /// The one that is meant, to look at it. What is wrong with the configuration is printed.
    pub(super) fn of(argument: &HostArgument) -> Result<Self, Exit> {
        Self::with(argument, Purpose::Look)
    }

    /// The same, to change something on it.
    pub(super) fn for_changes(argument: &HostArgument) -> Result<Self, Exit> {
        Self::with(argument, Purpose::Change)
    }

    fn with(argument: &HostArgument, purpose: Purpose) -> Result<Self, Exit> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| output::fail(Exit::Internal, &format!("cannot start: {error}")))?;
        let (base, encryption, token) = match &argument.url {
            Some(url) => named(url)?,
            None => configured(&session::load(&session::request(&argument.config))?, purpose)?,
        };
        Ok(Self {
            runtime,
            base,
            encryption,
            token,
        })
    }

    /// Reads something. `parameters`: names and values.
    pub(super) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Said, Trouble> {
        let mut url = self.url(path);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        self.ask(Method::GET, &url, Bytes::new())
    }

    /// Reads something from Alertmanager's API.
    pub(super) fn get_json(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, Trouble> {
        let mut url = self.url(path);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        self.plainly(Method::GET, &url, None)
    }

    /// Sends something to Alertmanager's API.
    pub(super) fn post_json(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.plainly(Method::POST, &self.url(path), Some(body))
    }

    /// Takes something away through Alertmanager's API.
    pub(super) fn delete(&self, path: &str) -> Result<Value, Trouble> {
        self.plainly(Method::DELETE, &self.url(path), None)
    }

    /// That API wraps nothing: what it says is the body, and a problem is a text.
    fn plainly(&self, method: Method, url: &Url, body: Option<&Value>) -> Result<Value, Trouble> {
        let bytes = body.map(Value::to_string).unwrap_or_default().into();
        let (status, body) = self.answered(method, url, bytes, "application/json")?;
        if status == StatusCode::OK && body.is_empty() {
            return Ok(Value::Null);
        }
        let body: Value = serde_json::from_slice(&body)
            .map_err(|_| self.unreachable(&format!("what answers there is no Bellwether: {status} without JSON")))?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        // What is refused at the door is said as everywhere else.
        let message = body
            .as_str()
            .or_else(|| body["error"].as_str())
            .unwrap_or_default()
            .to_owned();
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Trouble::Access(message)),
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::INTERNAL_SERVER_ERROR => "execution",
            status if status.is_client_error() => "bad_data",
            _ => "unavailable",
        };
        Err(Trouble::Refused {
            kind: kind.to_owned(),
            message,
            position: None,
        })
    }

    /// Asks what may be longer than a URL.
    pub(super) fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Said, Trouble> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        self.ask(Method::POST, &self.url(path), form.into())
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    fn ask(&self, method: Method, url: &Url, form: Bytes) -> Result<Said, Trouble> {
        let (status, body) = self.answered(method, url, form, "application/x-www-form-urlencoded")?;
        self.read(status, &body)
    }

    fn answered(&self, method: Method, url: &Url, body: Bytes, kind: &str) -> Result<(StatusCode, Bytes), Trouble> {
        let request = self
            .request(method, url, body, kind)
            .map_err(|error| self.unreachable(&error.to_string()))?;
        let answered = self.runtime.block_on(async {
            match tokio::time::timeout(ANSWER_PATIENCE, self.exchange(request)).await {
                Ok(answered) => answered,
                Err(_) => Err(format!("no answer within {} s", ANSWER_PATIENCE.as_secs())),
            }
        });
        answered.map_err(|why| self.unreachable(&why))
    }

    fn unreachable(&self, why: &str) -> Trouble {
        Trouble::Unreachable(format!("cannot reach a host at {}: {why}; is it running?", self.base))
    }

    fn request(&self, method: Method, url: &Url, body: Bytes, kind: &str) -> Result<Request<Full<Bytes>>, http::Error> {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, host);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.body(Full::new(body))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let port = self.base.port_or_known_default().unwrap_or(80);
        let host = match self.base.host() {
            Some(UrlHost::Domain(name)) => name.to_owned(),
            Some(UrlHost::Ipv4(address)) => address.to_string(),
            Some(UrlHost::Ipv6(address)) => address.to_string(),
            None => return Err("the URL names no host".to_owned()),
        };
        let dialled = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect((host.as_str(), port))).await;
        let stream = dialled
            .map_err(|_| format!("no connection within {} s", CONNECT_PATIENCE.as_secs()))?
            .map_err(|error| error.to_string())?;
        let options = TlsOptions {
            insecure: matches!(self.encryption, Encryption::Shown(_)),
            ..TlsOptions::default()
        };
        if matches!(self.encryption, Encryption::None) {
            return converse(stream, request).await;
        }
        let client = Trust::default().client(&options).map_err(|error| error.to_string())?;
        let deadline = Clock::system().monotonic() + CONNECT_PATIENCE;
        let shaken = client.handshake(&host, &[HTTP_1_1], stream, deadline).await;
        let (stream, session) = shaken.map_err(|failure| failure.to_string())?;
        if let Encryption::Shown(wanted) = &self.encryption
            && session.chain.first().is_none_or(|shown| shown.sha256 != *wanted)
        {
            // Before the token is sent.
            return Err("it shows another certificate than the one of the configuration".to_owned());
        }
        converse(stream, request).await
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Said, Trouble> {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(body)
            .map_err(|_| self.unreachable(&format!("what answers there is no Bellwether: {status} without JSON")))?;
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            return Err(Trouble::Access(text(&body, "error")));
        }
        if body["status"] != "success" {
            let end = |key: &str| body["position"][key].as_u64().and_then(|at| usize::try_from(at).ok());
            return Err(Trouble::Refused {
                kind: text(&body, "errorType"),
                message: text(&body, "error"),
                position: end("start").zip(end("end")),
            });
        }
        let notes = ["warnings", "infos"]
            .iter()
            .filter_map(|key| body[*key].as_array())
            .flatten();
        let notes = notes.filter_map(Value::as_str).map(str::to_owned).collect();
        let mut body = body;
        Ok(Said {
            data: body["data"].take(),
            notes,
        })
    }
}

type Place = (Url, Encryption, Option<Secret>);

/// The host at a URL.
fn named(url: &Url) -> Result<Place, Exit> {
    let encryption = match url.scheme() {
        "http" => Encryption::None,
        "https" => Encryption::Trusted,
        other => {
            let why = format!("--url has the scheme `{other}`; a host speaks http or https");
            return Err(output::fail(Exit::Usage, &why));
        }
    };
    let token = Environment::of_process().non_empty(TOKEN).map(Secret::new);
    Ok((url.clone(), encryption, token))
}

/// The host of a configuration, on this machine.
fn configured(loaded: &Loaded, purpose: Purpose) -> Result<Place, Exit> {
    let access = &loaded.config.access;
    let mut address = loaded.config.host.listen;
    if address.port() == 0 {
        let why = "`listen` has port 0, so the configuration does not say where the host is; name it with --url";
        return Err(output::fail(Exit::Usage, why));
    }
    address.set_ip(match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    });
    let (scheme, encryption) = match &access.tls {
        Some(files) => ("https", own_certificate(&files.certificate)?),
        None => ("http", Encryption::None),
    };
    let base = format!("{scheme}://{address}").parse();
    let base = base.map_err(|error| output::fail(Exit::Usage, &format!("{address} is no address to ask: {error}")))?;
    let token = match purpose {
        Purpose::Look => access.read.first().or_else(|| access.admin.first()).cloned(),
        Purpose::Change => access.admin.first().cloned(),
    };
    Ok((base, encryption, token))
}

/// The host of a configuration is asked by its address, and its certificate is for a name and perhaps signed by nobody this machine
/// knows: it has to show that very certificate, and to have the key to it.
fn own_certificate(path: &Path) -> Result<Encryption, Exit> {
    let read = Certificate::of_file(path);
    let read = read.map_err(|error| output::fail(Exit::Unreachable, &format!("{error}; name the host with --url")))?;
    Ok(Encryption::Shown(read.sha256))
}

/// One request on a connection of its own.
async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let exchange = async move {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    // The connection ends when the sender is gone, which the exchange takes along.
    let (answered, _ended) = tokio::join!(exchange, connection);
    answered
}
