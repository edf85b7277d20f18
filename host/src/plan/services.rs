//! What runs beside the load.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What the user wants of services, beside what their manifests say. Names are as typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServicesConfig {
    /// Services to start; one that is named several times has several instances.
    pub(crate) start: Vec<String>,
    /// Services that start by themselves and are not to.
    pub(crate) leave_out: Vec<String>,
    /// Options, over those that services get anyway.
    pub(crate) options: Vec<ServiceOption>,
    /// Questions about the run are answered while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) live_api: Option<LiveApiConfig>,
}

/// Where questions about the run are answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveApiConfig {
    /// Port; 0 is any that is free.
    pub(crate) port: u16,
    /// Address of this machine, if the user says which.
    #[serde(default)]
    pub(crate) host: Option<IpAddr>,
}

/// One option of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceOption {
    /// Name of the service.
    pub(crate) service: String,
    /// Number of the one instance that is meant, from 1; all of them without it.
    pub(crate) instance: Option<u32>,
    /// Name of the option.
    pub(crate) key: String,
    pub(crate) value: serde_json::Value,
}

/// What the server metrics service scrapes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerMetricsConfig {
    /// Run the service at all.
    pub(crate) enabled: bool,
    /// Pages to scrape: each target's own `/metrics`, and those the user named.
    pub(crate) urls: Vec<String>,
    /// Seconds from one scrape of a page to the next, if the user says so.
    #[serde(default)]
    pub(crate) interval_s: Option<f64>,
    /// Headers of every scrape. The values of sensitive ones are not journalled.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
}
