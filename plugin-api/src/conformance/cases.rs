//! The cases by name: what a report calls them, and what can be chosen.

/// One thing that is tried, with as many calls as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseName {
    /// `topic/name`. It never changes, and is never given to another case.
    pub id: &'static str,
    /// What was tried, as a statement that holds when nothing is found.
    pub statement: &'static str,
    /// It is made with endpoints.
    pub of_endpoints: bool,
    /// It is made with services.
    pub of_services: bool,
}

const fn both(id: &'static str, statement: &'static str) -> CaseName {
    CaseName { id, statement, of_endpoints: true, of_services: true }
}

const fn endpoints(id: &'static str, statement: &'static str) -> CaseName {
    CaseName { id, statement, of_endpoints: true, of_services: false }
}

const fn services(id: &'static str, statement: &'static str) -> CaseName {
    CaseName { id, statement, of_endpoints: false, of_services: true }
}

pub(super) const OPTIONS_SCHEMA: CaseName =
    both("options/schema", "the schema of the options is a JSON object");
/// Whether a plugin takes the options that it is given. If it does not, nothing else is made.
pub const OPTIONS_TAKEN: CaseName =
    both("options/taken", "`new` takes its options, or says which one is missing");
pub(super) const OPTIONS_UNKNOWN: CaseName =
    both("options/unknown", "`new` ignores options that it does not know");
pub(super) const OPTIONS_WRONG: CaseName = both("options/wrong", "`new` survives wrong options");

pub(super) const FORMAT_TURNS: CaseName =
    endpoints("format/turns", "`format` writes a sound request for every turn, or says why not");
pub(super) const FORMAT_REPEATED: CaseName =
    endpoints("format/repeated", "`format` is deterministic, in several threads as in one");
pub(super) const FORMAT_EXTRA: CaseName =
    endpoints("format/extra", "the user's extra fields are in the body, and win");

pub(super) const RESPONSES_UNDERSTOOD: CaseName =
    endpoints("responses/understood", "recorded responses are understood");
pub(super) const RESPONSES_REPEATED: CaseName =
    endpoints("responses/repeated", "the same response is read the same, again and from two threads");
pub(super) const RESPONSES_SPLIT: CaseName =
    endpoints("responses/split", "a response does not depend on where the network splits it");
pub(super) const RESPONSES_CHUNKS: CaseName =
    endpoints("responses/chunks", "a response does not depend on the chunks that it comes in");
pub(super) const RESPONSES_PARSERS: CaseName =
    endpoints("responses/parsers", "parsers do not influence each other");
pub(super) const RESPONSES_CUT: CaseName =
    endpoints("responses/cut", "a response that is cut off is not complete");

pub(super) const HOSTILE_EVENTS: CaseName = endpoints("hostile/events", "`event` survives garbage");
pub(super) const HOSTILE_BODIES: CaseName =
    endpoints("hostile/bodies", "`body` survives garbage, with every status");
pub(super) const HOSTILE_LARGE: CaseName =
    endpoints("hostile/large", "huge and deeply nested input neither kills nor bloats");
pub(super) const HOSTILE_ORDER: CaseName = endpoints("hostile/order", "calls in any order are survived");
pub(super) const HOSTILE_PREFIXES: CaseName =
    endpoints("hostile/prefixes", "events cut at any byte are survived");
pub(super) const HOSTILE_TYPES: CaseName =
    endpoints("hostile/types", "events with values of other types are survived");
pub(super) const HOSTILE_SHUFFLED: CaseName =
    endpoints("hostile/shuffled", "events in any order are survived");

pub(super) const FUZZ_EVENTS: CaseName = endpoints("fuzz/events", "randomly corrupted events are survived");
pub(super) const FUZZ_STREAMS: CaseName =
    endpoints("fuzz/streams", "randomly corrupted streams in random chunks are survived");
pub(super) const FUZZ_RESPONSES: CaseName =
    endpoints("fuzz/responses", "random JSON with the names of common API formats is survived");

pub(super) const SERVICE_LIFE: CaseName = services("service/life", "it lives a whole life");
pub(super) const SERVICE_MESSAGES: CaseName =
    services("service/messages", "it survives messages of every kind");
pub(super) const SERVICE_CUT: CaseName = services("service/cut", "it survives a life that is cut short");
pub(super) const SERVICE_TWO: CaseName = services("service/two", "two instances live side by side");
pub(super) const SERVICE_BUS: CaseName = services("service/bus", "it survives a bus that is full or closed");
pub(super) const SERVICE_PUBLISHED: CaseName = services("service/published", "what it publishes can be read");

/// How fast an endpoint is, and whether it grows. `prony plugins check` measures it, and no suite within a test.
pub const SPEED: CaseName = endpoints("speed/memory", "memory does not grow with the number of events");

/// Every case that can be chosen, in the order in which they are made.
pub const CASES: [CaseName; 30] = [
    OPTIONS_SCHEMA,
    OPTIONS_TAKEN,
    OPTIONS_UNKNOWN,
    OPTIONS_WRONG,
    FORMAT_TURNS,
    FORMAT_REPEATED,
    FORMAT_EXTRA,
    RESPONSES_UNDERSTOOD,
    RESPONSES_REPEATED,
    RESPONSES_SPLIT,
    RESPONSES_CHUNKS,
    RESPONSES_PARSERS,
    RESPONSES_CUT,
    HOSTILE_EVENTS,
    HOSTILE_BODIES,
    HOSTILE_LARGE,
    HOSTILE_ORDER,
    HOSTILE_PREFIXES,
    HOSTILE_TYPES,
    HOSTILE_SHUFFLED,
    FUZZ_EVENTS,
    FUZZ_STREAMS,
    FUZZ_RESPONSES,
    SERVICE_LIFE,
    SERVICE_MESSAGES,
    SERVICE_CUT,
    SERVICE_TWO,
    SERVICE_BUS,
    SERVICE_PUBLISHED,
    SPEED,
];

/// A call did not come back. It is found while another case is made, and cannot be chosen.
pub const CALLS_RETURN: CaseName = both("process/returns", "every call returns");

/// The process of the library ended while a case was made. It cannot be chosen.
pub const PROCESS_LIVES: CaseName = both("process/lives", "the library leaves its process alive");

/// Nothing was tried of all that was chosen. It cannot be chosen.
pub const SOMETHING_TRIED: CaseName = both("process/tried", "the chosen cases find something to try");

/// A test has no thread for the suite, or the suite panicked outside of the boundary.
pub(super) const SUITE_RUNS: CaseName = both("process/suite", "the suite runs to its end");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_belongs_to_one_case_and_has_a_topic() {
        let names: BTreeSet<&str> = CASES.iter().map(|case| case.id).collect();
        assert_eq!(names.len(), CASES.len());
        for case in CASES {
            let (topic, name) = case.id.split_once('/').unwrap();
            let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase());
            assert!(plain(topic) && plain(name), "{}", case.id);
            assert!(case.of_endpoints || case.of_services, "{}", case.id);
        }
    }
}
