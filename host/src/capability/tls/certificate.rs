//! What a person wants to know about a certificate.

use std::{fmt::Write as _, net::IpAddr, path::Path};

use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer as _, GeneralName, X509Certificate, X509Name};

use super::pem::{self, PemError};

/// Names of one certificate that are listed. Content networks put a hundred on one; nobody reads more.
const NAMES_MAX: usize = 200;

/// RFC 4514's short names of attributes, and the two more that everybody uses.
const ATTRIBUTES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// One certificate. Of one that cannot be read only the digest is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// As RFC 4514 writes it: `CN=example.com,O=Example`.
    pub subject: String,
    /// The same of who signed it.
    pub issuer: String,
    /// Lower-case hexadecimal, without leading zeros.
    pub serial: String,
    /// Alternative names.
    pub dns_names: Vec<String>,
    /// Alternative names.
    pub ip_addresses: Vec<String>,
    /// Unix seconds.
    pub not_before_unix: i64,
    /// Unix seconds.
    pub not_after_unix: i64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

impl Certificate {
    /// The first one in a PEM file, which is the server's own where a chain is kept.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds none.
    pub fn of_file(path: &Path) -> Result<Self, PemError> {
        let chain = pem::certificates(path)?;
        Ok(chain.first().map(|der| Self::of(der)).unwrap_or_default())
    }

    /// Of DER.
    pub fn of(der: &[u8]) -> Self {
        let sha256 = hex(&Sha256::digest(der));
        match X509Certificate::from_der(der) {
            Ok((_, parsed)) => Self {
                sha256,
                ..Self::parsed(&parsed)
            },
            Err(_) => Self {
                sha256,
                ..Self::default()
            },
        }
    }

    fn parsed(parsed: &X509Certificate<'_>) -> Self {
        let (dns_names, ip_addresses) = alternatives(parsed);
        Self {
            subject: name(parsed.subject()),
            issuer: name(parsed.issuer()),
            serial: serial(parsed.raw_serial()),
            dns_names,
            ip_addresses,
            not_before_unix: parsed.validity().not_before.timestamp(),
            not_after_unix: parsed.validity().not_after.timestamp(),
            sha256: String::new(),
        }
    }
}

fn alternatives(parsed: &X509Certificate<'_>) -> (Vec<String>, Vec<String>) {
    let (mut dns, mut addresses) = (Vec::new(), Vec::new());
    let Ok(Some(extension)) = parsed.subject_alternative_name() else {
        return (dns, addresses);
    };
    for name in extension.value.general_names.iter().take(NAMES_MAX) {
        match name {
            GeneralName::DNSName(name) => dns.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => addresses.extend(address(bytes).map(|address| address.to_string())),
            _ => {}
        }
    }
    (dns, addresses)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The most specific part first.
fn name(name: &X509Name<'_>) -> String {
    let parts = name.iter_rdn().map(|part| {
        let attributes: Vec<_> = part.iter().map(attribute).collect();
        attributes.join("+")
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let id = attribute.attr_type().to_id_string();
    let short = ATTRIBUTES.iter().find(|(known, _)| *known == id);
    let short = short.map_or(&*id, |(_, short)| short);
    match attribute.as_str() {
        Ok(text) => format!("{short}={}", escaped(text)),
        Err(_) => format!("{short}=#{}", hex(attribute.as_slice())),
    }
}

/// Control characters are no part of a name that people read.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let at_end = at == 0 || at + c.len_utf8() == text.len();
        let special =
            matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') || (c == ' ' && at_end) || (c == '#' && at == 0);
        match c {
            _ if special => out.extend(['\\', c]),
            _ if c.is_control() => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

fn serial(bytes: &[u8]) -> String {
    let text = hex(bytes);
    let trimmed = text.trim_start_matches('0');
    if trimmed.is_empty() {
        "0".to_owned()
    } else {
        trimmed.to_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_read() {
        let mut wanted =
            rcgen::CertificateParams::new(vec!["a.test".to_owned(), "10.0.0.7".to_owned()]).expect("names");
        wanted.distinguished_name = rcgen::DistinguishedName::new();
        wanted.distinguished_name.push(rcgen::DnType::CountryName, "JP");
        wanted
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Example, Inc.");
        wanted.distinguished_name.push(rcgen::DnType::CommonName, "a.test");
        wanted.serial_number = Some(rcgen::SerialNumber::from(vec![0x0a, 0xbc]));
        wanted.not_before = rcgen::date_time_ymd(2024, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(2025, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = wanted.self_signed(&key).expect("a certificate");
        let read = Certificate::of(made.der());
        let digest = hex(&Sha256::digest(made.der()));
        let expected = Certificate {
            subject: "CN=a.test,O=Example\\, Inc.,C=JP".to_owned(),
            issuer: "CN=a.test,O=Example\\, Inc.,C=JP".to_owned(),
            serial: "abc".to_owned(),
            dns_names: vec!["a.test".to_owned()],
            ip_addresses: vec!["10.0.0.7".to_owned()],
            not_before_unix: 1_704_067_200,
            not_after_unix: 1_735_689_600,
            sha256: digest,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_certificate_still_has_its_digest() {
        let read = Certificate::of(b"nonsense");
        assert_eq!(read.sha256.len(), 64);
        assert_eq!(read.subject, "");
    }
}
