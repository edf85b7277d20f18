//! Settings in files and in the environment: what they mean, and what is said of those that mean nothing.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path, thread};

use prony_tests::{MockServer, Run, Tool};
use serde_json::Value;

/// A run of a file with these settings.
fn profile_of(settings: &str) -> Tool {
    let tool = Tool::new(["profile", "-f", "run.yaml"]);
    tool.file("run.yaml", settings);
    tool
}

/// What would be sent, one request a line.
fn listed(tool: Tool) -> String {
    tool.args(["--dry-run", "20"]).run().succeeds().stdout.clone()
}

fn show(settings: &str, words: &[&str], variables: &[(&str, &str)]) -> Run {
    let tool = Tool::new(["config", "show", "-f", "run.yaml"]).args(words);
    tool.file("run.yaml", settings);
    variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run()
}

#[test]
fn a_file_is_the_same_as_its_flags() {
    let settings = "mock: true\nislStddev: 5\nisl: 20\nosl: ${OSL:9}\nrandom-seed: 7\nextra_inputs: {temperature: 0.5}\n\
                    request_rate: 50\nclass: [{name: a, share: 3}, {name: b, model: other}]\n";
    let flags = "profile --mock --isl-stddev 5 --isl 20 --osl 9 --random-seed 7 --extra-inputs temperature:0.5 \
                 --request-rate 50 --class a:share=3 --class b:model=other";
    let of_flags = listed(Tool::new(flags.split_whitespace()));
    assert_eq!(listed(profile_of(settings)), of_flags);
    assert!(of_flags.contains("\"temperature\":0.5") && of_flags.contains("other"), "{of_flags}");
}

/// Seven mistakes of seven kinds, and a combination that follows from one of them, which is not told.
#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let settings = "mock: true\nconccurency: 5\nisl: abc\nisl_stddev: 5\nstreaming: [1]\nmodel: ${NO_SUCH_VARIABLE}\nosl: 5\n\
                    osl: 6\nheader: {A: ~}\nhttp2: true\n";
    let run = profile_of(settings).run();
    run.ends_with(2);
    let errors: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(
        errors,
        [
            "error: run.yaml:2:1: there is no setting `conccurency`",
            "error: run.yaml:3:6: failed to use `--isl abc`: it must be a whole number, 1 or more",
            "error: run.yaml:5:13: `streaming` takes `true` or `false`, and this is a list",
            "error: run.yaml:6:8: `model` cannot be read: the variable `NO_SUCH_VARIABLE` is not set",
            "error: run.yaml:8:1: `osl` is set again: it is set in line 7 already",
            "error: run.yaml:9:13: `header` has no value; it takes a mapping, or a list of values (HEADER)",
            "error: failed to use `http2 at run.yaml:10:1` together with `mock at run.yaml:1:1`: the mock server speaks \
             HTTP/1.1",
        ],
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("help: did you mean `concurrency`?"), "{}", run.stderr);
    assert!(!run.dir().join("artifacts").exists(), "nothing is sent");
    let checked = Tool::new(["config", "check", "run.yaml"]);
    checked.file("run.yaml", settings);
    assert_eq!(checked.run().ends_with(2).stderr, run.stderr);
}

/// Of single settings, of what several runs are made of, and of what does not go together in the first of them.
#[test]
fn mistakes_of_several_runs_are_told_at_once_with_their_places() {
    let check = |settings: &str| {
        let check = Tool::new(["config", "check", "run.yaml"]);
        check.file("run.yaml", settings);
        let run = check.run();
        run.ends_with(2);
        run.stderr.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>().join("\n")
    };
    let several =
        check("mock: true\nconcurrency: 1..8\nosl: abc\nhttp2: true\nsweep: {random_seed: [1, 2]}\n");
    assert_eq!(
        several,
        "error: run.yaml:3:6: failed to use `--osl abc`: it must be a whole number, 1 or more\n\
         error: run.yaml:2:1: failed to read `--concurrency 1..8`: `1..8` is no range\n\
         error: run.yaml:5:1: failed to use several values of `--random-seed`: `--num-profile-runs` measures with several seeds\n\
         error: failed to use `http2 at run.yaml:4:1` together with `mock at run.yaml:1:1`: the mock server speaks HTTP/1.1"
    );
    // What a list that cannot be read would need is not told.
    let needs = check("mock: true\nconcurrency: [1, x]\nconcurrency_ramp_duration: 5\nbest: goodput\n");
    assert_eq!(needs.lines().count(), 1, "{needs}");
}

