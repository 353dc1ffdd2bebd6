//! Running commands from the repository's root, with their output shown.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

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

/// A command in the root folder. Cargo's own variables are taken off, so that a nested cargo decides for itself.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).env_remove("CARGO_MANIFEST_DIR");
    command
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
