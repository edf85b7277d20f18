//! What a run takes conversations to be: every choice that changes numbers, and that others make silently.

use serde::{Deserialize, Serialize};

use super::lenient::lenient;
use crate::plan::{DatasetConfig, OverflowPolicy, Plan, ReplyPolicy, Role, StartWindow, StepTiming};

/// Choices about the sessions of what is measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionSettings {
    /// Whose replies later turns repeat: `live` or `recorded`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) replies: String,
    /// When recorded turns go: `instants` since the session's start, `gaps` behind the turns before them, `at_once` behind those,
    /// or `as_recorded`, which is what the file says of each.
    #[serde(deserialize_with = "lenient")]
    pub(crate) turn_times: String,
    /// Delays between turns are multiplied by this.
    #[serde(deserialize_with = "lenient")]
    pub(crate) delay_ratio: Option<f64>,
    /// The longest delay before a recorded turn, in seconds.
    #[serde(deserialize_with = "lenient")]
    pub(crate) delay_cap_s: Option<f64>,
    /// The longest time in which nothing of a recorded session goes on, in seconds.
    #[serde(deserialize_with = "lenient")]
    pub(crate) session_idle_cap_s: Option<f64>,
    /// The longest time in which no recorded session goes on, in seconds.
    #[serde(deserialize_with = "lenient")]
    pub(crate) idle_cap_s: Option<f64>,
    /// What a context means that the server finds too long: `end_session` or `fail`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) context_overflow: String,
    /// How often a user leaves after a turn, in percent.
    #[serde(deserialize_with = "lenient")]
    pub(crate) leave_percent: f64,
    /// Where the first sessions start, in parts of their turns; with their first turns without it.
    #[serde(deserialize_with = "lenient")]
    pub(crate) start_within: Option<(f64, f64)>,
    /// Those of them that start within their turns wait for the pause before the first one that they send.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) spreads_starts: bool,
    /// Headers that name the session of a request.
    #[serde(deserialize_with = "lenient")]
    pub(crate) session_headers: Vec<String>,
}

impl SessionSettings {
    /// Those of a plan, if its requests may belong to conversations.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let (delay_ratio, timing) = match &plan.dataset {
            DatasetConfig::Synthetic { dialogue, .. } if !dialogue.is_single() => (None, None),
            DatasetConfig::File { delay_ratio, timing, .. } => (Some(*delay_ratio), Some(timing)),
            _ => return None,
        };
        let rules = plan.phases.iter().find(|phase| phase.role == Role::Measured).map(|phase| &phase.rules);
        let overflow = rules.map(|rules| rules.overflow).unwrap_or_default();
        Some(Self {
            replies: match plan.replies {
                ReplyPolicy::Live => "live",
                ReplyPolicy::Recorded => "recorded",
            }
            .to_owned(),
            turn_times: match timing.and_then(|timing| timing.steps) {
                None => "as_recorded",
                Some(StepTiming::Instants) => "instants",
                Some(StepTiming::Gaps) => "gaps",
                Some(StepTiming::AtOnce) => "at_once",
            }
            .to_owned(),
            delay_ratio,
            delay_cap_s: timing.and_then(|timing| timing.most_delay_s),
            session_idle_cap_s: timing.and_then(|timing| timing.most_session_idle_s),
            idle_cap_s: timing
                .and_then(|timing| timing.most_idle_s)
                .or_else(|| rules.and_then(|rules| rules.most_idle_s)),
            context_overflow: match overflow {
                OverflowPolicy::EndSession => "end_session",
                OverflowPolicy::Fail => "fail",
            }
            .to_owned(),
            leave_percent: rules.and_then(|rules| rules.leave_percent).unwrap_or(0.0),
            start_within: rules
                .and_then(|rules| rules.start)
                .map(|StartWindow { least, most }| (least, most)),
            spreads_starts: rules.is_some_and(|rules| rules.spreads_starts),
            session_headers: plan.target.session_headers.clone(),
        })
    }

    /// The choices in words, those that change nothing left out.
    pub(crate) fn in_words(&self) -> String {
        let mut words = vec![format!("{} replies", self.replies)];
        match self.turn_times.as_str() {
            "instants" => words.push("turns at their recorded instants".to_owned()),
            "gaps" => words.push("turns as long after each other as recorded".to_owned()),
            "at_once" => words.push("turns behind each other without recorded delays".to_owned()),
            _ => {}
        }
        if let Some(ratio) = self.delay_ratio.filter(|ratio| ratio.total_cmp(&1.0).is_ne()) {
            words.push(format!("delays x {ratio}"));
        }
        for (cap_s, what) in [
            (self.delay_cap_s, "delays"),
            (self.session_idle_cap_s, "idle times of a session"),
            (self.idle_cap_s, "times without a session"),
        ] {
            words.extend(cap_s.map(|cap_s| format!("{what} of {cap_s} s at most")));
        }
        if self.leave_percent > 0.0 {
            words.push(format!("{} % leave after a turn", self.leave_percent));
        }
        if let Some((least, most)) = self.start_within {
            words.push(format!("the first ones start at {least} to {most} of their turns"));
        }
        if self.spreads_starts {
            words.push("each of these behind the pause before that turn".to_owned());
        }
        if self.context_overflow == "fail" {
            words.push("a context that is too long is a failure".to_owned());
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_choices_that_change_something_are_told() {
        let plain = SessionSettings {
            replies: "live".into(),
            turn_times: "as_recorded".into(),
            delay_ratio: Some(1.0),
            context_overflow: "end_session".into(),
            ..SessionSettings::default()
        };
        assert_eq!(plain.in_words(), "live replies");
        let all = SessionSettings {
            turn_times: "gaps".into(),
            delay_ratio: Some(0.5),
            session_idle_cap_s: Some(10.0),
            leave_percent: 5.0,
            start_within: Some((0.25, 0.75)),
            spreads_starts: true,
            context_overflow: "fail".into(),
            ..plain
        };
        assert_eq!(
            all.in_words(),
            "live replies, turns as long after each other as recorded, delays x 0.5, idle times of a session of 10 s at \
             most, 5 % leave after a turn, the first ones start at 0.25 to 0.75 of their turns, each of these \
             behind the pause before that turn, a context that is too long is a failure"
        );
    }
}
