//! What is built for whom: processors, and what the program contains.

use crate::small;

/// A processor that archives are made for.
pub(crate) struct Target {
    /// As archives are named.
    pub(crate) name: &'static str,
    /// As Rust calls it.
    pub(crate) triple: &'static str,
    /// Machines that have it.
    pub(crate) machines: &'static str,
    /// Has a hard disk or the like: the full program is built for speed there.
    pub(crate) roomy: bool,
}

pub(crate) const TARGETS: [Target; 5] = [
    Target { name: "x86_64", triple: "x86_64-unknown-linux-musl", machines: "PCs and servers", roomy: true },
    Target {
        name: "aarch64",
        triple: "aarch64-unknown-linux-musl",
        machines: "Raspberry Pi 3 and later, MT7981, MT7986, IPQ807x",
        roomy: true,
    },
    Target {
        name: "armv7",
        triple: "armv7-unknown-linux-musleabihf",
        machines: "Raspberry Pi 2, IPQ40xx, Mvebu",
        roomy: false,
    },
    Target {
        name: "mipsel",
        triple: "mipsel-unknown-linux-musl",
        machines: "MT7620, MT7621, MT7628 (24KEc, 1004Kc), without floating point",
        roomy: false,
    },
    Target {
        name: "mips",
        triple: "mips-unknown-linux-musl",
        machines: "AR9330, AR9331 and other ath79 (24Kc), big endian, without floating point",
        roomy: false,
    },
];

/// What LLVM can do for MIPS and leaves out unless asked: the slot after a jump is filled from what follows too, and a call that ends a function is
/// a jump. A division needs no second test for zero after Rust's, and copying three words in line is longer than a call.
///
/// From `-disable-machine-licm` on it is what makes code faster and longer, or how registers, blocks and tables are chosen; together 65 KB. Constants
/// that are moved out of loops (35 KB alone), into branches, or are computed on the edges between blocks take registers, and what had these is then saved to the stack
/// and read again.
const MIPS: &str = "-Cllvm-args=-disable-mips-df-forward-search=false -disable-mips-df-succbb-search=false -mips-tail-calls \
    -mno-check-zero-division -max-store-memcpy=2 -max-store-memset=2 -max-store-memmove=2 \
    -disable-machine-licm -disable-machine-sink -disable-phi-elim-edge-splitting -enable-pre=false -enable-load-pre=false \
    -apply-ext-tsp-for-size -disable-early-taildup -tail-dup-placement=false -split-spill-mode=size -join-splitedges \
    -min-jump-table-entries=8";

/// What the program of an archive contains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Everything, with virtual sticks and the web page. A panic says what happened.
    Full,
    /// Without virtual sticks and the web page, and as small as the compiler makes it: a panic ends the program without a word.
    Router,
}

pub(crate) const VARIANTS: [Variant; 2] = [Variant::Full, Variant::Router];

impl Variant {
    /// By which it alone is made.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Variant::Full => "--full",
            Variant::Router => "--router",
        }
    }

    /// Arguments for cargo that choose the features.
    pub(crate) fn features(self) -> &'static [&'static str] {
        match self {
            Variant::Full => &[],
            Variant::Router => &small::ROUTER,
        }
    }

    pub(crate) fn other(self) -> Variant {
        match self {
            Variant::Full => Variant::Router,
            Variant::Router => Variant::Full,
        }
    }
}

impl Target {
    pub(crate) fn named(name: &str) -> Result<&'static Target, String> {
        let found = TARGETS.iter().find(|target| [target.name, target.triple].contains(&name));
        let all = || TARGETS.map(|target| target.name).join(", ");
        found.ok_or_else(|| format!("no target is called {name}; there are {}", all()))
    }

    /// Of the archive and of the folder in it.
    pub(crate) fn archive(&self, version: &str, variant: Variant) -> String {
        let router = if variant == Variant::Router { "-router" } else { "" };
        format!("stickshift{router}-{version}-{}", self.name)
    }

    pub(crate) fn profile(&self, variant: Variant) -> &'static str {
        if self.roomy && variant == Variant::Full { "release" } else { "small" }
    }

    /// Arguments for `cargo zigbuild` after the profile and the target.
    pub(crate) fn arguments(&self, variant: Variant) -> Vec<&'static str> {
        let mut arguments = variant.features().to_vec();
        arguments.push("-Zbuild-std=std,panic_abort");
        if variant == Variant::Router {
            arguments.push("-Zbuild-std-features=optimize_for_size");
        }
        arguments
    }

    /// Flags for rustc.
    pub(crate) fn flags(&self, variant: Variant) -> Vec<&'static str> {
        // The start code of the C library comes from zig; the unpacked compiler has none.
        let mut flags = vec!["-Crelocation-model=static", "-Clink-self-contained=no"];
        if variant == Variant::Router {
            flags.extend([
                "-Zunstable-options",
                "-Cpanic=immediate-abort",
                "-Zlocation-detail=none",
                // What a type is called and no more, where only developers look.
                "-Zfmt-debug=shallow",
                "-Cforce-unwind-tables=no",
                // Its unrolled rounds take 10 KB.
                "--cfg=sha2_backend_soft=\"compact\"",
            ]);
            if self.name.starts_with("mips") {
                flags.push(MIPS);
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_archive_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<String> =
            TARGETS.iter().flat_map(|t| VARIANTS.map(|v| t.archive("1.0.0", v))).collect();
        assert_eq!(names.len(), TARGETS.len() * VARIANTS.len());
        assert!(names.contains("stickshift-router-1.0.0-mips"));
    }
}
