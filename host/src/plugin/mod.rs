//! Plugins: what exists, which of several wins, and how a library is opened.
//!
//! The noun is the [`Registry`]. It is made from manifests alone, which name every endpoint and service and say what
//! must be known before it runs; a library is opened when somebody first needs it. Read in this order:
//!
//! - `entry`, `manifest`, `integrity`: what a `plugins.yaml` says;
//! - `discovery`: where manifests are, the only code of this module that reads the environment;
//! - `policy`, `locked`: which of them may be used, and who decides it;
//! - `catalogue`: names and conflicts, pure;
//! - `trust`, `object_file`, `needs`, `c_descriptor`, `ladder`: what is checked before any code of a library runs;
//! - `sealed`, `loader`, `log`: the one `dlopen`, the only `unsafe` of this crate, and what an open library may use;
//! - `process_state`: what belongs to the whole process, and is put back where a library has changed it;
//! - `confined`: what a child may use that runs the code of a library to see what it does;
//! - `check`: a library tried against everything that may be done to it, in a child process;
//! - `docs`: a page about an endpoint or a service, for which an endpoint is asked in a child process;
//! - `limits`: what a service may not use in a process of its own, because its library does not state it;
//! - `libraries`, `listing`: what is open, and what there is to be shown;
//! - `inspection`, `options`: what a library says about itself, and which options it takes;
//! - `offer`, `received`: a library of a controller that its agents may take;
//! - `lockable`: what there is for a lock file;
//! - `registry`: all of it together, behind one lock;
//! - `internals`: ways around it, for fuzz targets and benches.
//!
//! It knows nothing of runs, requests or messages: a plugin is loaded here and used elsewhere.

mod c_descriptor;
mod catalogue;
pub(crate) mod check;
mod confined;
mod discovery;
pub(crate) mod docs;
mod entry;
mod error;
mod fault;
pub(crate) mod graph;
mod inspection;
pub(crate) mod install;
mod integrity;
pub(crate) mod internals;
mod ladder;
mod libraries;
mod limits;
mod listing;
mod loader;
mod lockable;
mod locked;
mod log;
mod manifest;
mod nearest;
mod needs;
mod object_file;
mod offer;
mod options;
mod outline;
mod policy;
mod process_state;
mod received;
mod registry;
mod sanitizer;
mod sealed;
#[cfg(test)]
pub(crate) mod testing;
mod trust;
mod used;
pub(crate) mod validate;

pub(crate) use discovery::DiscoveryOptions;
pub(crate) use entry::{Category, Isolation, Key, Tier};
pub(crate) use error::{A_BUG, AN_OPTION, INSTALL_PLUGINS, PluginError, chain};
pub(crate) use inspection::{CAPABILITIES, Inspection, Inspections, Messages, uses};
pub(crate) use limits::{Enforcement, enforced};
pub(crate) use listing::{EntryState, Listed, ListedEntry};
pub(crate) use loader::{end, when_an_opening_hangs};
pub(crate) use locked::LockChoice;
pub(crate) use log::{LOG_LINE, PluginLog};
pub(crate) use offer::{Choice, Offer, OfferRefusal, Offered};
pub(crate) use options::{OptionError, OptionSchema};
pub(crate) use received::{ReceiveError, Received};
pub(crate) use registry::Registry;
pub(crate) use used::{Provenance, UsedPlugin};
