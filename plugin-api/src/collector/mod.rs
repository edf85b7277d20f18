//! What services that collect share. No type of it crosses the boundary, and none is needed to write a service.
//!
//! A collector has a thread of its own, a [`Worker`], which obeys commands and works in a [`Rhythm`] while a phase runs. It asks its
//! sources [`at_once()`], keeps what a full bus refuses in an [`Outbox`], and names a source [`without_secrets`].

mod at_once;
mod outbox;
mod rhythm;
mod worker;

pub use at_once::at_once;
pub use outbox::Outbox;
pub use rhythm::Rhythm;
pub use worker::{Ended, Worker};

/// An address without user, password and query, which may be secret.
pub fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + "://".len()));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{path}")
}
