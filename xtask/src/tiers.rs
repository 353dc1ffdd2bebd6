//! The test tiers, in the order they run. A tier that cannot run is skipped by name; in CI that is a failure.

use std::fs;
use std::io::ErrorKind;
use std::process::{ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::beside::{self, Tally};
use crate::crates;
use crate::fuzz;
use crate::install::{self, Need};
use crate::mips;
use crate::package;
use crate::packages;
use crate::run::{cargo, cargo_command, command, in_ci, phase, root, run, status, target, test_command};
use crate::skips;
use crate::test_programs;
use crate::toolchain;
use crate::vm;
use crate::web;
use crate::windows;

struct Tier {
    name: &'static str,
    what: &'static str,
    /// Installs what it needs; an error means that it cannot run here.
    prepare: fn() -> Result<(), String>,
    run: fn() -> Result<(), String>,
    /// Needs what a build machine may not be able to fetch: skipping it is no failure in CI either.
    may_lack: bool,
    /// What it alone uses in the target folder. A run in CI gives the room back when the tier ends; elsewhere it is kept for the next run.
    own: &'static [&'static str],
}

const TIERS: &[Tier] = &[
    Tier { name: "format", what: "rustfmt", prepare: nothing, run: format, may_lack: false, own: &[] },
    Tier {
        name: "lint",
        what: "clippy, warnings are errors",
        prepare: nothing,
        run: lint,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "features",
        what: "no feature, and each without each other, without warnings",
        prepare: nothing,
        run: packages::features,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "msrv",
        what: "the oldest Rust version that Cargo.toml promises",
        prepare: packages::oldest_toolchain,
        run: packages::oldest_rust,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "test",
        what: "unit, dialogue, fault campaign, transcript and peer tests",
        prepare: peers,
        run: test_all,
        may_lack: false,
        own: &["peers", "home-assistant", "test-logs"],
    },
    Tier {
        name: "web",
        what: "the web page in a real browser, at two widths, with axe-core",
        prepare: web::prepare,
        run: web::pages,
        may_lack: false,
        own: &["axe", "schemathesis"],
    },
    Tier {
        name: "vm",
        what: "virtual sticks on a real kernel, in a virtual machine",
        prepare: vm::prepare,
        run: || vm::scenarios(""),
        may_lack: false,
        own: &["vm"],
    },
    Tier {
        name: "portable",
        what: "the program compiles for Windows, the workspace for macOS",
        prepare: other_systems,
        run: portable,
        // The standard libraries of other systems come from the toolchain's server, no package archive has them.
        may_lack: true,
        own: &["x86_64-apple-darwin"],
    },
    Tier {
        name: "wine",
        what: "the program for Windows, under wine, beside the one for this system",
        prepare: windows::prepare_wine,
        run: windows::wine,
        may_lack: true,
        own: &["wine", "x86_64-pc-windows-gnu"],
    },
    Tier {
        name: "packages",
        what: "packages installed, used, upgraded and purged in a clean root",
        prepare: package::tier::prepare,
        run: package::tier::test,
        may_lack: false,
        own: &["package-tests", "peers-alpine"],
    },
    Tier {
        name: "crates",
        what: "what would be published, installed as `cargo install stickshift` does",
        prepare: nothing,
        run: crates::publishable,
        may_lack: false,
        own: &["crates", "package"],
    },
    Tier {
        name: "doc",
        what: "documentation as docs.rs builds it, without warnings",
        prepare: nothing,
        run: doc,
        may_lack: false,
        own: &["doc"],
    },
    Tier {
        name: "fuzz",
        what: "every parser against mutations of its kept corpus, for some seconds each",
        prepare: fuzz::prepare,
        run: fuzz::run_all,
        may_lack: false,
        own: &["fuzz-corpus", "fuzzing"],
    },
    Tier {
        name: "unused",
        what: "no dependency that nothing uses (cargo-machete)",
        prepare: packages::unused_tool,
        run: packages::unused,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "deny",
        what: "licences, sources and duplicates of dependencies",
        prepare: deny_tool,
        run: deny,
        may_lack: false,
        own: &[],
    },
];

/// What waits more than it works and builds nothing in the workspace's folder: it runs beside the other tiers.
const BESIDE: [&str; 4] = ["packages", "crates", "unused", "deny"];

