//! A real message bus of a test's own: dbus-daemon on a private socket, with services by python3-dbus (`tests/peers/bus_service.py`).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Debian's own interpreter: python3-dbus is not there for another one.
const PYTHON: &str = "/usr/bin/python3";

const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A bus and its services; both end when it is dropped.
#[derive(Debug)]
pub struct PrivateBus {
    socket: PathBuf,
    daemon: Child,
    service: Option<(Child, BufReader<ChildStdout>)>,
}

impl PrivateBus {
    /// A bus in `folder` without services; skips the test where dbus-daemon is not installed.
    ///
    /// # Panics
    /// When the daemon does not come up.
    pub fn start(folder: &Path) -> Option<Self> {
        let (socket, configuration) = (folder.join("bus"), folder.join("bus.conf"));
        std::fs::write(&configuration, CONFIGURATION.replace("SOCKET", &socket.display().to_string()))
            .expect("the configuration is written");
        let daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = daemon else {
            crate::skip("dbus-daemon is not installed");
            return None;
        };
        // It prints its address when it listens.
        let mut address = String::new();
        let mut output = BufReader::new(daemon.stdout.take().expect("a pipe"));
        output.read_line(&mut address).expect("the daemon's output is read");
        assert!(address.starts_with("unix:path="), "dbus-daemon: {address:?}");
        Some(Self { socket, daemon, service: None })
    }

    /// A bus in `folder` on which the services of `bus_service.py` answer; skips the test where something is not installed.
    ///
    /// # Panics
    /// When they do not come up.
    pub fn with_services(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let mut bus = Self::start(folder)?;
        let mut service = Command::new(PYTHON)
            .arg(crate::peer("bus_service.py"))
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut output = BufReader::new(service.stdout.take().expect("a pipe"));
        let mut first = String::new();
        output.read_line(&mut first).expect("the service's output is read");
        let here = first == "ready\n";
        bus.service = Some((service, output));
        if !here {
            let modules = Command::new(PYTHON).args(["-c", "import dbus, gi"]).output();
            assert!(!modules.is_ok_and(|o| o.status.success()), "bus_service.py: {first:?}");
            crate::skip("python3-dbus and python3-gi are not installed");
            return None;
        }
        Some(bus)
    }

    /// The address, for `DBUS_SYSTEM_BUS_ADDRESS`.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// The next thing that happened to a service. Waits for it.
    ///
    /// # Panics
    /// When there are no services.
    pub fn next_call(&mut self) -> String {
        let (_, output) = self.service.as_mut().expect("services were started");
        let mut line = String::new();
        output.read_line(&mut line).expect("the service's output is read");
        line.trim_end().to_owned()
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        for child in
            [Some(&mut self.daemon), self.service.as_mut().map(|(child, _)| child)].into_iter().flatten()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
