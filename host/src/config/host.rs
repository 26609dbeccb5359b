//! `[host]`: where it listens, where it keeps things, how much runs at once.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Connection,
    connection::keep_url,
    print::escaped,
    reader::Reader,
    reading::{Expanded, Reading, Secrets},
    resolved::Host,
    source::At,
    tree::{Node, Value},
    vocabulary::HOST,
};

/// Where HTTP is served unless the file says otherwise. Loopback: nothing is offered to the network unasked.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:9920";

/// Runs at once unless the file says otherwise. Most runs wait for an answer: 32 keep 10,000 checks of 45 ms each on a
/// 15 s interval, and hold at most 2 GiB when every one fills its 64 MiB.
pub const CONCURRENCY_DEFAULT: usize = 32;

/// Most runs at once: each may hold a stack and its memory limit.
pub const CONCURRENCY_MAX: usize = 1024;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FileHost {
    pub(super) listen: Option<At<String>>,
    pub(super) push_listen: Option<At<String>>,
    pub(super) environment: Option<At<String>>,
    state_dir: Option<At<PathBuf>>,
    cache_dir: Option<At<PathBuf>>,
    concurrency: Option<At<u64>>,
    pub(super) include: Vec<At<String>>,
    /// Already a connection: it is nothing but one.
    pub(super) heartbeat: Option<Heartbeat>,
}

/// `heartbeat_url`, and how it is written where it holds a secret.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat {
    pub(super) connection: Arc<Connection>,
    pub(super) shown: String,
}

pub(super) fn read(root: &Reader<'_, '_>) -> FileHost {
    let Some(host) = root.table("host", &HOST) else {
        return FileHost::default();
    };
    FileHost {
        listen: read_listen(&host, "listen"),
        push_listen: read_listen(&host, "push_listen"),
        environment: host.string("environment"),
        state_dir: host.path("state_dir"),
        cache_dir: host.path("cache_dir"),
        concurrency: host.integer("concurrency", &(1..=CONCURRENCY_MAX as u64)),
        include: host.strings("include").unwrap_or_default(),
        heartbeat: heartbeat(&host),
    }
}

fn read_listen(host: &Reader<'_, '_>, key: &str) -> Option<At<String>> {
    let node = host.node(key)?;
    if let Value::Integer(Ok(port)) = node.value {
        let hint = format!("write \"127.0.0.1:{port}\", or \":{port}\" for every address");
        host.wrong(key, node, "an address and a port", Some(hint));
        return None;
    }
    host.string(key)
}

/// What the connection of `heartbeat_url` is called.
const HEARTBEAT: &str = "heartbeat_url";

/// It is asked for with GET. What services for heartbeats give out is a secret, mostly, and may be written as one.
fn heartbeat(host: &Reader<'_, '_>) -> Option<Heartbeat> {
    let node = host.node("heartbeat_url")?;
    let expanded = host.text("heartbeat_url", node, "a URL", Secrets::Allowed)?;
    let error = match Connection::at_address(&expanded.text) {
        Ok(connection) if matches!(connection.url.scheme(), "http" | "https") => {
            return Some(asked(host, node, connection, &expanded));
        }
        Ok(connection) => format!(
            "has the scheme `{}`, and a heartbeat goes over HTTP",
            connection.url.scheme()
        ),
        Err(error) => error.to_string(),
    };
    let hint = "heartbeat_url = \"https://HOST/…\", or \"${secret:NAME}\"".to_owned();
    host.reading.error(node.span, format!("`heartbeat_url` {error}"), hint);
    None
}

fn asked(host: &Reader<'_, '_>, node: &Node, mut connection: Connection, expanded: &Expanded) -> Heartbeat {
    connection.name = HEARTBEAT.into();
    connection.methods = ["GET".to_owned()].into();
    connection.url_is_secret = expanded.secret;
    let shown = match &node.value {
        Value::String(text) if expanded.secret => {
            keep_url(host.reading, &connection.url, expanded.constant);
            text.clone()
        }
        _ => escaped(connection.url.as_str()),
    };
    Heartbeat {
        connection: Arc::new(connection),
        shown,
    }
}

/// The patterns alone, before there is anything else to read. Problems are noted when the whole is read.
pub(super) fn includes(root: &Reader<'_, '_>) -> Vec<At<String>> {
    let host = root.table("host", &HOST);
    host.and_then(|host| host.strings("include")).unwrap_or_default()
}

/// `None`: a problem was noted.
pub(super) fn resolve(reading: &Reading<'_>, file: FileHost) -> Option<Host> {
    let listen = listen(reading, file.listen.as_ref());
    let push_listen = push_listen(reading, file.push_listen.as_ref());
    let state_dir = state_dir(reading, file.state_dir);
    let (listen, state_dir) = (listen?, state_dir?);
    refuse_one_address(reading, listen, push_listen.zip(file.push_listen.as_ref()));
    let cache_dir = cache_dir(reading, file.cache_dir, &state_dir);
    let concurrency = file.concurrency.and_then(|given| usize::try_from(given.value).ok());
    Some(Host {
        listen,
        push_listen,
        environment: file.environment.map(|given| given.value).unwrap_or_default(),
        state_dir,
        cache_dir,
        concurrency: concurrency.unwrap_or(CONCURRENCY_DEFAULT),
    })
}

fn cache_dir(reading: &Reading<'_>, given: Option<At<PathBuf>>, state_dir: &Path) -> PathBuf {
    given
        .map(|given| given.value)
        .or_else(|| first_path(reading, "CACHE_DIRECTORY"))
        .unwrap_or_else(|| state_dir.join("cache"))
}

