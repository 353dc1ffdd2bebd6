//! A virtual stick in a process of its own, its ports ptys.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::folder;
use crate::run::command;

pub(super) struct Stick {
    child: Child,
    folder: PathBuf,
}

impl Stick {
    /// Plugs it in and waits until the port of `interface` is there. Returns its path too.
    pub(super) fn plug_in(program: &Path, name: &str, interface: u8) -> Result<(Stick, PathBuf), String> {
        let folder = folder()?.join(format!("ports-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let at = folder.to_string_lossy();
        // The sample image carries no signature.
        let args = ["virtual", name, "--attach", "pty", "--quick", "--fault", "unsigned-taken", "--dir", &at];
        let mut child = command(&program.to_string_lossy(), &args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let output = child.stdout.take().ok_or("the virtual stick says nothing")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let wanted = format!("interface {interface},");
        let port = lines.find(|line| line.contains(&wanted)).and_then(|line| {
            let path = line.split_whitespace().next()?;
            Some(PathBuf::from(path))
        });
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let stick = Stick { child, folder };
        match port {
            Some(port) => Ok((stick, port)),
            None => Err(format!("{name} shows no interface {interface}")),
        }
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        if let Some(mut owner) = self.child.stdin.take() {
            let _ = owner.write_all(b"quit\n");
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
