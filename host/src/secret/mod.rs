//! Secret values, and the redactor that keeps them out of everything people and machines read.
//!
//! Flows in: the secrets that `config` resolved. Flows out: text in which they are blanked. It does not find secrets on
//! its own: what nobody declared with `${secret:…}` is not known here. It does not see through compression, encryption
//! or an encoding of a plugin's own making.

mod encoding;
mod redactor;
mod view;

use std::{fmt, sync::Arc};

pub use redactor::Redactor;

/// Shortest secret, in bytes. Blanking anything shorter would blank ordinary words and make logs and labels unreadable.
pub const SECRET_BYTES_MIN: usize = 8;

/// Longest secret, in bytes. Keys and certificates are a few KiB; the redactor keeps about a dozen patterns of this
/// length per secret.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// A value nobody may see. `Debug` masks it and there is no `Display`. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The value itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let secret = Secret::new("correct horse battery staple");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.clone().expose(), "correct horse battery staple");
    }
}
