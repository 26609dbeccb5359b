//! What is kept of dispatch over a restart, as data: what to write, and what was read.
//!
//! Alerts of rules are not among it: the rules keep them and say all of them again after a start. Kept is what a receiver was told, and
//! what is on its way.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::{
    chronicle::OccurrenceRow,
    message::{Message, MessageId, News},
    posted::PostedRow,
    silence::Silence,
};

/// What tells a group from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// Who is told.
    pub receiver: Arc<str>,
    /// Of the receiver's groups: route and labels.
    pub key: Arc<str>,
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRow {
    /// See [`GroupKey`].
    pub key: GroupKey,
    /// See [`super::route::Node::id`].
    pub route: Arc<str>,
    /// In which its alerts agree.
    pub labels: Labels,
    /// When it is looked at next, in milliseconds.
    pub flush_at: i64,
    /// Whether it was looked at before.
    pub has_flushed: bool,
    /// When its receiver was told last; None: it was not.
    pub told_at: Option<i64>,
}

/// An alert that a receiver knows as firing.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldRow {
    /// By whom it knows.
    pub group: GroupKey,
    /// As it was told.
    pub news: News,
}

/// A message that a receiver refused for good.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// What it was.
    pub message: Message,
    /// What the receiver said.
    pub reason: String,
    /// When, in milliseconds.
    pub at: i64,
}

/// One change of what is kept. They are applied in order; those of one batch are kept together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// New or different.
    Group(GroupRow),
    /// With all that its receiver was told.
    ForgetGroup(GroupKey),
    /// Before it is handed out.
    Message(Arc<Message>),
    /// It was delivered, replaced or refused.
    ForgetMessage(MessageId),
    /// What a receiver knows is different.
    Told {
        /// By whom.
        group: GroupKey,
        /// It knows these as firing.
        firing: Vec<News>,
        /// And does not know these any more.
        over: Vec<Labels>,
    },
    /// The last sequence of any message.
    Sequence(u64),
    /// New or different.
    Posted(Box<PostedRow>),
    /// It is over, and all know.
    ForgetPosted(Labels),
    /// New or different.
    Silence(Silence),
    /// It has been over for long.
    ForgetSilence(Arc<str>),
    /// New or different.
    Occurrence(Arc<OccurrenceRow>),
    /// It was noted long ago.
    ForgetOccurrence(Arc<str>),
    /// See [`DeadLetter`].
    Dead(Box<DeadLetter>),
}

/// All that was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// In any order.
    pub groups: Vec<GroupRow>,
    /// In any order.
    pub told: Vec<ToldRow>,
    /// In any order.
    pub messages: Vec<Message>,
    /// In any order.
    pub posted: Vec<PostedRow>,
    /// In any order.
    pub silences: Vec<Silence>,
    /// In any order.
    pub occurrences: Vec<OccurrenceRow>,
    /// Of the last message.
    pub sequence: u64,
}
