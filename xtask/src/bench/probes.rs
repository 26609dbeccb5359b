//! HTTP probes with keep-alive off, at three sizes: many targets in one check, and as many checks of one target each;
//! beside them `blackbox_exporter` asked for the same.

use std::{fmt::Write, fs, net::SocketAddr, process::Command, thread, time::Duration};

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    process,
    server::Server,
    statistics::median,
    target::Target,
    workload::Workload,
};
use crate::{
    host_process::scratch,
    http::Client,
    setup::{self, Need},
};

const SIZES: [usize; 3] = [5, 50, 500];
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(6);
/// Plugins are loaded and every check has run by then.
const SETTLE: Duration = Duration::from_secs(6);
/// Of the peer's probes in a round: enough that one more or less does not count.
const PEER_PROBES: usize = 500;

/// Follows what its standard module does, without waiting for a second address family.
const PEER_MODULE: &str =
    "modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n    http:\n      preferred_ip_protocol: ip4\n";

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let target = Target::start()?;
    let mut findings = Vec::new();
    for size in SIZES {
        let one = in_one_check(ground, &target, size);
        findings.push(measure_ours(ground, &target, size, "targets in one check", &one)?);
        let many = in_many_checks(ground, &target, size);
        findings.push(measure_ours(ground, &target, size, "checks of one target", &many)?);
    }
    findings.push(measure_peer(ground, &target)?);
    Ok(findings)
}

fn in_one_check(ground: &Ground<'_>, target: &Target, size: usize) -> Workload {
    let mut settings = String::from("interval = \"2s\"\ntimeout = \"2s\"\nlimits.cpu = \"2s\"\n");
    settings.push_str("settings.targets = [\n");
    for number in 0..size {
        // Writing to a string cannot fail.
        let _ = writeln!(
            settings,
            "  {{ name = \"{number}\", url = \"http://{}/{number}\" }},",
            target.address()
        );
    }
    settings.push_str("]\n");
    Workload::new(&ground.cache()).checks("probe", 1, "http", &settings)
}

fn in_many_checks(ground: &Ground<'_>, target: &Target, size: usize) -> Workload {
    let settings = format!("interval = \"2s\"\nsettings.url = \"http://{}/\"\n", target.address());
    Workload::new(&ground.cache()).checks("probe", size, "http", &settings)
}

fn measure_ours(ground: &Ground<'_>, target: &Target, size: usize, what: &str, workload: &Workload) -> Result<Finding> {
    let host = ground.host(&format!("probe-{size}"), workload.text())?;
    thread::sleep(SETTLE);
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let (answered, cpu) = (target.answered(), process::cpu(host.pid())?);
        thread::sleep(ROUND);
        let (answered, cpu) = (
            target.answered() - answered,
            process::cpu(host.pid())?.saturating_sub(cpu),
        );
        anyhow::ensure!(answered > 0, "the host made no probe in {} s", ROUND.as_secs());
        costs.push(cpu.as_secs_f64() * 1e3 / answered as f64);
    }
    // Promised for many; a few carry the cost of a host that does little else.
    let budget = if size == 500 { Budget::AtMost(0.6) } else { Budget::None };
    Ok(Finding::new(
        format!("an HTTP probe, {size} {what}, CPU"),
        median(&costs),
        "ms",
        budget,
    ))
}

/// The peer.
struct Blackbox(Server);

impl Blackbox {
    fn start(ground: &Ground<'_>) -> Result<Self> {
        let program = setup::ensured(ground.workspace, Need::BlackboxExporter, "prometheus-blackbox-exporter")?;
        let folder = scratch(ground.workspace.target(), "bench-blackbox")?;
        let module = folder.join("blackbox.yml");
        fs::write(&module, PEER_MODULE)?;
        let server = Server::start(|address| {
            let mut command = Command::new(&program);
            command.arg(format!("--config.file={}", module.display()));
            command.arg(format!("--web.listen-address={address}"));
            Ok(command)
        })?;
        Ok(Self(server))
    }

    fn probe(&self, target: SocketAddr, times: usize) -> Result<()> {
        let mut client = Client::connect(&self.0.address().to_string())?;
        for _ in 0..times {
            let answer = client.get(&format!("/probe?module=http_2xx&target=http://{target}/"), &[])?;
            anyhow::ensure!(
                answer.text()?.contains("probe_success 1"),
                "blackbox_exporter could not probe {target}"
            );
        }
        Ok(())
    }
}

fn measure_peer(ground: &Ground<'_>, target: &Target) -> Result<Finding> {
    let peer = Blackbox::start(ground)?;
    peer.probe(target.address(), PEER_PROBES / 10)?;
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let cpu = process::cpu(peer.0.pid())?;
        peer.probe(target.address(), PEER_PROBES)?;
        let cpu = process::cpu(peer.0.pid())?.saturating_sub(cpu);
        costs.push(cpu.as_secs_f64() * 1e3 / PEER_PROBES as f64);
    }
    Ok(Finding::new(
        "an HTTP probe by blackbox_exporter, one after the other, CPU",
        median(&costs),
        "ms",
        Budget::None,
    ))
}
