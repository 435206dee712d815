//! The processes under measurement: started, watched through `/proc`, and ended.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        anyhow::ensure!(ended.is_none(), "the process ended: {ended:?}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It cannot have been reaped yet, so the number is still its own.
            let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let begun = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < STOP_TIMEOUT {
                std::thread::sleep(POLL);
            }
            let _ended = self.child.kill();
        }
        let _reaped = self.child.wait();
    }
}

/// User and system time that a process has used, with all its threads, to 10 ms.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    used(pid, &[UTIME, STIME]).with_context(|| format!("process {pid} is gone"))
}

/// The same for several together. One that is gone counts nothing.
pub(crate) fn cpu_of_all(pids: &[u32]) -> Duration {
    pids.iter().filter_map(|pid| cpu(*pid).ok()).sum()
}

/// The same with what their ended children had used: a database's connections end with their clients.
pub(crate) fn cpu_with_ended(pids: &[u32]) -> Duration {
    pids.iter().filter_map(|pid| used(*pid, &[UTIME, STIME, ENDED_UTIME, ENDED_STIME])).sum()
}

/// Time on a processor of a process's first thread, from `/proc/<pid>/schedstat`, exact to microseconds: for lives too
/// short for [`cpu`].
pub(crate) fn first_thread_cpu(pid: u32) -> Option<Duration> {
    let schedstat = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    Some(Duration::from_nanos(schedstat.split_whitespace().next()?.parse().ok()?))
}

/// Resident memory in MiB. Of several processes what they share is counted once (`Pss`).
pub(crate) fn resident_mib(pids: &[u32]) -> f64 {
    let (file, field) = if pids.len() == 1 { ("status", "VmRSS:") } else { ("smaps_rollup", "Pss:") };
    let one = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
    };
    pids.iter().filter_map(one).sum::<f64>() / 1024.0
}

/// All processes that this one started, and those that they started.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> =
        fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| parent(&entry)).collect();
    let mut found = vec![pid];
    let mut seen = 0;
    while let Some(parent) = found.get(seen).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        seen += 1;
    }
    found.split_off(1)
}

fn parent(entry: &fs::DirEntry) -> Option<(u32, u32)> {
    let pid = entry.file_name().to_str()?.parse().ok()?;
    Some((pid, stat(pid)?.get(PARENT)?.parse().ok()?))
}

// Places among the fields that follow the name, see proc(5).
const PARENT: usize = 1;
const UTIME: usize = 11;
const STIME: usize = 12;
const ENDED_UTIME: usize = 13;
const ENDED_STIME: usize = 14;

fn used(pid: u32, places: &[usize]) -> Option<Duration> {
    let fields = stat(pid)?;
    let ticks: u64 = places.iter().filter_map(|place| fields.get(*place)?.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}

/// The fields of `/proc/<pid>/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
