//! A run of `redis-queue` over 1, 10 and 100 queues of a real Redis, each with 1,000 jobs.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::Duration,
};

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    process,
    server::Server,
    statistics::median,
    workload::Workload,
};
use crate::{
    host_process::{HostProcess, scratch, sum_of},
    setup::{self, Need},
};

const SIZES: [usize; 3] = [1, 10, 100];
const JOBS: usize = 1_000;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(5);

/// The server.
struct Redis(Server);

impl Redis {
    fn start(ground: &Ground<'_>) -> Result<Self> {
        let program = setup::ensured(ground.workspace, Need::RedisServer, "redis-server")?;
        let folder = scratch(ground.workspace.target(), "bench-redis")?;
        let libraries = setup::library_path(ground.workspace)?;
        let server = Server::start(|address| {
            let mut command = Command::new(&program);
            command.args(["--save", "", "--bind", "127.0.0.1"]);
            command.arg("--port").arg(address.port().to_string());
            command.arg("--dir").arg(&folder);
            command.env("LD_LIBRARY_PATH", libraries);
            Ok(command)
        })?;
        Ok(Self(server))
    }

    /// Queues `queue-0`, `queue-1`, … as plain lists.
    fn fill(&self) -> Result<()> {
        let most = SIZES.into_iter().max().unwrap_or(0);
        let mut stream = TcpStream::connect(self.0.address())?;
        for queue in 0..most {
            let name = format!("queue-{queue}");
            let job = "{\"id\":1}";
            let mut command = format!("*{}\r\n$5\r\nLPUSH\r\n${}\r\n{name}\r\n", JOBS + 2, name.len());
            for _ in 0..JOBS {
                command.push_str(&format!("${}\r\n{job}\r\n", job.len()));
            }
            stream.write_all(command.as_bytes())?;
            let mut answer = [0; 64];
            let read = stream.read(&mut answer)?;
            anyhow::ensure!(answer[..read].starts_with(b":"), "Redis refused the jobs");
        }
        Ok(())
    }
}

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let redis = Redis::start(ground)?;
    redis.fill()?;
    SIZES
        .into_iter()
        .map(|size| measure_size(ground, &redis, size))
        .collect()
}

fn measure_size(ground: &Ground<'_>, redis: &Redis, size: usize) -> Result<Finding> {
    let queues: Vec<String> = (0..size).map(|queue| format!("\"queue-{queue}\"")).collect();
    let check = format!(
        "interval = \"1s\"\nconnection = \"cache\"\nsettings.backend = \"list\"\nsettings.queues = [{}]\n\n[connection.cache]\nurl = \"redis://{}/0\"\n",
        queues.join(", "),
        redis.0.address()
    );
    let workload = Workload::new(&ground.cache()).checks("queues", 1, "redis-queue", &check);
    let host = ground.host(&format!("queues-{size}"), workload.text())?;
    thread::sleep(SETTLE);
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let (before, cpu) = (reports(&host)?, process::cpu(host.pid())?);
        thread::sleep(ROUND);
        let (made, cpu) = (reports(&host)? - before, process::cpu(host.pid())?.saturating_sub(cpu));
        anyhow::ensure!(made > 0.0, "the host made no run in {} s", ROUND.as_secs());
        costs.push(cpu.as_secs_f64() * 1e3 / made);
    }
    Ok(Finding::new(
        format!("a run over {size} queues of Redis, the idle host included, CPU"),
        median(&costs),
        "ms",
        Budget::None,
    ))
}

/// Runs so far, all of which must have led to a report.
fn reports(host: &HostProcess) -> Result<f64> {
    let answer = host.client()?.get("/metrics", &[])?;
    let text = answer.text()?;
    anyhow::ensure!(
        sum_of(text, "bellwether_check_up") > 0.0,
        "the check yields no report: {}",
        text.lines()
            .filter(|line| line.contains("runs_total"))
            .collect::<Vec<_>>()
            .join("; ")
    );
    Ok(sum_of(text, "bellwether_check_runs_total"))
}
