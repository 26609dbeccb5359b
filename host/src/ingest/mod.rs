//! What applications push to the host: Sentry's envelopes and heartbeats.
//!
//! Flows in: bodies that somebody sent, of whom project and key are known, and beats. Flows out: measurements and verdicts for the board;
//! crashes that nobody has seen before, and envelopes, cleaned, through [`Onward`]; what must survive a restart, to the store; or a named
//! reason why something is refused. It listens to nobody: that is `expose`'s.
//!
//! `desk` owns all state, on a thread of its own, since reading what strangers wrote takes time; `directory` is what others may look at
//! without asking it. The rest is pure: functions of what is known, what came, and when. `source` is one source with its limits,
//! `envelope` the parser, `scrub` what must not leave, `derive` and `series` measurements, `crash` which are new, `heartbeat` what is
//! missed, `refusal` the reasons.

pub mod body;
pub mod crash;
pub mod derive;
mod desk;
pub mod directory;
pub mod envelope;
mod events;
pub mod heartbeat;
pub mod onward;
pub mod rate;
pub mod refusal;
#[cfg(test)]
pub(crate) mod samples;
pub mod scrub;
pub mod series;
pub mod source;
mod store;
mod tally;
pub mod upstream;

pub use body::{BODY_BYTES_MAX, Bodies, Packing, Room};
pub use crash::{Crash, Crashes};
pub use desk::{Accepted, Ingest, IngestHandle, IngestOptions, IngestSettings, PushedEnvelope};
pub use directory::{Directory, Doorstep, Keys, SourceDoor};
pub use envelope::{Envelope, EnvelopeError, Item, ItemCategory};
pub use heartbeat::{Expectation, Heartbeat, HeartbeatState};
pub use onward::{CrashFate, CrashNews, Onward, Pending};
pub use refusal::Refused;
pub use scrub::{ScrubOptions, Scrubber};
pub use source::{Refusal, Source, SourceLimits, Taken};
pub use upstream::Upstream;
