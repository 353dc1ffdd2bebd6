//! The public-key half of RSA, for requests that a stick wants encrypted: docs/protocols/hilink-at.md section 1.5.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::modular::Modulus;
use super::sha1::sha1;
use crate::error::{Error, ErrorKind, Result};
use crate::hex;

/// How a block is filled up before it is encrypted (`rsapadingtype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// 0: PKCS#1 v1.5.
    #[default]
    Pkcs1,
    /// 1: OAEP with SHA-1.
    Oaep,
}

/// A stick's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    modulus: Modulus,
    exponent: u32,
    /// Length of the modulus and of every encrypted block, in bytes.
    size: usize,
}

impl PublicKey {
    /// Of `encpubkeyn` and `encpubkeye`, both hex.
    ///
    /// # Errors
    /// `UnexpectedAnswer` for what is no key of 1024 to 4096 bits.
    pub(super) fn new(modulus: &str, exponent: &str) -> Result<PublicKey> {
        let bad = || Error::new(ErrorKind::UnexpectedAnswer, "the stick sent an invalid public key");
        let (n, e) = (number(modulus).ok_or_else(bad)?, number(exponent).ok_or_else(bad)?);
        let bits = n.first().map_or(0, |first| 8 * n.len() as u32 - first.leading_zeros());
        if !(1024..=4096).contains(&bits) || e.len() > 4 {
            return Err(bad().with("bits", bits));
        }
        let exponent = e.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        match Modulus::new(&n) {
            Some(modulus) if exponent > 1 => Ok(PublicKey { modulus, exponent, size: n.len() }),
            _ => Err(bad().with("bits", bits)),
        }
    }