#[test]
fn beside_phases_no_default_is_shown_that_holds_nowhere() {
    let settings =
        "mock: true\nphases: [{name: fill, role: warmup, request_count: 2}, {name: peak, request_rate: 8}]\n";
    let run = show(settings, &["--json"], &[]);
    let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    assert_eq!(shown["concurrency"]["from"], "default of the phase `fill`");
    assert_eq!(shown["arrival_pattern"]["from"], "default of the phase `peak`");
    assert_eq!(shown["isl"]["from"], "default");
    for nowhere in ["warmup_concurrency", "agentic_warmup_grace_period", "benchmark_grace_period"] {
        assert!(shown[nowhere].is_null(), "{shown}");
    }
    let swept = show(settings, &["--sweep", "phases.fill.concurrency=3,4", "--json"], &[]);
    let shown: Value = serde_json::from_str(&swept.succeeds().stdout).unwrap();
    assert!(shown["concurrency"].is_null(), "{shown}");
    let run = show("mock: true\n", &["--json"], &[]);
    let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    assert_eq!(shown["warmup_concurrency"]["from"], "default");
}

#[test]
fn flags_stand_over_the_file_and_the_file_over_variables() {
    let variables = [
        ("PRONY_ISL", "5"),
        ("PRONY_OSL", "6"),
        ("PRONY_STREAMING", "true"),
        ("PRONY_RANDOM_SEED", "7"),
        ("PRONY_CONCURENCY", "8"),
        ("PRONY_API_KEY", "sk-of-the-environment"),
    ];
    let run =
        show("osl: 60\nstreaming: false\nconcurrency: 3\n", &["--concurrency", "4", "--json"], &variables);
    let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let of = |key: &str| {
        format!("{} from {}", shown[key]["value"], shown[key]["from"].as_str().unwrap_or("nowhere"))
    };
    assert_eq!(of("isl"), "\"5\" from the variable PRONY_ISL");
    assert_eq!(of("osl"), "\"60\" from run.yaml:1:1");
    assert_eq!(of("concurrency"), "\"4\" from --concurrency");
    assert_eq!(of("streaming"), "null from nowhere");
    assert_eq!(of("request_count"), "\"10\" from default");
    assert_eq!(of("api_key"), "\"<redacted>\" from the variable PRONY_API_KEY");
    let warning = "warning: the variable `PRONY_CONCURENCY` has no effect: did you mean `PRONY_CONCURRENCY`?";
    assert_eq!(run.stderr.trim(), warning);
}

#[test]
fn quiet_is_heard_before_anything_is_warned_of() {
    let warns = |settings: &str, quiet: &str| {
        let tool = profile_of(settings).env("PRONY_CONCURENCY", "8").env("PRONY_QUIET", quiet);
        tool.args(["--dry-run", "1"]).run().succeeds().stderr.contains("PRONY_CONCURENCY")
    };
    assert!(warns("mock: true\n", ""));
    assert!(!warns("mock: true\n", "true") && !warns("mock: true\nquiet: true\n", ""));
    // The file stands over the variable.
    assert!(warns("mock: true\nquiet: false\n", "true"));
}

#[test]
fn lists_are_shown_as_they_are_asked_for() {
    let shown = show("mock: true\nconcurrency: [1, 2]\nisl: 20\n", &["--isl", "10,20", "--json"], &[]);
    let shown: Value = serde_json::from_str(&shown.succeeds().stdout).unwrap();
    assert_eq!(shown["concurrency"], serde_json::json!({"value": "1,2", "from": "run.yaml:2:1"}));
    assert_eq!(shown["isl"], serde_json::json!({"value": "10,20", "from": "--isl"}));
}

