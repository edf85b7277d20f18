//! The whole way from a hand-made journal to the files.
