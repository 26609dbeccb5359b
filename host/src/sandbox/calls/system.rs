//! `system`: the machine the host runs on.

use std::sync::Arc;

use crate::{
    capability::{
        grant::Wanted,
        system::{self as machine, Section as Part},
    },
    sandbox::{bindings::bellwether::plugin::system as wit, guest::Guest},
};

impl wit::Host for Guest {
    async fn read(
        &mut self,
        sections: wit::Section,
        queries: Vec<wit::ProcessQuery>,
    ) -> wasmtime::Result<Result<wit::Snapshot, String>> {
        let run = self.granted(Wanted::System)?;
        let check = Arc::clone(&run.context.key);
        let deadline = run.context.calls_until;
        let queries = queries.into_iter().map(query).collect();
        let read = run.system.read(&check, parts(sections), queries, deadline).await;
        Ok(read.map(snapshot))
    }
}

fn query(query: wit::ProcessQuery) -> machine::ProcessQuery {
    machine::ProcessQuery {
        group: query.group,
        name_regex: query.name_regex,
    }
}

fn parts(sections: wit::Section) -> machine::Sections {
    const PAIRS: [(wit::Section, Part); 10] = [
        (wit::Section::CPU, Part::Cpu),
        (wit::Section::MEMORY, Part::Memory),
        (wit::Section::DISKS, Part::Disks),
        (wit::Section::DISK_IO, Part::DiskIo),
        (wit::Section::NETWORKS, Part::Networks),
        (wit::Section::LOAD, Part::Load),
        (wit::Section::TEMPERATURES, Part::Temperatures),
        (wit::Section::PROCESSES, Part::Processes),
        (wit::Section::PRESSURE, Part::Pressure),
        (wit::Section::LIMITS, Part::Limits),
    ];
    PAIRS
        .into_iter()
        .filter(|(flag, _)| sections.contains(*flag))
        .map(|(_, part)| part)
        .collect()
}

fn snapshot(read: machine::Snapshot) -> wit::Snapshot {
    wit::Snapshot {
        machine: names(read.machine),
        cpu: read.cpu.map(cpu),
        memory: read.memory.map(memory),
        disks: read.disks.into_iter().map(disk).collect(),
        disk_io: read.disk_io.into_iter().map(disk_io).collect(),
        networks: read.networks.into_iter().map(network).collect(),
        load: read.load.map(|load| wit::Load {
            one: load.one,
            five: load.five,
            fifteen: load.fifteen,
        }),
        temperatures: read.temperatures.into_iter().map(temperature).collect(),
        processes: read.processes.map(processes),
        pressure: read.pressure.iter().map(pressure).collect(),
        limits: read.limits.map(|limits| wit::Limits {
            open_files: limits.open_files,
            open_files_maximum: limits.open_files_maximum,
        }),
        missing: owned(read.missing),
    }
}

fn owned<T>(pairs: Vec<(&'static str, T)>) -> Vec<(String, T)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn names(machine: machine::Machine) -> wit::Machine {
    wit::Machine {
        hostname: machine.hostname,
        os: machine.os,
        os_version: machine.os_version,
        kernel: machine.kernel,
        architecture: machine.architecture,
        boot_time_unix: machine.boot_time_unix,
        details: machine.details,
    }
}

fn cpu(cpu: machine::Cpu) -> wit::Cpu {
    let times = cpu.times.into_iter().map(|times| wit::CpuTimes {
        cpu: times.cpu,
        mode: times.mode.to_owned(),
        seconds: times.seconds,
    });
    wit::Cpu {
        usage_ratio: cpu.usage_ratio,
        per_cpu_usage_ratio: cpu.per_cpu_usage_ratio,
        times: times.collect(),
        physical_cores: cpu.physical_cores,
        details: cpu.details,
    }
}

fn memory(memory: machine::Memory) -> wit::Memory {
    wit::Memory {
        total_bytes: memory.total_bytes,
        available_bytes: memory.available_bytes,
        free_bytes: memory.free_bytes,
        buffers_bytes: memory.buffers_bytes,
        cached_bytes: memory.cached_bytes,
        swap_total_bytes: memory.swap_total_bytes,
        swap_free_bytes: memory.swap_free_bytes,
        cgroup_limit_bytes: memory.cgroup_limit_bytes,
        cgroup_used_bytes: memory.cgroup_used_bytes,
        details: memory.details,
    }
}

fn disk(disk: machine::Disk) -> wit::Disk {
    wit::Disk {
        device: disk.device,
        mount_point: disk.mount_point,
        file_system: disk.file_system,
        read_only: disk.read_only,
        total_bytes: disk.total_bytes,
        available_bytes: disk.available_bytes,
        free_bytes: disk.free_bytes,
        inodes: disk.inodes,
        inodes_free: disk.inodes_free,
        problem: disk.problem,
    }
}

fn disk_io(io: machine::DiskIo) -> wit::DiskIo {
    wit::DiskIo {
        device: io.device,
        read_bytes: io.read_bytes,
        written_bytes: io.written_bytes,
        reads: io.reads,
        writes: io.writes,
        io_seconds: io.io_seconds,
        weighted_io_seconds: io.weighted_io_seconds,
        details: io.details,
    }
}

fn network(network: machine::Network) -> wit::Network {
    wit::Network {
        device: network.device,
        up: network.up,
        mtu: network.mtu,
        receive_bytes: network.receive_bytes,
        transmit_bytes: network.transmit_bytes,
        receive_packets: network.receive_packets,
        transmit_packets: network.transmit_packets,
        receive_errors: network.receive_errors,
        transmit_errors: network.transmit_errors,
        receive_drops: network.receive_drops,
        transmit_drops: network.transmit_drops,
        details: network.details,
    }
}

fn temperature(sensor: machine::Temperature) -> wit::Temperature {
    wit::Temperature {
        sensor: sensor.sensor,
        celsius: sensor.celsius,
        maximum_celsius: sensor.maximum_celsius,
        critical_celsius: sensor.critical_celsius,
    }
}

fn processes(processes: machine::Processes) -> wit::Processes {
    let groups = processes.groups.into_iter().map(|group| wit::ProcessGroup {
        name: group.name,
        count: group.count,
        cpu_seconds: group.cpu_seconds,
        resident_bytes: group.resident_bytes,
        open_files: group.open_files,
        oldest_start_unix: group.oldest_start_unix,
        threads: group.threads,
    });
    wit::Processes {
        by_state: owned(processes.by_state),
        groups: groups.collect(),
    }
}

fn pressure(pressure: &machine::Pressure) -> wit::Pressure {
    wit::Pressure {
        kind: pressure.kind.to_owned(),
        some_seconds: pressure.some_seconds,
        full_seconds: pressure.full_seconds,
    }
}
