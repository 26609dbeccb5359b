//! Everything that is known of pushes, and what one changes. No task, no clock, no disk: what follows is returned.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    super::{
        Crash, Crashes, Directory, Doorstep, Envelope, Expectation, Heartbeat, HeartbeatState, Refused, ScrubOptions,
        Source, Taken, body,
        directory::admits_origin,
        onward::{CrashFate, CrashNews},
        source::Refusal,
        store::{Kept, LastBeat, seconds},
        tally::{Derivation, Tally},
    },
    IngestSettings, PushedEnvelope, shown,
};
use crate::{
    board::SourceReport,
    clock::Timestamp,
    config::{self, EventSource},
    outcome::Outcome,
    sandbox::ForwardedEvent,
};

/// What an envelope is, for a forwarder.
const ENVELOPE: &str = "application/x-sentry-envelope";

/// A host whose looks lie further apart did not listen in between: it stood still, or its clock was set.
const STOOD_STILL: Duration = Duration::from_secs(30);

/// A row that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Crash {
        source: Arc<str>,
        fingerprint: u64,
        at: u64,
    },
    ForgottenCrash {
        source: Arc<str>,
        fingerprint: u64,
    },
    Beat {
        name: Arc<str>,
        last: LastBeat,
    },
    ForgottenBeat {
        name: Arc<str>,
    },
}

/// An envelope that was taken, and what is left to do.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) source: Arc<str>,
    pub(super) event_id: Option<String>,
    /// To be told before anybody hears that it was taken.
    pub(super) news: Vec<CrashNews>,
    /// To be handed on, and to whom; None: to nobody.
    pub(super) event: Option<(Vec<Arc<str>>, ForwardedEvent)>,
    pub(super) rows: Vec<Row>,
}

/// One source.
#[derive(Debug)]
struct Served {
    config: Arc<EventSource>,
    source: Source,
    tally: Tally,
    step: Arc<Doorstep>,
}

/// One heartbeat.
#[derive(Debug)]
struct Awaited {
    config: Arc<config::Heartbeat>,
    heartbeat: Heartbeat,
    /// As the board has it; None: it does not.
    shown: Option<HeartbeatState>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Desk {
    sources: BTreeMap<Arc<str>, Served>,
    heartbeats: BTreeMap<Arc<str>, Awaited>,
    /// Of sources that are not configured, in case they come back.
    dormant: BTreeMap<Arc<str>, Crashes>,
    /// Of heartbeats as they were before the start, until they are configured.
    before: BTreeMap<Arc<str>, LastBeat>,
    directory: Arc<Directory>,
    looked_at: Option<Timestamp>,
    /// For ids of envelopes without one.
    number: u64,
}

impl Desk {
    /// With what was kept before a restart.
    pub(super) fn restored(kept: Kept) -> Self {
        let crashes = kept.crashes.into_iter();
        Self {
            dormant: crashes
                .map(|(source, seen)| (source, Crashes::restored(seen)))
                .collect(),
            before: kept.heartbeats,
            ..Self::default()
        }
    }

    pub(super) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    pub(super) fn source_names(&self) -> Vec<Arc<str>> {
        self.sources.keys().cloned().collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.sources.is_empty() && self.heartbeats.is_empty()
    }

    /// These and no others. Equal ones go on as they are; a source with other limits still knows its crashes, a heartbeat that is
    /// expected otherwise its last beat.
    pub(super) fn configure(&mut self, settings: IngestSettings, now: Timestamp) -> Vec<Row> {
        self.configure_sources(settings.sources, now);
        let rows = self.configure_heartbeats(settings.heartbeats, now);
        let doors = self
            .sources
            .values()
            .map(|served| (&served.config, Arc::clone(&served.step)));
        let heartbeats = self.heartbeats.values().map(|awaited| &awaited.config);
        self.directory = Arc::new(Directory::new(doors, heartbeats));
        rows
    }

    fn configure_sources(&mut self, configs: Vec<Arc<EventSource>>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.sources);
        for config in configs {
            let name = Arc::clone(&config.name);
            let served = match before.remove(&name) {
                Some(same) if same.config == config => same,
                Some(changed) => served(config, changed.source.into_crashes(), now),
                None => served(config, self.dormant.remove(&name).unwrap_or_default(), now),
            };
            self.sources.insert(name, served);
        }
        let gone = before.into_iter();
        self.dormant
            .extend(gone.map(|(name, gone)| (name, gone.source.into_crashes())));
    }

