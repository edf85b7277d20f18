//! The last seconds of a phase on other machines, by what they have said of them: [`Sketches`] of one machine, and [`LastSeconds`] of one
//! or of several.

use std::collections::VecDeque;

use prony_plugin_api::live::{AgentNow, ClientNow, Recent};

use super::{cells::Cells, ended::Ended, sketch::Sketch};
use crate::clock::RunNs;

const SECOND_NS: u64 = 1_000_000_000;

/// So far is looked back.
const WINDOW_NS: u64 = 10 * SECOND_NS;

/// Most sketches that are kept: of a machine that says more often how things are than it should.
const MOST: usize = 64;

/// The latest sketches of one machine in one phase.
#[derive(Debug, Default)]
pub(crate) struct Sketches(VecDeque<Sketch>);

/// What has ended in the last seconds of which something is known.
#[derive(Clone, Debug)]
pub(crate) struct LastSeconds {
    seconds: f64,
    ended: Ended<Cells>,
}

impl Sketches {
    /// One more, which follows those that there are.
    pub(crate) fn take(&mut self, sketch: Sketch) {
        match self.0.back_mut() {
            // What comes at the end of a phase is of short times.
            Some(last) if last.took_ns() < SECOND_NS / 2 => last.extend(&sketch),
            _ => self.0.push_back(sketch),
        }
        let oldest = self.0.back().map_or(0, |last| last.to_ns.saturating_sub(WINDOW_NS));
        let is_old = |sketch: &Sketch| sketch.to_ns < oldest;
        while self.0.len() > MOST || self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The last seconds before this instant; nothing where nothing is known of them.
    pub(crate) fn look_back(&self, now: RunNs) -> Option<LastSeconds> {
        let from = now.saturating_sub(WINDOW_NS);
        let (mut took_ns, mut ended) = (0_u64, Ended::<Cells>::default());
        for sketch in self.0.iter().filter(|sketch| sketch.to_ns > from) {
            took_ns = took_ns.saturating_add(sketch.took_ns());
            ended.add(&sketch.ended);
        }
        (took_ns > 0).then(|| LastSeconds { seconds: took_ns as f64 / SECOND_NS as f64, ended })
    }
}

impl LastSeconds {
    fn a_second(&self, count: u64) -> f64 {
        count as f64 / self.seconds
    }

    /// Says of one machine how they were.
    pub(crate) fn tell(&self, agent: &mut AgentNow) {
        let ended = &self.ended;
        agent.seconds = self.seconds;
        agent.requests_per_s = Some(self.a_second(ended.succeeded));
        agent.failed_per_s = Some(self.a_second(ended.failed));
        agent.output_tokens_per_s = Some(self.a_second(ended.output_tokens));
        agent.time_to_first_token_ms = ended.first_token.spread();
        agent.request_latency_ms = ended.latency.spread();
        agent.lateness_ms = ended.lateness.spread();
    }

    /// Those of several machines together, and how punctual they were, in `client`. Each has its own seconds: one that is late with what it
    /// says lowers no rate.
    pub(crate) fn together(all: &[Self], client: &mut ClientNow) -> Recent {
        let rate = |count: fn(&Ended<Cells>) -> u64| -> f64 {
            // A sum of nothing would be a negative zero.
            all.iter().map(|machine| machine.a_second(count(&machine.ended))).fold(0.0, |sum, one| sum + one)
        };
        let mut sum = Ended::<Cells>::default();
        for machine in all {
            sum.add(&machine.ended);
        }
        (client.sent, client.sent_late) = (sum.sent, sum.sent_late);
        client.lateness_ms = sum.lateness.spread();
        Recent {
            seconds: all.iter().map(|machine| machine.seconds).fold(0.0, f64::max),
            requests_per_s: rate(|ended| ended.succeeded),
            failed_per_s: rate(|ended| ended.failed),
            output_tokens_per_s: rate(|ended| ended.output_tokens),
            time_to_first_token_ms: sum.first_token.spread(),
            inter_token_latency_ms: sum.inter_token.spread(),
            request_latency_ms: sum.latency.spread(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second, or a part of one, in which so many requests ended well.
    fn sketch(from_ms: u64, to_ms: u64, succeeded: u64) -> Sketch {
        Sketch {
            from_ns: from_ms * 1_000_000,
            to_ns: to_ms * 1_000_000,
            ended: Ended { succeeded, ..Ended::default() },
            ..Sketch::default()
        }
    }

    fn rate(sketches: &Sketches, second: u64) -> Option<f64> {
        let mut agent = AgentNow::default();
        sketches.look_back(second * SECOND_NS)?.tell(&mut agent);
        agent.requests_per_s
    }

    #[test]
    fn what_is_not_known_is_no_rate_and_lowers_none() {
        let mut sketches = Sketches::default();
        assert_eq!(rate(&sketches, 1), None);
        (0..5).for_each(|second| sketches.take(sketch(1000 * second, 1000 * (second + 1), 20)));
        // Nothing came for eight seconds, and what is known is still of the last ten.
        assert_eq!(rate(&sketches, 5), Some(20.0));
        assert_eq!(rate(&sketches, 13), Some(20.0));
        assert_eq!(rate(&sketches, 15), None);
        // It comes all at once, and then it is as if it had come in time.
        (5..16).for_each(|second| sketches.take(sketch(1000 * second, 1000 * (second + 1), 40)));
        assert_eq!(rate(&sketches, 16), Some(40.0));
    }

    #[test]
    fn short_times_are_put_together_and_few_are_kept() {
        let mut sketches = Sketches::default();
        (0..1000).for_each(|at| sketches.take(sketch(100 * at, 100 * (at + 1), 1)));
        assert!(sketches.0.len() < 25, "{}", sketches.0.len());
        assert_eq!(rate(&sketches, 100), Some(10.0));
        (0..1000).for_each(|_| sketches.take(sketch(0, 100_000, 1)));
        assert!(sketches.0.len() <= MOST);
    }

    #[test]
    fn rates_of_several_machines_add_up_whatever_each_is_known_of() {
        let (mut one, mut other) = (Sketches::default(), Sketches::default());
        (0..4).for_each(|second| one.take(sketch(1000 * second, 1000 * (second + 1), 30)));
        other.take(sketch(0, 1000, 10));
        let at = 4 * SECOND_NS;
        let both: Vec<_> = [&one, &other].into_iter().filter_map(|of| of.look_back(at)).collect();
        let recent = LastSeconds::together(&both, &mut ClientNow::default());
        assert_eq!((recent.requests_per_s, recent.seconds), (40.0, 4.0));
        let nothing = LastSeconds::together(&[], &mut ClientNow::default());
        assert_eq!(nothing, Recent::default());
    }
}
