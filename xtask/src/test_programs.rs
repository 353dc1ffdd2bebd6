//! The test programs of the workspace, several at a time: tests mostly wait, for a deadline, a virtual stick or another program.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use crate::failures::Failures;
use crate::run::{artifacts, at_a_time, cargo_command, status, target, test_command};
use crate::skips;

/// Of the programs; on two processors three were a third faster than two.
const AT_A_TIME: usize = 3;

/// A program with tests.
struct TestProgram {
    /// Its package's folder and what it was made of.
    name: String,
    path: PathBuf,
    /// Where its package is, and where cargo would run it.
    package: PathBuf,
}

/// Builds them all and runs them, then the examples of the documentation. The file `skipped` is for the reports of tests that could not run.
pub(crate) fn run_all(skipped: &Path) -> Result<(), String> {
    let programs = build()?;
    println!("    running {} test programs", programs.len());
    let failures = Mutex::new(Failures::default());
    let failed = Mutex::new(Vec::new());
    let logs = target("test-logs")?;
    fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;
    at_a_time(AT_A_TIME, programs.into_iter().enumerate(), |_, (number, program)| {
        let log = logs.join(format!("{number}.log"));
        if let Err(why) = program.run(&log, skipped, &failures) {
            failed.lock().unwrap_or_else(PoisonError::into_inner).push(why);
        }
        // The others run all the same: a run should tell everything that fails.
        Ok(())
    })?;
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("    running the examples of the documentation");
    let mut examples = test_command("cargo", &["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    examples.env(skips::VARIABLE, skipped);
    if let Err(why) = status(examples) {
        failed.push(why);
    }
    let told = failures.into_inner().unwrap_or_else(PoisonError::into_inner).told();
    if failed.is_empty() { Ok(()) } else { Err(format!("{}{told}", failed.join("; "))) }
}

/// Options of cargo for unit tests of libraries: optimised, they take four times as long to compile, and twice of what that saves.
pub(crate) const PLAIN: [&str; 6] = [
    "--config",
    "profile.dev.package.stickshift-core.opt-level=0",
    "--config",
    "profile.dev.package.stickshift-emu.opt-level=0",
    "--config",
    "profile.dev.package.stickshift-tls.opt-level=0",
];

/// Programs and integration tests use optimised libraries: campaigns run through megabytes.
fn build() -> Result<Vec<TestProgram>, String> {
    let mut built = artifacts(cargo_command(&["test", "--workspace", "--no-run", "--bins", "--test", "*"]))?;
    let units = [&["test", "--workspace", "--no-run", "--lib"][..], &PLAIN].concat();
    built.extend(artifacts(cargo_command(&units))?);
    Ok(built
        .iter()
        .filter(|artifact| artifact["profile"]["test"] == true)
        .filter_map(TestProgram::of)
        .collect())
}

impl TestProgram {
    /// Of what cargo says of it; `None` for what is no program.
    fn of(artifact: &Value) -> Option<TestProgram> {
        let path = PathBuf::from(artifact["executable"].as_str()?);
        let package = Path::new(artifact["manifest_path"].as_str()?).parent()?.to_owned();
        let folder = package.file_name()?.to_string_lossy();
        let (kind, target) = (&artifact["target"]["kind"][0], artifact["target"]["name"].as_str()?);
        let name = match kind.as_str()? {
            "test" => format!("{folder}/tests/{target}"),
            "bin" => format!("{folder}/{target}, the program"),
            _ => folder.into_owned(),
        };
        Some(TestProgram { name, path, package })
    }

    /// Runs it as cargo would, with what it prints in the file `log`, and prints that when it has ended.
    fn run(&self, log: &Path, skipped: &Path, failures: &Mutex<Failures>) -> Result<(), String> {
        let file = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let both = file.try_clone().map_err(|e| format!("{}: {e}", log.display()))?;
        let mut tests = test_command(&self.path.to_string_lossy(), &["--quiet"]);
        tests.current_dir(&self.package).env("CARGO_MANIFEST_DIR", &self.package);
        tests.env(skips::VARIABLE, skipped).stdout(file).stderr(both);
        // Whoever waits for one that hangs sees which it is.
        println!("    begins: {}", self.name);
        let start = Instant::now();
        let ended = tests.status().map_err(|e| format!("{}: {e}", self.name))?;
        let printed = fs::read(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let printed = String::from_utf8_lossy(&printed);
        {
            // Held over all of it: a failure is a heading and the lines after it.
            let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
            printed.lines().for_each(|line| failures.hear(line));
        }
        // One call, so that the lines of several programs do not mix.
        print!("    ended: {} ({:.1} s)\n{}", self.name, start.elapsed().as_secs_f64(), shown(&printed));
        if ended.success() { Ok(()) } else { Err(format!("{}: {ended}", self.name)) }
    }
}

/// Its lines without the empty ones.
fn shown(printed: &str) -> String {
    printed.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_program_that_fails_is_an_error() {
        let log = std::env::temp_dir().join(format!("test-programs-{}.log", std::process::id()));
        let run = |path: &str| {
            let (name, package) = ("modem".to_owned(), std::env::temp_dir());
            let program = TestProgram { name, path: PathBuf::from(path), package };
            program.run(&log, Path::new("skipped"), &Mutex::default())
        };
        assert_eq!(run("/bin/true"), Ok(()));
        assert!(run("/bin/false").unwrap_err().starts_with("modem: "));
        assert!(run("/no/such/program").is_err());
        fs::remove_file(&log).unwrap();
    }

    #[test]
    fn programs_are_named_by_their_package() {
        let name = |kind: &str, target: &str, executable: Value| {
            let program = TestProgram::of(&json!({
                "executable": executable,
                "manifest_path": "/source/crates/modem/Cargo.toml",
                "target": { "kind": [kind], "name": target },
            }));
            program.map(|program| (program.name, program.package))
        };
        let package = PathBuf::from("/source/crates/modem");
        assert_eq!(name("lib", "modem_core", json!("/built/a")), Some(("modem".to_owned(), package.clone())));
        assert_eq!(
            name("test", "dialling", json!("/built/b")),
            Some(("modem/tests/dialling".to_owned(), package))
        );
        assert_eq!(name("lib", "modem_core", Value::Null), None);
    }
}
