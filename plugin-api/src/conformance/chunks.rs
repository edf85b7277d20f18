//! Random chunks: what a network makes of a response.

use crate::testing::dice::Dice;

/// Sizes are up to the powers of two below this one: 2 kB.
const POWERS: usize = 12;

/// Cuts bytes into chunks of random sizes, of which each power of two is as likely: a stream comes in single bytes here, and
/// whole there.
pub(super) fn chunks<'a>(bytes: &'a [u8], dice: &mut Dice) -> Vec<&'a [u8]> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    while !rest.is_empty() {
        let most = 1 << dice.below(POWERS);
        let (chunk, after) = rest.split_at((1 + dice.below(most)).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_all_of_it_and_the_same_from_the_same_seed() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let cut = chunks(&bytes, &mut Dice::new(7));
        assert_eq!(cut.concat(), bytes);
        assert!(cut.len() > 1 && cut.iter().all(|chunk| !chunk.is_empty()), "{}", cut.len());
        assert_eq!(cut, chunks(&bytes, &mut Dice::new(7)));
        assert_ne!(cut, chunks(&bytes, &mut Dice::new(8)));
        assert!(chunks(&[], &mut Dice::new(7)).is_empty());
    }
}
