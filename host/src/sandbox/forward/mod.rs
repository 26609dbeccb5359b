//! One delivery by a forwarder plugin, from a fresh store to what became of it.
//!
//! Flows in: a receiver as configured, and news for it. Flows out: a [`DeliveryEnd`]; whatever a plugin or the host does wrong is its
//! result. The limits are those of a run of a check. When something is sent, and whether it is sent again, is `deliver`'s.

mod news;

use std::{future::Future, sync::Arc, time::Duration};

pub use news::{ForwardedAlert, ForwardedEvent, ForwardedRun, NewsReason, Notification, Pairs};
use wasmtime::{Store, component::Instance};

use super::{
    bindings::bellwether::plugin::news as wit,
    convert::delivery,
    end::{self, Ended},
    events::HostPanicked,
    frame::{Caller, Frame, Left},
    guest::Guest,
    meter::{Meter, metered},
    plugin::Plugin,
    stdio,
};
use crate::{
    capability::{
        grant::Grants,
        log::LogLine,
        reach::Reach,
        state::{StateChanges, StateScratch},
    },
    clock::{Instant, Timestamp},
    config::Limits,
    outcome::{Failure, Reason, Usage},
    supervisor::{Panic, catch_async},
};

/// Who is told, and with what.
#[derive(Clone, Debug)]
pub struct ForwardRequest {
    /// NAME of `[receiver.NAME]`.
    pub receiver: Arc<str>,
    /// Where its table stands, for messages.
    pub location: Arc<str>,
    /// The settings table as JSON, already valid against the schema.
    pub settings: Arc<str>,
    /// Wall clock of the delivery.
    pub timeout: Duration,
    /// As of a check.
    pub limits: Limits,
    /// When the attempt is made.
    pub at: Timestamp,
    /// 1, or more when it is tried again.
    pub attempt: u32,
    /// What the receiver may reach.
    pub reach: Arc<Reach>,
    /// What the receiver remembers.
    pub state: StateScratch,
    /// `environment`, …
    pub facts: Arc<Vec<(String, String)>>,
}

/// How a delivery ended.
#[derive(Debug)]
pub struct DeliveryEnd<T> {
    /// What the other side said, or why nothing was delivered.
    pub result: Result<T, DeliveryFailure>,
    /// What it cost.
    pub usage: Usage,
    /// To commit; `None`: the forwarder did not return, and what it wrote is discarded.
    pub state: Option<StateChanges>,
    /// What the forwarder said. Already in the host's log.
    pub logs: Vec<LogLine>,
}

/// What the other side said: names and values, for the log.
pub type Receipt = Vec<(String, String)>;

/// Of a batch, by id: what was not taken.
pub type Refused = Vec<(String, DeliveryFailure)>;

/// Why nothing was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// For people.
    pub message: String,
    /// Trying the same again will not help.
    pub is_permanent: bool,
    /// Not before this has passed, when the other side said so.
    pub retry_after: Option<Duration>,
    /// The other side may have it all the same: it was asked, and its answer is not known.
    pub is_ambiguous: bool,
    /// Why the host ended the forwarder. `None`: the forwarder said so itself.
    pub ended: Option<Reason>,
}

/// Which of the contract's exports a plugin is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsKind {
    /// About alerts.
    Notifications,
    /// Of checks.
    Runs,
    /// Of applications.
    Events,
}

impl NewsKind {
    /// The name of the export.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Runs => "runs",
            Self::Events => "events",
        }
    }
}

/// What a forwarder returned, or why it did not.
type Called<T> = Result<Result<T, wit::DeliveryFailure>, Ended>;

impl Plugin {
    /// Whether it carries news of a kind.
    pub fn carries(&self, kind: NewsKind) -> bool {
        self.inspection.exports.contains(kind.as_str())
    }

    /// One attempt at a notification. Deliveries of one plugin may overlap; they share nothing but code.
    ///
    /// Dropping the future ends the attempt, and nobody knows whether the other side has it.
    pub async fn deliver(&self, request: ForwardRequest, notification: Notification) -> DeliveryEnd<Receipt> {
        let attempt = request.attempt;
        let job = async |store: &mut Store<Guest>, instance: &Instance, settings: &str| {
            let Some(export) = &self.exports.notifications else {
                return Err(self.absent(NewsKind::Notifications));
            };
            let guest = export.load(&mut *store, instance)?;
            let notification = notification.into_wire(attempt);
            guest.call_deliver(&mut *store, settings, &notification).await
        };
        self.forward(request, job, |receipt| {
            delivery::receipt(&receipt, &self.machine.redactor)
        })
        .await
    }

    /// One attempt at a batch of runs.
    pub async fn deliver_runs(&self, request: ForwardRequest, runs: Vec<ForwardedRun>) -> DeliveryEnd<Refused> {
        let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
        let job = async |store: &mut Store<Guest>, instance: &Instance, settings: &str| {
            let Some(export) = &self.exports.runs else {
                return Err(self.absent(NewsKind::Runs));
            };
            let guest = export.load(&mut *store, instance)?;
            let runs: Vec<wit::Run> = runs.into_iter().map(Into::into).collect();
            guest.call_deliver(&mut *store, settings, &runs).await
        };
        self.forward(request, job, |refused| {
            delivery::refused(refused, &ids, &self.machine.redactor)
        })
        .await
    }

