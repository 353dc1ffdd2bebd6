//! Randomness for nonces, padding and cookies, from the operating system.
//!
//! ```
//! let mut nonce = [0; 32];
//! stickshift::random::fill(&mut nonce);
//! assert_ne!(nonce, [0; 32]);
//! ```

/// Fills `bytes` from the system's random source.
///
/// # Panics
/// Never on the systems this builds for once they have booted: the source is then always there. A nonce that is not random would be worse
/// than no run at all, so a source that fails ends the program.
pub fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system's random source works");
}
