//! Finds pieces of ARM code in a block: all of them in one pass, at multiples of 4 from the block's start.
//!
//! Of each piece the word is compared that other code has least; where one stands, the whole piece is.

/// A piece of code.
#[derive(Clone, Copy)]
pub(super) struct Needle {
    /// Whole words.
    pub(super) code: &'static [u8],
    /// Where in it the word begins that is rarest in other code.
    pub(super) rare: usize,
}

impl Needle {
    const fn rare_word(&self) -> u32 {
        let (code, at) = (self.code, self.rare);
        u32::from_le_bytes([code[at], code[at + 1], code[at + 2], code[at + 3]])
    }
}

/// Words that are compared before it is looked which of them it was.
const AT_ONCE: usize = 16;

/// Where which needle (by its number) begins in `block`, in ascending order of the rare words.
pub(super) fn search<const N: usize>(block: &[u8], needles: &[Needle; N]) -> Vec<(usize, usize)> {
    let rare = needles.map(|needle| needle.rare_word());
    let mut found = Vec::new();
    let mut look_at = |word: [u8; 4], at: usize| {
        for (which, needle) in needles.iter().enumerate() {
            if u32::from_le_bytes(word) == rare[which]
                && let Some(start) = at.checked_sub(needle.rare)
                && block[start..].starts_with(needle.code)
            {
                found.push((which, start));
            }
        }
    };
    let words = block.as_chunks::<4>().0;
    let (groups, rest) = words.as_chunks::<AT_ONCE>();
    let mut at = 0;
    for group in groups {
        let mut any = false;
        for word in group {
            for rare in rare {
                any |= u32::from_le_bytes(*word) == rare;
            }
        }
        if any {
            group.iter().enumerate().for_each(|(index, word)| look_at(*word, at + 4 * index));
        }
        at += 4 * AT_ONCE;
    }
    rest.iter().enumerate().for_each(|(index, word)| look_at(*word, at + 4 * index));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDLES: [Needle; 3] = [
        Needle { code: &[0, 0, 0, 0, 1, 0, 0, 0], rare: 4 },
        Needle { code: &[1, 0, 0, 0], rare: 0 },
        Needle { code: &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], rare: 8 },
    ];

    proptest! {
        #[test]
        fn every_place_of_every_needle_is_found(block in proptest::collection::vec(0u8..2, 0..400)) {
            // Mostly zeros, so that whole needles occur, also over each other and at both ends.
            let block: Vec<u8> = block.chunks(3).flat_map(|b| [b[0], 0, 0, 0]).chain(block.iter().copied().take(3)).collect();
            let mut found = search(&block, &NEEDLES);
            found.sort_unstable();
            let mut wanted = Vec::new();
            for (which, needle) in NEEDLES.iter().enumerate() {
                let fits = |at: &usize| block[*at..].starts_with(needle.code);
                wanted.extend((0..block.len()).step_by(4).filter(fits).map(|at| (which, at)));
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