    /// One attempt at a batch of what applications reported.
    pub async fn deliver_events(&self, request: ForwardRequest, events: Vec<ForwardedEvent>) -> DeliveryEnd<Refused> {
        let ids: Vec<String> = events.iter().map(|event| event.id.clone()).collect();
        let job = async |store: &mut Store<Guest>, instance: &Instance, settings: &str| {
            let Some(export) = &self.exports.events else {
                return Err(self.absent(NewsKind::Events));
            };
            let guest = export.load(&mut *store, instance)?;
            let events: Vec<wit::Event> = events.into_iter().map(Into::into).collect();
            guest.call_deliver(&mut *store, settings, &events).await
        };
        self.forward(request, job, |refused| {
            delivery::refused(refused, &ids, &self.machine.redactor)
        })
        .await
    }

    fn absent(&self, kind: NewsKind) -> wasmtime::Error {
        let (name, kind) = (&self.name, kind.as_str());
        wasmtime::format_err!("plugin `{name}` does not forward {kind}: it does not export `{kind}`")
    }

    async fn forward<G, T>(
        &self,
        request: ForwardRequest,
        job: impl AsyncFnOnce(&mut Store<Guest>, &Instance, &str) -> wasmtime::Result<Result<G, wit::DeliveryFailure>>,
        convert: impl FnOnce(G) -> T,
    ) -> DeliveryEnd<T> {
        let caller = request.caller();
        let began = self.machine.clock.monotonic();
        let meter = Arc::<Meter>::default();
        let work = self.attempt(request, &caller, began, &meter, job, convert);
        match metered(&meter, catch_async("deliver", work)).await {
            Ok(end) => end,
            Err(panic) => self.broke(&caller, &panic, began, &meter),
        }
    }

    async fn attempt<G, T>(
        &self,
        request: ForwardRequest,
        caller: &Caller,
        began: Instant,
        meter: &Arc<Meter>,
        job: impl AsyncFnOnce(&mut Store<Guest>, &Instance, &str) -> wasmtime::Result<Result<G, wit::DeliveryFailure>>,
        convert: impl FnOnce(G) -> T,
    ) -> DeliveryEnd<T> {
        // The semaphore is never closed.
        let _seat = self.machine.seats.acquire().await;
        let _ticking = self.machine.ticker.ticking();
        let settings = Arc::clone(&request.settings);
        let mut store = self.store(request.into_frame(caller), began, meter);
        let called = within(caller, began, async {
            let instance = self.instance.instantiate_async(&mut store).await?;
            job(&mut store, &instance, &settings).await
        });
        let called = called.await;
        self.settle(store, caller, began, meter, called, convert)
    }

    fn settle<G, T>(
        &self,
        mut store: Store<Guest>,
        caller: &Caller,
        began: Instant,
        meter: &Meter,
        called: Called<G>,
        convert: impl FnOnce(G) -> T,
    ) -> DeliveryEnd<T> {
        let guest = store.data_mut();
        stdio::lock(&guest.log).finish();
        let called = called.map_err(|ended| self.explain(&ended, guest, caller));
        let returned = called.is_ok();
        let left = self.take_apart(store, began, meter);
        let result = match called {
            Ok(Ok(said)) => Ok(convert(said)),
            Ok(Err(said)) => Err(DeliveryFailure {
                is_ambiguous: left.is_in_doubt,
                ..delivery::failure(said, &self.machine.redactor)
            }),
            Err(failure) => Err(stopped(failure, &left)),
        };
        DeliveryEnd {
            result,
            state: returned.then_some(left.state),
            usage: left.usage,
            logs: left.logs,
        }
    }

    /// A panic of ours takes its delivery along and nothing else.
    fn broke<T>(&self, caller: &Caller, panic: &Panic, began: Instant, meter: &Meter) -> DeliveryEnd<T> {
        self.machine.telemetry.emit(&HostPanicked {
            kind: caller.kind,
            name: &caller.name,
            message: &panic.message,
        });
        let failure = end::host_failed(panic, &self.machine.redactor);
        DeliveryEnd {
            result: Err(DeliveryFailure {
                message: failure.message,
                is_permanent: false,
                retry_after: None,
                is_ambiguous: true,
                ended: Some(failure.reason),
            }),
            usage: Usage {
                duration: self.machine.clock.monotonic().saturating_duration_since(began),
                cpu: meter.spent(),
                ..Usage::default()
            },
            state: None,
            logs: Vec::new(),
        }
    }
}

impl ForwardRequest {
    fn caller(&self) -> Caller {
        Caller {
            kind: "receiver",
            name: Arc::clone(&self.receiver),
            location: Arc::clone(&self.location),
            timeout: self.timeout,
        }
    }

    fn into_frame(self, caller: &Caller) -> Frame {
        Frame {
            caller: caller.clone(),
            prefix: Arc::default(),
            limits: self.limits,
            grants: Grants::of_receiver(&self.reach),
            reach: self.reach,
            state: self.state,
            scheduled_at: self.at,
            attempt: self.attempt,
            previous: None,
            interval: None,
            facts: self.facts,
        }
    }
}

fn within<T>(
    caller: &Caller,
    began: Instant,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> impl Future<Output = Result<T, Ended>> {
    end::within(began + caller.timeout, caller.timeout, call)
}

/// A forwarder that the host ended. What depends on the content alone would end the next attempt as well; a wait, or a fault of the
/// host's, need not. Once anything was asked, nobody knows what the other side has of it.
fn stopped(failure: Failure, left: &Left) -> DeliveryFailure {
    let asked = left.usage.requests.contains_key("ok");
    DeliveryFailure {
        is_permanent: !matches!(failure.reason, Reason::Timeout | Reason::Host),
        retry_after: None,
        is_ambiguous: left.is_in_doubt || asked,
        ended: Some(failure.reason),
        message: failure.message,
    }
}
