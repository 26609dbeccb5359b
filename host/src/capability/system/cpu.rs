//! CPU time by mode, usage between two reads, and the scheduler's counters.
//!
//! A [`Sample`] is what the machine says now and is shared by all checks; a [`Cpu`] is what one check is told, with the usage
//! since its own previous read.

use super::Roots;

/// Time a CPU spent in one mode since boot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// `0`, `1`, …
    pub cpu: String,
    /// `user`, `system`, `idle`, …; `user` and `nice` include `guest` and `guest_nice`.
    pub mode: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// What one check is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cpu {
    /// Of all CPUs together, 0 to 1, since this check's previous read. None on the first.
    pub usage_ratio: Option<f64>,
    /// Of each CPU, in order. Empty on the first read, and when CPUs came or went in between.
    pub per_cpu_usage_ratio: Vec<f64>,
    /// Per CPU and mode. Empty where the system does not say.
    pub times: Vec<CpuTimes>,
    /// Cores, without hyper-threads. 0 where the system does not say.
    pub physical_cores: u32,
    /// What else the scheduler counts; names in the contract.
    pub details: Vec<(String, f64)>,
}

/// Seconds spent since some origin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent {
    busy: f64,
    total: f64,
}

impl Spent {
    /// None: no time passed in between, or the counters were set back.
    fn usage_since(self, earlier: Self) -> Option<f64> {
        let total = self.total - earlier.total;
        (total > 0.0).then(|| ((self.busy - earlier.busy) / total).clamp(0.0, 1.0))
    }
}

/// What the machine says now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    all: Spent,
    per_cpu: Vec<Spent>,
    times: Vec<CpuTimes>,
    details: Vec<(String, f64)>,
}

/// What a check remembers of its previous read.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    all: Spent,
    per_cpu: Vec<Spent>,
    usage: Option<f64>,
    per_cpu_usage: Vec<f64>,
}

/// What the check is told, and what to remember. Two reads of the same sample give the same usage.
pub(super) fn since(previous: Option<&Baseline>, sample: &Sample, physical_cores: u32) -> (Cpu, Baseline) {
    let next = match previous {
        Some(previous) if previous.all == sample.all => previous.clone(),
        Some(previous) => advance(previous, sample),
        None => Baseline {
            all: sample.all,
            per_cpu: sample.per_cpu.clone(),
            ..Baseline::default()
        },
    };
    let cpu = Cpu {
        usage_ratio: next.usage,
        per_cpu_usage_ratio: next.per_cpu_usage.clone(),
        times: sample.times.clone(),
        physical_cores,
        details: sample.details.clone(),
    };
    (cpu, next)
}

fn advance(previous: &Baseline, sample: &Sample) -> Baseline {
    let per_cpu_usage = if previous.per_cpu.len() == sample.per_cpu.len() {
        let pairs = sample.per_cpu.iter().zip(&previous.per_cpu);
        pairs.map(|(now, then)| now.usage_since(*then).unwrap_or(0.0)).collect()
    } else {
        Vec::new()
    };
    Baseline {
        all: sample.all,
        per_cpu: sample.per_cpu.clone(),
        usage: sample.all.usage_since(previous.all),
        per_cpu_usage,
    }
}

/// Hyper-threads of one core count once; 0 when unknown.
pub(super) fn physical_cores() -> u32 {
    sysinfo::System::physical_core_count()
        .ok()
        .and_then(|cores| u32::try_from(cores).ok())
        .unwrap_or(0)
}

