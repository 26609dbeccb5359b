//! Who may do what: tokens with scopes, and the guards that stand in for them where there are none.
//!
//! Flows in: the configured access and what a request says about itself. Flows out: a decision with a named reason. It
//! is pure: it reads no clock, keeps no state and writes no answer.
//!
//! A token may be presented as `Authorization: Bearer TOKEN` or as the password of Basic authentication (any user
//! name), which is what browsers and Prometheus' `basic_auth` speak. As soon as one token of any scope is configured,
//! every scope needs one. Without tokens the host is on loopback or was opened on purpose; then web pages are the
//! danger, since a browser on this machine can be sent here by any of them:
//!
//! - a request that changes something must not come from another site (`Sec-Fetch-Site`, `Origin`); this holds with
//!   tokens too, because browsers attach Basic credentials by themselves;
//! - on loopback, `Host` must be a name of this machine, so that a foreign name that resolves to 127.0.0.1 reads nothing.

use std::{fmt, net::IpAddr};

use base64::Engine as _;
use hyper::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::{config::Access, secret::Secret};

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: liveness and readiness.
    Open,
    /// A read token.
    Read,
    /// A push token.
    Push,
    /// An admin token.
    Admin,
}

impl Need {
    const fn bit(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Read => 1,
            Self::Push => 2,
            Self::Admin => 4,
        }
    }

    /// The key under `[access]`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Push => "push",
            Self::Admin => "admin",
        }
    }
}

/// Administrators may do everything.
const ADMIN_IMPLIES: u8 = Need::Admin.bit() | Need::Read.bit() | Need::Push.bit();

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It brought no token.
    NoToken,
    /// It brought one that is not known, or an `Authorization` header that cannot be read.
    WrongToken,
    /// Its token is good for something else.
    Scope(Need),
    /// It was addressed to a name that is not this machine's.
    ForeignHost,
    /// A web page of another site sent it.
    CrossSite,
}

impl Refusal {
    /// The label of the counter.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
            Self::Scope(_) => "scope",
            Self::ForeignHost => "foreign_host",
            Self::CrossSite => "cross_site",
        }
    }
}

/// What to do about it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str(
                "a token is needed: send `Authorization: Bearer TOKEN`, or TOKEN as the password of Basic \
                 authentication; tokens are set under `[access]`",
            ),
            Self::WrongToken => f.write_str("that token is not known here; tokens are set under `[access]`"),
            Self::Scope(need) => {
                write!(
                    f,
                    "that token may not do this: it takes one of `{}` under `[access]`",
                    need.as_str()
                )
            }
            Self::ForeignHost => f.write_str(
                "the request was addressed to a name that is not this machine's; without tokens only `localhost` and \
                 IP addresses are answered. Set `read` under `[access]` to be reachable by other names",
            ),
            Self::CrossSite => f.write_str("a web page of another site may not do this"),
        }
    }
}

/// What a request says about itself, as far as access goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims<'r> {
    /// `Authorization`, as sent.
    pub(super) authorization: Option<&'r [u8]>,
    /// `Host` or `:authority`, with the port.
    pub(super) host: Option<&'r str>,
    /// `Origin`.
    pub(super) origin: Option<&'r str>,
    /// `Sec-Fetch-Site`.
    pub(super) fetch_site: Option<&'r str>,
    /// Not GET, HEAD or OPTIONS.
    pub(super) changes_something: bool,
}

impl<'r> Claims<'r> {
    pub(super) fn of<B>(request: &'r hyper::Request<B>) -> Self {
        let headers = request.headers();
        let authority = request.uri().authority().map(|authority| authority.as_str());
        Self {
            authorization: headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes),
            host: authority.or_else(|| text(headers, "host")),
            origin: text(headers, "origin"),
            fetch_site: text(headers, "sec-fetch-site"),
            changes_something: !request.method().is_safe(),
        }
    }
}

/// A header that is not text is as good as a wrong one: "" matches nothing.
fn text<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

/// What stands between strangers and the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wall {
    /// At least one token is configured.
    Tokens,
    /// None, and only this machine can connect.
    Loopback,
    /// None, on purpose.
    Open,
}

/// The configured access, ready to decide.
pub(super) struct Auth {
    tokens: Vec<([u8; 32], u8)>,
    wall: Wall,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("tokens", &self.tokens.len())
            .field("wall", &self.wall)
            .finish()
    }
}

