//! What the store says.

use std::{borrow::Cow, path::Path};

use crate::telemetry::{Count, Event, Fields, Level};

/// A transaction was committed.
pub(super) struct BatchCommitted {
    pub(super) writes: usize,
}

impl Event for BatchCommitted {
    fn level(&self) -> Level {
        Level::Trace
    }

    fn message(&self) -> Cow<'_, str> {
        "Queued writes were committed.".into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("writes", self.writes);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_store_writes_total",
            help: "Writes that were committed to the database.",
            labels: Vec::new(),
            by: self.writes as u64,
        })
    }
}

/// The database could not be opened or written.
pub(super) struct StoreFailing<'e> {
    pub(super) path: &'e Path,
    pub(super) reason: &'e str,
    /// It worked until now.
    pub(super) first: bool,
    pub(super) queued: usize,
}

impl Event for StoreFailing<'_> {
    fn level(&self) -> Level {
        if self.first { Level::Error } else { Level::Debug }
    }

    fn message(&self) -> Cow<'_, str> {
        "The database cannot be written; the host goes on, keeps what it would have written and tries again. \
         Look for a full disk or wrong permissions."
            .into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("path", self.path.display().to_string())
            .data("reason", self.reason)
            .data("queued", self.queued);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_store_failures_total",
            help: "Attempts to open or write the database that failed.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// The database works again.
pub(super) struct StoreRecovered<'e> {
    pub(super) path: &'e Path,
}

impl Event for StoreRecovered<'_> {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "The database can be written again; nothing that was kept is lost.".into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("path", self.path.display().to_string());
    }
}

/// A broken database was moved out of the way.
pub(super) struct SetAside<'e> {
    pub(super) path: &'e Path,
    pub(super) aside: &'e Path,
    pub(super) reason: String,
}

impl Event for SetAside<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The database is broken; it was set aside and a new one begun. The host has forgotten what was in it.".into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("path", self.path.display().to_string())
            .data("setAsideAs", self.aside.display().to_string())
            .data("reason", self.reason.as_str());
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_store_set_aside_total",
            help: "Broken databases that were set aside.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// Somebody deleted or replaced files that the host has open.
pub(super) struct FilesLost<'e> {
    pub(super) dir: &'e Path,
    /// Which file, and what became of it.
    pub(super) what: &'e str,
}

impl Event for FilesLost<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "Files of the state directory were deleted or replaced while the host uses them. It makes them anew from what it \
         has; stop the host before you change that directory."
            .into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("path", self.dir.display().to_string())
            .data("what", self.what);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_store_lost_total",
            help: "Times that files of the state directory were deleted or replaced under the running host.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// The files are there again, with all that was in them.
pub(super) struct FilesRemade<'e> {
    pub(super) dir: &'e Path,
    /// What was found in their place, under its new name.
    pub(super) aside: Option<&'e Path>,
}

impl Event for FilesRemade<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        match self.aside {
            None => "The files of the state directory were made anew; nothing that was kept is lost.".into(),
            Some(_) => "The files of the state directory were made anew and nothing that was kept is lost; a database \
                        that stood in their place was set aside."
                .into(),
        }
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("path", self.dir.display().to_string());
        if let Some(aside) = self.aside {
            fields.data("setAsideAs", aside.display().to_string());
        }
    }
}

/// The files cannot be made anew, for now.
pub(super) struct FilesNotRemade<'e> {
    pub(super) dir: &'e Path,
    pub(super) reason: &'e str,
    /// It was not known until now.
    pub(super) first: bool,
}

impl Event for FilesNotRemade<'_> {
    fn level(&self) -> Level {
        if self.first { Level::Error } else { Level::Debug }
    }

    fn message(&self) -> Cow<'_, str> {
        "The files of the state directory cannot be made anew. The host goes on and tries again, but until then nothing \
         that it keeps will survive a restart."
            .into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("path", self.dir.display().to_string())
            .data("reason", self.reason);
    }
}

/// A write was at fault itself: a bug of ours.
pub(super) struct WriteDropped {
    pub(super) module: &'static str,
    pub(super) reason: String,
}

impl Event for WriteDropped {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A write was refused by the database and dropped; please report it.".into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("of", self.module).data("reason", self.reason.as_str());
    }

    fn count(&self) -> Option<Count> {
        Some(dropped("error"))
    }
}

/// There was no room in the queue.
pub(super) struct WriteRefused {
    pub(super) module: &'static str,
}

impl Event for WriteRefused {
    fn level(&self) -> Level {
        Level::Debug
    }

    fn message(&self) -> Cow<'_, str> {
        "Too much waits to be written; a write was dropped.".into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("of", self.module);
    }

    fn count(&self) -> Option<Count> {
        Some(dropped("full"))
    }
}

fn dropped(reason: &str) -> Count {
    Count {
        name: "bellwether_store_writes_dropped_total",
        help: "Writes that were dropped.",
        labels: vec![("reason", reason.to_owned())],
        by: 1,
    }
}

/// The disk is full, and what was kept free for that is used now.
pub(super) struct ReserveGivenUp<'e> {
    pub(super) path: &'e Path,
}

impl Event for ReserveGivenUp<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The disk is full. The room that was reserved is used now; make more before it is gone as well.".into()
    }

    fn module(&self) -> &'static str {
        "store"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("path", self.path.display().to_string());
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_store_reserve_used_total",
            help: "Times the disk was full and the room reserved for that was given up.",
            labels: Vec::new(),
            by: 1,
        })
    }
}
