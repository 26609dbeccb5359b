//! The imports of the contract, answered by the world of the current thread. Same names and shapes as the generated ones.

use super::world::{World, with};

/// As the host would end the run, were this not a test.
fn denied(capability: &str) -> ! {
    panic!(
        "`{capability}` is not granted: the host would end this run as `denied`; grant it with `Fake::with_{capability}`"
    )
}

pub(crate) mod context {
    use std::time::{Duration, SystemTime};

    use super::with;
    use crate::bindings::bellwether::plugin::context::{Connection, Previous};

    fn nanoseconds(duration: Duration) -> u64 {
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
    }

    fn unix(time: SystemTime) -> u64 {
        nanoseconds(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }

    pub(crate) fn name() -> String {
        with(|world| world.name.clone())
    }

    pub(crate) fn scheduled_at_ns() -> u64 {
        with(|world| unix(world.scheduled_at))
    }

    pub(crate) fn interval_ns() -> Option<u64> {
        with(|world| world.interval.map(nanoseconds))
    }

    pub(crate) fn attempt() -> u32 {
        with(|world| world.attempt)
    }

    pub(crate) fn previous_run() -> Option<Previous> {
        with(|world| {
            let previous = world.previous.clone()?;
            Some(Previous {
                started_at_ns: unix(previous.started_at),
                outcome: previous.outcome,
            })
        })
    }

    pub(crate) fn remaining_ms() -> u32 {
        with(|world| u32::try_from(world.remaining.as_millis()).unwrap_or(u32::MAX))
    }

    pub(crate) fn connections() -> Vec<Connection> {
        with(|world| world.connections.clone())
    }

    pub(crate) fn fact(name: &str) -> Option<String> {
        with(|world| world.facts.get(name).cloned())
    }
}

pub(crate) mod log {
    use super::with;
    use crate::{bindings::bellwether::plugin::log::Level, fake::LogLine};

    pub(crate) fn emit(level: Level, message: &str, fields: &[(String, String)]) {
        with(|world| {
            world.logs.push(LogLine {
                level,
                message: message.to_owned(),
                fields: fields.to_vec(),
            })
        });
    }
}

pub(crate) mod state {
    use super::{World, with};

    /// Bytes held once `key` holds `value`.
    fn size_after(world: &World, key: &str, value: &[u8]) -> usize {
        let others = world.state.iter().filter(|(held, _)| *held != key);
        others.map(|(held, value)| held.len() + value.len()).sum::<usize>() + key.len() + value.len()
    }

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(with(|world| world.state.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), String> {
        with(|world| {
            let (size, quota) = (size_after(world, key, value), world.quota());
            if size > quota {
                return Err(format!("{size} bytes are more than the quota of {quota}"));
            }
            world.state.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub(crate) fn delete(key: &str) -> Result<(), String> {
        with(|world| world.state.remove(key));
        Ok(())
    }
}

pub(crate) mod system {
    use super::{denied, with};
    use crate::bindings::bellwether::plugin::system::{ProcessQuery, Section, Snapshot};

    pub(crate) fn read(sections: Section, queries: &[ProcessQuery]) -> Result<Snapshot, String> {
        let snapshot = with(|world| world.system.clone()).unwrap_or_else(|| denied("system"))?;
        Ok(asked_for(snapshot, sections, queries))
    }

    /// The real host reads only what it is asked for, so a plugin that forgets a section must not see it here.
    fn asked_for(snapshot: Snapshot, sections: Section, queries: &[ProcessQuery]) -> Snapshot {
        fn some<T>(asked: bool, value: Option<T>) -> Option<T> {
            value.filter(|_| asked)
        }
        fn all<T>(asked: bool, values: Vec<T>) -> Vec<T> {
            if asked { values } else { Vec::new() }
        }
        let asked = |section| sections.contains(section);
        let mut processes = some(asked(Section::PROCESSES), snapshot.processes);
        if let Some(processes) = &mut processes {
            processes
                .groups
                .retain(|group| queries.iter().any(|query| query.group == group.name));
        }
        Snapshot {
            machine: snapshot.machine,
            cpu: some(asked(Section::CPU), snapshot.cpu),
            memory: some(asked(Section::MEMORY), snapshot.memory),
            disks: all(asked(Section::DISKS), snapshot.disks),
            disk_io: all(asked(Section::DISK_IO), snapshot.disk_io),
            networks: all(asked(Section::NETWORKS), snapshot.networks),
            load: some(asked(Section::LOAD), snapshot.load),
            temperatures: all(asked(Section::TEMPERATURES), snapshot.temperatures),
            processes,
            pressure: all(asked(Section::PRESSURE), snapshot.pressure),
            limits: some(asked(Section::LIMITS), snapshot.limits),
            missing: snapshot.missing,
        }
    }
}

pub(crate) mod http {
    use super::{denied, with};
    use crate::bindings::bellwether::plugin::http::{Failure, Request, Response};

    #[expect(clippy::result_large_err, reason = "the shape is the contract's")]
    pub(crate) fn send(request: &Request) -> Result<Response, Failure> {
        let mut answer = with(|world| world.http.take()).unwrap_or_else(|| denied("http"));
        let response = answer(request);
        with(|world| world.http = Some(answer));
        response.map_err(|failure| *failure)
    }

    pub(crate) fn send_all(requests: &[Request]) -> Vec<Result<Response, Failure>> {
        requests.iter().map(send).collect()
    }
}

pub(crate) mod redis {
    use super::{denied, with};
    use crate::{
        bindings::bellwether::plugin::redis::{Error, Info, Node},
        capability::redis::TOO_LARGE,
    };

    /// Of the host's 8 MiB, what is not kept for short replies.
    const LONG_BYTES_MAX: usize = 7 << 20;
    const SHORT_BYTES_MAX: usize = 4 << 10;

    pub(crate) fn pipeline(slot: &str, commands: &[Vec<Vec<u8>>]) -> Result<(Vec<Vec<Node>>, Info), Error> {
        let mut answer = with(|world| world.redis.take()).unwrap_or_else(|| denied("redis"));
        let mut room = LONG_BYTES_MAX;
        let replies: Result<_, _> = commands
            .iter()
            .map(|words| Ok(fitting(answer(slot, &text(words))?, &mut room)))
            .collect();
        with(|world| world.redis = Some(answer));
        Ok((
            replies?,
            Info {
                address: "fake".to_owned(),
                latency_ns: 0,
                details: Vec::new(),
            },
        ))
    }

    /// As the host, which passes over what does not fit beside the other replies of a call.
    fn fitting(reply: Vec<Node>, room: &mut usize) -> Vec<Node> {
        let bytes: usize = reply
            .iter()
            .map(|node| if let Node::Bulk(bytes) = node { bytes.len() } else { 0 })
            .sum();
        if bytes <= SHORT_BYTES_MAX {
            return reply;
        }
        let Some(left) = room.checked_sub(bytes) else {
            return vec![Node::Error(format!("{TOO_LARGE} the reply does not fit"))];
        };
        *room = left;
        reply
    }

    fn text(words: &[Vec<u8>]) -> Vec<String> {
        words
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }
}

pub(crate) mod postgres {
    use super::{denied, with};
    use crate::bindings::bellwether::plugin::postgres::{Error, Rows};

    pub(crate) fn query(slot: &str, sql: &str, parameters: &[Option<String>]) -> Result<Rows, Error> {
        let mut answer = with(|world| world.postgres.take()).unwrap_or_else(|| denied("postgres"));
        let rows = answer(slot, sql, parameters);
        with(|world| world.postgres = Some(answer));
        rows
    }
}
