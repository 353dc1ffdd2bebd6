//! Powers modulo an odd number by Montgomery's method, for RSA with a public key: a crate for numbers of any length takes 23 KB of a router's flash for
//! the same. Nothing here is secret from who measures time.

use std::cmp::Ordering;

/// An odd number of which remainders are taken. Numbers are digits of 32 bits, the least first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Modulus {
    digits: Vec<u32>,
    /// What makes a number's last digit zero: -1 / the last digit, modulo 2^32.
    factor: u32,
}

impl Modulus {
    /// Of big-endian bytes; `None` for an even number.
    pub(super) fn new(bytes: &[u8]) -> Option<Modulus> {
        let digits = digits(bytes);
        let last = *digits.first().filter(|digit| *digit % 2 == 1)?;
        // An odd number is its own inverse modulo 8, and each of Newton's steps doubles the bits that are right.
        let inverse = (0..4).fold(last, |x, _| x.wrapping_mul(2u32.wrapping_sub(last.wrapping_mul(x))));
        Some(Modulus { digits, factor: inverse.wrapping_neg() })
    }

    /// `base` to the power of `exponent`, both it and the result big-endian bytes. `base` must be below the modulus, and `exponent` at least 1.
    pub(super) fn power(&self, base: &[u8], exponent: u32) -> Vec<u8> {
        let base = self.shifted(digits(base));
        let below_highest = 0..exponent.ilog2();
        let power = below_highest.rev().fold(base.clone(), |power, bit| {
            let square = self.product(&power, &power);
            if exponent >> bit & 1 == 1 { self.product(&square, &base) } else { square }
        });
        self.product(&[1], &power).iter().rev().flat_map(|digit| digit.to_be_bytes()).collect()
    }

    /// `number` times R, which is 2^32 to the power of the count of digits.
    fn shifted(&self, mut number: Vec<u32>) -> Vec<u32> {
        let length = self.digits.len();
        number.resize(length + 1, 0);
        for _ in 0..32 * length {
            let mut carry = 0;
            for digit in &mut number {
                (*digit, carry) = (*digit << 1 | carry, *digit >> 31);
            }
            self.reduce(&mut number);
        }
        number.truncate(length);
        number
    }

    /// `a` times `b`, divided by R.
    fn product(&self, a: &[u32], b: &[u32]) -> Vec<u32> {
        let length = self.digits.len();
        let mut sum = vec![0; length + 2];
        for i in 0..length {
            add_product(&mut sum, b, a.get(i).copied().unwrap_or(0));
            let factor = sum[0].wrapping_mul(self.factor);
            add_product(&mut sum, &self.digits, factor);
            sum.rotate_left(1);
        }
        self.reduce(&mut sum);
        sum.truncate(length);
        sum
    }

    /// Takes the modulus once from a number that is not below it.
    fn reduce(&self, number: &mut [u32]) {
        let (low, high) = number.split_at_mut(self.digits.len());
        let below = low.iter().rev().cmp(self.digits.iter().rev()) == Ordering::Less;
        if below && high.iter().all(|digit| *digit == 0) {
            return;
        }
        let mut borrow = 0;
        for (digit, less) in low.iter_mut().zip(&self.digits) {
            let difference = i64::from(*digit) - i64::from(*less) + borrow;
            (*digit, borrow) = (difference as u32, difference >> 32);
        }
        // Twice the modulus is more than any number that comes here: one digit lends.
        high.fill(0);
    }
}

fn digits(bytes: &[u8]) -> Vec<u32> {
    bytes.rchunks(4).map(|part| part.iter().fold(0, |digit, byte| digit << 8 | u32::from(*byte))).collect()
}

/// Adds `number` times `digit`.
fn add_product(sum: &mut [u32], number: &[u32], digit: u32) {
    let mut carry = 0;
    for (i, place) in sum.iter_mut().enumerate() {
        let product = u64::from(number.get(i).copied().unwrap_or(0)) * u64::from(digit);
        let whole = product + u64::from(*place) + carry;
        (*place, carry) = (whole as u32, whole >> 32);
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    fn agrees(base: &[u8], exponent: u32, modulus: &[u8]) {
        let big = BigUint::from_bytes_be;
        let power = Modulus::new(modulus).unwrap().power(base, exponent);
        assert_eq!(big(&power), big(base).modpow(&exponent.into(), &big(modulus)), "{modulus:02x?}");
    }

    #[test]
    fn powers_are_those_of_a_crate_for_them() {
        // Bytes without order: the digits of a congruential generator.
        let mut state = 1u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        for length in [1, 3, 4, 5, 8, 127, 128, 129, 256] {
            for exponent in [1, 2, 3, 17, 65537, u32::MAX] {
                let mut modulus: Vec<u8> = (0..length).map(|_| byte()).collect();
                modulus[0] |= 1;
                modulus[length - 1] |= 1;
                let base: Vec<u8> = (1..length).map(|_| byte()).collect();
                agrees(&base, exponent, &modulus);
            }
        }
    }

    #[test]
    fn powers_at_the_edges() {
        for length in [4, 7, 128] {
            let most = vec![0xff; length];
            let mut least = vec![0; length];
            (least[0], least[length - 1]) = (1, 1);
            for modulus in [&most, &least] {
                let mut below = modulus.clone();
                below[length - 1] -= 1;
                for base in [&below[..], &[], &[0], &[1], &vec![0xff; length - 1]] {
                    [1, 2, 3, 65537].into_iter().for_each(|exponent| agrees(base, exponent, modulus));
                }
            }
        }
    }

    #[test]
    fn even_numbers_are_no_modulus() {
        for bytes in [&[][..], &[0], &[2], &[1, 0]] {
            assert_eq!(Modulus::new(bytes), None);
        }
    }
}
