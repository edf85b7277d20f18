//! Categories of a dataset: which ones there are, and which each session is of.

use std::sync::Arc;

use super::Script;
use crate::plan::{Class, ClassKind, Classes, DealOrder};

/// What is kept of a session without a category.
const NONE: u16 = u16::MAX;

/// What is said of sessions without a category beside others that have one.
const OTHER: &str = "other";

/// The categories of a dataset's sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Categories {
    /// In the order in which they first come.
    names: Vec<Arc<str>>,
    /// Of each session, the place of its category among those; empty where no session has one.
    of_session: Vec<u16>,
}

impl Categories {
    /// Those of these sessions.
    pub(super) fn of<'a>(scripts: impl IntoIterator<Item = &'a Script>) -> Self {
        let mut found = Self::default();
        scripts
            .into_iter()
            .enumerate()
            .for_each(|(before, script)| found.add(before, script.category.as_ref()));
        found
    }

    /// Adds a session, behind so many others.
    pub(super) fn add(&mut self, before: usize, category: Option<&Arc<str>>) {
        let place = match category {
            None if self.of_session.is_empty() => return,
            None => NONE,
            Some(name) => self.place(name),
        };
        self.of_session.resize(before, NONE);
        self.of_session.push(place);
    }

    fn place(&mut self, name: &Arc<str>) -> u16 {
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or(self.names.len());
        if known.is_none() && place < NONE.into() {
            self.names.push(Arc::clone(name));
        }
        u16::try_from(place).unwrap_or(NONE)
    }

    /// The same of these sessions, in this order.
    pub(super) fn reordered(&self, sessions: impl Iterator<Item = u32>) -> Self {
        if self.of_session.is_empty() {
            return Self::default();
        }
        let of = |session: u32| self.of_session.get(session as usize).copied().unwrap_or(NONE);
        Self { names: self.names.clone(), of_session: sessions.map(of).collect() }
    }

    /// A class for each category, whose share is that of its sessions; none where there is no category.
    pub(super) fn classes(&self) -> Classes {
        if self.of_session.is_empty() {
            return Classes::default();
        }
        let mut counts = vec![0_u64; self.names.len() + 1];
        for place in &self.of_session {
            counts[usize::from(*place).min(self.names.len())] += 1;
        }
        let names = self.names.iter().map(ToString::to_string).chain([OTHER.to_owned()]);
        let class = |(name, count): (String, u64)| {
            let share = count as f64 / self.of_session.len() as f64;
            (count > 0).then(|| Class { name, share, ..Class::default() })
        };
        let list = names.zip(counts).filter_map(class).collect();
        Classes { kind: ClassKind::Category, order: DealOrder::default(), list }
    }

    /// The number of the class of a session of the dataset, from 0.
    pub(super) fn class_of(&self, session: u64) -> u32 {
        let place = usize::try_from(session).ok().and_then(|session| self.of_session.get(session));
        place.map_or(0, |place| u32::try_from(usize::from(*place).min(self.names.len())).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Step;

    fn found(categories: &[Option<&str>]) -> (Vec<(String, f64)>, Vec<u32>) {
        let script = |category: Option<&str>| {
            let category = category.map(Arc::from);
            Script { category, ..Script::single("s".into(), Step::default()) }
        };
        let scripts: Vec<Script> = categories.iter().copied().map(script).collect();
        let categories = Categories::of(&scripts);
        let classes = categories.classes().list.into_iter().map(|class| (class.name, class.share));
        (classes.collect(), (0..scripts.len() as u64).map(|session| categories.class_of(session)).collect())
    }

    #[test]
    fn each_session_is_of_the_class_of_its_category() {
        let class = |name: &str, share: f64| (name.to_owned(), share);
        let (classes, of_sessions) = found(&[Some("math"), Some("qa"), Some("math"), Some("math")]);
        assert_eq!((classes, of_sessions), (vec![class("math", 0.75), class("qa", 0.25)], vec![0, 1, 0, 0]));
        let (classes, of_sessions) = found(&[None, Some("qa"), None, None]);
        assert_eq!((classes, of_sessions), (vec![class("qa", 0.25), class("other", 0.75)], vec![1, 0, 1, 1]));
        assert_eq!(found(&[None, None]), (Vec::new(), vec![0, 0]));
    }
}
