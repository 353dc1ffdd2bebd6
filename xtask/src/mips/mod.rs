//! The MIPS tier: what routers run. The codecs' tests on a big-endian processor, and the router's program in a guest of 64 MB whose kernel
//! drives virtual sticks that come over USB/IP.
//!
//! The little-endian kernel is Debian's. Debian has no big-endian one any more: it is built from Debian's source, which takes five minutes of two cores, kept
//! in the target folder, and booted where it is kept; `cargo xtask test mips-big` builds it.

mod codecs;
mod guest;
mod kernel;
mod steps;

use crate::debian::Packages;
use crate::dist::{self, Target};
use crate::install::{self, Need};
use crate::run::target;
use crate::toolchain;

/// Installs and unpacks what the tier needs. Kernels come later: they are small beside the compiler.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/bin/qemu-system-mipsel", package: "qemu-system-mips" },
        Need { file: "/usr/sbin/depmod", package: "kmod" },
    ])?;
    dist::prepare()?;
    Packages::Here.unpack_only(&["qemu-user-static"], &target("mips/qemu-user")?)?;
    toolchain::get().map(|_| ())
}

/// The tier `mips`.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = toolchain::get()?;
    println!("    the codecs on a big-endian processor");
    codecs::run(&toolchain)?;
    println!("    the router's program on Debian's little-endian kernel");
    guest::try_it(&toolchain, &kernel::little()?, Target::named("mipsel")?)?;
    match kernel::kept()? {
        Some(kernel) => {
            println!("    the router's program on the big-endian kernel that is kept");
            guest::try_it(&toolchain, &kernel, Target::named("mips")?)
        }
        None => {
            println!(
                "    the router's program was NOT tried on a big-endian kernel: `cargo xtask test mips-big` builds one, in some minutes"
            );
            Ok(())
        }
    }
}

/// The tier `mips-big`: builds the big-endian kernel where it is not kept, and boots it.
pub(crate) fn run_big() -> Result<(), String> {
    let toolchain = toolchain::get()?;
    guest::try_it(&toolchain, &kernel::big()?, Target::named("mips")?)
}
