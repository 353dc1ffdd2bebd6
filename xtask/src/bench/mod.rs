//! The figures of the project, measured side by side in one run: `cargo xtask bench [SUBJECT..]`.
//!
//! Times on the wall are the best of several runs that take turns, so that a busy machine slows all of them. What is measured besides ours is
//! either the floor under it or an original program whose path an environment variable gives.

mod anatomy;
mod beside;
mod dialogue;
mod firmware;
mod learn;
mod measure;
mod rack;
mod replay;
mod sample;
mod size;
mod stick;
mod web;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::install::rust_target;
use crate::run::{run, target};
use crate::vm;

pub(crate) use replay::ping_pong;
pub(crate) use size::{keep as keep_sizes, of as size_of};

struct Subject {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<(), String>,
}

const SUBJECTS: &[Subject] = &[
    Subject { name: "wire", what: "CRCs and framing, bytes per second", run: wire::run },
    Subject {
        name: "firmware",
        what: "list and verify an image of 64 MiB, as a whole process",
        run: firmware::run,
    },
    Subject {
        name: "load",
        what: "a loader of 1.8 MB over a pty, against the same packets and nothing else",
        run: dialogue::load,
    },
    Subject {
        name: "flash",
        what: "64 MiB over a pty, against the same frames and nothing else",
        run: dialogue::flash,
    },
    Subject {
        name: "vm",
        what: "switching in the virtual machine, against usb_modeswitch and its dispatcher",
        run: || in_guest("switching"),
    },
    Subject {
        name: "online",
        what: "going online and staying there in the virtual machine, against ModemManager with NetworkManager, and wvdial",
        run: || in_guest("online"),
    },
    Subject {
        name: "stay",
        what: "`online up --stay` for an hour of real time, or STAY_MINUTES, with cuts and replugs, in the virtual machine",
        run: || in_guest("stay"),
    },
    Subject { name: "size", what: "the static program, whole and for a router", run: size::run },
    Subject { name: "rack", what: "forty conversions at once, against one", run: rack::rack },
    Subject {
        name: "fleet",
        what: "a thousand sticks behind 25 bridges on one mosquitto, which is restarted",
        run: rack::fleet,
    },
    Subject {
        name: "web",
        what: "the web page with 40 virtual sticks, 50 viewers and 1,000 requests a second",
        run: web::run,
    },
    Subject { name: "web-size", what: "what the web page adds to the static program", run: web::size },
    Subject {
        name: "learn",
        what: "a profile out of a capture of 1 GiB, against tshark with a display filter",
        run: learn::run,
    },
];

/// Measures this build and another binary of the program side by side.
pub(crate) fn beside(other: &str) -> Result<(), String> {
    beside::run(Path::new(other))
}

/// Measures the named subjects, or all.
pub(crate) fn bench(names: &[&str]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|n| !SUBJECTS.iter().any(|s| s.name == **n)) {
        let known: Vec<&str> = SUBJECTS.iter().map(|s| s.name).collect();
        eprintln!("there is no subject {unknown}; there are: {}", known.join(" "));
        return ExitCode::from(2);
    }
    let mut failed = false;
    for subject in SUBJECTS.iter().filter(|s| names.is_empty() || names.contains(&s.name)) {
        println!("==> {}: {}", subject.name, subject.what);
        if let Err(why) = (subject.run)() {
            println!("<== {}: FAILED: {why}", subject.name);
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn in_guest(what: &str) -> Result<(), String> {
    vm::prepare()?;
    let program = match static_program() {
        Ok(program) => program,
        Err(why) => {
            println!("    measured with the dynamically linked build: {why}");
            program()?
        }
    };
    vm::bench(what, &program)
}

/// The release build as it is given to people: linked with nothing of the system.
fn static_program() -> Result<PathBuf, String> {
    const TARGET: &str = "x86_64-unknown-linux-musl";
    rust_target(TARGET)?;
    run("cargo", &["build", "--quiet", "--release", "--target", TARGET, "-p", "stickshift"])?;
    target(&format!("{TARGET}/release/stickshift"))
}

/// The release build of the program, made now.
fn program() -> Result<PathBuf, String> {
    run("cargo", &["build", "--quiet", "--release", "-p", "stickshift"])?;
    target("release/stickshift")
}

/// Where the files of the benches lie.
fn folder() -> Result<PathBuf, String> {
    let folder = target("bench")?;
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}
