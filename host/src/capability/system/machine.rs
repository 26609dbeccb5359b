//! What the machine is: names, versions, when it started.

use super::Roots;

/// Changes rarely, so it is read once a minute at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// As the machine calls itself.
    pub hostname: String,
    /// `Debian GNU/Linux`, `macOS`, …; "" when unknown.
    pub os: String,
    /// `12`, `15.1`, …; "" when unknown.
    pub os_version: String,
    /// Release of the kernel.
    pub kernel: String,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// Seconds since the epoch.
    pub boot_time_unix: i64,
    /// `sysname`, `version` and `domainname` as uname(2) has them.
    pub details: Vec<(String, String)>,
}

pub(super) fn read(roots: &Roots) -> Machine {
    let names = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    let details = [
        ("sysname", names.sysname()),
        ("version", names.version()),
        #[cfg(target_os = "linux")]
        ("domainname", names.domainname()),
    ];
    Machine {
        hostname: text(names.nodename()),
        os: sysinfo::System::name().unwrap_or_default(),
        os_version: sysinfo::System::os_version().unwrap_or_default(),
        kernel: text(names.release()),
        architecture: text(names.machine()),
        boot_time_unix: boot_time(roots),
        details: details.map(|(name, value)| (name.to_owned(), text(value))).into(),
    }
}

/// Not "now minus uptime", which flickers by a second.
#[cfg(target_os = "linux")]
pub(super) fn boot_time(roots: &Roots) -> i64 {
    let stat = roots.proc_text("stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn boot_time(_roots: &Roots) -> i64 {
    sysinfo::System::boot_time()
        .ok()
        .and_then(|seconds| i64::try_from(seconds).ok())
        .unwrap_or(0)
}
