//! Everything a maintainer runs: test tiers and what they need installed.
//!
//! `cargo xtask test` is the README's second command and what CI runs.

mod apns;
mod bench;
mod beside;
mod cpio;
mod crates;
mod debian;
mod dist;
mod failures;
mod fuzz;
mod install;
mod mips;
mod modems;
mod package;
mod packages;
mod release;
mod run;
mod skips;
mod small;
mod test_programs;
mod tiers;
mod toolchain;
mod vm;
mod web;
mod windows;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [TIER..]   run the test tiers (all of them when none is named), installing what they need
cargo xtask test --quick    what finds most mistakes within a minute: format, lint, unit tests
cargo xtask tiers           name the tiers
cargo xtask bench [WHAT..]  measure the project's figures (all of them when none is named)
cargo xtask bench --beside PROGRAM  measure this build and another one side by side
cargo xtask vm [NAME,..]    run the VM's scenarios whose names contain NAME
cargo xtask small [router]  build the static program as small as it gets; for a router, without virtual sticks
cargo xtask bench --size-of PROGRAM  where the bytes of a program are that was not stripped, as JSON
cargo xtask bench --keep-sizes  write the sizes of this version into xtask/sizes.json, at a release
cargo xtask package deb|ipk|apk --binary PATH --arch ARCH  pack a static program for Debian or OpenWrt
cargo xtask package feed    write OpenWrt's feed with the checksum of the sources, and the sources
cargo xtask dist [TARGET..] [--full] [--router] [--twice]  make the archives of static programs (for all targets when none is named), reproducibly
cargo xtask release --dry-run  check what has to be true before a release, and print how it is made
cargo xtask windows         build the program for 64-bit Windows
cargo xtask apns            remake the table of access points from Debian's mobile-broadband-provider-info
cargo xtask modems          remake the table of modems from Debian's kernel and ModemManager
cargo xtask captures        remake the captures in tests/fixtures/captures/vm, in the VM
";

/// What is printed for whoever asks for help: the lines of the first word, or all of them.
fn help(words: &[&str]) -> Option<String> {
    if !words.iter().any(|word| matches!(*word, "--help" | "-h" | "help")) {
        return None;
    }
    let of_word = |line: &&str| line.strip_prefix("cargo xtask ").is_some_and(|l| l.starts_with(words[0]));
    let lines: Vec<&str> = USAGE.lines().filter(of_word).collect();
    Some(if lines.is_empty() { USAGE.to_owned() } else { lines.join("\n") + "\n" })
}

#[test]
fn help_is_given_wherever_it_is_asked_for() {
    for words in [["test", "--help"], ["test", "-h"]] {
        let help = help(&words).unwrap();
        assert!(help.lines().count() == 2 && help.contains("test --quick"), "{help}");
    }
    assert_eq!(help(&["--help"]).as_deref(), Some(USAGE));
    assert_eq!(help(&["test", "lint"]), None);
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Some(help) = help(&words) {
        print!("{help}");
        return if words[0] == "test" { tiers::list() } else { ExitCode::SUCCESS };
    }
    match words.as_slice() {
        ["test", "--quick"] => tiers::quick(),
        ["test", names @ ..] => tiers::test(names),
        ["tiers"] => tiers::list(),
        ["bench", "--beside", other] => end(bench::beside(other)),
        ["bench", "--size-of", program] => end(bench::size_of(program)),
        ["bench", "--keep-sizes"] => end(bench::keep_sizes()),
        ["bench", subjects @ ..] => bench::bench(subjects),
        ["ping-pong", port, exchanges] => end(bench::ping_pong(port, exchanges)),
        ["vm"] => vm(""),
        ["small"] => end(small::build(&[]).map(|path| println!("{}", path.display()))),
        ["small", "router"] => end(small::build(&small::ROUTER).map(|path| println!("{}", path.display()))),
        ["package", kind, options @ ..] => end(package::package(kind, options)
            .map(|packages| packages.iter().for_each(|package| println!("{}", package.display())))),
        ["dist", args @ ..] => end(dist::make(args)),
        ["release", "--dry-run"] => end(release::dry_run()),
        ["apns"] => end(apns::remake()),
        ["windows"] => end(windows::release().map(|path| println!("{}", path.display()))),
        ["modems"] => end(modems::remake()),
        ["captures"] => end(vm::prepare().and_then(|()| vm::captures())),
        ["vm", name] => vm(name),
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn vm(filter: &str) -> ExitCode {
    end(vm::prepare().and_then(|()| vm::scenarios(filter)))
}

fn end(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
