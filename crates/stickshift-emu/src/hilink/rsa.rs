//! Encrypted requests, read with the stick's own key (docs/protocols/hilink-at.md section 1.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use sha1::{Digest, Sha1};

/// The modulus, made for this purpose; every virtual stick has the same.
pub(crate) const MODULUS: &str = "b54ef1a394de8a269c10c572b62415e22f296325db54ebecbf5bd1748b1a8459539131568de0539bbacb956466fac699cfd4\
     9cb1cdc12d0de849284f6ebe21d33e1affbd7a1820e8c02cf902735f3d527f8b4a137fa53c9f020b5bc1bd5f7fe80c34fcfb\
     a347a16ddbb5359efea4b0704221e1d9d4743c0a287d1bf400c91aa37c7f32f9856cb7cf1af35617eb3513fb0975abfd0dc3\
     292707a4c441d6c7ecc95cf8109d3cadc8a5116121f3c15dcafa77332159153b5d323398ad068af35fcfbb46f9e595b6234a\
     92e1ed35d9bd276243796e61c0ba03b9c4a1427247178cae071038ba317ec66014c313759f077b92f0a447da951cee8bd9c4\
     a0ecf7ade551";
/// 65537.
pub(crate) const EXPONENT: &str = "010001";
const SECRET: &str = "3eacd68d44c6151db9af7681ec02d769c401db9b5791a8a8c391bafb3da6e1ff7b0ae2f257c32743db33cb25d50f759df021\
     40359ab9df9842271fff2d7a1e7946abd0a23055acf2a89423543c8bbcc80afd1c9356f9c8d5f2bff86d25c8a08f97c0ad7f\
     53774c8f8c76bcdd848b6bceb29dc1d42a44300916ec00c0bd90c75b0d1c1b9fec6ca5aef0996583f47e5f587183bc6b63c1\
     7a992696b2a3c99bee02006a6e5a4b131a7ef88a5fc534373d727b2a9f2a11fd9d4eda8413457d3c81bd469304dd88bd4c16\
     f208c30f1266014542502c74031e9d2c54f149c54232a428f31b8a280cafe57376ec4a8a65d2e6cce9fd1810bed504b9833e\
     7a2464be2e9d";

/// How blocks are filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    Pkcs1,
    Oaep,
}

/// The document in an encrypted request: blocks of 512 hexadecimal digits, in which is the base64 of the text.
pub(crate) fn decrypt(body: &str, padding: Padding) -> Option<Vec<u8>> {
    let body = body.trim();
    let (modulus, secret) = (big(MODULUS)?, big(SECRET)?);
    if body.is_empty() || !body.len().is_multiple_of(512) || !body.is_ascii() {
        return None;
    }
    let mut text = Vec::new();
    for block in body.as_bytes().chunks(512) {
        let number = BigUint::parse_bytes(block, 16).filter(|n| *n < modulus)?;
        let plain = number.modpow(&secret, &modulus).to_bytes_be();
        // What is left of it without leading zeros.
        let mut padded = vec![0; 256 - plain.len()];
        padded.extend(plain);
        text.extend(match padding {
            Padding::Pkcs1 => pkcs1(&padded)?,
            Padding::Oaep => oaep(&padded)?,
        });
    }
    STANDARD.decode(text).ok()
}

fn big(digits: &str) -> Option<BigUint> {
    BigUint::parse_bytes(digits.as_bytes(), 16)
}

fn pkcs1(block: &[u8]) -> Option<Vec<u8>> {
    let rest = block.strip_prefix(&[0, 2])?;
    let end = rest.iter().position(|&b| b == 0).filter(|&n| n >= 8)?;
    Some(rest[end + 1..].to_vec())
}

fn oaep(block: &[u8]) -> Option<Vec<u8>> {
    let (masked_seed, masked) = block.strip_prefix(&[0])?.split_at(20);
    let seed: Vec<u8> = masked_seed.iter().zip(mask(masked, 20)).map(|(a, b)| a ^ b).collect();
    let data: Vec<u8> = masked.iter().zip(mask(&seed, masked.len())).map(|(a, b)| a ^ b).collect();
    let rest = data.strip_prefix(Sha1::digest([]).as_slice())?;
    let end = rest.iter().position(|&b| b != 0).filter(|&n| rest[n] == 1)?;
    Some(rest[end + 1..].to_vec())
}

fn mask(seed: &[u8], length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for counter in 0u32.. {
        if all.len() >= length {
            break;
        }
        all.extend(Sha1::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize());
    }
    all.truncate(length);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl pkeyutl -encrypt` and the modulus above, from the base64 of `<request>1</request>`.
    #[test]
    fn blocks_of_openssl_are_read() {
        for (block, padding) in [(PKCS1, Padding::Pkcs1), (OAEP, Padding::Oaep)] {
            assert_eq!(decrypt(block, padding).as_deref(), Some(b"<request>1</request>".as_slice()));
            assert_eq!(decrypt(&block[1..], padding), None);
            assert_eq!(decrypt(&block.replace('0', "1"), padding), None);
        }
        assert_eq!(decrypt(&"f".repeat(512), Padding::Pkcs1), None);
        assert_eq!(decrypt("", Padding::Pkcs1), None);
    }

    const PKCS1: &str = "5a40457655af92355a14ad3c18db3ce1ee042b08ee9d11a030b34499f8955423b4745a06209da8a0357f0fb910a5d6f591d053f3e1afba50dca109afd98b526ef23ab1d2b0979c453e60b45ed5666a6822ce1b0628376ce4fbbaa987f3d8f1171ff6d4eed27b98df6e5cbd5ec43a4ad54bcb318257a6ebb90f8928c2fc48831c6bc528021b567dcf86644de1297ef8d7743d783892819eaa6d70a7fece61088b7fd8b31763eb0265085362725e877dba5538d3c7886221c5e943004d43e42c3d913dc1852e1bdfdc47b2747f49f14548f83123d08dcaef8175b21e7b36de6ed24676d91a3891ec6b0dd497b0e705bd6d13f64413224baf0ee4106410004aca86";
    const OAEP: &str = "003fa1d61d873ce331eaa5162776dbe7bec77bd0f88591a78a33f2b515564fb9f3b06540d25fb98d5af2373a0d24bb3badc1aa27f819640aa81e1400fce19536b70809abb9bd4073e195105839fbab92aa76ee91cf1fc485ad7ee307b914c48d3fcfb0d07f5cb595e61f572b7cec96b7948c539048d11ad4ea8e8f9eb3dc5d03a586d0fdbbfac50b4e00fd05a6d48c1f22f976b6ca28267f42429d0517bc962695e2aee8a76de90d63a4e887089851f1dda6d683d37e7eff3db4316782e560a1b12b940be89c45fff85751ee4ab530684c57ecfdc3e7c170ee5a8b8f60a26efeb68e72829be45303cf713bf1df8c420ca7e69b382e99a0c2aeff8d1e471dae5c";
}
