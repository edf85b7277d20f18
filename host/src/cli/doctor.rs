//! `prony doctor`: what would spoil a measurement on this machine, and what to do about it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    exit::{Exit, Failure},
    names,
    plugins::SearchArgs,
    refusal,
    resolved::{DEFAULT_ENDPOINT, cores},
    terminal,
};
use crate::{
    config::resolve::ARTIFACTS,
    dataset::Tokenizer,
    doctor::{self, Group, IntendedRuns, Look, State},
    explain::Explain,
    plugin::{
        INSTALL_PLUGINS, PluginError, Registry, chain,
        validate::{self, Finding, Severity, Validation},
    },
    screen::counted,
};

/// Version of the object that `--json` prints: within it, keys are only ever added.
const JSON_VERSION: u32 = 1;

/// What the machine is to be good for.
#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// Requests at the same time that runs are to have.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    concurrency: u64,

    /// Folder in which results are to be written.
    #[arg(long, value_name = "DIR", default_value = ARTIFACTS)]
    artifact_dir: PathBuf,

    /// API format of the runs [default: chat].
    #[arg(long, value_name = "NAME")]
    endpoint_type: Option<String>,

    /// Tokenizer of the runs: a file, a folder, or the name of a model in the Hugging Face cache [default: a built-in one].
    #[arg(long, value_name = "NAME")]
    tokenizer: Option<String>,

    /// Print JSON: `schema_version`, `looks` (`group`, `what`, `state`, `found`, `needed`, `fix`), `failures`, `warnings`.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    search: SearchArgs,
}

/// Looks, and prints what was found. A failure among it is one of the command.
pub(super) fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let wanted = IntendedRuns {
        connections: args.concurrency,
        dir: args.artifact_dir.clone(),
        endpoint_type: endpoint(args)?,
        cores: cores(),
    };
    let mut looks = doctor::examine(&wanted);
    looks.extend(plugins(validate::validate(&args.search.options(), &[])));
    looks.push(tokenizer(args.tokenizer.as_deref()));
    terminal::print(&if args.json { format!("{:#}\n", as_json(&looks)) } else { as_text(&looks) })?;
    Ok(if count(&looks, State::Fail) > 0 { Exit::Failed } else { Exit::Success })
}

/// The API format, as its manifest spells it. Without plugins, or where a manifest cannot be read, there is nothing to choose from,
/// which is a look of its own.
fn endpoint(args: &DoctorArgs) -> Result<String, Failure> {
    let Some(name) = &args.endpoint_type else { return Ok(DEFAULT_ENDPOINT.to_owned()) };
    let Ok(registry) = Registry::discover(&args.search.options()) else { return Ok(name.clone()) };
    let entry = registry.endpoint(name).map_err(|error| refusal::unknown_endpoint(name, error))?;
    Ok(entry.name.clone())
}

/// What can be found out about plugins without running their code: for all together, and for each that has a fault.
fn plugins(validation: Result<Validation, PluginError>) -> Vec<Look> {
    let (what, needed) = ("plugins", "the API formats of the runs");
    let validation = match validation {
        Ok(validation) => validation,
        Err(error) => {
            let look = Look::new(Group::Installation, what, format!("failed to {}", chain(&error)), needed);
            return vec![look.with(State::Fail, error.hint())];
        }
    };
    let entries = validation.targets.len();
    let found = format!(
        "{} in {} {} the checks that can be made without opening them",
        if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") },
        counted(validation.manifests.len(), "manifest"),
        if entries == 1 { "passes" } else { "pass" }
    );
    let fix = format!("{INSTALL_PLUGINS}; `prony plugins` lists what there is");
    let all = Look::new(Group::Installation, what, found, needed).unless(entries > 0, State::Fail, fix);
    [all].into_iter().chain(validation.findings.iter().map(fault)).collect()
}

fn fault(finding: &Finding) -> Look {
    let at = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let state = match finding.severity {
        Severity::Error => State::Fail,
        Severity::Warning => State::Warn,
    };
    let found = terminal::printable(&finding.text);
    Look::new(Group::Installation, format!("`{}{at}`", finding.file.display()), found, "no fault")
        .with(state, finding.hint.clone())
}

