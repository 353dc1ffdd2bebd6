//! The system's pppd on a port that is dialled already.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use super::{cannot, read};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Cancel;
use crate::host::child;
use crate::link::ByteLink;
use crate::online::computer::{Card, Pppd, PppdRuns, PppdState};

/// How long pppd may take until it waits for its port: a router reads it from flash.
const STARTS: Duration = Duration::from_secs(10);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// pppd tells addresses first and name servers after them: how long a log without any is read again.
const NAMES_FOLLOW: Duration = Duration::from_secs(1);

/// How long pppd may take to hang up before it is killed.
const HANGS_UP: Duration = Duration::from_secs(6);

/// The pppds that this process started.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    proc: PathBuf,
    children: Vec<Running>,
}

/// One of them.
#[derive(Debug)]
struct Running {
    child: Child,
    log: PathBuf,
    /// When the log first had its addresses.
    up: Option<Instant>,
    /// Where it is told that its port is dialled. It ends by itself when this closes before.
    dialled: Option<File>,
}

/// What a running pppd has told.
pub(super) enum Told {
    /// It ended with this code.
    Ended(i32),
    /// The interface of this name is up; `state` lacks the interface and its own addresses.
    Up {
        /// `ppp0`.
        name: String,
        /// `PppdState::Up`.
        state: PppdState,
    },
}

impl Programs {
    pub(super) fn new(folder: PathBuf, proc: PathBuf) -> Programs {
        Programs { folder, proc, children: Vec::new() }
    }

