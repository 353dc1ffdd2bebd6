//! COM ports under wine: each is a port of a virtual stick, which is a pty here.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::{Ended, LIMIT, Wine, expect, make, text};

/// Sticks, the interface whose port becomes a COM port, and its name.
const STICKS: [(&str, &str, &str); 3] = [
    ("e3372h-stick", "pcui", "COM5"),
    ("e3372h-needle", "boot-rom", "COM6"),
    ("e3372h-loader", "flash", "COM7"),
];

/// Talks to a stick, loads and flashes by COM port.
pub(super) fn try_them(wine: &Wine, firmware: &Path, loader: &Path) -> Result<(), String> {
    let folder = wine.folder.join("ports");
    let _ = fs::remove_dir_all(&folder);
    let plug = |(name, role, com)| Stick::plug_in(&wine.here, &folder, name, role).map(|stick| (stick, com));
    let mut sticks = STICKS.map(plug).into_iter().collect::<Result<Vec<_>, _>>()?;
    for (stick, com) in &sticks {
        let port = text(&stick.port);
        let entry = ["reg", "add", r"HKLM\Software\Wine\Ports", "/v", com, "/d", &port, "/f"];
        expect(&wine.run(&entry)?, 0)?;
    }
    // Ports are looked for when wine starts, while its first program runs already.
    wine.stop();
    wine.start()?;
    let began = Instant::now();
    while !all_there(&wine.run(&["reg", "query", r"HKLM\HARDWARE\DEVICEMAP\SERIALCOMM"])?) {
        if began.elapsed() > LIMIT {
            return Err("wine shows no COM ports".to_owned());
        }
    }

    let at = wine.there(&["at", "ATI", "--port", "COM5"])?;
    expect(&at, 0)?;
    // Not by the same pty: wine does not know the way in which Linux is told the speed.
    if at.out != wine.here(&["at", "ATI", "--virtual", "e3372h-stick"])?.out {
        return Err(format!("at by COM port: {at:#?}"));
    }
    for verb in [&["identify"][..], &["signal"], &["sms", "list"]] {
        expect(&wine.there(&[verb, &["--port", "COM5"]].concat())?, 0)?;
    }
    let none = wine.there(&["at", "ATI", "--port", "COM9"])?;
    if none.code == Some(0) || !none.err.contains("there is no serial port COM9") {
        return Err(format!("a port that is not there: {none:#?}"));
    }
    expect(&wine.there(&["load", &text(loader), "--yes", "--port", "COM6"])?, 0)?;
    sticks[1].0.comes_to("download mode")?;
    expect(&wine.there(&["flash", &text(firmware), "--yes", "--port", "COM7"])?, 0)?;
    sticks[2].0.comes_to("12d1:1506")
}

/// Whether wine lists the ports of all sticks.
fn all_there(listed: &Ended) -> bool {
    STICKS.iter().all(|(_, _, com)| listed.out.contains(com))
}

/// A virtual stick with ptys. It is pulled with the value.
struct Stick {
    child: Child,
    says: BufReader<ChildStdout>,
    port: PathBuf,
}

impl Stick {
    fn plug_in(program: &Path, folder: &Path, name: &str, role: &str) -> Result<Stick, String> {
        let folder = folder.join(name);
        make(&folder)?;
        let mut stick = Command::new(program);
        stick.args(["virtual", name, "--attach", "pty", "--quick", "--dir"]).arg(&folder);
        let child = stick.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("{}: {e}", program.display()))?;
        let says = BufReader::new(child.stdout.take().ok_or("the stick says nothing")?);
        let mut stick = Stick { child, says, port: PathBuf::new() };
        let line = stick.line_with(&format!(", {role}"))?;
        stick.port = line.split_whitespace().next().map(PathBuf::from).unwrap_or_default();
        Ok(stick)
    }

    /// Waits until it shows that.
    fn comes_to(&mut self, what: &str) -> Result<(), String> {
        self.line_with(what).map(|_| ())
    }

    fn line_with(&mut self, what: &str) -> Result<String, String> {
        let mut lines = self.says.by_ref().lines().map_while(Result::ok);
        lines.find(|line| line.contains(what)).ok_or_else(|| format!("no stick shows {what}"))
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        if let Some(mut owner) = self.child.stdin.take() {
            let _ = owner.write_all(b"quit\n");
        }
        let _ = self.child.wait();
    }
}
