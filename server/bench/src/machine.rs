//! Cores, files and what a process uses, from the kernel.

use std::{fs, net::TcpListener, sync::OnceLock, time::Duration};

use anyhow::{Context, Result};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};

/// The core of the server that is measured.
pub const SERVER: usize = 0;
/// The generator's core.
pub const GENERATOR: usize = 1;
/// Clock ticks of `/proc` in a second; the same on every Linux.
const TICKS: u64 = 100;

/// Whether there is a core for each. The first answer stands: a thread that is pinned sees its own core only.
pub fn has_two_cores() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        std::thread::available_parallelism().is_ok_and(|cores| cores.get() > GENERATOR)
    })
}

/// Where servers listen: on a port of their own. Not by IPv4 where it can be helped: the rules that containers bring
/// with them look at each packet of that, which was an eighth of the time that sending took.
pub fn loopback() -> &'static str {
    static ANSWER: OnceLock<&str> = OnceLock::new();
    ANSWER.get_or_init(|| match TcpListener::bind("[::1]:0") {
        Ok(_) => "[::1]:0",
        Err(_) => "127.0.0.1:0",
    })
}

/// Keeps this thread, and what it starts from now on, on one core.
pub fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores).with_context(|| format!("can't use core {core}"))
}

/// Lets this process, and what it starts from now on, have as many files open as the system allows.
pub fn raise_files() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Time on a core.
    pub cpu: Duration,
    /// Memory, bytes.
    pub rss: u64,
    /// The most memory it ever had, bytes.
    pub peak: u64,
}

impl Usage {
    /// Of a process.
    pub fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name may contain anything, and ends with the last parenthesis.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let numbers = fields.split_ascii_whitespace().skip(11).take(2);
        let ticks: u64 = numbers.filter_map(|n| n.parse::<u64>().ok()).sum();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let value = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
            value.with_context(|| format!("/proc/{pid}/status has no {key}"))
        };
        let (rss, peak): (u64, u64) = (kib("VmRSS:")?, kib("VmHWM:")?);
        Ok(Self {
            cpu: Duration::from_millis(ticks * 1000 / TICKS),
            rss: rss * 1024,
            peak: peak * 1024,
        })
    }

    /// Of this process.
    pub fn ours() -> Result<Self> {
        Self::of(std::process::id())
    }
}

/// How long a core has worked so far, whoever for; interrupts do not count.
pub fn worked(core: usize) -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&*name));
    let line = line.with_context(|| format!("/proc/stat has no {name}"))?;
    let mut numbers = line
        .split_ascii_whitespace()
        .map(|number| number.parse::<u64>().unwrap_or(0));
    // user, nice, system, then idle, iowait, irq, softirq, then stolen by another virtual machine
    let working: u64 = numbers.by_ref().take(3).sum();
    let stolen = numbers.nth(4).unwrap_or(0);
    Ok(Duration::from_millis((working + stolen) * 1000 / TICKS))
}