    /// Encrypts a document as the web UI does: its base64 is cut into blocks, each encrypted, all in lower-case hex.
    pub(super) fn encrypt(
        &self,
        document: &[u8],
        padding: Padding,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> String {
        let text = STANDARD.encode(document);
        let room = match padding {
            Padding::Pkcs1 => self.size - 11,
            Padding::Oaep => self.size - 42,
        };
        let block = |part: &[u8]| {
            let padded = match padding {
                Padding::Pkcs1 => pkcs1(part, self.size, random),
                Padding::Oaep => oaep(part, self.size, random),
            };
            // Whole digits may be longer than the modulus, by zeros.
            let encrypted = self.modulus.power(&padded, self.exponent);
            hex::encode(&encrypted[encrypted.len() - self.size..])
        };
        text.as_bytes().chunks(room).map(block).collect()
    }
}

/// The bytes of a number in hex, from the first that is not zero.
fn number(text: &str) -> Option<Vec<u8>> {
    let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
    let bytes = hex::decode(&even)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Some(bytes[zeros..].to_vec())
}

/// 00 02, at least eight random bytes that are not zero, 00, the text.
fn pkcs1(text: &[u8], size: usize, random: &mut dyn FnMut(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0, 2];
    while block.len() < size - text.len() - 1 {
        let mut bytes = [0; 64];
        random(&mut bytes);
        let room = size - text.len() - 1 - block.len();
        // A source that gives nothing but zeros must not keep us here.
        block.extend(bytes.iter().map(|b| if *b == 0 { 0xa5 } else { *b }).take(room));
    }
    block.push(0);
    block.extend_from_slice(text);
    block
}

/// RFC 8017 section 7.1.1 with SHA-1 and an empty label.
fn oaep(text: &[u8], size: usize, random: &mut dyn FnMut(&mut [u8])) -> Vec<u8> {
    let mut seed = [0; 20];
    random(&mut seed);
    let mut data = sha1(b"").to_vec();
    data.resize(size - 21 - text.len() - 1, 0);
    data.push(1);
    data.extend_from_slice(text);
    mask(&mut data, &seed);
    mask(&mut seed, &data);
    [&[0], &seed[..], &data].concat()
}

/// XORs MGF1 of `seed` over `data`.
fn mask(data: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in data.chunks_mut(20).enumerate() {
        let hash = sha1(&[seed, &(counter as u32).to_be_bytes()].concat());
        chunk.iter_mut().zip(hash).for_each(|(d, h)| *d ^= h);
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    /// A 1024-bit key made for this test with openssl, and its private exponent.
    const N: &str = include_str!("testdata/rsa-n.txt");
    const D: &str = include_str!("testdata/rsa-d.txt");

    fn decrypt(blocks: &str, unpad: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let big = |t: &str| BigUint::parse_bytes(t.trim().as_bytes(), 16).unwrap();
        let digits = N.trim().len();
        let mut text = Vec::new();
        for block in blocks.as_bytes().chunks(digits) {
            let plain = BigUint::parse_bytes(block, 16).unwrap().modpow(&big(D), &big(N)).to_bytes_be();
            let mut padded = vec![0; digits / 2 - plain.len()];
            padded.extend(plain);
            text.extend(unpad(padded));
        }
        STANDARD.decode(text).unwrap()
    }

    fn unpad_pkcs1(block: Vec<u8>) -> Vec<u8> {
        assert_eq!(block[..2], [0, 2]);
        let end = 2 + block[2..].iter().position(|b| *b == 0).unwrap();
        assert!(end >= 10);
        block[end + 1..].to_vec()
    }

    fn unpad_oaep(block: Vec<u8>) -> Vec<u8> {
        let (mut seed, mut data) = (block[1..21].to_vec(), block[21..].to_vec());
        mask(&mut seed, &data);
        mask(&mut data, &seed);
        assert_eq!(seed, [7; 20]);
        assert_eq!(hex::encode(&data[..20]), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let one = 20 + data[20..].iter().position(|b| *b == 1).unwrap();
        data[one + 1..].to_vec()
    }

    #[test]
    fn what_is_encrypted_can_be_read_by_the_key() {
        let key = PublicKey::new(N.trim(), "010001").unwrap();
        for length in [0usize, 1, 60, 87, 88, 300] {
            let document: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut random = |bytes: &mut [u8]| bytes.fill(7);
            let sent = key.encrypt(&document, Padding::Pkcs1, &mut random);
            assert_eq!(decrypt(&sent, unpad_pkcs1), document);
            let sent = key.encrypt(&document, Padding::Oaep, &mut random);
            assert_eq!(decrypt(&sent, unpad_oaep), document);
        }
    }

    /// `openssl pkeyutl -decrypt` with the private key gives the document's base64 for both.
    #[test]
    fn blocks_that_openssl_opens() {
        let key = PublicKey::new(N.trim(), "010001").unwrap();
        let mut random = |bytes: &mut [u8]| bytes.fill(7);
        assert_eq!(
            key.encrypt(b"<request/>", Padding::Oaep, &mut random),
            "974d1bc6f6e887972d0f87cf22b4dfa4a6602358fb02a86720a4eb13dd0557e2013e29ac376688ac30f5df9f\
             0c745c9bf796be8fc8272ed5a170511868b15e3638fd0882ae969998481bbf5b2b91e0d07ebd18e3e4640542\
             3a87bb613c4a82ade3788da0dcadb209caa7362d691a42d558231ebcd4ad825e855ab60459a5f1c5"
        );
        assert_eq!(
            key.encrypt(b"<request/>", Padding::Pkcs1, &mut random),
            "b108f65454fc92634fcbf6f0793a91ed14e8c93885218f87922f7fdb39fe2131692cbcad6e5c5c063bb3f724\
             1650cb854a1ca5895c8f9299503401dff97f4df9ea119d4036e04e5cc735bcb2271d09af71a7f0e02c1e3cd9\
             5e770737a3d06480a6797183a4167b9b110ebaab7ac6d8052104af173a5b08ec8ae3c4ac9b857f15"
        );
    }

    #[test]
    fn block_sizes_of_a_2048_bit_key() {
        let modulus = format!("c{}1", "0".repeat(510));
        let key = PublicKey::new(&modulus, "010001").unwrap();
        let mut random = |bytes: &mut [u8]| bytes.fill(7);
        // 183 bytes are 244 characters of base64, 184 are 248: one block of 245 or two.
        assert_eq!(key.encrypt(&[0; 183], Padding::Pkcs1, &mut random).len(), 512);
        assert_eq!(key.encrypt(&[0; 184], Padding::Pkcs1, &mut random).len(), 1024);
        assert_eq!(key.encrypt(&[0; 159], Padding::Oaep, &mut random).len(), 512);
        assert_eq!(key.encrypt(&[0; 162], Padding::Oaep, &mut random).len(), 1024);
        let mut zeros = |bytes: &mut [u8]| bytes.fill(0);
        assert_eq!(key.encrypt(b"x", Padding::Pkcs1, &mut zeros).len(), 512);
    }

    #[test]
    fn what_is_no_key() {
        for (n, e) in [("", "010001"), ("ff", "010001"), ("xyz", "3"), (N.trim(), ""), (N.trim(), "1")] {
            assert!(PublicKey::new(n, e).unwrap_err().is(ErrorKind::UnexpectedAnswer));
        }
        assert!(PublicKey::new(&"f".repeat(10_000), "010001").is_err());
    }
}
