//! Runs and events on their way out, without what may not leave.
//!
//! Flows in: batches as they were offered. Flows out: the same with secrets and hidden values gone, to what carries them.

use std::sync::Arc;

use super::{
    redact::Hiding,
    stream::{Carry, Carrying, Item},
};
use crate::{
    clock::Instant,
    sandbox::{ForwardedEvent, ForwardedRun},
};

/// What can be cleaned.
pub(super) trait Clean: Item {
    fn clean(self, hiding: &Hiding) -> Self;
}

impl Clean for ForwardedRun {
    fn clean(self, hiding: &Hiding) -> Self {
        hiding.run(self)
    }
}

impl Clean for ForwardedEvent {
    fn clean(self, hiding: &Hiding) -> Self {
        hiding.event(self)
    }
}

/// Cleans, and has another carry.
#[derive(Debug)]
pub(super) struct Cleans<T> {
    hiding: Hiding,
    carrier: Arc<dyn Carry<T>>,
}

impl<T: Clean> Cleans<T> {
    pub(super) fn of(hiding: &Hiding, carrier: Arc<dyn Carry<T>>) -> Arc<dyn Carry<T>> {
        Arc::new(Self {
            hiding: hiding.clone(),
            carrier,
        })
    }
}

impl<T: Clean> Carry<T> for Cleans<T> {
    fn carry(&self, items: Vec<T>, attempt: u32, deadline: Instant) -> Carrying<'_> {
        let items = items.into_iter().map(|item| item.clean(&self.hiding)).collect();
        self.carrier.carry(items, attempt, deadline)
    }
}
