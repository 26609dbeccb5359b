//! What applications push to the host: Sentry's envelopes and heartbeats.
//!
//! Flows in: bytes that somebody sent, of whom only the source is known. Flows out: a [`Taken`] for each envelope (it cleaned, to hand
//! on; measurements; crashes that nobody has seen before), or a named reason why it is refused; and for heartbeats a state that becomes
//! a verdict. Everything is pure: a function of what is known, what came, and when. It listens to nobody, keeps nothing on disk and sends
//! nothing: that is `expose`'s, `store`'s and `deliver`'s.

pub mod crash;
pub mod derive;
pub mod envelope;
pub mod heartbeat;
pub mod rate;
pub mod scrub;
pub mod series;
pub mod source;

pub use crash::{Crash, Crashes};
pub use envelope::{Envelope, EnvelopeError, Item, ItemCategory};
pub use heartbeat::{Expectation, Heartbeat, HeartbeatState};
pub use scrub::{ScrubOptions, Scrubber};
pub use source::{Refusal, Source, SourceLimits, Taken};
