//! The files of `docs/launch`, which start agents and searches: each is one of its kind, says what `prony` understands, and makes a run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod started;

use std::{collections::BTreeSet, fs, process::Command};

use prony_tests::{
    Tool, finish,
    pages::{page, root},
};
use rstest::rstest;
use serde_yaml::Value;

fn file(name: &str) -> String {
    fs::read_to_string(root().join("docs/launch").join(name)).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&file(name)).unwrap()
}

/// What the program says of a command.
fn help(command: &str) -> String {
    Tool::new([command, "--help"]).run().succeeds().stdout.clone()
}

/// Words of a text: names of flags, of variables and of commands.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').collect()
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<String> {
    list.as_sequence().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Each command of prony in a file, as its words from the program's name on.
fn commands(name: &str) -> Vec<Vec<String>> {
    let found = match name {
        "agents.yaml" => vec![texts(&yaml(name)["spec"]["template"]["spec"]["containers"][0]["command"])],
        "compose.yaml" => {
            let services = yaml(name)["services"].as_mapping().unwrap().clone();
            services.values().map(|service| texts(&service["command"])).collect()
        }
        _ => {
            // A line goes on behind a backslash.
            let text = file(name).replace("\\\n", " ");
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.replace('=', " ").split_whitespace().map(str::to_owned).collect()).collect()
        }
    };
    let is_program = |word: &String| word.rsplit('/').next() == Some("prony");
    let from_program = |words: Vec<String>| {
        let at = words.iter().position(is_program)?;
        Some(words[at..].to_vec())
    };
    found.into_iter().filter_map(from_program).collect()
}

#[rstest]
#[case("prony-agent.service", &["agent"])]
#[case("prony-search.service", &["search"])]
#[case("agents.sbatch", &["agent", "profile"])]
#[case("agents.yaml", &["agent"])]
#[case("compose.yaml", &["mock-server", "agent", "profile"])]
fn every_flag_of_a_file_is_one_of_its_command(#[case] name: &str, #[case] expected: &[&str]) {
    let commands = commands(name);
    let names: Vec<&str> = commands.iter().map(|command| command[1].as_str()).collect();
    assert_eq!(names, expected);
    for command in &commands {
        let help = help(&command[1]);
        let known = words(&help);
        for flag in command.iter().filter(|word| word.starts_with("--")) {
            assert!(known.contains(flag.as_str()), "{name}: `prony {}` has no `{flag}`", command[1]);
        }
    }
}

#[rstest]
fn every_variable_of_a_file_is_one_that_an_agent_reads(
    #[values("prony-agent.service", "agents.sbatch", "agents.yaml", "compose.yaml")] name: &str,
) {
    let (text, help) = (file(name), help("agent"));
    // The name of an image is for compose alone.
    let used = words(&text).into_iter().filter(|word| word.starts_with("PRONY_") && *word != "PRONY_IMAGE");
    let used: Vec<&str> = used.map(|word| word.trim_end_matches(['-', ':'])).collect();
    assert!(used.contains(&"PRONY_NATS"), "{used:?}");
    let known = words(&help);
    for variable in used {
        assert!(known.contains(variable), "{name}: no agent reads `{variable}`");
    }
}

/// The exit codes of the table that has those of an agent.
fn codes_of_an_agent() -> BTreeSet<u64> {
    let page = &page("docs/MANY_MACHINES.md").text;
    let (_, table) = page.split_once("\n| exit code | an agent ended because |\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    // Below the head is a line of dashes.
    let cells = rows.skip(1).map(|row| row.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split(',')).map(|code| code.trim().parse().unwrap()).collect()
}

/// Kubernetes decides by the numbers that the page explains, and makes no agent a second time within a run.
#[test]
fn the_job_of_kubernetes_knows_the_exit_codes() {
    let job = &yaml("agents.yaml")["spec"];
    assert_eq!(job["completionMode"].as_str(), Some("Indexed"));
    assert_eq!(job["backoffLimitPerIndex"].as_u64(), Some(0));
    let documented = codes_of_an_agent();
    let rules = job["podFailurePolicy"]["rules"].as_sequence().unwrap();
    let name = job["template"]["spec"]["containers"][0]["name"].as_str();
    let mut used = 0;
    for codes in rules.iter().map(|rule| &rule["onExitCodes"]).filter(|codes| !codes.is_null()) {
        assert_eq!(codes["containerName"].as_str(), name);
        for code in codes["values"].as_sequence().unwrap() {
            assert!(documented.contains(&code.as_u64().unwrap()), "{code:?} is not in {documented:?}");
            used += 1;
        }
    }
    assert!(used > 0, "no rule has an exit code");
}

/// Lines are comments, heads of sections, or settings (`systemd.syntax(7)`).
#[rstest]
#[case("prony-agent.service", &["[Unit]", "[Service]", "[Install]"], "ExecStart=/")]
// Only its timer is enabled.
#[case("prony-search.service", &["[Unit]", "[Service]"], "ExecStart=/")]
#[case("prony-search.timer", &["[Unit]", "[Timer]", "[Install]"], "OnCalendar=")]
fn a_unit_of_systemd_has_its_sections(#[case] name: &str, #[case] expected: &[&str], #[case] holds: &str) {
    let unit = file(name);
    let lines = unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (sections, settings): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('['));
    assert_eq!(sections, expected);
    let is_setting = |line: &&str| {
        line.split_once('=').is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let others: Vec<&str> = settings.iter().copied().filter(|line| !is_setting(line)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(settings.iter().any(|line| line.starts_with(holds)));
}

#[test]
fn the_script_of_slurm_is_one() {
    let output = finish(Command::new("bash").arg("-n").arg(root().join("docs/launch/agents.sbatch")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Slurm reads its settings up to the first line that is no comment.
    let script = file("agents.sbatch");
    let head = script.lines().take_while(|line| line.starts_with('#'));
    assert!(head.filter(|line| line.starts_with("#SBATCH --")).count() > 3, "{script}");
}

#[test]
fn a_page_has_a_place_for_each_file() {
    let pages = ["docs/MANY_MACHINES.md", "docs/CI.md"].map(|path| &page(path).text);
    let files = fs::read_dir(root().join("docs/launch")).unwrap();
    let names: Vec<String> = files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let link = format!("(launch/{name})");
        assert!(pages.iter().any(|page| page.contains(&link)), "no page links `{name}`");
    }
}