#[cfg(target_os = "linux")]
pub(super) use linux::Source;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;

    use super::{CpuTimes, Roots, Sample, Spent};
    use crate::clock::Instant;

    /// Columns of `/proc/stat`, in the kernel's order. Older kernels write fewer.
    const MODES: [&str; 10] = [
        "user",
        "nice",
        "system",
        "idle",
        "iowait",
        "irq",
        "softirq",
        "steal",
        "guest",
        "guest_nice",
    ];

    /// What counts as doing nothing. Guest time is part of user time and must not count twice.
    const IDLE: [&str; 2] = ["idle", "iowait"];
    const INCLUDED_ELSEWHERE: [&str; 2] = ["guest", "guest_nice"];

    /// Counters of the scheduler, by the kernel's names.
    const DETAILS: [&str; 5] = ["ctxt", "intr", "processes", "procs_running", "procs_blocked"];

    /// A CPU whose idle time falls by more than this was taken out and put back, and counts anew.
    const RETURNED_SECONDS: f64 = 3.0;

    /// Reads samples whose counters never fall a little, as the kernel's idle and iowait do.
    #[derive(Debug, Default)]
    pub(in super::super) struct Source {
        highest: HashMap<(String, &'static str), f64>,
    }

    impl Source {
        pub(in super::super) fn read(&mut self, roots: &Roots, _now: Instant) -> Result<Sample, String> {
            let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
            let mut sample = parse(&roots.proc_text("stat")?, ticks_per_second);
            if sample.times.is_empty() {
                return Err("stat names no CPU".to_owned());
            }
            self.keep_rising(&mut sample.times);
            Ok(sample)
        }

        /// A counter that falls by a hair is a reset to Prometheus, and a false rate.
        fn keep_rising(&mut self, times: &mut [CpuTimes]) {
            for cpu in returned(times, &self.highest) {
                self.highest.retain(|(known, _), _| *known != cpu);
            }
            for time in times {
                let highest = self
                    .highest
                    .entry((time.cpu.clone(), time.mode))
                    .or_insert(time.seconds);
                *highest = highest.max(time.seconds);
                time.seconds = *highest;
            }
        }
    }

    fn returned(times: &[CpuTimes], highest: &HashMap<(String, &'static str), f64>) -> Vec<String> {
        let fell = |time: &&CpuTimes| {
            let known = highest.get(&(time.cpu.clone(), time.mode));
            time.mode == "idle" && known.is_some_and(|known| known - time.seconds > RETURNED_SECONDS)
        };
        times.iter().filter(fell).map(|time| time.cpu.clone()).collect()
    }

    /// Not by the `procfs` crate: it drops the names of the CPUs, which matter when one is offline, and reads the interrupt
    /// line, by far the longest, in full.
    fn parse(text: &str, ticks_per_second: f64) -> Sample {
        let mut sample = Sample::default();
        for line in text.lines() {
            let Some((name, rest)) = line.split_once(' ') else {
                continue;
            };
            match name.strip_prefix("cpu") {
                Some("") => sample.all = spent(&columns(rest, ticks_per_second)),
                Some(cpu) => add_cpu(&mut sample, cpu, &columns(rest, ticks_per_second)),
                None => sample.details.extend(detail(name, rest)),
            }
        }
        sample
    }

    fn columns(rest: &str, ticks_per_second: f64) -> Vec<(&'static str, f64)> {
        let ticks = rest.split_ascii_whitespace().map_while(|word| word.parse::<u64>().ok());
        MODES
            .into_iter()
            .zip(ticks.map(|ticks| ticks as f64 / ticks_per_second))
            .collect()
    }

    fn add_cpu(sample: &mut Sample, cpu: &str, columns: &[(&'static str, f64)]) {
        sample.per_cpu.push(spent(columns));
        sample.times.extend(columns.iter().map(|&(mode, seconds)| CpuTimes {
            cpu: cpu.to_owned(),
            mode,
            seconds,
        }));
    }

    fn spent(columns: &[(&'static str, f64)]) -> Spent {
        let own = || columns.iter().filter(|(mode, _)| !INCLUDED_ELSEWHERE.contains(mode));
        Spent {
            busy: own()
                .filter(|(mode, _)| !IDLE.contains(mode))
                .map(|(_, seconds)| seconds)
                .sum(),
            total: own().map(|(_, seconds)| seconds).sum(),
        }
    }

    /// The first number: of the interrupt line that is the sum.
    fn detail(name: &str, rest: &str) -> Option<(String, f64)> {
        let number = rest.split_ascii_whitespace().next()?;
        DETAILS
            .contains(&name)
            .then_some((name.to_owned(), number.parse().ok()?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const STAT: &str = "cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 50 10 15 200 25 3 3 4 4 5\ncpu3 50 10 15 200 25 3 4 4 5 5\n\
            intr 560424 1 2 3\nctxt 426776\nbtime 1795284675\nprocesses 13967\nprocs_running 4\nprocs_blocked 0\nsoftirq 1 2\n";

        #[test]
        fn cpus_keep_their_names_and_ticks_become_seconds() {
            let sample = parse(STAT, 100.0);
            let idle = sample
                .times
                .iter()
                .filter(|time| time.mode == "idle")
                .collect::<Vec<_>>();
            assert_eq!(
                idle.iter()
                    .map(|time| (time.cpu.as_str(), time.seconds))
                    .collect::<Vec<_>>(),
                [("0", 2.0), ("3", 2.0)]
            );
            assert_eq!(sample.details.len(), DETAILS.len());
            assert!(sample.details.contains(&("intr".into(), 560_424.0)));
        }

        #[test]
        fn guest_time_is_part_of_user_time_and_counts_once() {
            let sample = parse(STAT, 1.0);
            assert_eq!(
                sample.all,
                Spent {
                    busy: 171.0,
                    total: 621.0
                }
            );
        }

        fn idle(seconds: f64) -> Vec<CpuTimes> {
            vec![CpuTimes {
                cpu: "0".into(),
                mode: "idle",
                seconds,
            }]
        }

        #[test]
        fn a_counter_that_falls_a_little_stands_still_and_one_that_falls_far_starts_anew() {
            let mut source = Source::default();
            let mut told = |seconds| {
                let mut times = idle(seconds);
                source.keep_rising(&mut times);
                times[0].seconds
            };
            assert_eq!([told(10.0), told(9.9), told(10.5), told(0.5)], [10.0, 10.0, 10.5, 0.5]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use portable::Source;

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::{Roots, Sample, Spent};
    use crate::clock::Instant;

    /// The library only says how busy CPUs were since its own last look. Adding that up gives counters, from which each
    /// check has its own usage.
    #[derive(Debug, Default)]
    pub(in super::super) struct Source {
        looked: Option<(sysinfo::System, Instant, Sample)>,
    }

    impl Source {
        pub(in super::super) fn read(&mut self, _roots: &Roots, now: Instant) -> Result<Sample, String> {
            let looked = match self.looked.take() {
                Some((system, then, sample)) => add(system, (now - then).as_secs_f64(), sample, now),
                None => begin(now)?,
            };
            let sample = looked.2.clone();
            self.looked = Some(looked);
            Ok(sample)
        }
    }

    fn begin(now: Instant) -> Result<(sysinfo::System, Instant, Sample), String> {
        let mut system = sysinfo::System::new().map_err(|problem| problem.to_string())?;
        system.refresh_cpu_usage();
        let per_cpu = vec![Spent::default(); system.cpus().len()];
        Ok((
            system,
            now,
            Sample {
                per_cpu,
                ..Sample::default()
            },
        ))
    }

    fn add(
        mut system: sysinfo::System,
        seconds: f64,
        mut sample: Sample,
        now: Instant,
    ) -> (sysinfo::System, Instant, Sample) {
        system.refresh_cpu_usage();
        let ratio = |percent: f32| f64::from(percent) / 100.0;
        spend(&mut sample.all, ratio(system.global_cpu_usage()), seconds);
        for (spent, cpu) in sample.per_cpu.iter_mut().zip(system.cpus()) {
            spend(spent, ratio(cpu.usage()), seconds);
        }
        (system, now, sample)
    }

    fn spend(spent: &mut Spent, ratio: f64, seconds: f64) {
        spent.busy += ratio * seconds;
        spent.total += seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(busy: f64, total: f64) -> Sample {
        let spent = Spent { busy, total };
        Sample {
            all: spent,
            per_cpu: vec![spent],
            ..Sample::default()
        }
    }

    #[test]
    fn the_first_read_has_no_usage_and_the_second_that_of_the_time_between() {
        let (first, baseline) = since(None, &sample(10.0, 100.0), 2);
        assert_eq!((first.usage_ratio, first.per_cpu_usage_ratio), (None, vec![]));
        let (second, _) = since(Some(&baseline), &sample(15.0, 110.0), 2);
        assert_eq!((second.usage_ratio, second.per_cpu_usage_ratio), (Some(0.5), vec![0.5]));
    }

    #[test]
    fn reading_the_same_sample_again_says_the_same() {
        let (_, baseline) = since(None, &sample(10.0, 100.0), 2);
        let (_, baseline) = since(Some(&baseline), &sample(15.0, 110.0), 2);
        let (again, _) = since(Some(&baseline), &sample(15.0, 110.0), 2);
        assert_eq!(again.usage_ratio, Some(0.5));
    }

    #[test]
    fn counters_that_were_set_back_give_no_usage() {
        let (_, baseline) = since(None, &sample(10.0, 100.0), 2);
        assert_eq!(since(Some(&baseline), &sample(1.0, 5.0), 2).0.usage_ratio, None);
    }
}
