//! What passes between clients and a server, recorded as sessions: a proxy, and what is made of the traffic.
//!
//! [`Proxy`] takes connections ([`pass`] serves one, over a connection of its own to the server) and passes everything on as it
//! comes; a [`tap`] notes what passed. When a response is over, the [`exchange`] goes to a thread of its own ([`counting`]), which
//! reads the bodies, counts tokens, and puts the request into its place ([`sessions`]): prompts become ids of blocks
//! ([`blocks`]), and who goes on with what is known by a header, or by what a request repeats ([`keyed_message`]). [`output`] writes the
//! file. Nothing of this is done while a response is on its way, and headers are never kept.

mod blocks;
mod budget;
mod counting;
mod ends;
mod exchange;
mod keyed_message;
mod output;
mod pass;
mod proxy;
mod sessions;
mod tap;

pub(crate) use self::{
    counting::{Counting, CountingError, Manner, Recorded},
    output::{Output, OutputError},
    proxy::{ListenError, Passing, Proxy, Wishes},
};