#[test]
fn what_does_not_go_together_is_named_wherever_it_stands() {
    let run = profile_of("mock: true\nrequest_rate: 5\nconcurrency: 2\n")
        .args(["--arrival-pattern", "concurrency-burst"])
        .env("PRONY_PREFILL_CONCURRENCY", "3")
        .run();
    let errors = &run.ends_with(2).stderr;
    assert!(
        errors.contains("`request_rate at run.yaml:2:1` together with `--arrival-pattern concurrency-burst`"),
        "{errors}"
    );
    assert!(
        errors.contains("`PRONY_PREFILL_CONCURRENCY` together with `concurrency at run.yaml:3:1`"),
        "{errors}"
    );
    let run = Tool::new(["profile", "--mock"]).env("PRONY_ISL", "abc").run();
    let expected = "error: PRONY_ISL: failed to use `--isl abc`: it must be a whole number, 1 or more";
    assert!(run.ends_with(2).stderr.contains(expected), "{}", run.stderr);
}

/// The seed was drawn, and stands in the file. Secrets do not.
#[test]
fn a_run_is_repeated_by_its_plan() {
    let server = MockServer::start(["--tokens", "2"]);
    let words =
        ["--request-rate", "60", "--request-count", "20", "--isl", "20", "--isl-stddev", "9", "--osl", "4"];
    let secrets = ["--api-key", "sk-0123456789", "-H", "X-Token: hk-0123456789", "--artifact-dir", "run"];
    let tool = || Tool::new(["profile", "--url", server.url(), "-m", "m", "--streaming", "--ui", "none"]);
    let key = ["--api-key", "sk-0123456789"];
    let first = tool().args(words).args(secrets).run();
    let plan = first.succeeds().read("plan.yaml");
    assert!(!plan.contains("sk-0") && !plan.contains("hk-0"), "{plan}");
    let again = |words: &[&str]| {
        let tool =
            Tool::new(["profile", "-f", "plan.yaml", "--ui", "none", "--artifact-dir", "run"]).args(words);
        tool.file("plan.yaml", &plan);
        tool
    };
    let missing = again(&[]).run();
    for name in ["PRONY_API_KEY", "SECRET_OF_HEADER"] {
        assert!(
            missing.ends_with(2).stderr.contains(&format!("the variable `{name}` is not set")),
            "{}",
            missing.stderr
        );
    }
    let second = again(&key).env("SECRET_OF_HEADER", "hk-0123456789").run();
    let differences =
        instants(&first).into_iter().zip(instants(second.succeeds())).map(|(one, other)| one.abs_diff(other));
    // An instant of the wall clock is told to the nanosecond of another start.
    assert!(differences.max().unwrap() <= 2, "{:?}", instants(&second));
    assert_eq!(plan, second.read("plan.yaml"), "a plan of a plan is the same");
    let seed = plan.lines().find_map(|line| line.strip_prefix("random_seed: ")).unwrap();
    let of_flags = listed(tool().args(words).args(["--random-seed", seed]));
    let of_plan = listed(again(&key).env("SECRET_OF_HEADER", "hk-0123456789"));
    assert_eq!(of_plan, of_flags);
}

/// When each request was due after the first one, in nanoseconds.
fn instants(run: &Run) -> Vec<u64> {
    let records = run.records();
    let mut due: Vec<u64> =
        records.iter().map(|record| record["metadata"]["credit_issued_ns"].as_u64().unwrap()).collect();
    due.sort_unstable();
    assert_eq!(due.len(), 20);
    due.iter().map(|at| at - due[0]).collect()
}