    fn configure_heartbeats(&mut self, configs: Vec<Arc<config::Heartbeat>>, now: Timestamp) -> Vec<Row> {
        let mut before = std::mem::take(&mut self.heartbeats);
        for config in configs {
            let name = Arc::clone(&config.name);
            let restored = self.before.remove(&name);
            let heartbeat = match before.remove(&name) {
                Some(same) if same.config == config => same.heartbeat,
                Some(mut changed) => {
                    changed.heartbeat.listen_anew(now);
                    changed.heartbeat
                }
                None => restored.map_or_else(
                    || Heartbeat::new(now),
                    |last| Heartbeat::restored(now, last.at, last.is_good),
                ),
            };
            let awaited = Awaited {
                config,
                heartbeat,
                // The board has a check of this name now, and may have begun it anew.
                shown: None,
            };
            self.heartbeats.insert(name, awaited);
        }
        let stale = std::mem::take(&mut self.before).into_keys();
        let gone: BTreeSet<Arc<str>> = before.into_keys().chain(stale).collect();
        gone.into_iter().map(|name| Row::ForgottenBeat { name }).collect()
    }

    /// One envelope. What is refused is counted, where it is known whose it is.
    pub(super) fn take(&mut self, pushed: &PushedEnvelope, now: Timestamp) -> Result<Incoming, Refused> {
        let name = match &pushed.key {
            Some(key) => self.admitted(pushed, key)?,
            None => {
                if !self.directory.has_project(pushed.project) {
                    return Err(Refused::UnknownProject(pushed.project));
                }
                let bytes = body::unpack(pushed.packing, &pushed.body)?;
                let key = Envelope::dsn_key(&bytes).ok_or(Refused::NoKey)?;
                let name = self.admitted(pushed, &key)?;
                return self.counted(&name, |desk| desk.take_bytes(&name, &bytes, now));
            }
        };
        self.counted(&name, |desk| {
            let bytes = body::unpack(pushed.packing, &pushed.body)?;
            desk.take_bytes(&name, &bytes, now)
        })
    }

    /// Whose it is.
    fn admitted(&self, pushed: &PushedEnvelope, key: &str) -> Result<Arc<str>, Refused> {
        let door = self.directory.source(pushed.project, key)?;
        let is_admitted = |origin: &String| admits_origin(&door.source.origins, origin);
        if !pushed.origin.as_ref().is_none_or(is_admitted) {
            door.step.turn_away(&Refused::Origin);
            return Err(Refused::Origin);
        }
        Ok(Arc::clone(&door.source.name))
    }

    fn counted(
        &mut self,
        name: &Arc<str>,
        take: impl FnOnce(&mut Self) -> Result<Incoming, Refused>,
    ) -> Result<Incoming, Refused> {
        let taken = take(self);
        if let (Err(refused), Some(served)) = (&taken, self.sources.get_mut(name)) {
            served.tally.refused(refused.as_str(), 1);
        }
        taken
    }

    fn take_bytes(&mut self, name: &Arc<str>, bytes: &[u8], now: Timestamp) -> Result<Incoming, Refused> {
        self.number += 1;
        let number = self.number;
        // The directory has no others.
        let served = self.sources.get_mut(name).ok_or(Refused::WrongKey)?;
        let taken = served.source.take(bytes, now).inspect_err(|refusal| {
            if let Refusal::TooFast { retry_after } = refusal {
                served.step.pause(now + *retry_after);
            }
        })?;
        served.tally.taken(&taken, bytes.len());
        Ok(served.incoming(taken, number, now))
    }

    /// What became of the crashes that were told.
    pub(super) fn settle(&mut self, source: &Arc<str>, told: &[(Crash, CrashFate)], now: Timestamp) -> Vec<Row> {
        let Some(served) = self.sources.get_mut(source) else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for (crash, fate) in told {
            match fate {
                CrashFate::Settled => {
                    served.tally.crash("told");
                    rows.push(Row::Crash {
                        source: Arc::clone(source),
                        fingerprint: crash.fingerprint,
                        at: seconds(now),
                    });
                }
                CrashFate::Full => {
                    served.tally.crash("full");
                    served.source.unsee(crash);
                }
            }
        }
        rows
    }

    /// A heartbeat says that it lives (`is_good`), or that what it does has failed. None: there is none of this name.
    pub(super) fn beat(&mut self, name: &str, is_good: bool, now: Timestamp) -> Option<(Outcome, Row)> {
        let awaited = self.heartbeats.get_mut(name)?;
        awaited.heartbeat.beat(is_good, now);
        let expected = Expectation::from(&*awaited.config);
        awaited.shown = Some(awaited.heartbeat.state(expected, now));
        let outcome = shown::outcome(&awaited.config, &awaited.heartbeat, Some(is_good), now);
        let name = Arc::clone(&awaited.config.name);
        let last = LastBeat { at: now, is_good };
        Some((outcome, Row::Beat { name, last }))
    }