/// Run only when they are named, before a release: most compile a standard library for MIPS, and wait for an emulated processor.
const BY_NAME: &[Tier] = &[
    Tier {
        name: "features-alone",
        what: "every feature alone, without warnings (3 minutes)",
        prepare: nothing,
        run: packages::features_alone,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "slow",
        what: "tests that wait as long as slow networks take (3 minutes)",
        prepare: nothing,
        run: slow,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "routers",
        what: "the workspace compiles for 32 bits in both byte orders (3 minutes)",
        prepare: nothing,
        run: routers,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "mips",
        what: "codecs on big endian, and a router's kernel of 64 MB with virtual sticks (6 minutes)",
        prepare: mips::prepare,
        run: mips::run,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "mips-big",
        what: "the same on a big-endian kernel, which is built first (some minutes, kept)",
        prepare: mips::prepare,
        run: mips::run_big,
        may_lack: false,
        own: &[],
    },
];

/// Names the tiers.
pub(crate) fn list() -> ExitCode {
    for tier in TIERS {
        println!("{:8} {}", tier.name, tier.what);
    }
    println!("only when they are named:");
    for tier in BY_NAME {
        println!("{:8} {}", tier.name, tier.what);
    }
    ExitCode::SUCCESS
}

/// What `--quick` runs: what finds most mistakes of a change within a minute, and installs nothing.
const QUICK: &[Tier] = &[
    Tier { name: "format", what: "rustfmt", prepare: nothing, run: format, may_lack: false, own: &[] },
    Tier {
        name: "lint",
        what: "clippy without the tests, warnings are errors",
        prepare: nothing,
        run: lint_sources,
        may_lack: false,
        own: &[],
    },
    Tier {
        name: "unit",
        what: "unit tests of the library and the program",
        prepare: nothing,
        run: unit,
        may_lack: false,
        own: &[],
    },
];

/// Runs the named tiers, or all.
pub(crate) fn test(names: &[&str]) -> ExitCode {
    let all = || TIERS.iter().chain(BY_NAME);
    if let Some(unknown) = names.iter().find(|n| !all().any(|t| t.name == **n)) {
        eprintln!("no tier is called {unknown}; `cargo xtask tiers` names them");
        return ExitCode::from(2);
    }
    run_tiers(&match names {
        [] => TIERS.iter().collect::<Vec<_>>(),
        names => all().filter(|t| names.contains(&t.name)).collect(),
    })
}

/// Runs what takes a minute.
pub(crate) fn quick() -> ExitCode {
    run_tiers(&QUICK.iter().collect::<Vec<_>>())
}

