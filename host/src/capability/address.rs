//! Which addresses a connection may dial. Pure.
//!
//! Flows in: an address that a name resolved to or that somebody wrote, and the connection's `addresses`. Flows out: yes,
//! or a [`Refusal`] with its reason and the key to change. It resolves nothing and dials nothing.
//!
//! Forms of IPv6 that carry an IPv4 address are judged by what they carry as well as by what they are, because that is
//! where the packets end up.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

use crate::config::Addresses;

/// Where clouds answer questions about a machine, its credentials among them, by provider:
/// AWS, Azure, GCP and most others; Alibaba; Azure's wire server; Oracle.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// The same over IPv6: AWS, and credentials of its pods (EKS user guide, "Set up the Amazon EKS Pod Identity Agent"); GCP;
/// Oracle (cloud-init, `DataSourceOracle.py`); Scaleway (cloud-init's documentation, "Scaleway").
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// What kind of address one is. Later ones are further out of reach; of an address that carries another, the later of both
/// counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Reachable from anywhere.
    Global,
    /// RFC 1918, carrier-grade NAT, unique local, site-local.
    Private,
    /// This machine.
    Loopback,
    /// Set aside for documentation, benchmarks, protocols or nothing yet.
    Reserved,
    /// No one address: multicast and broadcast.
    Multicast,
    /// `0.0.0.0/8` and `::`, which systems take for this machine.
    Unspecified,
    /// This link only.
    LinkLocal,
    /// A cloud's metadata service.
    Metadata,
}

impl Class {
    /// No connection may go there, whatever the configuration says.
    const fn is_always_refused(self) -> bool {
        matches!(
            self,
            Self::Multicast | Self::Unspecified | Self::LinkLocal | Self::Metadata
        )
    }

    /// With its article, as in a sentence.
    const fn described(self) -> &'static str {
        match self {
            Self::Global => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "an address of this machine",
            Self::Reserved => "a reserved address",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "an unspecified address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata service",
        }
    }
}

/// Why an address may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing in the configuration can allow it.
    Always,
    /// `addresses = "public"`.
    NotPublic,
    /// `addresses = "private"` allows neither reserved addresses.
    NotPrivate,
    /// `addresses` lists networks, and this is in none of them.
    OutsideNetworks,
}

/// An address that may not be dialled, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As it was given.
    pub address: IpAddr,
    /// The furthest out of what it is and what it carries.
    pub class: Class,
    /// By which rule.
    pub reason: Reason,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.class.described())?;
        match self.reason {
            Reason::Always => f.write_str(", which no connection may reach"),
            Reason::NotPublic if self.class == Class::Reserved => hint(f, "is \"public\"", "", self.address),
            Reason::NotPublic => hint(f, "is \"public\"", "\"private\", or ", self.address),
            Reason::NotPrivate => hint(f, "is \"private\"", "", self.address),
            Reason::OutsideNetworks => hint(f, "does not list it", "", self.address),
        }
    }
}

impl std::error::Error for Refusal {}

fn hint(f: &mut fmt::Formatter<'_>, is: &str, or: &str, address: IpAddr) -> fmt::Result {
    let network = IpNet::from(address);
    write!(
        f,
        ", and the connection's `addresses` {is}: set `addresses` to {or}a list with its network, such as [\"{network}\"]"
    )
}

/// Whether a connection with these `addresses` may dial `address`.
pub fn decide(address: IpAddr, allowed: &Addresses) -> Result<(), Refusal> {
    let class = classify(address);
    let refusal = |reason| Err(Refusal { address, class, reason });
    match allowed {
        _ if class.is_always_refused() => refusal(Reason::Always),
        Addresses::Public if class != Class::Global => refusal(Reason::NotPublic),
        Addresses::Private if class > Class::Loopback => refusal(Reason::NotPrivate),
        Addresses::Networks(networks) if !lies_in(address, networks) => refusal(Reason::OutsideNetworks),
        Addresses::Public | Addresses::Private | Addresses::Networks(_) => Ok(()),
    }
}

/// Whether the connection lists networks by hand, and this address lies in one.
pub fn is_listed(address: IpAddr, allowed: &Addresses) -> bool {
    matches!(allowed, Addresses::Networks(networks) if lies_in(address, networks))
}