#[test]
fn a_secret_of_a_variable_is_shown_nowhere() {
    let settings = "mock: true\nheader: {X-Token: \"${MY_TOKEN}\"}\nosl: ${SHORT_PASSWORD}\n";
    let variables = [("MY_TOKEN", "hk-0123456789"), ("SHORT_PASSWORD", "pw7")];
    let wrong = show(settings, &[], &variables);
    assert!(
        wrong.ends_with(2).stderr.contains("run.yaml:3:6: failed to use `--osl <redacted>`"),
        "{}",
        wrong.stderr
    );
    let of_phase =
        show("mock: true\nphases: [{name: a, concurrency: \"${SHORT_PASSWORD}\"}]\n", &[], &variables);
    let hidden = "run.yaml:2:33: failed to use `--concurrency <redacted>`";
    assert!(of_phase.ends_with(2).stderr.contains(hidden), "{}", of_phase.stderr);
    let swept = show("mock: true\nsweep: {model: [\"${MY_TOKEN}\", b]}\n", &[], &variables);
    let refused = "run.yaml:2:1: failed to use a value of `--model` that may be a secret";
    assert!(swept.ends_with(2).stderr.contains(refused), "{}", swept.stderr);
    let settings = settings.replace("osl: ${SHORT_PASSWORD}\n", "");
    let shown = show(&settings, &[], &variables);
    assert!(shown.succeeds().stdout.contains("header: {\"X-Token\":\"${MY_TOKEN}\"}"), "{}", shown.stdout);
    let run = profile_of(&settings)
        .args(["--request-count", "1", "--artifact-dir", "run", "--ui", "none"])
        .env("MY_TOKEN", "hk-0123456789")
        .run();
    assert!(run.succeeds().read("plan.yaml").contains("${MY_TOKEN}"), "{}", run.read("plan.yaml"));
    run.keeps(&["hk-0123456789"]);
    assert!(!wrong.stderr.contains("pw7") && !shown.stdout.contains("hk-0"), "{}", shown.stdout);
}