impl Auth {
    pub(super) fn new(access: &Access) -> Self {
        let digests = |secrets: &[Secret], scopes: u8| -> Vec<([u8; 32], u8)> {
            secrets
                .iter()
                .map(|secret| (Sha256::digest(secret.expose()).into(), scopes))
                .collect()
        };
        let tokens = [
            digests(&access.read, Need::Read.bit()),
            digests(&access.push, Need::Push.bit()),
            digests(&access.admin, ADMIN_IMPLIES),
        ]
        .concat();
        let wall = match (tokens.is_empty(), access.open) {
            (false, _) => Wall::Tokens,
            (true, true) => Wall::Open,
            (true, false) => Wall::Loopback,
        };
        Self { tokens, wall }
    }

    /// Whether there is any: without them nothing asks for one.
    pub(super) fn has_tokens(&self) -> bool {
        self.wall == Wall::Tokens
    }

    /// Whether a request with these claims gets what it needs.
    pub(super) fn decide(&self, need: Need, claims: &Claims<'_>) -> Result<(), Refusal> {
        if need == Need::Open {
            return Ok(());
        }
        if claims.changes_something && is_cross_site(claims) {
            return Err(Refusal::CrossSite);
        }
        match self.wall {
            Wall::Open => Ok(()),
            Wall::Loopback if claims.host.is_none_or(is_this_machine) => Ok(()),
            Wall::Loopback => Err(Refusal::ForeignHost),
            Wall::Tokens => self.decide_by_token(need, claims.authorization),
        }
    }

    fn decide_by_token(&self, need: Need, authorization: Option<&[u8]>) -> Result<(), Refusal> {
        let token = token(authorization.ok_or(Refusal::NoToken)?).ok_or(Refusal::WrongToken)?;
        match self.scopes(&token) {
            0 => Err(Refusal::WrongToken),
            scopes if scopes & need.bit() == 0 => Err(Refusal::Scope(need)),
            _ => Ok(()),
        }
    }

    /// Compares with every token in the same time whichever matches: digests are of one length, and no comparison ends
    /// early.
    fn scopes(&self, token: &[u8]) -> u8 {
        let presented: [u8; 32] = Sha256::digest(token).into();
        self.tokens.iter().fold(0, |scopes, (known, of_known)| {
            scopes | u8::conditional_select(&0, of_known, known.ct_eq(&presented))
        })
    }
}

/// The token in an `Authorization` header. None: another scheme, or not readable.
pub(super) fn token(authorization: &[u8]) -> Option<Vec<u8>> {
    let space = authorization.iter().position(|&byte| byte == b' ')?;
    let (scheme, credentials) = (&authorization[..space], authorization[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(credentials.to_vec());
    }
    if scheme.eq_ignore_ascii_case(b"basic") {
        let pair = base64::engine::general_purpose::STANDARD.decode(credentials).ok()?;
        let colon = pair.iter().position(|&byte| byte == b':')?;
        return Some(pair[colon + 1..].to_vec());
    }
    None
}

/// Browsers say where a request comes from and pages cannot change what they say; other clients say nothing, and no page
/// can make them send a request.
pub(super) fn is_cross_site(claims: &Claims<'_>) -> bool {
    match (claims.fetch_site, claims.origin) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            !authority
                .zip(claims.host)
                .is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
        }
        (None, None) => false,
    }
}

