//! Flags of what is shown and said of a run while it goes on.

use std::net::IpAddr;

use clap::Args;

use super::choice::SERVICES;
use crate::config::units::{self, Choice};

/// The service that answers questions about the run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LiveFlags {
    /// Answer questions about the run while it goes on, at this port; 0 takes a free one and says which.
    ///
    /// The service `live_api` has a page for a browser at `/`, JSON below `/api/`, server-sent events at `/api/events`, and a
    /// page for Prometheus at `/metrics`.
    #[arg(long, value_name = "PORT", value_parser = units::port, help_heading = SERVICES)]
    pub(crate) api_port: Option<u16>,

    /// Address of this machine at which it answers [default: 127.0.0.1].
    ///
    /// There is no authentication: anyone who can reach the address can read.
    #[arg(long, value_name = "ADDRESS", value_parser = units::own_address, help_heading = SERVICES)]
    pub(crate) api_host: Option<IpAddr>,
}

/// What is shown while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ui {
    /// All that is known of the run, on the whole terminal.
    Dashboard,
    /// A progress bar, or lines where there is no terminal.
    Simple,
    /// Nothing.
    None,
}

impl Choice for Ui {
    const NAMES: &'static [(&'static str, Self)] =
        &[("dashboard", Self::Dashboard), ("simple", Self::Simple), ("none", Self::None)];
}