    /// Starts pppd with the port as its terminal, and waits until it waits for [`is_dialled`](Self::is_dialled): it has set the port, which
    /// throws away what was received, and does nothing more.
    pub(super) fn start(&mut self, port: &dyn ByteLink, pppd: &Pppd, cancel: &Cancel) -> Result<PppdRuns> {
        let unsupported = |what: &str| Error::new(ErrorKind::Unsupported, what.to_owned());
        let descriptor =
            port.descriptor().ok_or_else(|| unsupported("the port cannot be handed to another program"))?;
        fs::create_dir_all(&self.folder).map_err(|e| cannot("cannot make", &self.folder, e))?;
        let log = self.folder.join(format!("pppd-{}.log", pppd.name));
        let _ = fs::remove_file(&log);
        let mut command = child::command("pppd");
        command.args(&pppd.options);
        // The system's hooks would write name servers into /etc/resolv.conf, past whoever keeps it.
        command.args(["ip-up-script", "/bin/true", "ip-down-script", "/bin/true"]);
        command.args(["ipparam", &pppd.name, "linkname", &pppd.name]);
        command.arg("logfile").arg(&log);
        let dialled = self.folder.join(format!("pppd-{}.dialled", pppd.name));
        let _ = fs::remove_file(&dialled);
        mknodat(CWD, &dialled, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(|e| cannot("cannot make", &dialled, e.into()))?;
        // In place of a program that dials. Nothing that is read is no success: whoever would tell is gone.
        let quoted = dialled.to_string_lossy().replace('\'', r"'\''");
        command.arg("connect").arg(format!("read -r dialled < '{quoted}'"));
        if let Some((user, password)) = &pppd.secret {
            let path = self.folder.join(format!("pppd-{}.secret", pppd.name));
            write_secret(&path, user, password).map_err(|e| cannot("cannot write", &path, e))?;
            command.arg("file").arg(path);
        }
        command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        // Ctrl-C is for this program alone.
        command.process_group(0);
        command.stdin(Stdio::from(descriptor)).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => unsupported("there is no pppd on this system").because(e),
            _ => Error::new(ErrorKind::Io, "pppd cannot be started").because(e),
        })?;
        let runs = PppdRuns { pid: child.id(), started: started(&self.proc, child.id()).unwrap_or(0) };
        self.children.push(Running { child, log, up: None, dialled: None });
        let teller = self.waits(&runs, &dialled, cancel);
        let _ = fs::remove_file(&dialled);
        match teller {
            Ok(teller) => {
                if let Some(running) = self.running(&runs) {
                    running.dialled = teller;
                }
                Ok(runs)
            }
            Err(error) => {
                self.end(&runs);
                Err(error)
            }
        }
    }

    fn running(&mut self, runs: &PppdRuns) -> Option<&mut Running> {
        self.children.iter_mut().find(|running| running.child.id() == runs.pid)
    }

    fn taken(&mut self, runs: &PppdRuns) -> Option<Running> {
        let index = self.children.iter().position(|running| running.child.id() == runs.pid)?;
        Some(self.children.remove(index))
    }

    /// Waits until pppd listens, and gives what it listens to; `None` where it ended, which its state tells.
    fn waits(&mut self, runs: &PppdRuns, path: &Path, cancel: &Cancel) -> Result<Option<File>> {
        let end = Instant::now() + STARTS;
        loop {
            match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
                Ok(file) => return Ok(Some(file)),
                // Nobody reads yet.
                Err(e) if e.raw_os_error() == Some(libc::ENXIO) => {}
                Err(e) => return Err(cannot("cannot write", path, e)),
            }
            if started(&self.proc, runs.pid).is_none() {
                return Ok(None);
            }
            if cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped on request"));
            }
            if Instant::now() >= end {
                return Err(Error::new(ErrorKind::Io, "pppd does not take its port in time"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Tells pppd that its port is dialled: it speaks from now on.
    pub(super) fn is_dialled(&mut self, runs: &PppdRuns) -> Result<()> {
        let teller = self.running(runs).and_then(|running| running.dialled.take());
        match teller.map(|mut teller| teller.write_all(b"\n")) {
            // It has ended, which its state tells.
            Some(Err(e)) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::new(ErrorKind::Io, "pppd cannot be told that its port is dialled").because(e))
            }
            _ => Ok(()),
        }
    }

    /// What it has told so far; `None` while it still talks to the network.
    pub(super) fn state(&mut self, runs: &PppdRuns) -> Result<Option<Told>> {
        let Some(Running { child, log, up, .. }) = self.running(runs) else { return Ok(None) };
        if let Ok(Some(status)) = child.try_wait() {
            let code = status.code().or(status.signal().map(|_| 5)).unwrap_or(1);
            self.taken(runs);
            self.remove_secrets();
            return Ok(Some(Told::Ended(code)));
        }
        let text = fs::read_to_string(&*log).unwrap_or_default();
        let Some(told) = told(&text) else { return Ok(None) };
        let since = *up.get_or_insert_with(Instant::now);
        let is_whole = !matches!(&told, Told::Up { state: PppdState::Up { dns, .. }, .. } if dns.is_empty());
        if !is_whole && since.elapsed() < NAMES_FOLLOW {
            return Ok(None);
        }
        self.remove_secrets();
        Ok(Some(told))
    }

    /// Ends it, if that process is still the one that was started.
    pub(super) fn end(&mut self, runs: &PppdRuns) {
        self.remove_secrets();
        let mut child = self.taken(runs);
        if started(&self.proc, runs.pid) != Some(runs.started) {
            // One that ended by itself stays in the list of processes until it is asked for.
            if let Some(running) = &mut child {
                let _ = running.child.try_wait();
            }
            return;
        }
        let Some(pid) = i32::try_from(runs.pid).ok().and_then(Pid::from_raw) else { return };
        let _ = kill_process(pid, Signal::TERM);
        let end = Instant::now() + HANGS_UP;
        let mut child = child.map(|running| running.child);
        loop {
            // A child stays in the list of processes until it is asked for.
            let reaped = child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))));
            if reaped || started(&self.proc, runs.pid) != Some(runs.started) {
                return;
            }
            if Instant::now() >= end {
                let _ = kill_process(pid, Signal::KILL);
                if let Some(mut child) = child {
                    let _ = child.wait();
                }
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn remove_secrets(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|e| e == "secret") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// When a process was started, in the kernel's ticks: the 22nd field of its `stat`, the 20th behind the name.
fn started(proc: &Path, pid: u32) -> Option<u64> {
    let stat = read(&proc.join(pid.to_string()).join("stat"))?;
    let (_, rest) = stat.rsplit_once(')')?;
    // A zombie is no running program.
    let mut fields = rest.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn write_secret(path: &Path, user: &str, password: &str) -> std::io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // pppd(8): a backslash and a quote are escaped.
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], "");
    writeln!(file, "user \"{}\"\npassword \"{}\"\nhide-password", quoted(user), quoted(password))
}

