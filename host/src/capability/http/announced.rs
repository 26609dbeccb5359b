//! Answers that are announced (status 1xx) and do not come: hyper reads announcements for as long as they come, and a server can
//! send them as fast as the network is.
//!
//! Flows in: what hyper tells of. Flows out: that it is enough. Of HTTP/2 hyper tells nothing: there, `flood` ends it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hyper::{Request, ext::on_informational};
use tokio::sync::Notify;

/// Of one answer. Servers that take long say so every few seconds.
pub(super) const ANNOUNCEMENTS_MAX: usize = 32;

/// Counts the announcements of one answer.
#[derive(Debug, Default)]
pub(super) struct Announced {
    count: AtomicUsize,
    enough: Notify,
}

impl Announced {
    /// From when the request is sent.
    pub(super) fn of<B>(request: &mut Request<B>) -> Arc<Self> {
        let announced = Arc::<Self>::default();
        let heard = Arc::clone(&announced);
        on_informational(request, move |_| heard.hear());
        announced
    }

    fn hear(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) == ANNOUNCEMENTS_MAX {
            self.enough.notify_one();
        }
    }

    /// Ends when there were more than [`ANNOUNCEMENTS_MAX`].
    pub(super) async fn too_often(&self) {
        self.enough.notified().await;
    }
}
