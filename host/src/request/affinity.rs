//! [`Affinity`]: what keeps the requests of one session on one server, beside its base URL and its name.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::transport::Connections;

/// In which a router says which of its servers answered, for the next request of the session to say the same.
const TOKEN: HeaderName = HeaderName::from_static("x-session-token");

/// What the requests of a session share on the wire, as long as it goes on.
#[derive(Debug, Default)]
pub(crate) struct Affinity {
    /// Connections that no other session uses, where sessions have their own.
    pub(super) connections: Option<Connections>,
    /// What the router said last.
    token: Mutex<Option<HeaderValue>>,
}

impl Affinity {
    /// Of a session that begins, and may have connections of its own.
    pub(super) fn new(has_connections: bool) -> Self {
        Self { connections: has_connections.then(Connections::default), token: Mutex::default() }
    }

    /// Notes what the router says in the headers of an answer.
    pub(super) fn note(&self, headers: &HeaderMap) {
        if let Some(token) = headers.get(TOKEN) {
            let mut token = token.clone();
            // It may open more than a way: no report has it.
            token.set_sensitive(true);
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        }
    }

    /// Repeats it in a request, unless the request has such a header of the user's.
    pub(super) fn repeat(&self, headers: &mut HeaderMap) {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = token {
            headers.entry(TOKEN).or_insert(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(TOKEN, HeaderValue::from_static(token))])
    }

    #[test]
    fn the_last_token_is_repeated_and_a_header_of_the_users_stays() {
        let affinity = Affinity::default();
        let mut before = HeaderMap::new();
        affinity.repeat(&mut before);
        assert!(before.is_empty());
        for token in ["one", "two"] {
            affinity.note(&headers(token));
        }
        affinity.note(&HeaderMap::new());
        let (mut plain, mut users) = (HeaderMap::new(), headers("mine"));
        affinity.repeat(&mut plain);
        affinity.repeat(&mut users);
        assert_eq!((plain, users), (headers("two"), headers("mine")));
    }
}
