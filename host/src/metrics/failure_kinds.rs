//! Failures of a phase by kind and status, while it goes on: [`FailureKinds`].

use std::cmp::Reverse;

use prony_plugin_api::live::{FailuresNow, RunNow};

use crate::record::Record;

/// Longest message of a failure that is kept, in characters.
const LONGEST_MESSAGE: usize = 200;

/// Kinds that are said at a time; the others are said at the next one.
const MOST_NEWS: usize = 4;

/// Failures by kind, at most [`RunNow::MOST_FAILURES`] of them.
#[derive(Debug, Default)]
pub(crate) struct FailureKinds(Vec<Kind>);

/// See [`FailureKinds`].
#[derive(Debug)]
struct Kind {
    now: FailuresNow,
    /// How many there were when it was said last.
    said: u64,
}

impl FailureKinds {
    /// A request is over. One that did not fail changes nothing.
    pub(crate) fn note(&mut self, record: &Record) {
        let Some(failure) = record.outcome.failure() else { return };
        let kind = failure.kind.to_string();
        if let Some(known) = self.find(&kind, failure.code) {
            known.now.count += 1;
        } else {
            let message = failure.message.chars().take(LONGEST_MESSAGE).collect();
            self.keep(FailuresNow { kind, code: failure.code, message, count: 1 });
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// All of them, the most frequent first.
    pub(crate) fn list(&self) -> Vec<FailuresNow> {
        let mut list: Vec<FailuresNow> = self.0.iter().map(|kind| kind.now.clone()).collect();
        list.sort_by_key(|failures| Reverse(failures.count));
        list
    }

    /// How many there are by now of each kind of which there are more than was said; those with the most new ones first. The message of a
    /// kind stands in it once.
    pub(super) fn news(&mut self) -> Vec<FailuresNow> {
        let mut changed: Vec<&mut Kind> =
            self.0.iter_mut().filter(|kind| kind.now.count > kind.said).collect();
        changed.sort_by_key(|kind| Reverse(kind.now.count - kind.said));
        let news = changed.into_iter().take(MOST_NEWS).map(|kind| {
            let was_said = std::mem::replace(&mut kind.said, kind.now.count) > 0;
            let message = if was_said { String::new() } else { kind.now.message.clone() };
            FailuresNow { kind: kind.now.kind.clone(), code: kind.now.code, message, count: kind.now.count }
        });
        news.collect()
    }

    /// Takes in what [`news`](Self::news) gave on another machine.
    pub(crate) fn take(&mut self, news: Vec<FailuresNow>) {
        for failures in news {
            match self.find(&failures.kind, failures.code) {
                Some(known) => known.now.count = failures.count,
                None => self.keep(failures),
            }
        }
    }

    /// Those of several machines together, the most frequent first.
    pub(crate) fn together<'a>(all: impl Iterator<Item = &'a Self>) -> Vec<FailuresNow> {
        let mut sum = Self::default();
        for kind in all.flat_map(|failures| &failures.0) {
            match sum.find(&kind.now.kind, kind.now.code) {
                Some(known) => known.now.count = known.now.count.saturating_add(kind.now.count),
                None => sum.keep(kind.now.clone()),
            }
        }
        sum.list()
    }

    fn find(&mut self, kind: &str, code: Option<u32>) -> Option<&mut Kind> {
        self.0.iter_mut().find(|known| known.now.kind == kind && known.now.code == code)
    }

    fn keep(&mut self, now: FailuresNow) {
        if self.0.len() < RunNow::MOST_FAILURES {
            self.0.push(Kind { now, said: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorDetails;

    use super::*;
    use crate::record::Outcome;

    fn failed(kind: &str, message: &str) -> Record {
        let error =
            ErrorDetails { kind: kind.to_owned(), message: message.to_owned(), ..ErrorDetails::default() };
        Record { outcome: Outcome::of(Some(error)), ..Record::default() }
    }

    fn counts(list: &[FailuresNow]) -> Vec<(&str, u64, &str)> {
        list.iter().map(|it| (it.kind.as_str(), it.count, it.message.as_str())).collect()
    }

    #[test]
    fn news_are_counts_that_have_changed_and_a_message_is_said_once() {
        let mut kinds = FailureKinds::default();
        kinds.note(&Record::default());
        assert!(kinds.news().is_empty(), "one that ended well is no failure");
        kinds.note(&failed("timeout", "nothing came"));
        assert_eq!(counts(&kinds.news()), [("timeout", 1, "nothing came")]);
        assert!(kinds.news().is_empty());
        for record in [failed("timeout", "again"), failed("connect", "refused"), failed("connect", "refused")]
        {
            kinds.note(&record);
        }
        assert_eq!(counts(&kinds.news()), [("connect", 2, "refused"), ("timeout", 2, "")]);
    }

    #[test]
    fn what_does_not_fit_into_one_time_is_said_at_the_next() {
        let mut kinds = FailureKinds::default();
        (0..MOST_NEWS + 2).for_each(|number| kinds.note(&failed(&format!("vendor_{number}"), "no")));
        assert_eq!((kinds.news().len(), kinds.news().len(), kinds.news().len()), (MOST_NEWS, 2, 0));
    }

    #[test]
    fn failures_of_several_machines_add_up() {
        let (mut here, mut one, mut two) =
            (FailureKinds::default(), FailureKinds::default(), FailureKinds::default());
        here.note(&failed("timeout", "nothing came"));
        one.take(here.news());
        here.note(&failed("timeout", "nothing came"));
        one.take(here.news());
        let mut there = FailureKinds::default();
        there.note(&failed("connect", "refused"));
        two.take(there.news());
        let together = FailureKinds::together([&one, &two].into_iter());
        assert_eq!(counts(&together), [("timeout", 2, "nothing came"), ("connect", 1, "refused")]);
    }
}
