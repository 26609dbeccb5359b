//! From targets to requests.

use bellwether_sdk::http::{AddressFamily, Request};

use crate::{
    SLOT,
    settings::{Family, Method, RequestSettings},
    target::{Place, Target},
};

/// How much of all bodies together is kept unless the settings say more: a quarter of the plugin's memory.
const ALL_BODIES_BYTES: u32 = 16 << 20;

/// How much of one body is kept unless the settings say less: what the host keeps of any.
pub(crate) const BODY_BYTES: u32 = 1 << 20;

/// Enough for `http` to `https` to `www` to a language, and few enough to end a loop soon.
const REDIRECTS: u8 = 5;

/// One for each target, in their order.
pub(crate) fn all(targets: &[Target]) -> Vec<Request> {
    let count = u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    let share = BODY_BYTES.min(ALL_BODIES_BYTES / count);
    targets.iter().map(|target| one(target, share)).collect()
}

fn one(target: &Target, share: u32) -> Request {
    let wanted = &target.request;
    Request {
        method: wanted.method.unwrap_or_default().as_str().to_owned(),
        headers: headers(wanted),
        body: wanted.body.clone().unwrap_or_default().into_bytes(),
        timeout_ms: wanted.timeout_seconds.map(milliseconds),
        max_redirects: wanted.redirects.unwrap_or(REDIRECTS),
        max_body_bytes: Some(wanted.body_bytes.unwrap_or(share)),
        fresh_connection: wanted.fresh_connection.unwrap_or(true),
        address_family: family(wanted.address_family.unwrap_or_default()),
        connect_to: wanted.connect_to.clone(),
        options: options(target),
        ..empty(&target.place)
    }
}

fn empty(place: &Place) -> Request {
    match place {
        Place::Url(url) => Request::get_url(url),
        Place::Path(path) => Request::get(SLOT, path),
    }
}

fn milliseconds(seconds: f64) -> u32 {
    // The schema keeps it between 10 ms and an hour.
    (seconds * 1000.0).ceil() as u32
}

fn headers(wanted: &RequestSettings) -> Vec<(String, Vec<u8>)> {
    let headers = wanted.headers.iter().flatten();
    headers
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect()
}

const fn family(family: Family) -> AddressFamily {
    match family {
        Family::Any => AddressFamily::Any,
        Family::Ipv4 => AddressFamily::Ipv4,
        Family::Ipv6 => AddressFamily::Ipv6,
    }
}

fn options(target: &Target) -> Vec<(String, String)> {
    let wanted = &target.request;
    let version = wanted.http_version.map(|version| ("http-version", version.as_str()));
    let server_name = wanted.server_name.as_deref().map(|name| ("server-name", name));
    // Whether a body ends is known only at its end, however little of it is kept.
    let whole = wants_whole_body(target).then_some(("whole-body", "true"));
    let options = version.into_iter().chain(server_name).chain(whole);
    options
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Whether a body that does not end where the host stops reading is a fault.
pub(crate) fn wants_whole_body(target: &Target) -> bool {
    target.expect.whole_body.unwrap_or(true)
}

/// What in `expect` cannot be said of a part of the body.
pub(crate) fn needs_whole_body(target: &Target) -> Option<&'static str> {
    let expect = &target.expect;
    let maximum = expect.body_bytes.is_some_and(|range| range.maximum.is_some());
    let needs = [
        ("body_lacks", expect.body_lacks.is_some()),
        ("body_lacks_match", expect.body_lacks_match.is_some()),
        ("json", expect.json.is_some()),
        ("body_bytes.maximum", maximum),
    ];
    needs.into_iter().find(|(_, asked)| *asked).map(|(key, _)| key)
}

/// Whether an answer to this request has a body at all.
pub(crate) fn wants_body(target: &Target) -> bool {
    target.request.method != Some(Method::Head)
}
