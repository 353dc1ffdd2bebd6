//! The guest: boots a kernel with the router's program in its first files, and checks what its console says.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::cpio::Archive;
use crate::dist::{self, Target, Variant};
use crate::mips::kernel::Kernel;
use crate::mips::steps::{MOST_MEMORY, STEPS, STICKS, Step};
use crate::run::{self, Console, command, root, status, target};
use crate::toolchain::Toolchain;

/// A guest that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Of the router's program, in bytes (docs/sizes.md).
const LARGEST: u64 = 2_000_000;

/// What the guest says last.
const DONE: &str = "@ done";

pub(crate) fn try_it(toolchain: &Toolchain, kernel: &Kernel, processor: &Target) -> Result<(), String> {
    let program = dist::program(toolchain, processor, Variant::Router)?;
    let size = fs::metadata(&program).map_err(|e| format!("{}: {e}", program.display()))?.len();
    if size > LARGEST {
        return Err(format!("the router's program has {size} bytes; more than {LARGEST} are too many"));
    }
    let host = run::program()?;
    let image = first_files(toolchain, kernel, processor, &program)?;
    let offers = STICKS.map(|(port, name)| offer(&host, port, name));
    let offers = Offers(offers.into_iter().collect::<Result<_, _>>()?);
    let console = boot(kernel, processor, &image);
    drop(offers);
    check_console(&console?)
}

/// The host's side of the sticks; they go with the value.
struct Offers(Vec<Child>);

impl Drop for Offers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn offer(program: &Path, port: u16, name: &str) -> Result<Child, String> {
    let mut offer = Command::new(program);
    offer.args(["virtual", name, "--attach", "usbip", "--tcp", &port.to_string()]);
    // What its owner may type comes from a pipe that stays open.
    offer.stdin(Stdio::piped()).stdout(Stdio::null());
    offer.spawn().map_err(|e| format!("{}: {e}", program.display()))
}

/// The guest's first files: the init, the program, modules and steps. The path of the archive.
fn first_files(
    toolchain: &Toolchain,
    kernel: &Kernel,
    processor: &Target,
    program: &Path,
) -> Result<PathBuf, String> {
    let folder = target("mips")?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let init = folder.join(format!("init-{}", processor.name));
    let mut zig = command(&toolchain.zig_program()?.to_string_lossy(), &["cc", "-static", "-Os", "-s"]);
    zig.args(["-Wall", "-Wextra", "-Werror", "-target", &format!("{}-linux-musleabi", processor.name)]);
    zig.env("ZIG_GLOBAL_CACHE_DIR", folder.join("zig")).env("ZIG_LOCAL_CACHE_DIR", folder.join("zig"));
    zig.arg("-o").arg(&init).arg(root().join("xtask/mips/init.c"));
    status(zig)?;
    let load = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "modules"] {
        archive.folder(folder);
    }
    archive.device("dev/console", 5, 1);
    archive.program("init", &load(&init)?);
    archive.program("bin/stickshift", &load(program)?);
    let mut steps = String::new();
    for module in &kernel.modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        archive.program(&format!("modules/{name}"), &load(module)?);
        steps.push_str(&format!("module /modules/{name}\n"));
    }
    steps.extend(STEPS.iter().map(|step| format!("{}\n", step.line)));
    archive.program("steps", steps.as_bytes());
    let path = folder.join(format!("files-{}", processor.name));
    fs::write(&path, archive.finish()).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

