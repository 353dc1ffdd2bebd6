//! Synthetic loader files without third-party code, right in form (docs/protocols/balong-boot.md).

use crate::testkit::noise;

/// A usbloader file around its two blocks, raminit and usbldr, each with the address that it is loaded to.
pub fn loader_file(raminit: (u32, &[u8]), usbldr: (u32, &[u8])) -> Vec<u8> {
    /// The file's magic number.
    const MAGIC: u32 = 0x0002_0000;
    /// Where the block descriptors begin, and where the first block does.
    const DESCRIPTORS: usize = 36;
    const BLOCKS: usize = 84;
    let mut file = MAGIC.to_le_bytes().to_vec();
    file.resize(DESCRIPTORS, 0);
    let mut offset = BLOCKS;
    for (mode, (address, block)) in [(1, raminit), (2, usbldr)] {
        for word in [mode, block.len() as u32, address, offset as u32] {
            file.extend(word.to_le_bytes());
        }
        offset += block.len();
    }
    file.resize(BLOCKS, 0);
    file.extend(raminit.1);
    file.extend(usbldr.1);
    file
}

/// A usbloader file of the V7R11 kind whose call to the erase routine is in place, as in a vendor's own.
pub fn stock_loader(seed: u64) -> Vec<u8> {
    const V7R11: [u8; 56] = [
        0x00, 0x00, 0x50, 0xe3, 0x70, 0x80, 0xbd, 0x08, 0x00, 0x30, 0xa0, 0xe3, 0x4e, 0x26, 0x04, 0xe3, 0xe0,
        0x3f, 0x44, 0xe3, 0x55, 0x22, 0x44, 0xe3, 0x4c, 0x01, 0x9f, 0xe5, 0x4e, 0xc6, 0x04, 0xe3, 0x48, 0x41,
        0x9f, 0xe5, 0x02, 0x10, 0xa0, 0xe1, 0x4c, 0xc4, 0x44, 0xe3, 0x5c, 0x23, 0x83, 0xe5, 0x00, 0x00, 0x8f,
        0xe0, 0x40, 0xc3, 0x83, 0xe5,
    ];
    /// ARM `bl`: the call that erases.
    const CALL: [u8; 4] = [0x10, 0x02, 0x00, 0xeb];
    /// From the start of the pattern to the call.
    const CALL_AT: usize = 60;
    let raminit = noise(3412, seed);
    let mut usbldr = noise(220 * 1024 + 7, seed ^ 1);
    usbldr[0x400..0x400 + V7R11.len()].copy_from_slice(&V7R11);
    usbldr[0x400 + CALL_AT..0x400 + CALL_AT + 4].copy_from_slice(&CALL);
    loader_file((0, &raminit), (0x5770_0000, &usbldr))
}
