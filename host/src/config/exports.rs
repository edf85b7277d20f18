//! Which files a run is to leave.

use super::{
    error::ConfigError,
    export_error::PrefixError,
    problems::Problems,
    spec::{Origin, RunSpec},
};
use crate::plan::{Exports, ServerMetricsFormat};

/// Endings of the files that a prefix is for: AIPerf takes the name of one of them as well. The longest come first.
const ENDINGS: [&str; 8] =
    ["_timeslices.json", "_timeslices.csv", "_console.txt", "_raw.jsonl", ".json", ".jsonl", ".csv", ".txt"];

/// Longest beginning of a file's name, in bytes. Names have 255 on most systems, and endings of files come behind it.
const MOST_BYTES: usize = 150;

/// What is asked for.
pub(super) fn exports(spec: &RunSpec, problems: &mut Problems) -> Exports {
    let prefix = spec.profile_export_prefix.given().map(|(text, by)| prefix(text, by));
    let prefix = prefix.and_then(|prefix| problems.note(prefix.map_err(ConfigError::from)));
    if let Some((by, with)) = spec.server_metrics_formats.origin().zip(spec.no_server_metrics.origin()) {
        problems.push(ConfigError::Clash {
            flag: by.into(),
            with: with.into(),
            reason: "no server metrics are written then",
        });
    }
    Exports {
        compat: without_repeats(spec.compat.list()),
        level: spec.export_level.value().unwrap_or_default(),
        slice_s: spec.slice_duration.value(),
        prefix,
        server_metrics: spec
            .server_metrics_formats
            .get()
            .map(|formats: &Vec<ServerMetricsFormat>| without_repeats(formats)),
    }
}

fn without_repeats<T: Copy + PartialEq>(list: &[T]) -> Vec<T> {
    let mut once = Vec::new();
    for item in list {
        if !once.contains(item) {
            once.push(*item);
        }
    }
    once
}

/// The beginning of names that a text stands for.
fn prefix(text: &str, by: Origin) -> Result<String, PrefixError> {
    let name = ENDINGS.iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(text);
    let reason = match name {
        _ if name.trim().is_empty() => "it is empty",
        _ if name.contains(['/', '\\']) => "it is a path",
        _ if name.starts_with('.') => "it begins with a dot",
        _ if name.chars().any(char::is_control) => "it has a control character",
        _ if name.len() > MOST_BYTES => "it is too long",
        _ if is_taken(name) => "another file of a run has such a name",
        _ => return Ok(name.to_owned()),
    };
    Err(PrefixError { by, reason })
}

/// Whether a file would take the place of another one.
fn is_taken(prefix: &str) -> bool {
    Exports { prefix: Some(prefix.to_owned()), ..Exports::default() }.overwritten().is_some()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::spec::tests::spec,
        plan::{Compat, ExportLevel},
    };

    fn asked(line: &str) -> Exports {
        let mut problems = Problems::default();
        let exports = exports(&spec(line), &mut problems);
        problems.finish().unwrap();
        exports
    }

    #[test]
    fn nothing_is_asked_for_without_a_flag() {
        assert!(asked("").are_default());
        let exports = asked("--compat vllm,aiperf,vllm --export-level raw --slice-duration 2s");
        assert_eq!(exports.compat, [Compat::Vllm, Compat::Aiperf]);
        assert_eq!((exports.level, exports.slice_s), (ExportLevel::Raw, Some(2.0)));
    }

    #[rstest]
    #[case("monday", "monday")]
    #[case("monday.json", "monday")]
    #[case("monday.v2", "monday.v2")]
    fn a_name_of_a_file_is_a_beginning_of_names(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(asked(&format!("--profile-export-file {text}")).prefix.as_deref(), Some(expected));
    }

    #[rstest]
    fn what_is_no_beginning_of_a_name_is_refused(
        #[values("a/b", "..", ".json", "a\\b", "slices", "profile_export_prony.json")] text: &str,
    ) {
        let mut problems = Problems::default();
        exports(&spec(&format!("--profile-export-prefix {text}")), &mut problems);
        let errors = problems.finish().unwrap_err();
        assert!(errors.to_string().contains("for names of files"), "{errors}");
    }
}
