//! All tokens of the vocabulary, in a table that the build script made: it is read where it lies in the program's file, so
//! that nothing is loaded, and only what is looked at takes memory.

use super::hash::{SLOT_BITS, slot};

/// The bytes of all tokens, one after the other, by rank.
static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/o200k.bytes"));

/// Where each token begins in [`BYTES`], and where the last one ends: numbers of four bytes, the lowest first.
static STARTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/o200k.starts"));

/// For each slot the rank of a token, plus one; 0 where there is none. A token stands in its slot or in the next free one.
static SLOTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/o200k.slots"));

/// No token is longer, in bytes.
const LONGEST: usize = 128;

/// How early a token was found when the vocabulary was made, and its id.
pub(super) type Rank = u32;

/// The rank of the token with these bytes, if there is one.
pub(super) fn rank(bytes: &[u8]) -> Option<Rank> {
    if bytes.len() > LONGEST {
        return None;
    }
    let mut at = slot(bytes);
    loop {
        let rank = number(SLOTS, at)?.checked_sub(1)?;
        if token(rank) == Some(bytes) {
            return Some(rank);
        }
        at = (at + 1) % (1 << SLOT_BITS);
    }
}

/// The bytes of a token; nothing if there is no token of this rank.
pub(super) fn token(rank: Rank) -> Option<&'static [u8]> {
    let rank = rank as usize;
    BYTES.get(number(STARTS, rank)? as usize..number(STARTS, rank + 1)? as usize)
}

/// The number at this place of a list.
fn number(list: &[u8], at: usize) -> Option<u32> {
    let bytes = list.get(at * 4..at * 4 + 4)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_found_by_its_bytes() {
        let all = (0..).map_while(token);
        let mut count = 0;
        for (expected, bytes) in (0..).zip(all) {
            assert_eq!(rank(bytes), Some(expected));
            assert!(!bytes.is_empty() && bytes.len() <= LONGEST);
            count += 1;
        }
        assert_eq!(count, 199_998);
    }

    #[test]
    fn what_is_no_token_is_not_found() {
        for bytes in [b"".as_slice(), b"zqzqzqzq", &[b' '; 200]] {
            assert_eq!(rank(bytes), None);
        }
        assert_eq!(token(199_998), None);
    }
}
