//! The table of sections at the end of a program: linkers and debuggers read it, and nothing that runs the program does. OpenWrt's `sstrip` takes it
//! out, too.

use std::fs;
use std::path::Path;

/// Takes the table out of an ELF file, and what follows the last segment. A file without a table stays as it is.
pub(super) fn take_out(program: &Path) -> Result<(), String> {
    let bytes = fs::read(program).map_err(|e| format!("{}: {e}", program.display()))?;
    let stripped = without_table(bytes).ok_or_else(|| format!("{} is no ELF file", program.display()))?;
    fs::write(program, stripped).map_err(|e| format!("{}: {e}", program.display()))
}

/// Where a field of the header stands, and how many bytes it has (System V ABI, "ELF Header" and "Program Header").
type Field = (usize, usize);

fn without_table(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let (wide, big) = (*bytes.get(4)? == 2, *bytes.get(5)? == 2);
    let [segments, segment_size, segment_count]: [Field; 3] =
        if wide { [(0x20, 8), (0x36, 2), (0x38, 2)] } else { [(0x1c, 4), (0x2a, 2), (0x2c, 2)] };
    let table: [Field; 3] =
        if wide { [(0x28, 8), (0x3c, 2), (0x3e, 2)] } else { [(0x20, 4), (0x30, 2), (0x32, 2)] };
    let [offset, size]: [Field; 2] = if wide { [(8, 8), (32, 8)] } else { [(4, 4), (16, 4)] };
    let number = |begin: usize, (at, length): Field| {
        let field = bytes.get(begin + at..begin + at + length)?;
        let digits: Vec<u8> = if big { field.to_vec() } else { field.iter().rev().copied().collect() };
        Some(digits.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let first = number(0, segments)?;
    let step = number(0, segment_size)?;
    let count = number(0, segment_count)?;
    let mut end = first + step * count;
    for index in 0..count {
        let segment = first + step * index;
        end = end.max(number(segment, offset)? + number(segment, size)?);
    }
    bytes.get(..end)?;
    for (at, length) in table {
        bytes[at..at + length].fill(0);
    }
    bytes.truncate(end);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segments_stay_and_the_table_goes() {
        // Big endian, 32 bits: one segment of 4 bytes behind header and program header, then a table.
        let mut bytes = vec![0; 0x34 + 0x20];
        bytes[..6].copy_from_slice(b"\x7fELF\x01\x02");
        bytes[0x1f] = 0x34;
        bytes[0x23] = 0x58;
        (bytes[0x2b], bytes[0x2d], bytes[0x31], bytes[0x33]) = (0x20, 1, 2, 1);
        (bytes[0x34 + 7], bytes[0x34 + 19]) = (0x54, 4);
        bytes.extend(b"code");
        let mut wanted = bytes.clone();
        (wanted[0x23], wanted[0x31], wanted[0x33]) = (0, 0, 0);
        bytes.extend(b"table");
        assert_eq!(without_table(bytes).as_deref(), Some(&wanted[..]));
        assert_eq!(without_table(wanted.clone()), Some(wanted.clone()));
        wanted.pop();
        assert_eq!(without_table(wanted), None, "cut");
        assert_eq!(without_table(b"MZ".to_vec()), None);
    }
}
