//! Which models a server said it ran, by the class of the requests.

use std::collections::BTreeMap;

/// Requests by their class and the model that the server named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelsSeen(BTreeMap<u32, BTreeMap<String, u64>>);

impl ModelsSeen {
    /// Counts so many more requests of a class.
    pub(super) fn count(&mut self, class: u32, model: &str, more: u64) {
        let of_class = self.0.entry(class).or_default();
        match of_class.get_mut(model) {
            Some(count) => *count += more,
            None => drop(of_class.insert(model.to_owned(), more)),
        }
    }

    /// Counts what another part of the run has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(class, model, more)| self.count(class, model, more));
    }

    /// Class, model, and number of requests.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str, u64)> {
        let of_class = |(class, models): (&u32, _)| {
            let class = *class;
            <&BTreeMap<String, u64>>::into_iter(models)
                .map(move |(model, count)| (class, model.as_str(), *count))
        };
        self.0.iter().flat_map(of_class)
    }

    /// Requests by model, of all classes together.
    pub(super) fn of_all_classes(&self) -> BTreeMap<&str, u64> {
        let mut models = BTreeMap::new();
        self.iter().for_each(|(_, model, count)| *models.entry(model).or_default() += count);
        models
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_up_by_class_and_over_all_classes() {
        let mut seen = ModelsSeen::default();
        seen.count(1, "b", 2);
        let mut other = ModelsSeen::default();
        for (class, model) in [(0, "a"), (1, "b"), (1, "a")] {
            other.count(class, model, 1);
        }
        seen.merge(&other);
        assert_eq!(seen.iter().collect::<Vec<_>>(), [(0, "a", 1), (1, "a", 1), (1, "b", 3)]);
        assert_eq!(seen.of_all_classes(), BTreeMap::from([("a", 2), ("b", 3)]));
    }
}
