//! What a request may be. Pure: the one place that decides about URLs, methods and headers.
//!
//! Flows in: what a guest wrote and what its check may reach. Flows out: a URL, parsed once, with the connection that
//! serves it, or why not. Addresses are judged later, by `capability::address`, when a name has become some.

pub(super) mod grant;
pub(super) mod headers;
pub(super) mod secrets;
pub(super) mod url;
