//! Running commands from the repository's root, with their output shown.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use serde_json::Value;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// What cargo knows of the workspace: packages, features, the target folder. Without dependencies.
pub(crate) fn metadata() -> Result<&'static Value, String> {
    static METADATA: OnceLock<Result<Value, String>> = OnceLock::new();
    let read = || {
        let text = output("cargo", &["metadata", "--format-version", "1", "--no-deps"])?;
        serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))
    };
    METADATA.get_or_init(read).as_ref().map_err(Clone::clone)
}

/// A path in the target folder, wherever `CARGO_TARGET_DIR` or cargo's configuration put it.
pub(crate) fn target(path: &str) -> Result<PathBuf, String> {
    let folder = metadata()?["target_directory"].as_str().ok_or("cargo metadata names no target folder")?;
    Ok(Path::new(folder).join(path))
}

/// An emulator, and what its guest prints line by line. It ends with this.
pub(crate) struct Console {
    emulator: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Console {
    /// Starts the emulator; its standard output is the console.
    pub(crate) fn start(emulator: &mut Command) -> Result<Console, String> {
        let name = emulator.get_program().to_string_lossy().into_owned();
        let started = emulator.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut emulator = started.map_err(|e| format!("{name}: {e}"))?;
        let console = emulator.stdout.take().ok_or("the guest has no console")?;
        let (tell, lines) = mpsc::channel();
        let reader = thread::spawn(move || {
            for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
                if tell.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        Ok(Console { emulator, lines, reader: Some(reader) })
    }

    /// The next line; `Disconnected` where the guest has ended.
    pub(crate) fn line(&self, until: Instant) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(until.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// One line for each thing that takes a while.
pub(crate) fn phase(what: &str) {
    println!("    {what}");
}

/// Runs cargo: with its own progress on a terminal, with nothing but its diagnostics in a log.
pub(crate) fn cargo(args: &[&str]) -> Result<(), String> {
    status(cargo_command(args))
}

/// As [`cargo`], for a command that needs more than arguments.
pub(crate) fn cargo_command(args: &[&str]) -> Command {
    let mut all = args.to_vec();
    if !std::io::stderr().is_terminal() {
        all.insert(1, "--quiet");
    }
    command("cargo", &all)
}

/// The program, built for tests, once in a run. It is the one that a test of its package runs: by itself it would be compiled again, with all that
/// is in it, for a build without tests turns fewer features of libraries on.
pub(crate) fn program() -> Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        phase("compiling the program");
        executable(&["test", "--workspace", "--no-run", "--test", "advice"])
    };
    PROGRAM.get_or_init(build).clone()
}

/// Builds and returns the executable that came of it. Cargo is asked where it is: a target folder, a target and a profile may be set anywhere.
pub(crate) fn executable(args: &[&str]) -> Result<PathBuf, String> {
    let built = artifacts(cargo_command(args))?;
    let is_test = |artifact: &&Value| artifact["profile"]["test"] == true;
    let programs = built.iter().filter(|artifact| !is_test(artifact));
    let path = programs.filter_map(|artifact| artifact["executable"].as_str()).next_back();
    path.map(PathBuf::from).ok_or_else(|| format!("cargo {} builds no program", args.join(" ")))
}

/// Builds by a command of cargo and returns what it says of each thing that came of it.
pub(crate) fn artifacts(mut build: Command) -> Result<Vec<Value>, String> {
    build.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let shown = format!("{build:?}");
    let mut child = build.spawn().map_err(|e| format!("cargo: {e}"))?;
    let out = child.stdout.take().ok_or("cargo has no output")?;
    let lines = BufReader::new(out).lines().map_while(Result::ok);
    let messages = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let built = messages.filter(|message| message["reason"] == "compiler-artifact").collect();
    match child.wait().map_err(|e| format!("cargo: {e}"))? {
        ended if ended.success() => Ok(built),
        ended => Err(format!("{shown}: {ended}")),
    }
}

/// A command in the root folder. Cargo's own variables are taken off, so that a nested cargo decides for itself.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).env_remove("CARGO_MANIFEST_DIR");
    if in_ci() {
        // Nothing is built a second time: what an incremental build keeps would only take room.
        command.env("CARGO_INCREMENTAL", "0");
        // The lines of a panic's frames cost a seventh of compiling the tests; the line of the panic itself is told without them.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    command
}

/// As [`command`], with temporary files in memory where there is room for them. What is tested syncs its files at every step, as it has to
/// where power can fail: on a disk, tests would mostly wait for that.
pub(crate) fn test_command(program: &str, args: &[&str]) -> Command {
    let mut command = command(program, args);
    command.envs(memory().map(|folder| ("TMPDIR", folder)));
    command
}

/// A folder in memory with 2 GiB or more for files, programs among them.
fn memory() -> Option<&'static str> {
    const FOLDER: &str = "/dev/shm";
    const ENOUGH: u64 = 2 << 30;
    let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
    // The last mount covers those before it.
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .rfind(|fields| fields.get(1) == Some(&FOLDER))?;
    let is_memory =
        mount[2] == "tmpfs" && mount[3].split(',').all(|option| !["ro", "noexec"].contains(&option));
    let free = output("df", &["--output=avail", "-B1", FOLDER]).ok()?;
    let free: u64 = free.lines().last()?.trim().parse().ok()?;
    (is_memory && free >= ENOUGH).then_some(FOLDER)
}

/// Whether a build service runs this: each run begins with a clean clone and ends with its removal.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Runs it and says what went wrong.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<(), String> {
    status(command(program, args))
}

/// Runs a prepared command and says what went wrong.
pub(crate) fn status(mut command: Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(e) => Err(format!("{shown}: {e}")),
    }
}

