//! Where rows stand in a file, in four and a half bytes each.

use crate::bounded::MEGABYTE;

/// Rows that count from the same place. Lines of the greatest length still fit in between.
const A_BASE: usize = 16;

/// Where rows stand, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    bases: Vec<u64>,
    within: Vec<u32>,
    /// Bytes of all rows together.
    bytes: u64,
}

impl Offsets {
    /// Adds a row of this length; false if there is no room for its place.
    pub(super) fn push(&mut self, offset: u64, length: usize) -> bool {
        if self.within.len() >= u32::MAX as usize {
            return false;
        }
        if self.within.len().is_multiple_of(A_BASE) {
            self.bases.push(offset);
        }
        let within = self.bases.last().and_then(|base| u32::try_from(offset - base).ok());
        self.within.extend(within);
        self.bytes += length as u64;
        within.is_some()
    }

    /// Where a row begins.
    pub(super) fn get(&self, row: u32) -> Option<u64> {
        let row = row as usize;
        Some(self.bases.get(row / A_BASE)? + u64::from(*self.within.get(row)?))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.within.len()).unwrap_or(u32::MAX)
    }

    /// Bytes that hold most rows of the file.
    pub(super) fn usual_length(&self) -> usize {
        let mean = self.bytes / u64::from(self.len().max(1));
        usize::try_from((mean * 2).clamp(1024, MEGABYTE)).unwrap_or(1024)
    }

    /// Gives back memory that no row needs.
    pub(super) fn shrink(&mut self) {
        self.bases.shrink_to_fit();
        self.within.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept() {
        let places: Vec<u64> = (0..100).map(|row| row * 250_000_000 + 7).collect();
        let mut offsets = Offsets::default();
        assert!(places.iter().all(|place| offsets.push(*place, 10)));
        assert_eq!((0..100).map(|row| offsets.get(row).unwrap()).collect::<Vec<_>>(), places);
        assert_eq!((offsets.get(100), offsets.len()), (None, 100));
    }

    #[test]
    fn a_place_too_far_from_the_others_is_refused() {
        let mut offsets = Offsets::default();
        assert!(offsets.push(0, 10));
        assert!(!offsets.push(1 << 33, 10));
    }
}
