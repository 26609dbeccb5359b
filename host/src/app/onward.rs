//! Where pushes go on to: new crashes to `dispatch`, envelopes to `deliver`. They stand after `ingest`, which knows them by what they do.

use std::sync::Arc;

use crate::{
    deliver::DeliverHandle,
    dispatch::{DispatchHandle, Fate, Occurrence},
    ingest::{CrashFate, CrashNews, Onward, Pending, Upstream},
    sandbox::ForwardedEvent,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Wired {
    pub(super) dispatch: DispatchHandle,
    pub(super) deliver: DeliverHandle,
}

impl Onward for Wired {
    fn tell(&self, news: Vec<CrashNews>) -> Pending<'_, Option<Vec<CrashFate>>> {
        Box::pin(async move {
            let told = self.dispatch.tell(news.iter().map(occurrence).collect()).await.ok()?;
            Some(told.fates.iter().map(fate).collect())
        })
    }

    fn hand_on(&self, receivers: &[Arc<str>], event: ForwardedEvent) {
        self.deliver.offer_events(receivers, std::slice::from_ref(&event));
    }

    fn limits(&self, receivers: &[Arc<str>]) -> Vec<Vec<Upstream>> {
        let of_receiver = |receiver: &Arc<str>| {
            let limits = self.deliver.rate_limited(receiver).into_iter();
            let limit = limits.map(|limit| Upstream {
                category: limit.category,
                until: limit.until,
            });
            limit.collect()
        };
        receivers.iter().map(of_receiver).collect()
    }
}

fn occurrence(news: &CrashNews) -> Occurrence {
    let mut occurrence = Occurrence::new_crash(&news.source, &news.project.to_string(), &news.crash, news.at);
    occurrence.handed_to.clone_from(&news.handed_to);
    occurrence
}

fn fate(fate: &Fate) -> CrashFate {
    if fate.is_settled() {
        CrashFate::Settled
    } else {
        CrashFate::Full
    }
}
