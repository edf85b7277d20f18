//! Versions of the contract.
//!
//! A contract has one *epoch* (any break) and a *minor* (fields appended to function tables). The epoch is part of
//! the entry symbol's name, so a host can carry loaders for two epochs side by side.

/// The contract's major version: changes with any incompatible change, together with [`ENTRY_SYMBOL`].
pub const EPOCH: u32 = 1;

/// Counts what was appended in this epoch: fields of function tables, numbers of enumerations, messages of the host's, and kinds of
/// libraries. A newer minor works with an older one, in both directions.
///
/// Minor 4 added the loading of libraries in C, [`ENTRY_SYMBOL_C`], and nothing to the function tables: a library in Rust does not
/// notice it, and an older host opens no library in C.
pub const MINOR: u32 = 4;

/// The minor whose hosts are the first to open libraries in C.
pub const C_MINOR: u32 = 4;

/// The symbol a plugin library exports: where the host finds the library header of this epoch.
pub const ENTRY_SYMBOL: &str = "prony_plugin_root_v1";

/// The symbol that a library in C exports: its `prony_plugin`, of `prony_plugin.h`. Hosts know it since minor 4.
pub const ENTRY_SYMBOL_C: &str = "prony_plugin_c_v1";

/// Compiler that built this copy of the contract crate, as `rustc --version` prints it.
pub const RUSTC: &str = env!("PRONY_RUSTC");

/// Target triple this copy was built for.
pub const TARGET: &str = env!("PRONY_TARGET");

/// Optimisation level this copy was built with (`0` to `3`, `s` or `z`).
pub const OPT_LEVEL: &str = env!("PRONY_OPT_LEVEL");

/// `unwind`, or `abort` in a library that cannot contain a panic and is therefore refused.
pub const PANIC: &str = if cfg!(panic = "abort") { "abort" } else { "unwind" };
