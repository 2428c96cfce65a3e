//! The line that the kernel keeps about each process: /proc/PID/stat (proc_pid_stat(5)).

use std::fs;
use std::io;

/// The part of the line that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcStat {
    /// R, S, D, Z and so on.
    pub(super) status: char,
    /// Its process group.
    pub(super) group: u32,
    flags: u64,
    pub(super) threads: u64,
    /// When it started, in clock ticks since the host was started: together with the pid, who it
    /// is.
    pub(super) started: u64,
    /// Resident memory, in pages.
    pub(super) resident_pages: u64,
    /// How it ends, in the form of wait(2); zero while it runs.
    pub(super) exit_code: i32,
}

impl ProcStat {
    /// Reads the line of a process.
    pub(super) fn read(pid: u32) -> io::Result<Self> {
        let line = fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&line).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// Takes a line apart; none: the kernel has changed its form.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        // The name is in parentheses and may itself contain some, and blanks.
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first of these is field 3 of the manual page.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            status: field(3)?.chars().next()?,
            group: field(5)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            threads: field(20)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
            resident_pages: field(24)?.parse().ok()?,
            exit_code: field(52)?.parse().ok()?,
        })
    }

    /// It has ended and waits for its parent.
    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.status, 'Z' | 'X')
    }

    /// The kernel is taking it down: it runs no instruction any more, though its memory may still
    /// be there (PF_EXITING, `include/linux/sched.h`).
    pub(super) fn is_exiting(&self) -> bool {
        const PF_EXITING: u64 = 0x4;
        self.flags & PF_EXITING != 0 || self.is_zombie()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_nasty_name_is_read() {
        let line = b"7 (a) b (c) S 1 5 5 0 -1 4194308 117 0 0 0 0 0 0 0 20 0 3 0 175082 3133440 \
                     418 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 \
                     0 9\n";
        let stat = ProcStat::parse(line).unwrap();
        assert_eq!((stat.status, stat.group, stat.threads), ('S', 5, 3));
        assert_eq!((stat.started, stat.resident_pages, stat.exit_code), (175_082, 418, 9));
        assert!(stat.is_exiting() && !stat.is_zombie());
    }

    #[test]
    fn the_own_line_is_read() {
        let stat = ProcStat::read(std::process::id()).unwrap();
        assert!(!stat.is_exiting() && stat.threads > 0 && stat.started > 0);
    }
}
