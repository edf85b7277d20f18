//! The service as a whole, and the pages that it reads.

mod service;
