//! What the kernel says of a process (proc(5)).

use crate::Failure;
use std::time::Duration;

/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// The CPU time that a process, or a thread, has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) kernel: Duration,
}

impl Cpu {
    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            kernel: self.kernel.saturating_sub(before.kernel),
        }
    }
}

/// The CPU time that a process has used.
pub(crate) fn cpu(pid: u32) -> Result<Cpu, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, which can hold anything; fields 14 and 15 are the times.
    let (_, rest) = stat.rsplit_once(')').ok_or("unexpected /proc/PID/stat")?;
    let mut ticks = rest.split_whitespace().skip(11);
    let mut time = || -> Result<Duration, Failure> {
        let ticks: u64 = ticks.next().ok_or("unexpected /proc/PID/stat")?.parse()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    };
    Ok(Cpu { user: time()?, kernel: time()? })
}

/// The CPU time that this thread has used, by the nanosecond.
pub(crate) fn own_cpu() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split(' ').next().ok_or("unexpected schedstat")?.parse()?))
}

/// The memory that a process holds, in KiB.
pub(crate) fn memory(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
