//! Loading and flashing over a pty to a virtual stick, as whole processes, against the floor under them.

use std::path::Path;
use std::process::Command;

use super::measure::{Run, Took, each_in_turn, in_pairs, took};
use super::stick::Stick;
use super::{folder, program, replay, sample};
use crate::run::command;

const ROUNDS: u32 = 5;

/// What is done to which stick, and the original program that does it.
struct Dialogue {
    verb: &'static str,
    stick: &'static str,
    interface: u8,
    /// Environment variable with the original's path, its name, and its arguments before the port.
    original: (&'static str, &'static str, &'static [&'static str]),
}

pub(super) fn load() -> Result<(), String> {
    let file = sample::loader()?;
    let original = ("BALONG_USBDLOAD", "balong-usbdload", ["-c", "-p"].as_slice());
    let stick = "e3372h-needle";
    measure(&Dialogue { verb: "load", stick, interface: 0, original }, &file)
}

pub(super) fn flash() -> Result<(), String> {
    let file = sample::image(&program()?)?;
    let original = ("BALONG_FLASH", "balong_flash", ["-p"].as_slice());
    let stick = "e3372h-loader";
    measure(&Dialogue { verb: "flash", stick, interface: 2, original }, &file)
}

fn measure(dialogue: &Dialogue, file: &Path) -> Result<(), String> {
    let program = program()?;
    let folder = folder()?;
    let (trace, exchanges) = (folder.join("trace"), folder.join("exchanges"));
    let ours = |port: &Path, more: &[&str]| -> Command {
        let (port, file) = (port.to_string_lossy(), file.to_string_lossy());
        let mut args = vec![dialogue.verb, &file, "--port", &port, "--yes", "--quiet"];
        args.extend(more);
        let mut command = command(&program.to_string_lossy(), &args);
        command.env("XDG_STATE_HOME", folder.join("state"));
        command
    };
    let plug_in = || Stick::plug_in(&program, dialogue.stick, dialogue.interface);

    let (stick, port) = plug_in()?;
    took(&mut ours(&port, &["--trace", &trace.to_string_lossy()]))?;
    drop(stick);
    let count = replay::exchanges(&trace, &exchanges)?;
    let _ = std::fs::remove_file(&trace);
    println!("{count} exchanges, best of {ROUNDS} runs that took turns");

    let xtask = std::env::current_exe().map_err(|e| e.to_string())?;
    let once = |command: &dyn Fn(&Path) -> Command| -> Result<Took, String> {
        let (_stick, port) = plug_in()?;
        took(&mut command(&port))
    };
    let floor = |port: &Path| {
        let mut command = Command::new(&xtask);
        command.arg("ping-pong").arg(port).arg(&exchanges);
        command
    };
    let (variable, name, arguments) = dialogue.original;
    let original = std::env::var(variable).ok();
    let mut runs: Vec<Run<'_>> = vec![
        Box::new(|| once(&floor)),
        Box::new(|| once(&|port| ours(port, &["--dry-run"]))),
        Box::new(|| once(&|port| ours(port, &[]))),
    ];
    if let Some(original) = &original {
        let once = &once;
        runs.push(Box::new(move || {
            once(&|port| {
                let mut command = Command::new(original);
                command.args(arguments).arg(port).arg(file);
                command
            })
        }));
    }
    let seen = each_in_turn(ROUNDS, &mut runs)?;
    let best: Vec<Took> = seen.iter().map(|runs| Took::of(runs)).collect();
    let (floor, check, whole) = (best[0], best[1], best[2]);
    println!("{:16} {floor}", "bare ping-pong");
    println!("{:16} {check}", "reading the file");
    println!("{:16} {whole}", dialogue.verb);
    let talking = (whole.wall - check.wall.min(whole.wall)).as_secs_f64() / floor.wall.as_secs_f64();
    println!(
        "{:16} {:.2} times the ping-pong in pairs; {talking:.2} times once the file was read and found sound",
        "",
        in_pairs(&seen[2], &seen[0], |t| t.wall)
    );
    match best.get(3) {
        Some(theirs) => {
            println!("{name:16} {theirs}");
            let wall = in_pairs(&seen[2], &seen[3], |t| t.wall);
            let user = in_pairs(&seen[2], &seen[3], |t| t.user);
            println!("{:16} {wall:.2} of its time, {user:.2} of its user time, in pairs", "");
        }
        None => println!("{name:16} not given ({variable})"),
    }
    Ok(())
}
