//! Was prony itself at its limit?

use super::{
    super::{file_names, model::Report},
    finding::Finding,
};
use crate::metrics::{ClientReport, Verdict, client::ArrivalClock};

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let others = report.client.remarks.iter().map(|remark| {
        let advice = "Give the run a machine of its own";
        Finding::note("busy_machine", "others kept this machine busy", remark.clone()).advice(advice)
    });
    limited(report).into_iter().chain(others)
}

fn limited(report: &Report) -> Option<Finding> {
    let ClientReport { verdict, ref reasons, .. } = report.client;
    let first = reasons.first()?;
    let others = match reasons.len() - 1 {
        0 => String::new(),
        others => format!(", and {others} more in `client` of `{}`", file_names::SUMMARY),
    };
    if verdict != Verdict::Limited {
        let says = format!("client-side delays may have affected these results: {first}{others}");
        return Some(Finding::doubt("client_suspect", format!("client suspect ({first})"), says));
    }
    let says = format!("prony itself was at its limit, the server may be faster than this: {first}{others}");
    let (name, short) = ("client_limited", format!("client limited ({first})"));
    // The kernel stamps what arrives while prony is late; without it, being late is part of every latency.
    let finding = match report.client.arrival_clock() {
        Some(ArrivalClock::User | ArrivalClock::Mixed) => Finding::invalid(name, short, says),
        Some(ArrivalClock::Kernel) | None => Finding::doubt(name, short, says),
    };
    Some(finding.advice("Use a machine with more free processors, or a smaller load"))
}
