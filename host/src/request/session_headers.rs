//! Headers that name a request's session: by them, a router sends all requests of a session to the same server.

use http::{HeaderMap, HeaderName, HeaderValue};
use prony_plugin_api::ErrorDetails;
use uuid::Uuid;

use super::headers;
use crate::session::Turn;

/// What the header is called where the user does not say.
const DEFAULT: HeaderName = HeaderName::from_static("x-session-id");

/// Names sessions on the wire. The name of one is a UUID that no other session of this or another run has.
#[derive(Debug)]
pub(super) struct SessionHeaders {
    /// Headers that the user wants in every request; none for the default one, in requests of conversations.
    asked: Vec<HeaderName>,
    /// Random, so that runs do not share names.
    base: Uuid,
}

impl SessionHeaders {
    /// Those with the names that are asked for.
    ///
    /// # Errors
    /// HTTP does not allow such a name.
    pub(super) fn new(asked: &[String]) -> Result<Self, ErrorDetails> {
        let names = asked.iter().map(|name| Ok(headers::parse(name, "")?.0));
        Ok(Self { asked: names.collect::<Result<_, ErrorDetails>>()?, base: Uuid::new_v4() })
    }

    /// Adds the headers of a request of this phase. One that is there already stays.
    pub(super) fn add(&self, headers: &mut HeaderMap, phase: u32, turn: &Turn) {
        let names = match self.asked.as_slice() {
            // A router has nothing to keep together.
            [] if turn.steps() < 2 => return,
            [] => &[DEFAULT],
            asked => asked,
        };
        // One that has begun in the phase before keeps its name.
        let (phase, session) = turn.began_as.unwrap_or((phase, turn.session));
        let Ok(value) = HeaderValue::try_from(self.name(phase, session).to_string()) else { return };
        for name in names {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// The name of a session of a phase. The bits that say which kind of UUID it is stay as they are.
    fn name(&self, phase: u32, session: u64) -> Uuid {
        Uuid::from_u128(self.base.as_u128() ^ (u128::from(phase) << 80 | u128::from(session)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_session_of_every_phase_and_run_has_a_name_of_its_own() {
        let runs = [SessionHeaders::new(&[]).unwrap(), SessionHeaders::new(&[]).unwrap()];
        let all: HashSet<Uuid> = runs
            .iter()
            .flat_map(|run| {
                (0..4).flat_map(move |phase| (0..50).map(move |session| run.name(phase, session)))
            })
            .collect();
        assert_eq!(all.len(), 400);
        assert!(all.iter().all(|name| name.get_version_num() == 4));
    }

    #[test]
    fn a_name_that_http_does_not_allow_is_an_error() {
        SessionHeaders::new(&["a b".to_owned()]).unwrap_err();
    }
}