/// The class of an address, or of what it carries, whichever is further out.
pub fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => class_of_v4(v4),
        IpAddr::V6(v6) => carried(v6)
            .into_iter()
            .map(class_of_v4)
            .fold(class_of_v6(v6), Class::max),
    }
}

/// In one of the networks itself, or all that it carries is.
fn lies_in(address: IpAddr, networks: &[IpNet]) -> bool {
    let listed = |address: IpAddr| networks.iter().any(|network| network.contains(&address));
    let inner = match address {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(v6) => carried(v6),
    };
    listed(address) || (!inner.is_empty() && inner.into_iter().all(|v4| listed(v4.into())))
}

fn class_of_v4(address: Ipv4Addr) -> Class {
    let [a, b, c, _] = address.octets();
    match address {
        _ if METADATA_V4.contains(&address) => Class::Metadata,
        _ if a == 0 => Class::Unspecified,
        _ if address.is_link_local() => Class::LinkLocal,
        _ if address.is_multicast() || address.is_broadcast() => Class::Multicast,
        _ if address.is_loopback() => Class::Loopback,
        _ if address.is_private() || (a == 100 && b & 0xc0 == 64) => Class::Private,
        _ if a >= 240 || address.is_documentation() => Class::Reserved,
        // Protocol assignments, the retired 6to4 relay, benchmarks.
        _ if (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99) || (a == 198 && b & 0xfe == 18) => Class::Reserved,
        _ => Class::Global,
    }
}

fn class_of_v6(address: Ipv6Addr) -> Class {
    let [first, second, ..] = address.segments();
    match address {
        _ if METADATA_V6.contains(&address) => Class::Metadata,
        _ if address.is_unspecified() => Class::Unspecified,
        _ if address.is_loopback() => Class::Loopback,
        _ if address.is_unicast_link_local() => Class::LinkLocal,
        _ if address.is_multicast() => Class::Multicast,
        _ if address.is_unique_local() || first & 0xffc0 == 0xfec0 => Class::Private,
        // What carries an IPv4 address is judged by that.
        _ if !carried(address).is_empty() => Class::Global,
        // Only 2000::/3 is given out; within it: documentation, benchmarks, and the rest of what protocols took.
        _ if first & 0xe000 != 0x2000 => Class::Reserved,
        _ if (first == 0x2001 && (second < 0x200 || second == 0xdb8)) || first & 0xfff0 == 0x3ff0 => Class::Reserved,
        _ => Class::Global,
    }
}

/// The IPv4 addresses inside: mapped, compatible and translated forms, 6to4, NAT64, Teredo (its server and its client) and
/// ISATAP.
fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let s = address.segments();
    let tail = pair(s[6], s[7]);
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        // Compatible, mapped, translated.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![tail],
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![tail],
        // The local NAT64 prefix, as RFC 6052 writes it at 48 and at 96 bits.
        [0x64, 0xff9b, 1, ..] => either(tail, pair(s[3], (s[4] << 8) | (s[5] >> 8))),
        [0x2002, ..] => vec![pair(s[1], s[2])],
        [0x2001, 0, ..] => vec![pair(s[2], s[3]), pair(!s[6], !s[7])],
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![tail],
        _ => Vec::new(),
    }
}

/// Both readings of a prefix whose length nobody tells; one that is all zeros is none.
fn either(one: Ipv4Addr, other: Ipv4Addr) -> Vec<Ipv4Addr> {
    let mut read = vec![one, other];
    read.retain(|address| !address.is_unspecified());
    if read.is_empty() { vec![one] } else { read }
}

