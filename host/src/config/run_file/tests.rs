use rstest::rstest;

use super::*;

fn variable(name: &str) -> Option<String> {
    match name {
        "MODEL" => Some("llama".to_owned()),
        "MY_KEY" => Some("sk-0123456789".to_owned()),
        _ => None,
    }
}

/// What a text says, where somebody stronger sets `--url`.
pub(super) fn read_text(text: &str) -> RunFile {
    let keys = Keys::all();
    let reading = Reading { keys: &keys, is_overridden: &|name| name == "url", look_up: &variable };
    of_text(text, FileName::of(Path::new("run.yaml")), &reading)
}

pub(super) fn line(file: &RunFile) -> String {
    let words: Vec<String> =
        file.words.line().iter().map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

pub(super) fn mistakes(file: &RunFile) -> Vec<String> {
    file.mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_is_a_command_line_in_any_spelling_of_its_keys() {
    let file = read_text(
        "# a load\nmodel: ${MODEL}\nconcurrency: 8\nislStddev: 5\nstreaming: true\nuse-legacy-max-tokens: true\n\
         http2: false\nnum_requests: 20\nextra_inputs:\n  temperature: ${T:0.5}\n",
    );
    assert_eq!(
        line(&file),
        "--model=llama --concurrency=8 --isl-stddev=5 --streaming --use-legacy-max-tokens --request-count=20 \
         --extra-inputs={\"temperature\":0.5}"
    );
    assert_eq!(file.off, ["http2"]);
    assert!(file.mistakes.is_empty(), "{:?}", file.mistakes);
    let Places { key, value } = file.places["isl-stddev"];
    assert_eq!((key.to_string(), value.to_string()), ("run.yaml:4:1".to_owned(), "run.yaml:4:12".to_owned()));
}

#[test]
fn what_is_said_to_a_search_is_no_setting_of_a_run() {
    let file = read_text("over: rate\nslo: a\n");
    assert_eq!(file.mistakes.len(), 1);
    let expected = "`--over` is a flag of `prony search`, which takes the rest from this file";
    assert_eq!(file.mistakes[0].hint(), expected);
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let file = read_text(
        "conccurency: 5\nisl: [5, {}]\nmodel: ${NONE}\nosl: 5\nextra_inputs: {a: 1, a: 2}\nosl: 6\nstreaming: yes\n\
         isl_stddev:\n",
    );
    assert_eq!(
        mistakes(&file),
        [
            "run.yaml:1:1: there is no setting `conccurency`",
            "run.yaml:2:7: `isl` takes one value (TOKENS), and this is a mapping",
            "run.yaml:3:8: `model` cannot be read: the variable `NONE` is not set",
            "run.yaml:5:22: `a` is set again: it is set in line 5 already",
            "run.yaml:6:1: `osl` is set again: it is set in line 4 already",
            "run.yaml:7:12: `streaming` takes `true` or `false`, and this is a text",
            "run.yaml:8:12: `isl_stddev` has no value; it takes one value (TOKENS)",
        ]
    );
    assert!(file.mistakes.iter().all(|mistake| !mistake.hint().is_empty()));
    let unclear = ["concurrency", "isl", "model", "extra-inputs", "streaming", "isl-stddev"];
    assert_eq!(file.unclear, unclear);
}

#[rstest]
#[case::no_keys("- a\n", "run.yaml:1:3: a configuration has keys with values, and this is a list")]
#[case::word("concurrency 8\n", "run.yaml:1:1: a configuration has keys with values, and this is a text")]
#[case::names_itself("config: b.yaml\n", "run.yaml:1:1: there is no setting `config`")]
fn what_is_no_configuration_is_told(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(mistakes(&read_text(text)), [expected]);
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    let said = mistakes(&read_text("model: m\nurl: [a\nisl: 5\n"));
    assert!(said.len() == 1 && said[0].starts_with("run.yaml:3:"), "{said:?}");
}

#[test]
fn a_file_of_another_system_is_read_as_well() {
    let file = read_text("\u{feff}isl: 5\r\nosl: 6\r\n");
    assert_eq!((line(&file).as_str(), mistakes(&file)), ("--isl=5 --osl=6", Vec::new()));
}

#[test]
fn nothing_is_no_mistake() {
    let file = read_text("# nothing yet\n");
    assert!(file.mistakes.is_empty() && file.words == Words::default());
}

#[test]
fn the_value_of_a_setting_that_somebody_stronger_sets_does_not_matter() {
    let file = read_text("url: ${NONE}\n");
    assert!(file.mistakes.is_empty() && file.words == Words::default());
    assert_eq!(file.places["url"].key.to_string(), "run.yaml:1:1");
}

#[test]
fn secrets_of_variables_are_known_and_kept_as_references() {
    let file = read_text("api_key: ${MY_KEY}\nheader: {X-Token: '${MODEL}', A: b}\nmodel: ${MODEL}\n");
    let names: Vec<&String> = file.references.keys().collect();
    assert_eq!(names, ["api-key", "header"]);
    assert_eq!(file.references["api-key"], ["${MY_KEY}"]);
    assert_eq!(file.secrets, ["sk-0123456789", "sk-0123456789", "llama"]);
}

#[test]
fn a_file_of_another_version_is_a_warning() {
    let file = read_text("prony: 0.0.0\n");
    assert!(file.warnings[0].starts_with("`run.yaml` was written by prony 0.0.0, and this is"), "{file:?}");
    let own = read_text(&format!("prony: {}\n", env!("CARGO_PKG_VERSION")));
    assert!(own.warnings.is_empty() && own.mistakes.is_empty());
}

#[rstest]
#[case::text("system_prompt: [a, b]", "1:17: `system_prompt` takes one value, and this is a list")]
#[case::choice(
    "prompt_corpus: [coding, random]",
    "1:17: `prompt_corpus` takes one value, and this is a list"
)]
#[case::semicolon(
    "sweep: {system_prompt: ['a;b', c]}",
    "1:25: a value of `system_prompt` has `;` in it, which stands between values"
)]
#[case::only(
    "sweep: [{isl_distribution: ['uniform:1,9']}]",
    "1:29: a value of `isl_distribution` has `,` or `;` in it, which stands between values"
)]
#[case::resume("resume: D", "1:1: there is no setting `resume`")]
fn what_would_be_read_otherwise_than_it_is_written_is_told(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(mistakes(&read_text(text)), [format!("run.yaml:{expected}")]);
}

#[rstest]
#[case::numbers("concurrency: [1, 2]", "--concurrency=1,2")]
#[case::wrong_number("concurrency: [1, x]", "--concurrency=1,x")]
#[case::one_text("system_prompt: [a]", "--system-prompt=a")]
#[case::commas(
    "sweep: {isl_distribution: ['uniform:1,9', 'uniform:2,9']}",
    "--sweep=isl-distribution=uniform:1,9;uniform:2,9"
)]
#[case::as_typed("sweep: {isl: 1..8x2}", "--sweep=isl=1..8x2")]
fn lists_are_read_as_they_are_written(#[case] text: &str, #[case] expected: &str) {
    let file = read_text(text);
    assert_eq!((mistakes(&file), line(&file).as_str()), (Vec::new(), expected));
}