/// Boots, and returns the lines of the console.
fn boot(kernel: &Kernel, processor: &Target, files: &Path) -> Result<Vec<String>, String> {
    let log = target(&format!("mips/console-{}.log", processor.name))?;
    let mut qemu = Command::new(format!("qemu-system-{}", processor.name));
    qemu.args([
        "-M", "malta", "-cpu", "24Kc", "-m", "64", "-vga", "none", "-display", "none", "-monitor", "none",
    ])
    .args(["-serial", "stdio", "-no-reboot", "-nic", "user,model=pcnet,restrict=off"])
    .args(["-append", "console=ttyS0 quiet panic=-1 rdinit=/init"])
    .arg("-kernel")
    .arg(&kernel.image)
    .arg("-initrd")
    .arg(files);
    let console = Console::start(&mut qemu)?;
    let mut file = fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let (start, mut lines) = (Instant::now(), Vec::new());
    let ended = loop {
        match console.line(start + LIMIT) {
            Ok(line) => {
                let _ = writeln!(file, "{line}");
                lines.push(line);
                // Not every kernel can turn this board off.
                if lines.last().is_some_and(|line| line == DONE) {
                    break Ok(lines);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break Ok(lines),
            Err(RecvTimeoutError::Timeout) => {
                break Err(format!("the guest hung for {} s; see {}", LIMIT.as_secs(), log.display()));
            }
        }
    };
    drop(console);
    println!("    the console is in {}", log.display());
    ended
}

/// Every step must have shown what it should, and the guest must have come to its end.
fn check_console(console: &[String]) -> Result<(), String> {
    let mut faults = Vec::new();
    let (mut most, mut rest) = (0, console);
    for step in STEPS {
        match seen(rest, step.line) {
            Some((lines, after)) => {
                faults.extend(fault(step, lines));
                most = most.max(memory(lines).unwrap_or(0));
                rest = after;
            }
            None => faults.push(format!("{}: was not begun", step.line)),
        }
    }
    if !console.iter().any(|line| line == DONE) {
        faults.push("the guest did not come to its end".to_owned());
    }
    if most > MOST_MEMORY {
        faults.push(format!("{most} kB of memory, more than {MOST_MEMORY}"));
    }
    println!("    {} steps, at most {most} kB of memory", STEPS.len());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// What the console says from the first time that a step begins to the next step, and what comes after that.
fn seen<'a>(console: &'a [String], step: &str) -> Option<(&'a [String], &'a [String])> {
    let begin = console.iter().position(|line| line.strip_prefix("@ step ") == Some(step))?;
    let rest = &console[begin + 1..];
    let end = rest.iter().position(|line| line.starts_with("@ step ") || line == DONE);
    Some(rest.split_at(end.unwrap_or(rest.len())))
}

fn fault(step: &Step, lines: &[String]) -> Option<String> {
    let missing = step.shows.iter().find(|text| !lines.iter().any(|line| line.contains(*text)));
    let code = lines.iter().find_map(|line| exit(line)).map(|(code, _)| code);
    let wrong = step.code.is_some() && step.code != code;
    let what = match (missing, wrong) {
        (None, false) => return None,
        (_, true) => format!("ended with {code:?}"),
        (Some(text), false) => format!("does not show '{text}'"),
    };
    Some(format!("{}: {what}:\n        {}", step.line, lines.join("\n        ")))
}

fn memory(lines: &[String]) -> Option<u64> {
    lines.iter().filter_map(|line| exit(line)).map(|(_, kilobytes)| kilobytes).max()
}

/// The exit code and the memory of a line `@ exit CODE, N kB: VERB`.
fn exit(line: &str) -> Option<(i32, u64)> {
    let (code, rest) = line.strip_prefix("@ exit ")?.split_once(", ")?;
    Some((code.parse().ok()?, rest.split_once(" kB")?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_step_is_judged_by_its_own_lines() {
        let told = console(&[
            "@ step run list",
            "12d1:1526",
            "@ exit 0, 1200 kB: list",
            "@ step run x",
            "12d1:14cf",
        ]);
        let step = |shows| Step { line: "run list", code: Some(0), shows };
        let (lines, after) = seen(&told, "run list").unwrap();
        assert!(seen(after, "run list").is_none() && seen(after, "run x").is_some());
        assert_eq!(fault(&step(&["12d1:1526"]), lines), None);
        assert!(fault(&step(&["12d1:14cf"]), lines).is_some());
        assert_eq!(memory(lines), Some(1200));
        let failed = console(&["12d1:1526", "@ exit 7, 1200 kB: list"]);
        assert!(fault(&step(&["12d1:1526"]), &failed).is_some());
    }

    #[test]
    fn silence_is_failure() {
        assert!(check_console(&[]).is_err());
    }
}