/// Opens the tokenizer: a file that is there may be broken.
fn tokenizer(name: Option<&str>) -> Look {
    let needed = "one that can be opened on this machine";
    let opened =
        names::tokenizer_in_cache(name).and_then(|choice| Tokenizer::load(&choice).map_err(Failure::from));
    let what = match name {
        Some(name) => format!("tokenizer `{name}`"),
        None => "tokenizer".to_owned(),
    };
    match opened {
        Ok(_) if name.is_none() => Look::new(Group::Installation, what, "built in", needed),
        Ok(_) => Look::new(Group::Installation, what, "can be opened", needed),
        Err(Failure { message, causes, hint, .. }) => {
            let found = [vec![message], causes].concat().join(": ");
            let found = terminal::printable(&format!("failed to {found}"));
            Look::new(Group::Installation, what, found, needed).with(State::Fail, hint.unwrap_or_default())
        }
    }
}

fn count(looks: &[Look], state: State) -> usize {
    looks.iter().filter(|look| look.state == state).count()
}

fn as_json(looks: &[Look]) -> Value {
    json!({
        "schema_version": JSON_VERSION,
        "looks": looks,
        "failures": count(looks, State::Fail),
        "warnings": count(looks, State::Warn),
    })
}

/// The groups, a row for each look, and how many are well.
fn as_text(looks: &[Look]) -> String {
    let section = |group: Group| {
        let rows: Vec<Vec<String>> = looks.iter().filter(|look| look.group == group).map(row).collect();
        format!("{group}\n{}\n", terminal::rows(&rows))
    };
    Group::ALL.map(section).concat() + &terminal::screen().paragraph("", &summary(looks)) + "\n"
}

/// The state, what was looked at, and the rest as a sentence.
fn row(look: &Look) -> Vec<String> {
    let Look { state, found, needed, fix, .. } = look;
    let fix = if fix.is_empty() { String::new() } else { format!("; fix: {fix}") };
    vec![state.word().to_owned(), look.what.clone(), format!("{found}; needed: {needed}{fix}")]
}

fn summary(looks: &[Look]) -> String {
    let [well, notes, warnings, failures] =
        [State::Ok, State::Note, State::Warn, State::Fail].map(|state| count(looks, state));
    format!(
        "{well} ok, {}, {}, {}",
        counted(notes, "note"),
        counted(warnings, "warning"),
        counted(failures, "failure")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks() -> Vec<Look> {
        let look = |what: &str| Look::new(Group::Files, what, "5", "10");
        vec![look("a"), look("b").with(State::Warn, "more"), look("c").with(State::Fail, "much more")]
    }

    #[test]
    fn each_look_is_a_row_with_its_state_in_words() {
        assert_eq!(row(&looks()[0]), ["ok", "a", "5; needed: 10"]);
        assert_eq!(row(&looks()[1]), ["warn", "b", "5; needed: 10; fix: more"]);
        assert_eq!(summary(&looks()), "1 ok, 0 notes, 1 warning, 1 failure");
    }

    #[test]
    fn the_object_has_all_looks_and_counts() {
        let object = as_json(&looks());
        let expected = json!({ "group": "files", "what": "c", "state": "fail", "found": "5", "needed": "10", "fix": "much more" });
        assert_eq!(object["looks"][2], expected);
        assert_eq!((&object["failures"], &object["warnings"]), (&json!(1), &json!(1)));
    }

    #[test]
    fn without_plugins_nothing_can_be_measured() {
        let looks = plugins(Ok(Validation::default()));
        assert_eq!((looks.len(), looks[0].state), (1, State::Fail));
    }

    #[test]
    fn a_fault_of_a_library_is_a_look_of_its_own() {
        let finding = Finding {
            file: "/a/plugins.yaml".into(),
            line: Some(3),
            severity: Severity::Error,
            text: "the library does not exist".to_owned(),
            hint: "build it".to_owned(),
        };
        let look = fault(&finding);
        assert_eq!((look.state, look.what.as_str()), (State::Fail, "`/a/plugins.yaml:3`"));
    }

    #[test]
    fn a_tokenizer_that_is_not_there_is_a_failure() {
        assert_eq!(tokenizer(Some("cl100k_base")).state, State::Ok);
        let look = tokenizer(Some("/nowhere/tokenizer.json"));
        assert_eq!(look.state, State::Fail);
        assert!(!look.fix.is_empty(), "{look:?}");
    }
}