/// Whether a `Host` names this machine: `localhost` and below, or an address, which no resolver can bend.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &[u8] = b"Bearer read-token";
    const NEEDS: [Need; 4] = [Need::Open, Need::Read, Need::Push, Need::Admin];

    fn secrets(values: &[&str]) -> Vec<Secret> {
        values.iter().map(|value| Secret::new(value)).collect()
    }

    fn guarded() -> Auth {
        Auth::new(&Access {
            read: secrets(&["read-token", "old-read-token"]),
            push: secrets(&["push-token"]),
            admin: secrets(&["admin-token"]),
            ..Access::default()
        })
    }

    fn basic(pair: &str) -> Vec<u8> {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into_bytes()
    }

    #[test]
    fn tokens_by_scope_are_a_truth_table() {
        let auth = guarded();
        let wrong = Some(Refusal::WrongToken);
        let scope = |need| Some(Refusal::Scope(need));
        let none = Some(Refusal::NoToken);
        // What is presented, and the refusal for read, push and admin.
        let table: Vec<(Option<Vec<u8>>, [_; 3])> = vec![
            (None, [none, none, none]),
            (Some(READ.into()), [None, scope(Need::Push), scope(Need::Admin)]),
            (
                Some(b"bearer old-read-token".into()),
                [None, scope(Need::Push), scope(Need::Admin)],
            ),
            (
                Some(b"Bearer push-token".into()),
                [scope(Need::Read), None, scope(Need::Admin)],
            ),
            (Some(b"Bearer admin-token".into()), [None, None, None]),
            (Some(b"Bearer  admin-token ".into()), [None, None, None]),
            (Some(b"Bearer Admin-token".into()), [wrong, wrong, wrong]),
            (Some(b"Bearer admin-toke".into()), [wrong, wrong, wrong]),
            (Some(b"Bearer ".into()), [wrong, wrong, wrong]),
            (Some(b"Bearer".into()), [wrong, wrong, wrong]),
            (Some(b"Digest admin-token".into()), [wrong, wrong, wrong]),
            (Some(b"Bearer \xff\xfe".into()), [wrong, wrong, wrong]),
            (
                Some(basic("prometheus:read-token")),
                [None, scope(Need::Push), scope(Need::Admin)],
            ),
            (Some(basic(":admin-token")), [None, None, None]),
            (Some(basic("admin-token:")), [wrong, wrong, wrong]),
            (Some(basic("admin-token")), [wrong, wrong, wrong]),
            (Some(b"Basic ???".into()), [wrong, wrong, wrong]),
        ];
        for (authorization, expected) in &table {
            let claims = Claims {
                authorization: authorization.as_deref(),
                ..Claims::default()
            };
            assert_eq!(auth.decide(Need::Open, &claims), Ok(()));
            for (need, refusal) in NEEDS[1..].iter().zip(expected) {
                assert_eq!(
                    auth.decide(*need, &claims).err(),
                    *refusal,
                    "{authorization:?} for {need:?}"
                );
            }
        }
    }

    #[test]
    fn one_token_of_any_scope_closes_every_scope() {
        let auth = Auth::new(&Access {
            push: secrets(&["push-token"]),
            open: true,
            ..Access::default()
        });
        for need in [Need::Read, Need::Push, Need::Admin] {
            assert_eq!(auth.decide(need, &Claims::default()), Err(Refusal::NoToken));
        }
    }

    #[test]
    fn without_tokens_only_names_of_this_machine_are_answered() {
        let loopback = Auth::new(&Access::default());
        let open = Auth::new(&Access {
            open: true,
            ..Access::default()
        });
        for (host, ours) in [
            ("localhost:9920", true),
            ("LOCALHOST", true),
            ("localhost.:9920", true),
            ("metrics.localhost:1", true),
            ("127.0.0.1:9920", true),
            ("[::1]:9920", true),
            ("192.168.1.5", true),
            ("evil.example.com:9920", false),
            ("localhost.evil.example.com", false),
            ("127.0.0.1.evil.example.com", false),
            ("notlocalhost", false),
            ("", false),
        ] {
            let claims = Claims {
                host: Some(host),
                ..Claims::default()
            };
            assert_eq!(loopback.decide(Need::Read, &claims).is_ok(), ours, "{host}");
            assert_eq!(loopback.decide(Need::Open, &claims), Ok(()));
            assert_eq!(open.decide(Need::Read, &claims), Ok(()));
        }
        assert_eq!(
            loopback.decide(Need::Admin, &Claims::default()),
            Ok(()),
            "no Host: not a browser"
        );
    }

    #[test]
    fn pages_of_other_sites_change_nothing_whatever_they_bring() {
        let host = Some("localhost:9920");
        for (fetch_site, origin, allowed) in [
            (None, None, true),
            (Some("same-origin"), Some("http://localhost:9920"), true),
            (Some("same-origin"), Some("https://behind.a.proxy"), true),
            (Some("none"), None, true),
            (None, Some("http://localhost:9920"), true),
            (None, Some("HTTP://LOCALHOST:9920"), true),
            (Some("same-site"), Some("http://localhost:1"), false),
            (Some("cross-site"), None, false),
            (Some(""), None, false),
            (None, Some("http://localhost:9921"), false),
            (None, Some("http://evil.example.com"), false),
            (None, Some("null"), false),
            (None, Some(""), false),
        ] {
            let claims = Claims {
                authorization: None,
                host,
                origin,
                fetch_site,
                changes_something: true,
            };
            let reading = Claims {
                changes_something: false,
                ..claims
            };
            for auth in [
                Auth::new(&Access::default()),
                Auth::new(&Access {
                    open: true,
                    ..Access::default()
                }),
            ] {
                let expected = if allowed { Ok(()) } else { Err(Refusal::CrossSite) };
                assert_eq!(auth.decide(Need::Admin, &claims), expected, "{fetch_site:?} {origin:?}");
                assert_eq!(auth.decide(Need::Read, &reading), Ok(()));
            }
            let authorization = Some(b"Bearer admin-token".as_slice());
            let with_token = Claims {
                authorization,
                ..claims
            };
            assert_eq!(guarded().decide(Need::Admin, &with_token).is_ok(), allowed);
        }
    }
}
