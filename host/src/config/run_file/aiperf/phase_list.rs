//! Phases of AIPerf's that only a list can describe.

use super::super::node::{Content, Entry, Kind, Node, made};
use crate::config::keys::flag_name;

/// Puts `warmup` and `profiling` into a list of phases where one of them says what only a list can say.
pub(super) fn list_phases(benchmark: &mut Vec<Entry>) {
    let is_phase = |entry: &Entry| matches!(flag_name(&entry.key).as_str(), "warmup" | "profiling");
    let says_more =
        |entry: &Entry| matches!(&entry.value.content, Content::Map(parts) if parts.iter().any(is_of_list));
    if !benchmark.iter().any(|entry| is_phase(entry) && says_more(entry)) {
        return;
    }
    let (mut phases, others): (Vec<Entry>, Vec<Entry>) =
        std::mem::take(benchmark).into_iter().partition(is_phase);
    *benchmark = others;
    phases.sort_by_key(|phase| flag_name(&phase.key) != "warmup");
    let Some(spot) = phases.first().map(|phase| phase.spot) else { return };
    let as_item = |phase: Entry| {
        let Content::Map(mut parts) = phase.value.content else { return phase.value };
        let name = flag_name(&phase.key);
        for key in ["name", "kind"] {
            if !parts.iter().any(|part| part.key == key) {
                parts.push(made(key, phase.spot, &name, Kind::Plain));
            }
        }
        Node { spot: phase.value.spot, content: Content::Map(parts) }
    };
    let items = phases.into_iter().map(as_item).collect();
    let value = Node { spot, content: Content::List(items) };
    benchmark.push(Entry { key: "phases".to_owned(), spot, value });
}

/// A key that only one of several phases has.
pub(super) fn is_of_list(part: &Entry) -> bool {
    matches!(flag_name(&part.key).as_str(), "seamless" | "exclude-from-results")
}
