//! What becomes of the stick when the boot ROM starts what it was sent (docs/protocols/balong-boot.md section 4).

use crate::firmware::boot_rom::Block;

/// ARM `mov r0, #0`: what a patch puts in place of the call that erases.
const MOV_R0_0: [u8; 4] = [0x00, 0x00, 0xa0, 0xe3];

/// How a family's erasing call is taken out.
enum Patch {
    /// The word at this offset from the signature becomes `mov r0, #0`.
    Word(usize),
    /// The byte five before the signature gets the condition "always".
    BranchBefore,
}

/// The six families of section 4: signature, which of its bytes differ between builds, patch.
const FAMILIES: [(&str, Option<usize>, Patch); 6] = [
    ("3DE2E0E300E09EE55CC39FE50C005EE10000000A", Some(8), Patch::Word(20)),
    (
        "0030A0E39A3F07EEFF2F0FE3E12F44E3073002E59A3F07EE0040A0E3E04F44E34E3604E34C3444E3303384E5",
        None,
        Patch::Word(60),
    ),
    (
        "000050E37080BD080030A0E34E2604E3E03F44E3552244E34C019FE54EC604E348419FE50210A0E14CC444E35C2383E5\
         00008FE040C383E5",
        None,
        Patch::Word(60),
    ),
    ("123BA0E34A354AE30020A0E37820C3E57920C3E57A20C3E57B20C3E50000A0E3", None, Patch::BranchBefore),
    ("183094E5102094E50D00A0E1304084E214308DE510208DE5", None, Patch::Word(24)),
    ("103094E50D00A0E110308DE5183094E514308DE5", None, Patch::Word(20)),
];

/// The older hand patch: the erase loop of a V7R1 loader runs zero times.
const NO_BLOCKS_TO_ERASE: &str = "0C009DE504109DE50000A0E30BE0A0E10E0050E1";

/// What the blocks do once started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoaderFate {
    /// Nothing comes up; why.
    Dead(&'static str),
    /// The loader's fastboot comes up.
    Fastboot,
    /// Download mode comes up; whether the whole flash was erased on the way.
    Download {
        /// Everything on the flash is gone, the NV memory included.
        erased: bool,
    },
}

pub(crate) fn start(blocks: &[Block]) -> LoaderFate {
    let Some((loader, before)) = blocks.split_last() else { return LoaderFate::Dead("nothing was sent") };
    let Some(raminit) = before.last() else { return LoaderFate::Dead("no code set up the memory") };
    if raminit.data.is_empty() || loader.data.is_empty() {
        return LoaderFate::Dead("an empty block was started");
    }
    let uniform = |data: &[u8]| data.iter().all(|&b| b == data[0]);
    if uniform(&raminit.data) || uniform(&loader.data) {
        return LoaderFate::Dead("a block holds no code");
    }
    if loader.data.ends_with(b"\x55NDROID!") {
        return LoaderFate::Fastboot;
    }
    LoaderFate::Download { erased: erases(&loader.data) }
}

/// Whether the call that erases is still there in the first family found.
fn erases(block: &[u8]) -> bool {
    for (index, (signature, varying, patch)) in FAMILIES.iter().enumerate() {
        let signature = hex(signature);
        let Some(at) = find(block, &signature, *varying) else { continue };
        let live = match patch {
            Patch::Word(offset) => block.get(at + offset..at + offset + 4) != Some(&MOV_R0_0),
            Patch::BranchBefore => at >= 5 && block[at - 5] & 0xf0 != 0xe0,
        };
        let neutered = index == 0 && memchr::memmem::find(block, &hex(NO_BLOCKS_TO_ERASE)).is_some();
        return live && !neutered;
    }
    false
}

/// The first place of a signature, from offset 8 in steps of 4.
fn find(block: &[u8], signature: &[u8], varying: Option<usize>) -> Option<usize> {
    // Look for the longest run without the varying byte, then compare the rest.
    let fixed = varying.map_or(0, |at| at + 1);
    let fits = |at: usize| {
        block.get(at..at + signature.len()).is_some_and(|here| {
            here.iter().zip(signature).enumerate().all(|(i, (a, b))| a == b || Some(i) == varying)
        })
    };
    memchr::memmem::find_iter(block, &signature[fixed..])
        .filter_map(|found| found.checked_sub(fixed))
        .find(|&at| at >= 8 && at % 4 == 0 && fits(at))
}

