//! Whoever takes alerts and notifies: the host, or Debian's Alertmanager with the same `alertmanager.yml`. Started in a folder of its
//! own, seen from outside only, killed when dropped.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{Ground, server::Server, workload::Workload};
use crate::{
    host_process::{HostProcess, Start, scratch},
    http::Client,
};

/// Where Debian's Alertmanager looks for its templates.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager";

const FILE: &str = "alertmanager.yml";

/// Who is measured.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Host,
    /// With the program.
    Alertmanager(PathBuf),
}

#[derive(Debug)]
enum Running {
    Host(HostProcess),
    Alertmanager(Server),
}

/// A process that takes alerts.
#[derive(Debug)]
pub(super) struct Dispatcher(Running);

impl Kind {
    /// For the table.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Host => "the host",
            Self::Alertmanager(_) => "Alertmanager",
        }
    }

    /// With nothing in its memory, and `text` as its `alertmanager.yml`.
    pub(super) fn start(&self, ground: &Ground<'_>, text: &str) -> Result<Dispatcher> {
        let running = match self {
            Self::Host => Running::Host(host(ground, "bench-alerts", text, ground.binary.clone())?),
            Self::Alertmanager(program) => Running::Alertmanager(alertmanager(ground, program, text)?),
        };
        Ok(Dispatcher(running))
    }
}

impl Dispatcher {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        match &self.0 {
            Running::Host(host) => host.pid(),
            Running::Alertmanager(server) => server.pid(),
        }
    }

    /// A connection to it.
    pub(super) fn client(&self) -> Result<Client> {
        match &self.0 {
            Running::Host(host) => host.client(),
            Running::Alertmanager(server) => Client::connect(&server.address().to_string()),
        }
    }
}

/// Posts a body of alerts.
pub(super) fn post(client: &mut Client, body: &str) -> Result<()> {
    let answer = client.post("/api/v2/alerts", body)?;
    ensure!(
        answer.status == 200,
        "alerts were answered with status {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(())
}

/// A host without checks, in a fresh folder, started as `binary`.
pub(super) fn host(ground: &Ground<'_>, name: &str, text: &str, binary: PathBuf) -> Result<HostProcess> {
    let folder = scratch(ground.workspace.target(), name)?;
    fs::write(folder.join(FILE), text)?;
    let tables = format!("[alerting]\nalertmanager_file = \"{FILE}\"\nbundled_rules = false\n");
    let config = folder.join("bellwether.toml");
    fs::write(&config, Workload::new(&ground.cache()).tables(&tables).text())?;
    let state = folder.join("state");
    Start { binary, config, state }.start()
}

fn alertmanager(ground: &Ground<'_>, program: &Path, text: &str) -> Result<Server> {
    let folder = scratch(ground.workspace.target(), "bench-alertmanager")?;
    fs::write(folder.join(FILE), text)?;
    let own = portable(program, &folder)?;
    Server::start(|address| {
        let mut command = Command::new(own);
        command.args(["--storage.path=data", "--cluster.listen-address=", "--log.level=error"]);
        command.arg(format!("--config.file={FILE}"));
        command.arg(format!("--web.listen-address={address}"));
        command.current_dir(&folder);
        Ok(command)
    })
}

/// A copy of the program in `folder`, with the templates it insists on. Debian's looks for them in one folder only, where nothing is
/// installed, so the name of that folder is replaced by one as long of the folder it is started in.
fn portable(program: &Path, folder: &Path) -> Result<PathBuf> {
    let prefix = program.parent().and_then(Path::parent);
    let share = prefix
        .context("a program without a folder")?
        .join("share/prometheus/alertmanager");
    for name in ["default.tmpl", "email.tmpl"] {
        let template = share.join(name);
        fs::copy(&template, folder.join(name)).with_context(|| format!("cannot copy {}", template.display()))?;
    }
    let mut bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    point_to_itself(&mut bytes);
    let own = folder.join("alertmanager");
    fs::write(&own, bytes)?;
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755))?;
    Ok(own)
}

/// Another build may look elsewhere; then nothing changes.
fn point_to_itself(program: &mut [u8]) {
    let here = "./".repeat(TEMPLATES.len() / 2);
    let found = program
        .windows(TEMPLATES.len())
        .position(|window| window == TEMPLATES.as_bytes());
    if let Some(at) = found {
        program[at..at + here.len()].copy_from_slice(here.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_alertmanager_looks_for_its_templates_where_it_is_started() {
        let mut program = format!("code{TEMPLATES}/default.tmplmore").into_bytes();
        let length = program.len();
        point_to_itself(&mut program);
        let text = String::from_utf8(program).unwrap();
        assert_eq!((text.len(), text.contains("code././")), (length, true), "{text}");
        assert!(
            text.ends_with(".//default.tmplmore") && !text.contains("/usr"),
            "{text}"
        );
        let mut other = b"no such folder".to_vec();
        point_to_itself(&mut other);
        assert_eq!(other, b"no such folder");
    }
}
