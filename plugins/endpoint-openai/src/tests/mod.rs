//! The endpoints, driven through the tables that the host uses: what they write, and what they read.

mod format;
mod forms;
mod other_inputs;
mod replay;
mod responses;
mod tool_calls;
