//! Who uses a plugin: one check or one receiver, for code that need not know which.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    Check, Connection, PluginSource, Receiver, ReceiverKind,
    vocabulary::{CHECK, RECEIVER, TableSpec},
};

/// A table that uses a plugin, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum User<'n> {
    /// `[check.NAME]`.
    Check(&'n str),
    /// `[receiver.NAME]`.
    Receiver(&'n str),
}

impl<'n> User<'n> {
    /// As its header has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Receiver(_) => "receiver",
        }
    }

    /// NAME.
    pub const fn name(self) -> &'n str {
        match self {
            Self::Check(name) | Self::Receiver(name) => name,
        }
    }

    pub(super) const fn spec(self) -> &'static TableSpec {
        match self {
            Self::Check(_) => &CHECK,
            Self::Receiver(_) => &RECEIVER,
        }
    }
}

/// ``check `web` ``.
impl fmt::Display for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.word(), self.name())
    }
}

/// What the configuration says about one use of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct PluginUse<'c> {
    /// Whose.
    pub user: User<'c>,
    /// Which plugin.
    pub plugin: &'c PluginSource,
    /// By slot.
    pub connections: &'c BTreeMap<String, Arc<Connection>>,
    /// JSON text.
    pub settings: &'c Arc<str>,
}

impl Check {
    /// Of its plugin.
    pub fn plugin_use(&self) -> PluginUse<'_> {
        PluginUse {
            user: User::Check(&self.name),
            plugin: &self.plugin,
            connections: &self.connections,
            settings: &self.settings,
        }
    }
}

impl Receiver {
    /// Of its plugin; None: it is built in.
    pub fn plugin_use(&self) -> Option<PluginUse<'_>> {
        let ReceiverKind::Plugin(forwarder) = &self.kind else {
            return None;
        };
        Some(PluginUse {
            user: User::Receiver(&self.name),
            plugin: &forwarder.plugin,
            connections: &forwarder.connections,
            settings: &forwarder.settings,
        })
    }
}