/// What pppd's own lines say: `Using interface ppp0`, `local  IP address 10.0.0.2`, `primary   DNS address 10.64.0.1`.
fn told(log: &str) -> Option<Told> {
    let value = |words: &[&str]| {
        log.lines().rev().find_map(|line| {
            let line: Vec<&str> = line.split_whitespace().collect();
            let at = line.windows(words.len()).position(|window| window == words)?;
            line.get(at + words.len()).copied()
        })
    };
    let name = value(&["Using", "interface"])?.to_owned();
    let v4 = value(&["local", "IP", "address"]);
    let v6 = value(&["local", "LL", "address"]);
    v4.or(v6)?;
    let dns: Vec<IpAddr> = [["primary", "DNS", "address"], ["secondary", "DNS", "address"]]
        .iter()
        .filter_map(|words| value(words)?.parse().ok())
        .collect();
    // IPv6 comes a moment before IPv4; where that does not come at all, pppd says so.
    if v4.is_none() && !log.contains("IPCP") && !log.contains("noip") {
        return None;
    }
    let peer = value(&["remote", "IP", "address"]).and_then(|a| a.parse().ok());
    let state =
        PppdState::Up { card: Card { name: name.clone(), index: 0 }, addresses: Vec::new(), peer, dns };
    Some(Told::Up { name, state })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn one_that_ended_by_itself_leaves_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let proc = PathBuf::from("/proc");
        let mut programs = Programs::new(folder.path().to_owned(), proc.clone());
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let runs = PppdRuns { pid: child.id(), started: started(&proc, child.id()).unwrap() };
        let pid = Pid::from_raw(runs.pid as i32).unwrap();
        let running = Running { child, log: folder.path().join("log"), up: None, dialled: None };
        programs.children.push(running);
        kill_process(pid, Signal::KILL).unwrap();
        while started(&proc, runs.pid).is_some() {
            std::thread::yield_now();
        }
        assert!(proc.join(runs.pid.to_string()).exists(), "it waits to be asked for");
        programs.end(&runs);
        assert!(!proc.join(runs.pid.to_string()).exists());
    }

    #[test]
    fn name_servers_are_waited_for_and_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, log) = (PathBuf::from("/proc"), folder.path().join("log"));
        let mut programs = Programs::new(folder.path().to_owned(), proc.clone());
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let runs = PppdRuns { pid: child.id(), started: started(&proc, child.id()).unwrap() };
        programs.children.push(Running { child, log: log.clone(), up: None, dialled: None });
        let addresses = "Using interface ppp0\nlocal  IP address 10.67.15.2\nremote IP address 10.64.64.64\n";
        let dns = |told| match told {
            Some(Told::Up { state: PppdState::Up { dns, .. }, .. }) => dns,
            _ => panic!("it is up"),
        };
        fs::write(&log, addresses).unwrap();
        assert!(programs.state(&runs).unwrap().is_none(), "they may follow");
        fs::write(&log, format!("{addresses}primary   DNS address 10.177.0.34\n")).unwrap();
        assert_eq!(dns(programs.state(&runs).unwrap()).len(), 1);
        fs::write(&log, addresses).unwrap();
        programs.children[0].up = Instant::now().checked_sub(NAMES_FOLLOW);
        assert!(dns(programs.state(&runs).unwrap()).is_empty(), "the network names none");
        programs.end(&runs);
    }

    #[test]
    fn pppds_lines_are_read() {
        let log = "Using interface ppp3\nConnect: ppp3 <--> /dev/ttyUSB0\nlocal  LL address fe80::1\n\
                   local  IP address 10.67.15.2\nremote IP address 10.64.64.64\n\
                   primary   DNS address 10.177.0.34\nsecondary DNS address 10.161.187.116\n";
        let Some(Told::Up { name, state: PppdState::Up { peer, dns, .. } }) = told(log) else {
            panic!("it is up")
        };
        assert_eq!((name.as_str(), peer), ("ppp3", Some([10, 64, 64, 64].into())));
        assert_eq!(dns.len(), 2);
        assert!(told("Using interface ppp3\nConnect: ppp3 <--> /dev/ttyUSB0\n").is_none());
        assert!(told("").is_none());
    }
}