/// As [`status`], with everything it prints in a file, whose end is shown when it fails.
pub(crate) fn status_logged(mut command: Command, log: &Path) -> Result<(), String> {
    const SHOWN: usize = 40;
    let file = std::fs::File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
    let both = file.try_clone().map_err(|e| format!("{}: {e}", log.display()))?;
    command.stdout(file).stderr(both);
    status(command).inspect_err(|_| {
        let bytes = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        println!("--- the end of {}", log.display());
        lines[lines.len().saturating_sub(SHOWN)..].iter().for_each(|line| println!("    {line}"));
    })
}

/// Does `work` with each of them, two at a time: for what uses one core each. `work` is told in which of the two lanes it runs.
pub(crate) fn two_at_a_time<T: Send>(
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(usize, T) -> Result<(), String> + Sync,
) -> Result<(), String> {
    at_a_time(2, items, work)
}

/// As [`two_at_a_time`], with another number of lanes.
pub(crate) fn at_a_time<T: Send>(
    lanes: usize,
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(usize, T) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let items = Mutex::new(items);
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let lane = |lane: usize| {
        while let Some(item) = next() {
            work(lane, item)?;
        }
        Ok(())
    };
    let lane = &lane;
    thread::scope(|scope| {
        let running: Vec<_> = (0..lanes).map(|number| scope.spawn(move || lane(number))).collect();
        let ended =
            running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it stopped".to_owned())));
        // Each is waited for.
        ended.fold(Ok(()), Result::and)
    })
}

/// Runs it and returns what it printed.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<String, String> {
    let output = command(program, args).output().map_err(|e| format!("{program}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{program} {}: {}", args.join(" "), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a prepared command and returns what it printed.
pub(crate) fn output_of(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|e| format!("{shown}: {e}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown}: {}: {}", output.status, why.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is in a folder, by name.
pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut all: Vec<PathBuf> = listed.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    all.sort();
    Ok(all)
}

/// Whether a program is there and starts.
pub(crate) fn has(program: &str, probe: &str) -> bool {
    let null = || Stdio::null();
    Command::new(program)
        .arg(probe)
        .stdin(null())
        .stdout(null())
        .stderr(null())
        .status()
        .is_ok_and(|s| s.success())
}
