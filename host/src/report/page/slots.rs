//! Values that come and go, in one piece of memory: [`Slots`].

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(usize);

/// Values in the places of others that have left. A box for each of many long-lived values would stand between buffers that come and go, and
/// leave holes of their size behind.
#[derive(Debug)]
pub(super) struct Slots<T> {
    values: Vec<Option<T>>,
    free: Vec<Slot>,
}

impl<T> Slots<T> {
    /// None yet. There is room for so many at once; what is not used of it is no memory.
    pub(super) fn with_room(most: usize) -> Self {
        Self { values: Vec::with_capacity(most), free: Vec::new() }
    }

    /// Keeps a value.
    pub(super) fn put(&mut self, value: T) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.values[slot.0] = Some(value);
            return slot;
        }
        self.values.push(Some(value));
        Slot(self.values.len() - 1)
    }

    /// Takes a value out; nothing if it has left before.
    pub(super) fn take(&mut self, slot: Slot) -> Option<T> {
        let value = self.values[slot.0].take();
        if value.is_some() {
            self.free.push(slot);
        }
        value
    }

    /// All that are there, in no order and without a second copy of them.
    pub(super) fn into_values(self) -> Vec<T> {
        #[expect(
            clippy::filter_map_identity,
            reason = "`flatten` would put them into a second piece of memory"
        )]
        self.values.into_iter().filter_map(|value| value).collect()
    }

    /// All that are there.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_the_place_of_one_that_has_left() {
        let mut slots = Slots::with_room(2);
        let [first, _] = ["a", "b"].map(|value| slots.put(value));
        assert_eq!(slots.take(first), Some("a"));
        assert_eq!(slots.take(first), None);
        slots.put("c");
        assert_eq!(slots.values.len(), 2);
        assert_eq!(slots.into_values(), ["c", "b"]);
    }

    #[test]
    fn all_values_stay_in_their_piece_of_memory() {
        let mut slots = Slots::with_room(100);
        slots.put("a");
        assert_eq!(slots.into_values().capacity(), 100);
    }
}
