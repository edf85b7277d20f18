//! Was there something between prony and the server?

use super::{
    super::{headline, model::Report},
    finding::Finding,
};
use crate::screen::counted;

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    [by_proxy(report), closed_idle(report)].into_iter().flatten()
}

fn by_proxy(report: &Report) -> Option<Finding> {
    let proxies = headline::proxies(&report.header.settings);
    let says = format!(
        "the requests went by way of the proxy `{}`: its time is in these numbers",
        proxies.join("`, `")
    );
    (!proxies.is_empty()).then(|| Finding::doubt("proxy", "by way of a proxy", says))
}

/// Opening a connection once more is not in the times of a request, but may be in those of the server.
fn closed_idle(report: &Report) -> Option<Finding> {
    let connections = counted(report.profiling.outcomes.closed_idle(), "idle connection");
    let finding =
        Finding::note("closed_idle", format!("the server closed {connections}"), report.closed_idle()?);
    Some(finding.advice("Raise the server's keep-alive timeout, if its clients wait as long as these did"))
}
