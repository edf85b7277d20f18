//! Did all agents of a run do their parts, and do their clocks agree?

use prony_plugin_api::message::PhaseKind;

use super::{
    super::{by_node, model::Report},
    finding::Finding,
};
use crate::{
    clock::RunNs,
    metrics::PhaseSpan,
    record::{NodeFacts, NodeLoss, settings::PhaseSettings},
    screen::counted,
};

/// A clock that is off by more than this part of the gap between two requests may change the order in which they are sent.
const CLOCK_SHARE: f64 = 0.1;

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let gone = nodes(report).filter_map(move |facts| lost(report, facts));
    let incomplete = nodes(report).filter_map(records_missing);
    let far = by_node::far(report).into_iter().map(|far| {
        let says = far.says();
        Finding::note("outlier_agent", says.clone(), says)
    });
    gone.chain(incomplete).chain(clocks(report)).chain(far)
}

fn nodes(report: &Report) -> impl Iterator<Item = &NodeFacts> {
    report.by_node.iter().map(|node| &node.facts)
}

/// Nobody takes over what a lost agent had to do.
fn lost(report: &Report, facts: &NodeFacts) -> Option<Finding> {
    let loss = facts.lost.as_ref()?;
    let NodeLoss { at_ns, reason, by_signal } = loss;
    let (name, how, reason) = if *by_signal {
        ("agent_ended", loss.says(), String::new())
    } else {
        ("agent_lost", "was lost".to_owned(), format!(": {reason}"))
    };
    let short = format!("agent {} {how} at {:.1} s", facts.called(), *at_ns as f64 / 1e9);
    if is_over(report, *at_ns) {
        let says = format!("{short}, after the end of the last phase{reason}");
        return Some(Finding::doubt(name, short, says));
    }
    let share = share(report, *at_ns);
    let unfinished = match facts.unfinished {
        0 => String::new(),
        count => format!("; of {} that it had, nothing more is known", counted(count, "request")),
    };
    let says = format!("{short}{reason}; {share} from then on{unfinished}");
    let advice = "Look at what is after that apart, or run it again";
    Some(Finding::doubt(name, short, says).advice(advice))
}

/// Whether all phases had ended by then.
fn is_over(report: &Report, at_ns: RunNs) -> bool {
    !report.phases.is_empty() && report.phases.iter().all(|span| has_ended(span, at_ns))
}

fn has_ended(span: &PhaseSpan, at_ns: RunNs) -> bool {
    span.end_ns.is_some_and(|end_ns| end_ns <= at_ns)
}

/// What is missing of the load without this agent, in the measured phases that had not ended by then.
fn share(report: &Report, at_ns: RunNs) -> String {
    let left =
        report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling && !has_ended(span, at_ns));
    let settings = left.filter_map(|span| report.header.settings.phases.get(span.index as usize));
    let mut shares: Vec<String> = settings.map(|phase| share_of(report, phase)).collect();
    shares.dedup();
    match shares.pop() {
        Some(share) if shares.is_empty() => share,
        _ => "its part of the load is missing".to_owned(),
    }
}

/// Agents have equal parts of what is due at instants, and of the slots of a closed loop. What a lost one has not taken of a number of
/// requests of a closed loop is done by the others.
fn share_of(report: &Report, phase: &PhaseSettings) -> String {
    if phase.is_open_loop {
        return format!("1/{} of the load is missing", report.by_node.len());
    }
    if phase.request_count.is_none() && phase.duration_s.is_some() {
        return format!("about 1/{} of the load is missing", report.by_node.len());
    }
    "fewer requests were in flight".to_owned()
}

/// Not all records of an agent are in the journal.
fn records_missing(facts: &NodeFacts) -> Option<Finding> {
    let name = facts.called();
    let bytes = facts.missing_bytes.filter(|bytes| *bytes > 0);
    let why = match (bytes, &facts.damage) {
        (Some(bytes), Some(damage)) => {
            format!("{} of its journal did not arrive, and {damage}", counted(bytes, "byte"))
        }
        (Some(bytes), None) => format!("{} of its journal did not arrive", counted(bytes, "byte")),
        (None, Some(damage)) => damage.clone(),
        (None, None) => return None,
    };
    let says = format!("not all records of agent {name} are here: {why}");
    let short = format!("records of agent {name} are missing");
    let advice = "`prony collect` makes a whole report from the folders that agents keep, if they have more";
    Some(Finding::doubt("agent_records_missing", short, says).advice(advice))
}

/// A schedule that several machines share is as even as their clocks agree.
fn clocks(report: &Report) -> Option<Finding> {
    let (facts, error_ns) = by_node::largest_clock_error(report)?;
    let measured = report.header.settings.phases.iter().filter(|phase| phase.kind == PhaseKind::Profiling);
    let rates = measured.filter(|phase| phase.is_open_loop).filter_map(|phase| phase.rate);
    let rate = rates.filter(|rate| *rate > 0.0).max_by(f64::total_cmp)?;
    let gap_ms = 1e3 / rate;
    let most_ms = error_ns as f64 / 1e6;
    let (name, bound) = (facts.called(), by_node::ms(error_ns));
    let says = format!(
        "the clock of agent {name} may be off by {bound} ms, and requests were to be {gap_ms:.3} ms apart on average: gaps between \
         requests of different agents may be other ones than were asked"
    );
    let short = format!("clocks of agents agree to {bound} ms only");
    let advice = "Latencies are not affected. Use a lower rate, or agents on a network with shorter delays";
    (most_ms > CLOCK_SHARE * gap_ms).then(|| Finding::doubt("agent_clocks", short, says).advice(advice))
}