/// Runs them one after another, and those of [`BESIDE`] beside them. What the next ones need is fetched and installed meanwhile, which mostly waits
/// for the network and the disk.
fn run_tiers(chosen: &[&Tier]) -> ExitCode {
    let names = |tiers: &[&Tier]| tiers.iter().map(|tier| tier.name).collect::<Vec<_>>();
    let (mut beside, mut chosen): (Vec<&Tier>, Vec<&Tier>) =
        chosen.iter().partition(|tier| BESIDE.contains(&tier.name));
    if chosen.is_empty() {
        chosen = std::mem::take(&mut beside);
    }
    let mut tally = Tally::default();
    let (tell, prepared) = mpsc::channel();
    thread::scope(|scope| {
        let (chosen, others) = (&chosen, &beside);
        let beside = scope.spawn(move || {
            for tier in chosen {
                // Nobody waits for it where the tiers have ended.
                let _ = tell.send((tier.prepare)());
            }
            be_patient();
            if chosen.iter().any(|tier| tier.name == "fuzz") {
                // What fails is told by the tier itself.
                scope.spawn(|| fuzz::build().map(status));
            }
            for tier in others {
                // As above.
                let _ = (tier.prepare)();
            }
            beside::run(&names(others))
        });
        for (index, tier) in chosen.iter().enumerate() {
            println!("==> {} of {}: {}: {}", index + 1, chosen.len(), tier.name, tier.what);
            let (start, worked) = (Instant::now(), processor_time());
            let outcome = match prepared.recv().unwrap_or_else(|_| Err("its preparation stopped".to_owned()))
            {
                Ok(()) => (tier.run)(),
                Err(why) if in_ci() && !tier.may_lack => Err(why),
                Err(why) => {
                    println!("<== {}: SKIPPED: {why}", tier.name);
                    tally.skipped += 1;
                    continue;
                }
            };
            let took = match processor_time().zip(worked) {
                Some((now, then)) => {
                    format!("{:.1} s, {:.0} s of processors", start.elapsed().as_secs_f64(), now - then)
                }
                None => format!("{:.1} s", start.elapsed().as_secs_f64()),
            };
            match outcome.and_then(|()| if in_ci() { give_back(tier) } else { Ok(()) }) {
                Ok(()) => {
                    println!("<== {}: passed in {took}", tier.name);
                    tally.passed += 1;
                }
                Err(why) => {
                    println!("<== {}: FAILED after {took}: {why}", tier.name);
                    tally.failed.push(format!("{}: {why}", tier.name));
                }
            }
        }
        if !others.is_empty() && !beside.is_finished() {
            println!("    waiting for those beside: {}", names(others).join(", "));
        }
        tally.add(beside.join().unwrap_or_else(|_| Tally::of_failure("the tiers beside stopped".to_owned())));
    });
    println!("tiers: {} passed, {} failed, {} skipped", tally.passed, tally.failed.len(), tally.skipped);
    tally.failed.iter().for_each(|failure| println!("failed: {failure}"));
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// This thread, and what it starts from now on, takes what others leave of the processors. Linux has a priority for each thread; children inherit it.
fn be_patient() {
    let _ = rustix::process::nice(10);
}

/// Seconds that processors worked for the commands that have ended so far, without the tiers beside. `None` where the system does not tell.
fn processor_time() -> Option<f64> {
    // Linux counts in hundredths for programs; fields 16 and 17 of the line are those of ended children.
    let line = fs::read_to_string("/proc/self/stat").ok()?;
    let after_the_name = line.rsplit_once(')')?.1;
    let children: Vec<f64> =
        after_the_name.split_whitespace().skip(13).take(2).map_while(|ticks| ticks.parse().ok()).collect();
    (children.len() == 2).then(|| children.iter().sum::<f64>() / 100.0 - beside::processor_time())
}

/// Removes what only this tier uses.
fn give_back(tier: &Tier) -> Result<(), String> {
    tier.own.iter().try_for_each(|name| {
        let folder = target(name)?;
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(format!("{}: {e}", folder.display())),
            _ => Ok(()),
        }
    })
}

fn nothing() -> Result<(), String> {
    Ok(())
}

fn format() -> Result<(), String> {
    run("cargo", &["fmt", "--all", "--", "--check"])
}

fn lint() -> Result<(), String> {
    phase("checking the workspace with its tests");
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn lint_sources() -> Result<(), String> {
    phase("checking the library and the program");
    cargo(&["clippy", "-p", "stickshift", "-p", "stickshift-core", "--", "-D", "warnings"])
}

fn unit() -> Result<(), String> {
    let units = ["test", "-p", "stickshift-core", "-p", "stickshift", "--lib", "--bins"];
    let args = [&units[..], &test_programs::PLAIN].concat();
    phase("compiling the unit tests");
    cargo(&[&args[..], &["--no-run"]].concat())?;
    phase("running them");
    status(test_command("cargo", &[&args[..], &["--quiet"]].concat()))
}

fn peers() -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/bin/python3", package: "python3" },
        Need { file: "/usr/bin/openssl", package: "openssl" },
        Need { file: "/usr/bin/cc", package: "gcc" },
        Need { file: "/usr/sbin/usb_modeswitch", package: "usb-modeswitch" },
        Need { file: "/usr/bin/mksquashfs", package: "squashfs-tools" },
        Need { file: "/usr/bin/tshark", package: "tshark" },
        Need { file: "/usr/sbin/pppd", package: "ppp" },
        Need { file: "/usr/bin/curl", package: "curl" },
        Need { file: "/usr/bin/systemd-socket-activate", package: "systemd" },
        Need { file: "/usr/sbin/mosquitto", package: "mosquitto" },
        Need { file: "/usr/bin/mosquitto_sub", package: "mosquitto-clients" },
        Need { file: "/usr/sbin/nats-server", package: "nats-server" },
        Need { file: "/usr/bin/dbus-daemon", package: "dbus-daemon" },
        Need { file: "/usr/lib/python3/dist-packages/dbus/__init__.py", package: "python3-dbus" },
        Need { file: "/usr/lib/python3/dist-packages/gi/__init__.py", package: "python3-gi" },
    ])?;
    python_packages()
}

