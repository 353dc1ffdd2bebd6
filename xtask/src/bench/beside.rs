//! This build beside another binary of the program: the same work by both, in turns, as pairs.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::learn;
use super::measure::{Run, Took, each_in_turn, in_pairs, took};
use super::stick::Stick;
use super::{folder, program, sample};
use crate::run::command;

const ROUNDS: u32 = 7;

pub(super) fn run(other: &Path) -> Result<(), String> {
    let ours = program()?;
    let size =
        |path: &Path| fs::metadata(path).map(|m| m.len()).map_err(|e| format!("{}: {e}", path.display()));
    println!("{:18} {:>10} {:>10}", "", "other", "this");
    let (before, now) = (size(other)?, size(&ours)?);
    println!("{:18} {before:>10} {now:>10}   {:.2} times the bytes", "size", now as f64 / before as f64);

    let image = sample::image(&ours)?;
    let loader = sample::loader()?;
    let capture = learn::part()?;
    let (image, loader, capture) = (image.as_os_str(), loader.as_os_str(), capture.as_os_str());
    let with = |program: &Path, args: &[&OsStr]| {
        let mut command = command(&program.to_string_lossy(), &[]);
        command.args(args);
        command
    };
    let start = [OsStr::new("--version")];
    let list = [OsStr::new("inspect"), image];
    let verify = [OsStr::new("firmware"), OsStr::new("verify"), image];
    let learned = [OsStr::new("learn"), capture];
    for (name, args) in
        [("start", &start[..]), ("list an image", &list), ("verify an image", &verify), ("learn", &learned)]
    {
        pair(name, || took(&mut with(other, args)), || took(&mut with(&ours, args)))?;
    }
    for (verb, file, stick, interface) in
        [("load", loader, "e3372h-needle", 0), ("flash", image, "e3372h-loader", 2)]
    {
        // The stick is of this build for both.
        let once = |program: &Path| -> Result<Took, String> {
            let (_stick, port) = Stick::plug_in(&ours, stick, interface)?;
            let mut command: Command =
                with(program, &[OsStr::new(verb), file, OsStr::new("--port"), port.as_os_str()]);
            command.args(["--yes", "--quiet"]).env("XDG_STATE_HOME", folder()?.join("state"));
            took(&mut command)
        };
        pair(verb, || once(other), || once(&ours))?;
    }
    Ok(())
}

fn pair(
    name: &str,
    other: impl FnMut() -> Result<Took, String>,
    this: impl FnMut() -> Result<Took, String>,
) -> Result<(), String> {
    let mut runs: Vec<Run<'_>> = vec![Box::new(other), Box::new(this)];
    let seen = each_in_turn(ROUNDS, &mut runs)?;
    let (other, this) = (Took::of(&seen[0]), Took::of(&seen[1]));
    println!("{name:18} {other}");
    println!("{:18} {this}", "");
    println!(
        "{:18} {:.2} times its time, {:.2} times its time on the processor, in pairs",
        "",
        in_pairs(&seen[1], &seen[0], |t| t.wall),
        in_pairs(&seen[1], &seen[0], |t| t.user + t.system)
    );
    Ok(())
}