fn pair(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(address: &str) -> Class {
        classify(address.parse().expect("an address"))
    }

    fn allows(address: &str, allowed: &Addresses) -> bool {
        decide(address.parse().expect("an address"), allowed).is_ok()
    }

    fn networks(list: &[&str]) -> Addresses {
        Addresses::Networks(list.iter().map(|net| net.parse().expect("a network")).collect())
    }

    #[test]
    fn every_class_is_known_by_its_addresses() {
        let rows: &[(Class, &[&str])] = &[
            (
                Class::Global,
                &["1.1.1.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111"],
            ),
            (
                Class::Private,
                &[
                    "10.0.0.7",
                    "172.16.0.1",
                    "192.168.1.1",
                    "100.64.0.1",
                    "fd12::1",
                    "fec0::1",
                ],
            ),
            (Class::Loopback, &["127.0.0.1", "127.8.9.1", "::1"]),
            (Class::LinkLocal, &["169.254.0.1", "fe80::1", "febf::1"]),
            (
                Class::Multicast,
                &["224.0.0.1", "239.1.1.1", "255.255.255.255", "ff02::1"],
            ),
            (Class::Unspecified, &["0.0.0.0", "0.1.2.3", "::"]),
            (
                Class::Reserved,
                &[
                    "192.0.2.1",
                    "198.18.0.1",
                    "203.0.113.9",
                    "240.0.0.1",
                    "2001:db8::1",
                    "4000::1",
                ],
            ),
            (
                Class::Metadata,
                &[
                    "169.254.169.254",
                    "100.100.100.200",
                    "168.63.129.16",
                    "fd00:ec2::254",
                    "fd00:ec2::23",
                    "fd20:ce::254",
                    "fd00:c1::a9fe:a9fe",
                    "fd00:42::42",
                ],
            ),
        ];
        for (expected, addresses) in rows {
            for address in *addresses {
                assert_eq!(class(address), *expected, "{address}");
            }
        }
    }

    #[test]
    fn what_an_address_carries_is_judged_too() {
        for metadata in [
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::",
            "2001:0:101:101::5601:5601",
            "2606:4700::200:5efe:a9fe:a9fe",
        ] {
            assert_eq!(class(metadata), Class::Metadata, "{metadata}");
        }
        assert_eq!(class("::ffff:10.0.0.1"), Class::Private);
        assert_eq!(class("2002:7f00:1::"), Class::Loopback);
        assert_eq!(class("64:ff9b::101:101"), Class::Global);
        assert_eq!(class("64:ff9b:1::101:101"), Class::Global);
        assert_eq!(class("2002:101:101::1"), Class::Global);
    }

    #[test]
    fn public_and_private_allow_what_they_say() {
        for (address, public, private) in [
            ("1.1.1.1", true, true),
            ("2606:4700::1111", true, true),
            ("10.0.0.7", false, true),
            ("127.0.0.1", false, true),
            ("::ffff:10.0.0.7", false, true),
            ("2002:a00:7::", false, true),
            ("192.0.2.1", false, false),
        ] {
            assert_eq!(allows(address, &Addresses::Public), public, "{address}");
            assert_eq!(allows(address, &Addresses::Private), private, "{address}");
        }
    }

    #[test]
    fn networks_allow_exactly_themselves_in_whatever_form() {
        let allowed = networks(&["10.0.0.0/8", "198.18.0.0/15", "2001:db8::/32"]);
        for address in [
            "10.1.2.3",
            "198.18.0.1",
            "2001:db8::5",
            "::ffff:10.1.2.3",
            "64:ff9b::a01:203",
        ] {
            assert!(allows(address, &allowed), "{address}");
        }
        for address in ["1.1.1.1", "192.168.0.1", "::ffff:192.168.0.1", "2606:4700::1"] {
            assert!(!allows(address, &allowed), "{address}");
        }
    }

    #[test]
    fn some_addresses_are_refused_whatever_the_configuration_says() {
        let everything = networks(&["0.0.0.0/0", "::/0"]);
        for address in [
            "169.254.169.254",
            "169.254.1.1",
            "224.0.0.1",
            "0.0.0.0",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "100.100.100.200",
        ] {
            for allowed in [&Addresses::Public, &Addresses::Private, &everything] {
                let refusal = decide(address.parse().expect("an address"), allowed).expect_err(address);
                assert_eq!(refusal.reason, Reason::Always, "{address}");
            }
        }
    }

    #[test]
    fn a_refusal_names_the_key_to_change() {
        let refusal = |address: &str, allowed| {
            decide(address.parse().expect("an address"), &allowed)
                .expect_err("refused")
                .to_string()
        };
        assert_eq!(
            refusal("10.0.0.7", Addresses::Public),
            "10.0.0.7 is a private address, and the connection's `addresses` is \"public\": set `addresses` to \
             \"private\", or a list with its network, such as [\"10.0.0.7/32\"]"
        );
        assert!(refusal("1.1.1.1", networks(&["10.0.0.0/8"])).contains("`addresses` does not list it"));
        assert!(refusal("169.254.169.254", Addresses::Private).ends_with("which no connection may reach"));
    }
}
