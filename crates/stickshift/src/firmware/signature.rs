//! The signature at the end of partition 0 or 1, inside the inflated image (docs/protocols/balong-flash.md section 1.7).
//!
//! Only its outline is public: a length, and the hash of the key. Whether it is valid, the stick alone can tell.
//!
//! ```
//! use stickshift::firmware::signature::{self, Signature};
//!
//! let key_hash = signature::common_key();
//! let signature = Signature { partition: 0, length: signature::trailer_length(10), key_hash };
//! assert_eq!((signature.length, signature.partitions()), (2958, Some(10)));
//! assert!(signature.known_key().is_some());
//! ```

use std::io::Read;

use super::header::u32_at;
use crate::error::Result;

/// Last four bytes of a signed partition.
const MARK: u32 = 0xffaa_affa;

/// From the end: length, unknown, mark.
const FOOTER: usize = 12;

/// Where in the trailer the key hash stands.
const HASH_AT: usize = 6;

/// Bytes of a key hash.
pub const HASH_SIZE: usize = 32;

/// Longer trailers than this are not looked for; the longest known has 4014 bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// A key that firmware was seen to be signed with. The table is `data/signature-keys.toml`.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its hash, 64 upper-case digits.
    pub hash: &'static str,
    /// Lengths of the trailers that it was seen in.
    pub lengths: &'static [u32],
    /// Images that it was seen on.
    pub seen_on: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/signature_keys.rs"));

/// Hash of the key that most images of the family name: the first row of the table.
pub fn common_key() -> [u8; HASH_SIZE] {
    let hash = crate::hex::decode(KNOWN_KEYS[0].hash).and_then(|bytes| bytes.try_into().ok());
    hash.expect("the table is checked when it is built")
}

/// A signature trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The partition that it ends, 0 or 1.
    pub partition: usize,
    /// Its bytes, counted to the end of the partition.
    pub length: u32,
    /// Hash of the public key that it is made with.
    pub key_hash: [u8; HASH_SIZE],
}

impl Signature {
    /// The key hash as the signature command wants it: 64 upper-case digits.
    pub fn key_hex(&self) -> String {
        crate::hex::encode_upper(&self.key_hash)
    }

    /// What is known of its key.
    pub fn known_key(&self) -> Option<&'static KnownKey> {
        let hash = self.key_hex();
        KNOWN_KEYS.iter().find(|key| key.hash == hash)
    }

    /// How many partitions it is made for. All known lengths are 54 + 264 * (partitions + 1); `None` for any other.
    pub fn partitions(&self) -> Option<usize> {
        let records = self.length.checked_sub(54).filter(|rest| rest % 264 == 0)? / 264;
        (records as usize).checked_sub(1).filter(|n| *n > 0)
    }
}

/// What the end of a partition says.
pub(super) enum Trailer {
    None,
    Signature(Signature),
    /// The mark is there, the length cannot be.
    Implausible {
        length: u32,
    },
}

/// Looks at the last bytes of a partition of `size` bytes.
pub(super) fn parse(tail: &[u8], size: u64, partition: usize) -> Trailer {
    if tail.len() < FOOTER || u32_at(tail, tail.len() - 4) != MARK {
        return Trailer::None;
    }
    let length = u32_at(tail, tail.len() - FOOTER);
    let wanted = length as usize;
    if wanted < HASH_AT + HASH_SIZE + FOOTER || u64::from(length) > size || wanted > tail.len() {
        return Trailer::Implausible { length };
    }
    let at = tail.len() - wanted + HASH_AT;
    let mut key_hash = [0; HASH_SIZE];
    key_hash.copy_from_slice(&tail[at..at + HASH_SIZE]);
    Trailer::Signature(Signature { partition, length, key_hash })
}

/// The last bytes of what a reader gives, at most [`MAX_LENGTH`], and how much it gave in all.
pub(super) fn tail(reader: &mut dyn Read) -> Result<(Vec<u8>, u64)> {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = vec![0; MAX_LENGTH];
    let mut size = 0u64;
    loop {
        let got = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(super::inflate::payload_error(e)),
        };
        size += got as u64;
        kept.extend_from_slice(&buffer[..got]);
        if kept.len() > 4 * MAX_LENGTH {
            kept.drain(..kept.len() - MAX_LENGTH);
        }
    }
    let excess = kept.len().saturating_sub(MAX_LENGTH);
    kept.drain(..excess);
    Ok((kept, size))
}

/// How many bytes at the end of a partition may belong to a trailer.
pub(super) fn window(size: u64) -> u64 {
    size.min(MAX_LENGTH as u64)
}

/// A trailer of the known outline with nothing in it but the hash: for rehearsals and tests, no stick accepts it.
/// `length` is at least 50.
pub fn trailer(key_hash: &[u8; HASH_SIZE], length: u32) -> Vec<u8> {
    let length = length.max((HASH_AT + HASH_SIZE + FOOTER) as u32);
    let mut out = vec![0; length as usize];
    out[HASH_AT..HASH_AT + HASH_SIZE].copy_from_slice(key_hash);
    let footer = out.len() - FOOTER;
    out[footer..footer + 4].copy_from_slice(&length.to_le_bytes());
    out[footer + 8..].copy_from_slice(&MARK.to_le_bytes());
    out
}

/// The length of the trailer of an image with so many partitions.
pub fn trailer_length(partitions: usize) -> u32 {
    54 + 264 * (partitions as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(length: u32) -> Signature {
        Signature { partition: 0, length, key_hash: [0; 32] }
    }

    #[test]
    fn known_lengths_imply_their_partitions() {
        for (length, partitions) in [(846, 2), (1110, 3), (2694, 9), (2958, 10), (3750, 13), (4014, 14)] {
            assert_eq!(signature(length).partitions(), Some(partitions));
            assert_eq!(trailer_length(partitions), length);
        }
        for odd in [0, 54, 318, 847, 2959] {
            assert_eq!(signature(odd).partitions(), None);
        }
    }

    #[test]
    fn known_keys_are_recognised_and_their_lengths_fit_the_rule() {
        for key in KNOWN_KEYS {
            let key_hash = crate::hex::decode(key.hash).unwrap().try_into().unwrap();
            for length in key.lengths {
                let signature = Signature { partition: 0, length: *length, key_hash };
                assert_eq!(signature.known_key(), Some(key));
                assert!(signature.partitions().is_some(), "{length}");
            }
        }
        assert_eq!(signature(2958).known_key(), None);
    }

    #[test]
    fn a_trailer_is_found_and_a_lying_one_is_not_taken() {
        let hash: [u8; 32] = std::array::from_fn(|i| 0x70 + i as u8);
        let mut image = vec![9; 100];
        image.extend(trailer(&hash, 846));
        let Trailer::Signature(found) = parse(&image, 946, 1) else { panic!("not found") };
        assert_eq!((found.partition, found.length, found.key_hash), (1, 846, hash));
        assert!(found.key_hex().starts_with("70717273"));
        for length in [0u32, 49, 947, u32::MAX] {
            let at = image.len() - 12;
            image[at..at + 4].copy_from_slice(&length.to_le_bytes());
            assert!(matches!(parse(&image, 946, 0), Trailer::Implausible { .. }), "{length}");
        }
        for n in 0..12 {
            assert!(matches!(parse(&image[image.len() - n..], n as u64, 0), Trailer::None));
        }
    }
}
