//! What a mail server took, kept as it comes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::smtp::{Mode, Server, Taken};

pub(crate) struct Mail {
    pub(crate) server: Server,
    taken: Vec<Taken>,
}

impl Mail {
    pub(crate) fn open() -> Self {
        Self {
            server: Server::start(Mode::StartTls, true),
            taken: Vec::new(),
        }
    }

    /// What people read in each: subject and text.
    pub(crate) fn shown(&mut self) -> Vec<String> {
        self.taken.extend(self.server.taken_meanwhile());
        let read = |mail: &Taken| format!("{}\n\n{}", mail.headers["Subject"], mail.text);
        self.taken.iter().map(read).collect()
    }

    /// Everything about each: as it came, and as Python's parser decodes it.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        let both = |mail: &Taken| {
            let raw = STANDARD.decode(&mail.raw).expect("base64");
            [raw, format!("{mail:?}").into_bytes()].concat()
        };
        self.taken.iter().map(both).collect()
    }

    /// Fails unless all came over TLS, from who logged in, and in good order.
    pub(crate) fn is_content(&self) {
        for mail in &self.taken {
            assert!(mail.encrypted && mail.login && mail.defects.is_empty(), "{mail:#?}");
        }
    }
}
