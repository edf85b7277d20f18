//! The endpoints, driven through the tables that the host uses: what they write, and what they read.

mod format;
mod replay;
mod responses;
mod wire_case;
