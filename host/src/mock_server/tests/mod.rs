//! The mock server as its clients see it: over loopback, byte by byte.
//!
//! The clock is paused, so that waiting costs nothing and deadlines are met to the nanosecond.

mod client;
mod endpoints;
mod faults;
mod jobs;
mod pacing;
mod truth;
