//! Synthetic loader files without third-party code, right in form (docs/protocols/balong-boot.md).

use crate::testkit::noise;

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

    let mut file = vec![0x00, 0x00, 0x02, 0x00];
    file.resize(36, 0);
    let mut descriptor = |mode: u32, size: usize, address: u32, offset: usize| {
        for word in [mode, size as u32, address, offset as u32] {
            file.extend(word.to_le_bytes());
        }
    };
    descriptor(1, raminit.len(), 0, 84);
    descriptor(2, usbldr.len(), 0x5770_0000, 84 + raminit.len());
    file.resize(84, 0);
    file.extend(raminit);
    file.extend(usbldr);
    file
}
