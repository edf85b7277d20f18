//! A request and its response, as they passed.

use http::HeaderMap;

use super::budget::{Budget, BudgetShare};
use crate::{clock::RunNs, dataset::BodyFormat};

/// The longest body that is kept. What is longer passes as well, and is not recorded.
const LONGEST: usize = 256 << 20;

/// A body, as far as it passed.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// What it takes of the memory for all bodies.
    part: Option<BudgetShare>,
    /// It was too long to be kept, or there was no memory left for it.
    pub(super) is_lost: bool,
    /// There was no memory left for it: too many bodies were under way, or waited to be counted.
    pub(super) is_overrun: bool,
    /// It came to its end.
    pub(super) is_whole: bool,
}

impl Body {
    /// An empty one, which counts towards this.
    pub(super) fn within(budget: &Budget) -> Self {
        Self { part: Some(budget.part()), ..Self::default() }
    }

    /// One of which nothing is kept.
    pub(super) fn lost() -> Self {
        Self { is_lost: true, ..Self::default() }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.is_lost {
            return;
        }
        let is_too_long = self.bytes.len() + bytes.len() > LONGEST;
        let has_room = is_too_long || self.part.as_mut().is_none_or(|part| part.grow(bytes.len()));
        if is_too_long || !has_room {
            *self = Self { is_overrun: !has_room, ..Self::lost() };
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// One request to an API whose bodies can be read.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) format: BodyFormat,
    /// A key of the session that a header names.
    pub(super) session: Option<u64>,
    /// When its head had arrived.
    pub(super) sent_ns: RunNs,
    /// When the last of the response had come.
    pub(super) end_ns: RunNs,
    /// HTTP status; `None` where there was no response.
    pub(super) status: Option<u16>,
    /// The response came to its end.
    pub(super) is_whole: bool,
    /// How the bodies are encoded. Nothing else of the headers is kept.
    pub(super) request_encoding: HeaderMap,
    pub(super) response_encoding: HeaderMap,
    /// The response is a stream of events.
    pub(super) is_stream: bool,
    pub(super) request: Body,
    pub(super) response: Body,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_too_long_is_not_kept() {
        let mut body = Body::default();
        let piece = vec![b'a'; LONGEST / 2];
        body.add(&piece);
        body.add(&piece);
        assert!(!body.is_lost && body.bytes.len() == LONGEST);
        body.add(b"a");
        body.add(b"a");
        assert!(body.is_lost && body.bytes.is_empty());
    }

    #[test]
    fn a_body_without_room_is_not_kept_and_leaves_none_behind() {
        let budget = Budget::default();
        let mut others = budget.part();
        assert!(others.grow((1 << 30) - 4));
        let mut body = Body::within(&budget);
        body.add(b"four");
        assert!(!body.is_lost);
        body.add(b"more");
        assert!(body.is_lost && body.is_overrun && body.bytes.is_empty());
        assert!(others.grow(4), "its bytes are free again");
    }
}