    /// Heartbeats that are not as the board has them.
    pub(super) fn look(&mut self, now: Timestamp) -> Vec<Outcome> {
        let stood_still = self.looked_at.is_some_and(|last| now.since(last) > STOOD_STILL);
        self.looked_at = Some(now);
        let mut outcomes = Vec::new();
        for awaited in self.heartbeats.values_mut() {
            if stood_still {
                awaited.heartbeat.listen_anew(now);
            }
            let state = awaited.heartbeat.state(Expectation::from(&*awaited.config), now);
            if awaited.shown != Some(state) {
                awaited.shown = Some(state);
                outcomes.push(shown::outcome(&awaited.config, &awaited.heartbeat, None, now));
            }
        }
        outcomes
    }

    /// What sources reported since the last time.
    pub(super) fn reports(&mut self) -> Vec<SourceReport> {
        self.sources.values_mut().map(Served::report).collect()
    }

    /// All that would be lost without a database.
    pub(super) fn all_rows(&self) -> Vec<Row> {
        let crashes = self
            .sources
            .iter()
            .map(|(name, served)| (name, served.source.crashes()));
        let crashes = crashes.chain(&self.dormant).flat_map(|(source, crashes)| {
            let row = |(fingerprint, at)| Row::Crash {
                source: Arc::clone(source),
                fingerprint,
                at,
            };
            crashes.kept().map(row)
        });
        let beats = self.heartbeats.iter().filter_map(|(name, awaited)| {
            let (at, is_good) = awaited.heartbeat.last()?;
            let last = LastBeat { at, is_good };
            let name = Arc::clone(name);
            Some(Row::Beat { name, last })
        });
        crashes.chain(beats).collect()
    }
}

fn served(config: Arc<EventSource>, crashes: Crashes, now: Timestamp) -> Served {
    let (limits, scrub) = (config.limits.into(), ScrubOptions::from(config.scrub));
    Served {
        source: Source::new(limits, scrub, crashes, now),
        config,
        tally: Tally::default(),
        step: Arc::default(),
    }
}

impl Served {
    fn incoming(&self, taken: Taken, number: u64, now: Timestamp) -> Incoming {
        let source = &self.config.name;
        let news = |crash: &Crash| CrashNews {
            source: Arc::clone(source),
            project: self.config.project,
            crash: crash.clone(),
            at: now,
            handed_to: self.config.receivers.clone(),
        };
        let seen = taken.seen.iter().map(|fingerprint| Row::Crash {
            source: Arc::clone(source),
            fingerprint: *fingerprint,
            at: seconds(now),
        });
        let forgotten = taken.forgotten.iter().map(|fingerprint| Row::ForgottenCrash {
            source: Arc::clone(source),
            fingerprint: *fingerprint,
        });
        Incoming {
            source: Arc::clone(source),
            event_id: taken.envelope.event_id().map(str::to_owned),
            news: taken.crashes.iter().map(news).collect(),
            rows: seen.chain(forgotten).collect(),
            event: self.handed_on(&taken, number, now),
        }
    }

    /// What is empty now goes nowhere.
    fn handed_on(&self, taken: &Taken, number: u64, now: Timestamp) -> Option<(Vec<Arc<str>>, ForwardedEvent)> {
        let principal = taken.envelope.principal()?;
        if self.config.receivers.is_empty() {
            return None;
        }
        let event = ForwardedEvent {
            id: format!("{:016x}{number:016x}", now.as_nanos()),
            at: now,
            source: self.config.name.to_string(),
            kind: principal.kind().to_owned(),
            level: taken.said.level.clone(),
            message: taken.said.message.clone(),
            content_type: ENVELOPE.to_owned(),
            payload: taken.envelope.to_bytes(),
        };
        Some((self.config.receivers.clone(), event))
    }

    fn report(&mut self) -> SourceReport {
        for (reason, count) in self.step.take_turned_away() {
            self.tally.refused(reason, count);
        }
        let derived = self.source.derived();
        let (series, folded) = derived.series();
        let derivation = Derivation {
            series,
            folded,
            overflowed: derived.overflowed(),
        };
        let silent = derived.take_silent();
        // Names are constants, and tests of both show a bad one.
        let mut families = derived.take().unwrap_or_default();
        families.extend(self.tally.take(derivation).unwrap_or_default());
        SourceReport {
            source: Arc::clone(&self.config.name),
            families,
            silent,
        }
    }
}
