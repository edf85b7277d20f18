//! How the value of each flag is shown and kept: one table of all flags that take a text.

/// What of a value is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// All of it.
    All,
    /// Logins and secret parameters of addresses, which have commas between them.
    OfAddresses,
    /// The same of one address, or of a path with parameters.
    OfAddress,
    /// The value of a `KEY=VALUE` whose key is that of a secret.
    OfOption,
    /// The same of several with commas between them.
    OfOptions,
    /// All of a command for the shell that may hold a secret.
    OfCommand,
    /// Nothing: its names are ours, and none of its values is a secret.
    Nothing,
    /// What any text may hold: the login of an address, or the value of a `Name:Value` whose name is that of a secret.
    OfAnyText,
}

/// The rule of each flag that takes a text, under each of its names. A flag that takes no text has none, and may have a value of any type
/// that is no secret.
const RULES: &[(Rule, &[&str])] = &[
    (Rule::All, &["--api-key", "--nats-token"]),
    (
        Rule::OfAddresses,
        &["-u", "--url", "--server-metrics", "--proxy", "--gpu-telemetry", "--otel-url", "--nats"],
    ),
    (
        Rule::OfAddress,
        &[
            "--custom-endpoint",
            "--endpoint",
            "--reset-kv-cache-path",
            "--server-profiler-start-path",
            "--server-profiler-stop-path",
        ],
    ),
    (Rule::OfOption, &["--service-option", "--endpoint-option"]),
    (Rule::OfOptions, &["--otel-resource-attributes"]),
    (
        Rule::OfCommand,
        &["--between", "--before-run", "--after-run", "--before-phase", "--after-phase", "--ssh"],
    ),
    (Rule::Nothing, &["--class", "--goodput", "--slo", "--search-sla", "--price"]),
    (
        Rule::OfAnyText,
        &[
            "-m",
            "--model",
            "--model-names",
            "--endpoint-type",
            "-H",
            "--header",
            "--session-header",
            "--extra-inputs",
            "--system-prompt",
            "--video-codec",
            "--video-audio-codec",
            "--public-dataset",
            "--tokenizer",
            "--tokenizer-revision",
            "--server-metrics-header",
            "--gen-ai-provider",
            "--service",
            "--no-service",
            "--isolate",
            "--profile-export-prefix",
            "--profile-export-file",
            "--sweep",
            "--variant",
            "--sweep-variant",
            "--convergence-metric",
            "--convergence-stat",
            "--best",
        ],
    ),
];

/// The rule of a flag, by any of its names.
pub(super) fn rule(flag: &str) -> Rule {
    let of_flag = RULES.iter().find(|(_, flags)| flags.contains(&flag));
    of_flag.map_or(Rule::OfAnyText, |(rule, _)| *rule)
}

#[cfg(test)]
mod tests {
    use std::{any::TypeId, collections::BTreeSet};

    use clap::Arg;

    use super::*;
    use crate::config::words::{Shape, settings, shape};

    /// All names of a flag, its aliases among them.
    fn names(arg: &Arg) -> Vec<String> {
        let long = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
        let short = arg.get_short().into_iter().chain(arg.get_all_short_aliases().unwrap_or_default());
        long.map(|name| format!("--{name}")).chain(short.map(|name| format!("-{name}"))).collect()
    }

    fn takes_text(arg: &Arg) -> bool {
        shape(arg) != Shape::Switch && arg.get_value_parser().type_id() == TypeId::of::<String>()
    }

    /// A new flag is looked at once: may its value be a secret, and what of it is shown?
    #[test]
    fn every_flag_that_takes_a_text_has_a_rule_under_each_of_its_names_and_nothing_else_has() {
        let command = settings();
        let texts = command.get_arguments().filter(|arg| takes_text(arg));
        let texts: BTreeSet<String> = texts.flat_map(names).collect();
        let ruled = RULES.iter().flat_map(|(_, flags)| flags.iter().map(|&flag| flag.to_owned()));
        assert_eq!(
            ruled.clone().count(),
            ruled.clone().collect::<BTreeSet<_>>().len(),
            "a flag has two rules"
        );
        assert_eq!(ruled.collect::<BTreeSet<_>>(), texts);
    }

    #[test]
    fn all_names_of_a_flag_have_one_rule() {
        for arg in settings().get_arguments().filter(|arg| takes_text(arg)) {
            let names = names(arg);
            let rules: Vec<Rule> = names.iter().map(|name| rule(name)).collect();
            assert!(rules.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}: {rules:?}");
        }
    }
}