/// What is fetched from PyPI: a folder in the target folder, packages, and what can be imported then. The newest Home Assistant wants a newer
/// Python than Debian 12 has.
const PYTHON: [(&str, &[&str], &str); 2] = [
    ("peers", &["huawei-lte-api==2.0.1"], "huawei_lte_api"),
    (
        "home-assistant",
        &["homeassistant==2024.3.3; python_version < '3.12'", "homeassistant; python_version >= '3.12'"],
        "homeassistant.components.mqtt.sensor",
    ),
];

/// Where the package index is out of reach their tests say that they are skipped; in CI that is a failure.
fn python_packages() -> Result<(), String> {
    for (folder, packages, module) in PYTHON {
        let folder = target(folder)?;
        let python = folder.join("bin/python");
        let import = format!("import {module}");
        let run = command(&python.to_string_lossy(), &["-c", &import]).stderr(Stdio::null()).status();
        if run.is_ok_and(|status| status.success()) {
            continue;
        }
        println!("    fetching {} into {}", packages[0], folder.display());
        match install::python(&folder, packages) {
            Err(why) if in_ci() => return Err(why),
            Err(why) => println!("{} is not here: {why}", packages[0]),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn test_all() -> Result<(), String> {
    phase("compiling every test (without anything built: about as long as the tests run)");
    let skipped = skips::begin()?;
    let ended = test_programs::run_all(&skipped);
    let skips = skips::end(&skipped);
    ended.and(skips)
}

/// Those that are marked `#[ignore]`.
fn slow() -> Result<(), String> {
    phase("compiling the program's tests");
    let args = ["test", "-p", "stickshift", "--bins", "--tests", "--quiet", "--", "--ignored"];
    status(test_command("cargo", &args))
}

/// Libraries, then programs: the library and the program have one name, so both at once would write the same files.
const DOCUMENTED: [&str; 2] = ["--lib", "--bins"];

fn doc() -> Result<(), String> {
    phase("documenting the workspace");
    for kind in DOCUMENTED {
        let mut doc = cargo_command(&["doc", "--workspace", "--no-deps", "--all-features", kind]);
        doc.env("RUSTDOCFLAGS", "--cfg docsrs -D warnings");
        status(doc)?;
    }
    Ok(())
}

/// Checked only, which needs no linker of its own.
const MACOS: &str = "x86_64-apple-darwin";

/// With a compiler of their own: no server has their standard library. 32 bits, little endian and big.
const ROUTERS: [&str; 2] = ["armv7-unknown-linux-musleabihf", "mips-unknown-linux-musl"];

fn other_systems() -> Result<(), String> {
    windows::prepare()?;
    install::rust_target(MACOS)
}

/// xtask itself drives Debian and QEMU.
const CHECK: [&str; 5] = ["check", "--workspace", "--exclude", "xtask", "--target"];

fn portable() -> Result<(), String> {
    // The tier wine runs it.
    windows::program()?;
    phase(&format!("checking the workspace for {MACOS}"));
    let mut check = cargo_command(&[&CHECK[..], &[MACOS]].concat());
    check.env("RUSTC_WORKSPACE_WRAPPER", root().join("xtask/deny-warnings"));
    status(check)
}

fn routers() -> Result<(), String> {
    let toolchain = toolchain::get()?;
    ROUTERS.iter().try_for_each(|triple| {
        phase(&format!("checking the workspace for {triple}"));
        let mut check = toolchain.cargo(&[&CHECK[..], &[triple, "-Zbuild-std", "--quiet"]].concat())?;
        check.env("CARGO_TARGET_DIR", target("cross-check")?);
        status(check)
    })
}

fn deny_tool() -> Result<(), String> {
    install::cargo_tool("cargo-deny")?;
    phase("fetching what other systems depend on");
    // The dependencies of other platforms are judged too, and a Linux build does not fetch them.
    cargo(&["fetch", "--locked"])
}

fn deny() -> Result<(), String> {
    let tool = install::cargo_tool("cargo-deny")?;
    run(&tool, &["--offline", "check", "bans", "licenses", "sources"])?;
    // The advisory database lives on a server that a build machine may not reach.
    let fetched = command(&tool, &["fetch", "db"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if fetched.is_ok_and(|status| status.success()) {
        return run(&tool, &["check", "advisories"]);
    }
    println!("    advisories were NOT checked: their database could not be fetched");
    Ok(())
}
