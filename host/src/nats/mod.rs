//! The bus between machines: a server of NATS that carries bytes from one program to others.
//!
//! The noun is the [`Bus`]: a connection with a thread of its own. Its owner asks one other process ([`Bus::request`])
//! or all that listen ([`Bus::gather`]), and answers ([`Bus::serve`]). NATS itself loses what is published while somebody is
//! away. So what must arrive goes by [`Outgoing`] and [`receive`]: numbered, repeated until it is acknowledged, in order and
//! once. Files go by [`Blobs`], under their SHA-256. A [`Server`] is a `nats-server` that this program starts and ends.
//!
//! It knows bytes and subjects, and none of prony's messages. No other room uses the library of NATS.

mod access;
mod blobs;
mod bus;
mod delivery;
mod error;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use access::{Access, Tls};
pub(crate) use blobs::{BlobError, Blobs};
pub(crate) use bus::{Bus, Subscription};
pub(crate) use delivery::{Outgoing, receive};
pub(crate) use error::BusError;
pub(crate) use server::{Server, ServerError, hold, installed};