/// Where compiled plugins are kept, whatever else the file says. `None`: not even that can be told.
pub(super) fn cache_dir_alone(root: &Reader<'_, '_>) -> Option<PathBuf> {
    let file = read(root);
    let state_dir = state_dir(root.reading, file.state_dir)?;
    Some(cache_dir(root.reading, file.cache_dir, &state_dir))
}

/// systemd gives several folders separated by colons when a unit asks for several; the first is ours.
fn first_path(reading: &Reading<'_>, variable: &str) -> Option<PathBuf> {
    let first = reading.env.non_empty(variable)?.split(':').next()?;
    (!first.is_empty()).then(|| PathBuf::from(first))
}

fn state_dir(reading: &Reading<'_>, given: Option<At<PathBuf>>) -> Option<PathBuf> {
    // The XDG specification has relative paths ignored.
    let absolute = |variable| first_path(reading, variable).filter(|path| path.is_absolute());
    let found = given
        .map(|given| given.value)
        .or_else(|| first_path(reading, "STATE_DIRECTORY"))
        .or_else(|| Some(absolute("XDG_STATE_HOME")?.join("bellwether")))
        .or_else(|| Some(absolute("HOME")?.join(".local/state/bellwether")));
    if found.is_none() {
        reading.error_whole(
            "there is no place for state: none of `STATE_DIRECTORY`, `XDG_STATE_HOME` and `HOME` is set",
            "say where:\n  [host]\n  state_dir = \"/var/lib/bellwether\"".to_owned(),
        );
    }
    found
}

fn listen(reading: &Reading<'_>, given: Option<&At<String>>) -> Option<SocketAddr> {
    let text = given.map_or(LISTEN_DEFAULT, |given| given.value.as_str());
    match parse_listen("listen", text) {
        Ok(address) => Some(address),
        Err((message, hint)) => {
            if let Some(given) = given {
                reading.error(given.span, message, hint);
            }
            None
        }
    }
}

/// None: it is not wanted, or a problem was noted.
fn push_listen(reading: &Reading<'_>, given: Option<&At<String>>) -> Option<SocketAddr> {
    let given = given?;
    let parsed = parse_listen("push_listen", &given.value);
    parsed
        .map_err(|(message, hint)| reading.error(given.span, message, hint))
        .ok()
}

/// What is taken there is taken on `listen` as well; a second listener is for another address.
fn refuse_one_address(reading: &Reading<'_>, listen: SocketAddr, push: Option<(SocketAddr, &At<String>)>) {
    if let Some((address, given)) = push.filter(|(address, _)| *address == listen && listen.port() != 0) {
        let message = format!("`push_listen` is {address}, as `listen` is");
        let hint =
            "leave it out: `listen` takes pushes too; or give it another port, which may be open to others".to_owned();
        reading.error(given.span, message, hint);
    }
}

/// `host:port`, `:port`, `[v6]:port`. Names are looked up; `localhost` is always 127.0.0.1.
fn parse_listen(key: &str, text: &str) -> Result<SocketAddr, (String, String)> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let shown = super::wording::excerpt(text);
    let wrong = |why: String| format!("`{key}` cannot be \"{shown}\": {why}");
    let example = || "write ADDRESS:PORT, such as \"127.0.0.1:9920\"".to_owned();
    if text.contains("://") || text.contains('/') {
        return Err((wrong("it is an address and a port, not a URL".into()), example()));
    }
    if text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()) {
        return Err((wrong("the port is missing".into()), format!("write \"[{text}]:9920\"")));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (why, hint) = if digits {
            (
                "the address is missing",
                format!("write \"127.0.0.1:{text}\", or \":{text}\" for every address"),
            )
        } else {
            ("the port is missing", format!("write \"{shown}:9920\""))
        };
        return Err((wrong(why.into()), hint));
    };
    let port: u16 = port.parse().map_err(|_| {
        (
            wrong(format!("`{port}` is not a port")),
            "ports are numbers from 0 to 65535; 0 takes a free one".into(),
        )
    })?;
    match host {
        "" | "*" => Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        "localhost" => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        name if name.contains(':') => Err((
            wrong("an IPv6 address stands in brackets".into()),
            format!("write \"[{}]:{port}\"", name.trim_matches(['[', ']'])),
        )),
        name => look_up(name, port).map_err(|why| (wrong(why), example())),
    }
}

fn look_up(name: &str, port: u16) -> Result<SocketAddr, String> {
    let mut found = (name, port)
        .to_socket_addrs()
        .map_err(|error| format!("`{name}` cannot be looked up: {error}"))?;
    found.next().ok_or_else(|| format!("`{name}` has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_takes_the_usual_forms() {
        for (text, address) in [
            ("127.0.0.1:9920", "127.0.0.1:9920"),
            (":9920", "0.0.0.0:9920"),
            ("*:80", "0.0.0.0:80"),
            ("localhost:0", "127.0.0.1:0"),
            ("[::1]:9920", "[::1]:9920"),
            (" 10.0.0.1:1 ", "10.0.0.1:1"),
        ] {
            assert_eq!(
                parse_listen("listen", text).unwrap(),
                address.parse().unwrap(),
                "{text}"
            );
        }
    }

    #[test]
    fn other_forms_say_what_to_write() {
        for (text, part) in [
            ("9920", "127.0.0.1:9920"),
            ("127.0.0.1", "127.0.0.1:9920"),
            ("::1", "[::1]:9920"),
            ("::1:9920:x", "65535"),
            ("fe80::zz:80", "[fe80::zz]:80"),
            ("http://localhost:9920", "ADDRESS:PORT"),
            ("127.0.0.1:99999", "65535"),
            ("", "9920"),
        ] {
            let (_, hint) = parse_listen("listen", text).unwrap_err();
            assert!(hint.contains(part), "{text}: {hint}");
        }
    }
}