fn hex(text: &str) -> Vec<u8> {
    stickshift::hex::decode(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(loader: Vec<u8>) -> Vec<Block> {
        vec![Block { mode: 1, address: 0, data: vec![1, 2, 3] }, Block { mode: 2, address: 0, data: loader }]
    }

    fn code(size: usize) -> Vec<u8> {
        (0..size).map(|i| (i % 249) as u8 | 1).collect()
    }

    /// Signatures at 0x100; where the patch goes and what it does.
    #[test]
    fn each_family_erases_until_it_is_patched() {
        let places = [0x114, 0x13c, 0x13c, 0xfb, 0x118, 0x114];
        for ((signature, _, patch), place) in FAMILIES.iter().zip(places) {
            let signature = hex(signature);
            let mut loader = code(2048);
            loader[0x100..0x100 + signature.len()].copy_from_slice(&signature);
            loader[0xfb] = 0x4c;
            assert_eq!(start(&blocks(loader.clone())), LoaderFate::Download { erased: true });
            match patch {
                Patch::Word(_) => loader[place..place + 4].copy_from_slice(&MOV_R0_0),
                Patch::BranchBefore => loader[place] |= 0xe0,
            }
            assert_eq!(start(&blocks(loader)), LoaderFate::Download { erased: false });
        }
        assert_eq!(start(&blocks(code(2048))), LoaderFate::Download { erased: false });
    }

    #[test]
    fn the_build_dependent_byte_and_the_hand_patch() {
        let mut loader = code(2048);
        let mut signature = hex(FAMILIES[0].0);
        signature[8] = 0x28;
        loader[0x104..0x104 + signature.len()].copy_from_slice(&signature);
        assert_eq!(start(&blocks(loader.clone())), LoaderFate::Download { erased: true });
        let patch = hex(NO_BLOCKS_TO_ERASE);
        loader[0x200..0x200 + patch.len()].copy_from_slice(&patch);
        assert_eq!(start(&blocks(loader)), LoaderFate::Download { erased: false });
    }

    #[test]
    fn what_does_not_start() {
        assert!(matches!(start(&[]), LoaderFate::Dead(_)));
        assert!(matches!(start(&blocks(Vec::new())), LoaderFate::Dead(_)));
        assert!(matches!(start(&blocks(vec![0; 4096])), LoaderFate::Dead(_)));
        assert!(matches!(start(&blocks(code(4096))[1..]), LoaderFate::Dead(_)));
        let mut cut = code(64);
        cut.extend_from_slice(b"\x55NDROID!");
        assert_eq!(start(&blocks(cut)), LoaderFate::Fastboot);
    }

    /// A loader from the field, patched by hand long ago; it is nobody's to pass on, so the test looks for it outside.
    #[test]
    fn a_loader_of_the_field_does_not_erase() {
        let Some(file) = test_support::field_loader("usblsafe-327x.bin") else { return };
        let blocks = vec![
            Block { mode: 1, address: 0x2ffe_4000, data: file[0x54..0x54 + 0x36c].to_vec() },
            Block { mode: 2, address: 0x3000_4000, data: file[0x3c0..0x3c0 + 0x1a_c18c].to_vec() },
        ];
        assert_eq!(start(&blocks), LoaderFate::Download { erased: false });
        // Without the hand patch the signature at file offset 0x1170 is live.
        let mut stock = blocks.clone();
        stock[1].data[0x1_3ad4 - 0x3c0 + 8] = 0x01;
        assert_eq!(start(&stock), LoaderFate::Download { erased: true });
        stock[1].data[0x1170 - 0x3c0 + 20..][..4].copy_from_slice(&MOV_R0_0);
        assert_eq!(start(&stock), LoaderFate::Download { erased: false });
    }
}
