//! What a run takes conversations to be: every choice that changes numbers, and that others make silently.

use serde::{Deserialize, Serialize};

use super::lenient::lenient;
use crate::{
    plan::{DatasetConfig, OverflowPolicy, Plan, ReplyPolicy, Role, StartWindow, StepTiming},
    record::stored_word::stored_words,
};

/// Whose replies later turns repeat, by the name that it has in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum RepliesName {
    /// The server's.
    Live,
    /// Those of the dataset.
    Recorded,
    /// A word that only a newer version knows; it is shown as it is.
    Other(String),
}

stored_words! {
    RepliesName {
        Live => "live",
        Recorded => "recorded",
    }
}

/// When recorded turns go, by the name that it has in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum TurnTimesName {
    /// As the file says of each.
    AsRecorded,
    /// At their instants since the session's start.
    Instants,
    /// As long after the turns before them as they were recorded.
    Gaps,
    /// As soon as the turns before them have ended.
    AtOnce,
    /// A word that only a newer version knows; it is shown as it is.
    Other(String),
}

stored_words! {
    TurnTimesName {
        AsRecorded => "as_recorded",
        Instants => "instants",
        Gaps => "gaps",
        AtOnce => "at_once",
    }
}

/// What a context means that the server finds too long, by the name that it has in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum OverflowName {
    /// The session ends, which is no failure.
    EndSession,
    /// The request has failed.
    Fail,
    /// A word that only a newer version knows; it is shown as it is.
    Other(String),
}

stored_words! {
    OverflowName {
        EndSession => "end_session",
        Fail => "fail",
    }
}

/// Choices about the sessions of what is measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionSettings {
    /// Whose replies later turns repeat.
    #[serde(deserialize_with = "lenient")]
    pub(crate) replies: RepliesName,
    /// When recorded turns go.
    #[serde(deserialize_with = "lenient")]
    pub(crate) turn_times: TurnTimesName,
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
    /// What a context means that the server finds too long.
    #[serde(deserialize_with = "lenient")]
    pub(crate) context_overflow: OverflowName,
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
                ReplyPolicy::Live => RepliesName::Live,
                ReplyPolicy::Recorded => RepliesName::Recorded,
            },
            turn_times: match timing.and_then(|timing| timing.steps) {
                None => TurnTimesName::AsRecorded,
                Some(StepTiming::Instants) => TurnTimesName::Instants,
                Some(StepTiming::Gaps) => TurnTimesName::Gaps,
                Some(StepTiming::AtOnce) => TurnTimesName::AtOnce,
            },
            delay_ratio,
            delay_cap_s: timing.and_then(|timing| timing.most_delay_s),
            session_idle_cap_s: timing.and_then(|timing| timing.most_session_idle_s),
            idle_cap_s: timing
                .and_then(|timing| timing.most_idle_s)
                .or_else(|| rules.and_then(|rules| rules.most_idle_s)),
            context_overflow: match overflow {
                OverflowPolicy::EndSession => OverflowName::EndSession,
                OverflowPolicy::Fail => OverflowName::Fail,
            },
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
        let mut words = vec![format!("{} replies", self.replies.as_str())];
        match self.turn_times {
            TurnTimesName::Instants => words.push("turns at their recorded instants".to_owned()),
            TurnTimesName::Gaps => words.push("turns as long after each other as recorded".to_owned()),
            TurnTimesName::AtOnce => words.push("turns behind each other without recorded delays".to_owned()),
            TurnTimesName::AsRecorded | TurnTimesName::Other(_) => {}
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
        if self.context_overflow == OverflowName::Fail {
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
            replies: RepliesName::Live,
            turn_times: TurnTimesName::AsRecorded,
            delay_ratio: Some(1.0),
            context_overflow: OverflowName::EndSession,
            ..SessionSettings::default()
        };
        assert_eq!(plain.in_words(), "live replies");
        let all = SessionSettings {
            turn_times: TurnTimesName::Gaps,
            delay_ratio: Some(0.5),
            session_idle_cap_s: Some(10.0),
            leave_percent: 5.0,
            start_within: Some((0.25, 0.75)),
            spreads_starts: true,
            context_overflow: OverflowName::Fail,
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