/// A warm-up hands over to a closed loop, and that to another one: requests of two phases are in flight at once, and never more than
/// may be.
#[test]
fn phases_follow_each_other_without_a_gap() {
    let settings = "mock: true\nui: none\nrandom_seed: 7\nisl: 5\nosl: 12\nconcurrency: 3\nphases:\n  \
                    - {name: fill, role: warmup, request_count: 6, seamless: true}\n  \
                    - {name: low, request_count: 9, seamless: true}\n  \
                    - {name: high, concurrency: 5, request_count: 10}\n  \
                    - {name: rate, request_rate: 100, arrival_pattern: constant, request_count: 5}\n";
    let run = profile_of(settings).args(["--artifact-dir", "run"]).run();
    let summary = run.succeeds().summary();
    let of_phases = |field: &str| {
        summary["phases"].as_array().unwrap().iter().map(|phase| phase[field].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_phases("name"), ["fill", "low", "high", "rate"]);
    let sent: Vec<u64> = of_phases("counts").iter().map(|counts| counts["sent"].as_u64().unwrap()).collect();
    assert_eq!(sent, [6, 9, 10, 5]);
    assert_eq!(summary["request_count"]["avg"], 24);
    let records = run.records();
    let of = |phase: &str| -> Vec<(u64, u64)> {
        let metadata = records.iter().map(|record| &record["metadata"]);
        let of_phase = metadata.filter(|metadata| metadata["phase_name"] == phase);
        let instant = |metadata: &Value, name: &str| metadata[name].as_u64().unwrap();
        of_phase.map(|it| (instant(it, "request_start_ns"), instant(it, "request_end_ns"))).collect()
    };
    let (low, high, rate) = (of("low"), of("high"), of("rate"));
    assert_eq!((low.len(), high.len(), rate.len()), (9, 10, 5));
    let first = |requests: &[(u64, u64)]| requests.iter().map(|(start, _)| *start).min().unwrap();
    let last = |requests: &[(u64, u64)]| requests.iter().map(|(_, end)| *end).max().unwrap();
    // All answers are of one length, so that the last three begin and end together.
    let mut ends: Vec<u64> = low.iter().map(|(_, end)| *end).collect();
    ends.sort_unstable();
    assert!(first(&high) < ends[ends.len() - 3], "it waits until one of the last three in flight is over");
    assert!(first(&rate) > last(&high), "a phase that does not hand over is waited for");
    let all = [low, high].concat();
    let in_flight = |at: u64| all.iter().filter(|(start, end)| *start <= at && at < *end).count();
    let most = all.iter().map(|(start, _)| in_flight(*start)).max().unwrap();
    assert!(most <= 5, "{most} requests were in flight");
    assert!(run.stdout.contains("By phase") && run.stdout.contains("high: closed loop"), "{}", run.stdout);
    let again = Tool::new(["profile", "-f", "plan.yaml"]);
    again.file("plan.yaml", run.read("plan.yaml"));
    assert_eq!(listed(again), listed(profile_of(settings)));
}

/// Of what phases are, of what they cannot be, of values, and of what does not go together in one of them.
#[test]
fn mistakes_of_phases_are_told_at_once_with_their_places() {
    let settings = "mock: true\nwarmup_request_count: 5\nphases:\n  - {name: a, concurency: 5}\n  - {name: b, isl: 5}\n  \
                    - {name: c, request_rate: abc}\n  - {name: d, concurrency: 2, prefill_concurrency: 3}\n  \
                    - {name: e, role: cooldown}\n  - {name: a, seamless: true}\n";
    let check = Tool::new(["config", "check", "run.yaml"]);
    check.file("run.yaml", settings);
    let run = check.run();
    let errors: Vec<&str> =
        run.ends_with(2).stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(
        errors,
        [
            "error: run.yaml:4:15: there is no setting `concurency`",
            "error: run.yaml:5:15: a phase cannot set `isl` for itself",
            "error: run.yaml:6:29: failed to use `--request-rate abc`: it must be a number of requests a second above 0, at most \
             1000000000",
            "error: run.yaml:8:21: `role` is `warmup` or `measure`, and not `cooldown`",
            "error: run.yaml:9:6: there is another phase `a` in line 4",
            "error: run.yaml:9:15: `seamless` says how the next phase begins, and this is the last one",
            "error: failed to use `warmup_request_count at run.yaml:2:1` together with `phases at run.yaml:3:1`: a warm-up is one \
             of the phases then, with `role: warmup`",
            "error: in the phase `d`: failed to use `prefill_concurrency at run.yaml:7:31` together with `concurrency at \
             run.yaml:7:15`: no more requests can wait for their first token than are in flight",
        ],
        "{}",
        run.stderr
    );
}

#[test]
fn a_typed_flag_stands_over_all_phases_and_says_so() {
    let settings = "mock: true\nphases: [{name: a, request_count: 50}, {name: b, concurrency: 2}]\n";
    let run = show(settings, &["--request-count", "3", "--json"], &[]);
    let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let expected = serde_json::json!([{"name": "a", "role": "measure"}, {"name": "b", "role": "measure", "concurrency": "2"}]);
    assert_eq!(shown["phases"], serde_json::json!({"value": expected, "from": "run.yaml:2:1"}));
    assert_eq!(
        run.stderr.trim(),
        "warning: `--request-count` stands in the place of what the phase `a` says"
    );
    let typed = Tool::new(["profile", "--mock", "--phases", r#"{"name": "a"}"#]).run();
    assert!(typed.ends_with(2).stderr.contains("phases stand in a file"), "{}", typed.stderr);
}

#[test]
fn the_combinations_of_a_file_are_listed() {
    let settings = "mock: true\nphases: [{name: a, request_rate: 5}, {name: b}]\nisl: [10, 20]\n\
                    sweep: {phases.b.concurrency: [1, 2]}\nnum_profile_runs: 3\n";
    let expand = |words: &[&str]| {
        let tool = Tool::new(["config", "expand", "run.yaml"]).args(words);
        tool.file("run.yaml", settings);
        tool.run()
    };
    let text = expand(&[]);
    assert_eq!(
        text.succeeds().stdout,
        "4 combinations, 3 runs of each\n   0  isl 10, phases.b.concurrency 1\n   1  isl 10, phases.b.concurrency 2\n   \
         2  isl 20, phases.b.concurrency 1\n   3  isl 20, phases.b.concurrency 2\n"
    );
    let one = expand(&["--index", "2", "--full", "--format", "json"]);
    let one: Value = serde_json::from_str(&one.succeeds().stdout).unwrap();
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one[0]["values"], serde_json::json!({"isl": "20", "phases.b.concurrency": "1"}));
    assert_eq!(one[0]["settings"]["phases"][1]["concurrency"], "1");
    assert!(expand(&["--index", "4"]).ends_with(2).stderr.contains("there are 4, and they count from 0"));
}

/// What a file names is opened, of several runs each once, and everything that is wrong is told.
#[test]
fn a_check_opens_what_a_file_names() {
    let check = |settings: &str| {
        let tool = Tool::new(["config", "check", "run.yaml"]);
        tool.file("run.yaml", settings);
        let run = tool.run();
        run.ends_with(2);
        run.stderr.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>().join("\n")
    };
    let errors = check("model: m\ninput_file: nowhere.jsonl\nca_cert: nowhere.pem\nurl: https://h\n");
    assert!(errors.contains("run.yaml:2:1: failed to") && errors.contains("nowhere.jsonl"), "{errors}");
    assert!(errors.contains("run.yaml:3:1: failed to") && errors.contains("nowhere.pem"), "{errors}");
    let several = check("model: m\nsweep: {tokenizer: [builtin, ./nowhere]}\nconcurrency: [1, 2]\n");
    assert!(several.contains("nowhere") && several.lines().count() == 1, "{several}");
    let option = check("model: m\nmock: true\nendpoint_option: {no_such_option: 5}\n");
    assert!(option.contains("no_such_option"), "{option}");
}

#[test]
fn a_sweep_over_a_setting_with_a_value_is_refused() {
    let tool = || Tool::new(["profile", "--mock", "--sweep", "concurrency=1,2"]);
    let refused = tool().args(["--concurrency", "4"]).run();
    let expected = "failed to sweep over `--concurrency`, which has a value of its own beside the sweep";
    assert!(refused.ends_with(2).stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn every_template_runs_as_it_is() {
    let list = Tool::new(["config", "init", "--list"]).run();
    let names: Vec<&str> =
        list.succeeds().stdout.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(names.len() >= 8, "{names:?}");
    let try_one = |name: &str| {
        let written = Tool::new(["config", "init", name]).run();
        let tool = Tool::new(["profile", "-f", "t.yaml", "--mock", "--ui", "none"]);
        tool.file("t.yaml", &written.succeeds().stdout);
        let run = tool.run();
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
        let check = Tool::new(["config", "check", "t.yaml"]);
        check.file("t.yaml", &written.stdout);
        check.run().succeeds();
    };
    thread::scope(|scope| {
        let tried: Vec<_> = names.iter().map(|name| scope.spawn(move || try_one(name))).collect();
        for one in tried {
            one.join().unwrap();
        }
    });
}

#[test]
fn the_examples_of_the_page_are_right() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CONFIG.md");
    let page = fs::read_to_string(page).unwrap();
    let examples: Vec<&str> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples {
        let check = Tool::new(["config", "check", "run.yaml"]);
        check.file("run.yaml", example);
        check.run().succeeds();
    }
}

#[test]
fn a_setting_is_explained_and_every_editor_knows_it() {
    let explained = Tool::new(["config", "explain", "requestRate"]).run();
    for expected in ["request_rate: RATE", "--request-rate RATE", "PRONY_REQUEST_RATE"] {
        assert!(explained.succeeds().stdout.contains(expected), "{}", explained.stdout);
    }
    let schema: Value =
        serde_json::from_str(&Tool::new(["config", "schema"]).run().succeeds().stdout).unwrap();
    assert!(schema["properties"]["request_rate"]["description"].is_string());
    let all = Tool::new(["config", "explain"]).run();
    assert!(all.succeeds().stdout.contains("request_rate"), "{}", all.stdout);
}
