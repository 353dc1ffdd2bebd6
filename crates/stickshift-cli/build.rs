//! Leaves the tables for unwinding out of release builds: a program that aborts on panic never reads them, and they are a twelfth of it.

use std::env;
use std::path::Path;

fn main() {
    let script = Path::new("small.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    let is = |variable, value| env::var(variable).is_ok_and(|v| v == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        match script.canonicalize() {
            Ok(script) => println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display()),
            Err(why) => println!("cargo::warning={}: {why}", script.display()),
        }
    }
}
