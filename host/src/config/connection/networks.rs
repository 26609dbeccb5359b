//! `addresses`: which addresses the name of a connection may resolve to, and what that is when nobody says.
//!
//! Pure. That link-local and metadata addresses are refused whatever stands here is the business of whoever dials.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use url::Url;

use super::{Addresses, address::is_socket};
use crate::config::{
    reader::Reader,
    reading::Secrets,
    source::{At, Span},
    tree::{Node, Value},
    wording::{excerpt, one_of},
};

/// Last parts of names that only private networks know.
const PRIVATE_SUFFIXES: [&str; 4] = [".svc", ".local", ".internal", ".localhost"];

/// Shared by carriers (RFC 6598) and used like a private network by many clouds.
const SHARED: ([u8; 4], u8) = ([100, 64, 0, 0], 10);

/// The host without brackets, lower case; `None` when there is none.
pub(super) fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(host.trim_matches(['[', ']']).to_ascii_lowercase())
}

/// The address that a URL names itself. Only the parser of web addresses knows them, so that others are tried here.
fn literal(url: &Url) -> Option<IpAddr> {
    host_of(url)?.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Whether what is sent there stays within this machine.
pub(super) fn is_this_machine(url: &Url) -> bool {
    is_socket(url)
        || match literal(url) {
            Some(ip) => ip.is_loopback(),
            None => host_of(url).is_some_and(|host| host == "localhost"),
        }
}

/// Private, loopback, unique local, or shared.
fn is_private(ip: IpAddr) -> bool {
    let shared = IpNet::new(Ipv4Addr::from(SHARED.0).into(), SHARED.1).is_ok_and(|shared| shared.contains(&ip));
    shared
        || match ip {
            IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
        }
}

/// What `addresses` is when nobody says: private for what only a private network can mean.
pub(super) fn usual(url: &Url) -> Addresses {
    if is_socket(url) {
        return Addresses::Private;
    }
    let host = host_of(url).unwrap_or_default();
    let private = match literal(url) {
        Some(ip) => is_private(ip),
        None => !host.contains('.') || PRIVATE_SUFFIXES.iter().any(|suffix| host.ends_with(suffix)),
    };
    if private { Addresses::Private } else { Addresses::Public }
}

/// `addresses`, if it stands there and can be used with this URL.
pub(super) fn read(reader: &Reader<'_, '_>, url: &Url) -> Option<Addresses> {
    let node = reader.node("addresses")?;
    let addresses = match &node.value {
        Value::Array(items) => networks(reader, node, items),
        Value::String(_) => word(reader),
        _ => {
            let hint = "for example: addresses = \"private\", or addresses = [\"10.0.0.0/8\"]".to_owned();
            reader.wrong("addresses", node, "a word or an array of networks", Some(hint));
            None
        }
    }?;
    refuse_contradiction(reader, url, &addresses, node.span);
    Some(addresses)
}

fn word(reader: &Reader<'_, '_>) -> Option<Addresses> {
    let At { value, span } = reader.string("addresses")?;
    match value.as_str() {
        "public" => return Some(Addresses::Public),
        "private" => return Some(Addresses::Private),
        network if network.parse::<IpNet>().is_ok() || network.parse::<IpAddr>().is_ok() => reader.reading.error(
            span,
            "`addresses` has networks in an array only",
            format!("write addresses = [\"{network}\"]"),
        ),
        other => reader.reading.error(
            span,
            format!("`addresses` cannot be \"{}\"", excerpt(other)),
            format!(
                "{}; or networks: [\"10.0.0.0/8\"]",
                one_of(other, ["public", "private"].into_iter())
            ),
        ),
    }
    None
}

fn networks(reader: &Reader<'_, '_>, node: &Node, items: &[Node]) -> Option<Addresses> {
    if items.is_empty() {
        let hint = "leave it out, or name networks: addresses = [\"10.0.0.0/8\"]".to_owned();
        reader
            .reading
            .error(node.span, "`addresses` is empty: nothing could be reached", hint);
        return None;
    }
    let read: Vec<IpNet> = items.iter().filter_map(|item| network(reader, item)).collect();
    (read.len() == items.len()).then_some(Addresses::Networks(read))
}

fn network(reader: &Reader<'_, '_>, item: &Node) -> Option<IpNet> {
    let text = reader
        .text("addresses", item, "an array of networks", Secrets::Refused)?
        .text;
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if network.is_none() {
        let message = format!("\"{}\" is not a network", excerpt(&text));
        let hint = "write an address and how many of its bits count: \"10.0.0.0/8\", \"fd00::/8\", \"192.0.2.7/32\"";
        reader.reading.error(item.span, message, hint.to_owned());
    }
    network.map(|network| network.trunc())
}

/// A URL that names an address which may never be dialled is a mistake in one of the two.
fn refuse_contradiction(reader: &Reader<'_, '_>, url: &Url, addresses: &Addresses, span: Span) {
    let Some(ip) = literal(url) else { return };
    let fits = match addresses {
        Addresses::Public => !is_private(ip),
        Addresses::Private => true,
        Addresses::Networks(networks) => networks.iter().any(|network| network.contains(&ip)),
    };
    if !fits {
        let message = format!("`addresses` leaves out {ip}, the address that `url` names");
        let hint = format!(
            "leave `addresses` out, or name it: addresses = [\"{}\"]",
            IpNet::from(ip)
        );
        reader.reading.error(span, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual_of(text: &str) -> Addresses {
        usual(&Url::parse(text).expect("a URL"))
    }

    #[test]
    fn what_only_a_private_network_can_mean_is_private() {
        for text in [
            "http://localhost/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://2130706433/",
            "https://grafana/",
            "https://api.shop.svc/",
            "https://printer.local/",
            "https://x.svc.cluster.local/",
            "https://db.internal/",
            "redis://192.168.1.7:6379/0",
            "redis://LOCALHOST/0",
            "postgres://100.64.3.4/x",
            "postgres://[fd00::1]/x",
            "unix:///run/redis.sock",
        ] {
            assert_eq!(usual_of(text), Addresses::Private, "{text}");
        }
    }

    #[test]
    fn everything_else_is_public() {
        for text in [
            "https://www.example.com/",
            "https://8.8.8.8/",
            "rediss://[2001:db8::1]/0",
            "https://local.example.com/",
            "https://internal.example/",
        ] {
            assert_eq!(usual_of(text), Addresses::Public, "{text}");
        }
    }
}
