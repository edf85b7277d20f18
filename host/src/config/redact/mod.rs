//! What must not be written down: keys, tokens and passwords.
//!
//! A name decides whether its value is secret, because a value cannot: too much is hidden rather than too little. What is
//! known to be secret is then looked for in every text of a server or a user that leaves the process, by one [`Redactor`]:
//! in what goes into the journal, from which all reports are made, and in what goes to the terminal and the log. The
//! configuration and the command line, whose form is known, are written without secrets in the first place.

mod address;
mod known;
mod names;
mod redacted;
mod redactor;
mod rules;
mod secrets;
mod spelling;

use serde_json::{Map, Value};

pub(crate) use self::{
    address::{has_hidden_login, has_two_logins, is_address, url},
    known::{learn, shown, shown_bytes},
    names::{REDACTED, is_sensitive},
    redacted::Redacted,
    redactor::Redactor,
    secrets::{of_config, of_environment, of_headers, of_json, of_nats, of_target},
};
use self::{
    names::is_sensitive_in_head,
    rules::{Rule, rule},
};
use crate::plan::Plan;

/// The plan as the journal keeps it, with what `redactor` finds hidden, too: the model's name may be the server's.
pub(crate) fn plan(plan: &Plan, redactor: &Redactor) -> Redacted<Plan> {
    let mut config = plan.clone();
    let target = &mut config.target;
    target.api_key = None;
    for (name, value) in target.headers.iter_mut().chain(&mut config.server_metrics.headers) {
        if is_sensitive_in_head(name) {
            REDACTED.clone_into(value);
        } else if is_address(value) {
            *value = url(value);
        }
    }
    object(&mut target.extra_inputs);
    object(&mut target.endpoint_options);
    for option in &mut config.services.options {
        if is_sensitive(&option.key) {
            option.value = REDACTED.into();
        } else {
            value(&mut option.value);
        }
    }
    let proxies = target.proxies.iter_mut().flatten();
    let addresses = target.urls.iter_mut().chain(&mut target.custom_endpoint).chain(proxies);
    let pages = config.telemetry.gpus.iter_mut().flat_map(|gpus| &mut gpus.pages);
    let collectors = config.telemetry.otel.iter_mut().map(|otel| &mut otel.url);
    let beside = config.server_metrics.urls.iter_mut().chain(pages).chain(collectors);
    for address in addresses.chain(beside) {
        *address = url(address);
        redactor.mask_in_place(address);
    }
    attributes(config.telemetry.otel.iter_mut().flat_map(|otel| &mut otel.resource), redactor);
    redactor.mask_in_place(&mut config.target.model);
    if let Some(ssh) = config.agents.as_mut().and_then(|agents| agents.ssh.as_mut()) {
        ssh.command = shell(&ssh.command);
        redactor.mask_in_place(&mut ssh.command);
    }
    if let Some(nats) = config.agents.as_mut().map(|agents| &mut agents.nats) {
        nats.token = None;
        if let Some(address) = &mut nats.url {
            *address = url(address);
            redactor.mask_in_place(address);
        }
    }
    for path in config.hooks.paths_mut() {
        *path = url(path);
        redactor.mask_in_place(path);
    }
    for command in config.hooks.commands_mut() {
        *command = shell(command);
        redactor.mask_in_place(command);
    }
    let classes = config.classes.list.iter_mut();
    let texts = classes.flat_map(|class| [&mut class.name].into_iter().chain(&mut class.model));
    texts.for_each(|text| redactor.mask_in_place(text));
    config.phases.iter_mut().for_each(|phase| redactor.mask_in_place(&mut phase.name));
    config.target.headers.iter_mut().for_each(|(_, value)| redactor.mask_in_place(value));
    let inputs = config.target.extra_inputs.values_mut().chain(config.target.endpoint_options.values_mut());
    let options = config.services.options.iter_mut().map(|option| &mut option.value);
    inputs.chain(options).for_each(|value| mask_texts(value, redactor));
    Redacted::new(config)
}

/// What a collector is told of the run.
fn attributes<'a>(pairs: impl Iterator<Item = &'a mut (String, String)>, redactor: &Redactor) {
    for (name, value) in pairs {
        if is_sensitive(name) {
            REDACTED.clone_into(value);
        } else if is_address(value) {
            *value = url(value);
        }
        redactor.mask_in_place(value);
    }
}

fn mask_texts(json: &mut Value, redactor: &Redactor) {
    match json {
        Value::Object(fields) => fields.values_mut().for_each(|field| mask_texts(field, redactor)),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_texts(item, redactor)),
        Value::String(text) => redactor.mask_in_place(text),
        _ => {}
    }
}

/// A command line that may be shown and kept, word by word.
pub(crate) fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    // Some flags take several words.
    let mut flag = "";
    let redacted = words.into_iter().map(|word| {
        let (own_flag, value) = split_flag(word);
        if own_flag.is_empty() {
            return value_of(flag, word);
        }
        flag = own_flag.trim_end_matches('=');
        if value.is_empty() { word.to_owned() } else { format!("{own_flag}{}", value_of(flag, value)) }
    });
    redacted.collect()
}

/// A word as its flag, with the `=` if there is one, and the value that is glued to it. Each may be empty.
fn split_flag(word: &str) -> (&str, &str) {
    let after_equals = word.find('=').map(|at| at + 1);
    let end = match word.as_bytes() {
        [b'-', b'-', ..] => after_equals.unwrap_or(word.len()),
        [b'-', letter, rest @ ..] if letter.is_ascii_alphabetic() => 2 + usize::from(rest.starts_with(b"=")),
        _ => 0,
    };
    word.split_at(end)
}

/// A value of a flag as it may be shown and kept.
pub(crate) fn value_of(flag: &str, value: &str) -> String {
    match (rule(flag), json(value)) {
        (Rule::All, _) => REDACTED.to_owned(),
        (_, Some(text)) => text,
        (Rule::OfAddresses, None) => value.split(',').map(url).collect::<Vec<_>>().join(","),
        (Rule::OfAddress, None) => url(value),
        (Rule::Nothing, None) => value.to_owned(),
        (Rule::OfOption, None) => option(value),
        (Rule::OfOptions, None) => value.split(',').map(option).collect::<Vec<_>>().join(","),
        (Rule::OfCommand, None) => shell(value),
        (Rule::OfAnyText, None) if is_address(value) => url(value),
        (Rule::OfAnyText, None) => pair(value),
    }
}

/// Programs to which `-p` gives a password. To others it gives a port, or tells them to make folders.
const TAKE_PASSWORDS: [&str; 6] = ["sshpass", "mysql", "mysqladmin", "mysqldump", "mariadb", "mariadb-dump"];

/// A command of the shell, whose parts nobody knows: hidden as a whole where one of them may be a secret, or is a flag that
/// well-known programs log in with.
fn shell(command: &str) -> String {
    let parts = || command.split(|c: char| c.is_whitespace() || "'\"`;|&()".contains(c));
    let takes_password =
        parts().any(|part| part.rsplit('/').next().is_some_and(|name| TAKE_PASSWORDS.contains(&name)));
    let is_login = |part: &str| {
        part.starts_with("-u")
            || part == "--user"
            || part.starts_with("--user=")
            || (takes_password && part.starts_with("-p"))
    };
    let may_be_secret =
        |part: &str| is_sensitive(part) || is_login(part) || (is_address(part) && url(part) != part);
    if parts().any(may_be_secret) { REDACTED.to_owned() } else { command.to_owned() }
}

/// A JSON object or array with its secrets hidden; nothing for any other text.
fn json(text: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(text).ok()?;
    if !json.is_object() && !json.is_array() {
        return None;
    }
    value(&mut json);
    serde_json::to_string(&json).ok()
}

fn value(json: &mut Value) {
    match json {
        Value::Object(fields) => object(fields),
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::String(text) if is_address(text) => *text = url(text),
        _ => {}
    }
}

fn object(fields: &mut Map<String, Value>) {
    for (name, field) in fields {
        if is_sensitive(name) {
            *field = REDACTED.into();
        } else {
            value(field);
        }
    }
}

/// `Name:Value` with the value hidden when the name asks for it, or several of them with commas between.
fn pair(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if is_sensitive_in_head(name) => format!("{name}:{REDACTED}"),
        Some((name, value)) if is_address(value) => format!("{name}:{}", url(value)),
        Some((_, value)) if value.contains(',') => {
            let (first, rest) = text.split_once(',').unwrap_or((text, ""));
            format!("{first},{}", pair(rest))
        }
        _ => text.to_owned(),
    }
}

/// `NAME.KEY=VALUE` or `KEY=VALUE`, the same way.
fn option(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) if is_sensitive(name) => format!("{name}={REDACTED}"),
        Some((name, value)) => {
            let shown =
                json(value).unwrap_or_else(|| if is_address(value) { url(value) } else { value.to_owned() });
            format!("{name}={shown}")
        }
        None => text.to_owned(),
    }
}

/// Takes one secret out of a text, and what there is of its beginning, for one that is looked for but once.
pub(crate) fn take_out(text: &mut String, secret: &str) {
    let (head, _) = secret.split_at_checked(spelling::TELLING).unwrap_or((secret, ""));
    if secret.len() < redactor::SHORTEST_SECRET || !text.contains(head) {
        return;
    }
    let (mut clean, mut rest) = (String::new(), text.as_str());
    while let Some(at) = rest.find(head) {
        let (before, found) = rest.split_at(at);
        let same = found.chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        let length = same.map(|(one, _)| one.len_utf8()).sum();
        clean.extend([before, REDACTED]);
        rest = &found[length..];
    }
    clean.push_str(rest);
    *text = clean;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("--api-key sk-1 --streaming", "--api-key <redacted> --streaming")]
    #[case("--api-key=sk-1=", "--api-key=<redacted>")]
    #[case("-H Authorization:Bearer_x -H X-Team:a", "-H Authorization:<redacted> -H X-Team:a")]
    #[case("-HAuthorization:x", "-HAuthorization:<redacted>")]
    #[case("--header=x-api-key:k --header A:b", "--header=x-api-key:<redacted> --header A:b")]
    #[case(r#"-H {"Cookie":"c","A":"b"}"#, r#"-H {"Cookie":"<redacted>","A":"b"}"#)]
    #[case("--url http://u:p@h/v1?token=t&a=1", "--url http://<redacted>@h/v1?token=<redacted>&a=1")]
    #[case("--url=u:p@h:1", "--url=<redacted>@h:1")]
    #[case("-u u:p@h:1", "-u <redacted>@h:1")]
    #[case("-uhttp://u:p@h", "-uhttp://<redacted>@h")]
    #[case("-uu:p@h:1", "-u<redacted>@h:1")]
    #[case("-u=http://u:p@h", "-u=http://<redacted>@h")]
    #[case("--url http://a:1,http://u:p@h:1", "--url http://a:1,http://<redacted>@h:1")]
    #[case("--proxy u:p@h:1", "--proxy <redacted>@h:1")]
    #[case("--url a:1 u:p@h:1", "--url a:1 <redacted>@h:1")]
    #[case("-Hauth:x", "-Hauth:<redacted>")]
    #[case("-H Referer:https://u:p@h/?sig=s", "-H Referer:https://<redacted>@h/?sig=<redacted>")]
    #[case("-H Cookie:next=https://x/;session=s", "-H Cookie:<redacted>")]
    #[case("--custom-endpoint /v1/x?key=k&a=1", "--custom-endpoint /v1/x?key=<redacted>&a=1")]
    #[case("--endpoint /v1/x?key=k&a=1", "--endpoint /v1/x?key=<redacted>&a=1")]
    #[case(
        "--custom-endpoint=/v1/x?next=http://y/&key=k",
        "--custom-endpoint=/v1/x?next=http://y/&key=<redacted>"
    )]
    #[case(
        "--server-metrics h:1/m?a=1&api%5Fkey=k h:2?token=t",
        "--server-metrics h:1/m?a=1&api%5Fkey=<redacted> h:2?token=<redacted>"
    )]
    #[case(
        "--url http://h/?a=1;token=t#access_token=t",
        "--url http://h/?a=<redacted>#access_token=<redacted>"
    )]
    #[case(
        r#"--extra-inputs {"tools":[{"api_key":"k","n":1}],"credentials":{"user":"u"},"image":"http://u:p@h"}"#,
        r#"--extra-inputs {"tools":[{"api_key":"<redacted>","n":1}],"credentials":"<redacted>","image":"http://<redacted>@h"}"#
    )]
    #[case("--extra-inputs max_tokens:5 api_key:k", "--extra-inputs max_tokens:5 api_key:<redacted>")]
    #[case(
        r#"--service-option a.token=t --service-option=a.x={"pwd":"p"} --service-option a.u=http://u:p@h"#,
        r#"--service-option a.token=<redacted> --service-option=a.x={"pwd":"<redacted>"} --service-option a.u=http://<redacted>@h"#
    )]
    #[case(
        "--endpoint-option secret_key=k --endpoint-option n=5",
        "--endpoint-option secret_key=<redacted> --endpoint-option n=5"
    )]
    #[case(
        "--otel-resource-attributes api_key=k,team=a token=t",
        "--otel-resource-attributes api_key=<redacted>,team=a token=<redacted>"
    )]
    #[case("--extra-inputs a:1,api_key:k,b:2", "--extra-inputs a:1,api_key:<redacted>")]
    #[case("-H Accept:a,b -H code:x", "-H Accept:a,b -H code:<redacted>")]
    #[case("--url http://u:p/q@h", "--url http://<redacted>")]
    #[case(
        "--reset-kv-cache-path /reset?api_key=k&a=1",
        "--reset-kv-cache-path /reset?api_key=<redacted>&a=1"
    )]
    #[case("--server-profiler-start-path=/a?token=t", "--server-profiler-start-path=/a?token=<redacted>")]
    #[case("--server-profiler-stop-path /a?token=t", "--server-profiler-stop-path /a?token=<redacted>")]
    #[case(
        "--nats nats://t-1@h:4222 --nats-token t-2",
        "--nats nats://<redacted>@h:4222 --nats-token <redacted>"
    )]
    #[case("--nats=t-1@h --nats-token=t-2", "--nats=<redacted>@h --nats-token=<redacted>")]
    #[case("--isl 5 --url localhost:8000", "--isl 5 --url localhost:8000")]
    fn a_command_line_is_shown_without_secrets(#[case] typed: &str, #[case] shown: &str) {
        assert_eq!(command_line(typed.split(' ')).join(" "), shown);
    }

    #[rstest]
    #[case::whole("a sk-0123456789abcdef b sk-0123456789abcdef", "a <redacted> b <redacted>")]
    #[case::cut_off("the key `sk-0123456789ab…` is wrong", "the key `<redacted>…` is wrong")]
    #[case::too_little_of_it("sk-01234567", "sk-01234567")]
    #[case::nothing_of_it("a word", "a word")]
    fn a_secret_is_taken_out_of_a_text(#[case] text: &str, #[case] expected: &str) {
        let mut text = text.to_owned();
        take_out(&mut text, "sk-0123456789abcdef");
        assert_eq!(text, expected);
    }

    #[test]
    fn paths_of_calls_are_kept_without_their_secrets() {
        use crate::{
            metrics::sample,
            plan::{CacheReset, ProfilerCalls},
        };
        let mut config = sample::config();
        let path = "/a?token=a-secret-1&n=1".to_owned();
        config.hooks.reset_kv_cache = Some(CacheReset { path: path.clone(), timeout_s: 1.0 });
        let profiler = ProfilerCalls { start_path: path.clone(), stop_path: path, timeout_s: 1.0 };
        config.hooks.server_profiler = Some(profiler);
        assert!(of_config(&config).iter().any(|secret| secret == "a-secret-1"));
        let kept = serde_json::to_string(&plan(&config, &Redactor::of([""; 0]))).unwrap();
        assert!(!kept.contains("a-secret-1"));
        assert_eq!(kept.matches("/a?token=<redacted>&n=1").count(), 3, "{kept}");
    }

    #[test]
    fn logins_of_nats_are_kept_nowhere() {
        use crate::{
            metrics::sample,
            plan::{AgentsPlan, NatsPlan, OnLoss, Secret, SshHost, SshPlan, WantedAgents},
        };
        let mut config = sample::config();
        let hosts = vec![SshHost::new("h".to_owned())];
        let ssh = Some(SshPlan { hosts, command: "sshpass -p a-secret-3 ssh".to_owned() });
        let nats = NatsPlan {
            url: Some("nats://u:a-secret-1@h:4222".to_owned()),
            token: Some(Secret::new("a-secret-2".to_owned())),
            ..NatsPlan::default()
        };
        let wanted = vec![WantedAgents { label: None, count: std::num::NonZeroU32::MIN }];
        config.agents = Some(AgentsPlan { wanted, ssh, timeout_s: 60.0, on_loss: OnLoss::Abort, nats });
        let secrets = of_config(&config);
        assert!(["a-secret-1", "a-secret-2"].iter().all(|secret| secrets.iter().any(|it| it == secret)));
        let kept = serde_json::to_string(&plan(&config, &Redactor::of([""; 0]))).unwrap();
        assert!(!kept.contains("a-secret-") && kept.contains("nats://<redacted>@h:4222"), "{kept}");
    }

    #[test]
    fn attributes_for_a_collector_are_kept_without_their_secrets() {
        use crate::{
            metrics::sample,
            plan::{OtelConfig, OtelSpans},
        };
        let pairs = [("api_key", "a-secret-1"), ("page", "http://u:a-secret-2@h"), ("team", "blue")];
        let mut config = sample::config();
        config.telemetry.otel = Some(OtelConfig {
            url: "http://h:4318".to_owned(),
            resource: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            provider: None,
            spans: OtelSpans::Slow,
            headers: Vec::new(),
        });
        let secrets = of_config(&config);
        assert!(["a-secret-1", "a-secret-2"].iter().all(|secret| secrets.iter().any(|it| it == secret)));
        let kept = serde_json::to_string(&plan(&config, &Redactor::of([""; 0]))).unwrap();
        assert!(!kept.contains("a-secret-") && kept.contains("blue"), "{kept}");
    }

    #[test]
    fn a_short_secret_is_taken_out_as_a_whole() {
        let mut text = "pwd1234 pwd123".to_owned();
        take_out(&mut text, "pwd1234");
        assert_eq!(text, "<redacted> pwd123");
    }

    #[rstest]
    #[case::plain("curl -fsS -X POST http://h:8000/reset_prefix_cache", true)]
    #[case::header("curl -H 'Authorization: Bearer abc' http://h", false)]
    #[case::login("curl -u me:abc http://h", false)]
    #[case::login_without_space("curl -uadmin:abc http://h", false)]
    #[case::login_in_one_word("curl --user=me:abc http://h", false)]
    #[case::password_of_ssh("sshpass -p abc ssh h date", false)]
    #[case::password_of_mysql("date; /usr/bin/mysql -pabc -e 'flush tables'", false)]
    #[case::folders("mkdir -p logs && docker run -p 8000:8000 vllm", true)]
    #[case::address("curl http://me:abc@h", false)]
    #[case::variable("reset --key $API_KEY", false)]
    fn a_command_of_the_shell_is_hidden_where_it_may_hold_a_secret(
        #[case] command: &str,
        #[case] is_shown: bool,
    ) {
        let expected = if is_shown { command } else { REDACTED };
        assert_eq!(command_line(["--between", command]), ["--between", expected]);
        assert_eq!(
            command_line([format!("--between={command}").as_str()]),
            [format!("--between={expected}")]
        );
    }

    #[test]
    fn a_header_with_spaces_and_an_address_is_still_a_header() {
        let words = ["-H", "Cookie: next=https://x/; session=s", "--header", "Referer: https://u:p@h/"];
        let shown = ["-H", "Cookie:<redacted>", "--header", "Referer: https://<redacted>@h/"];
        assert_eq!(command_line(words), shown);
    }
}
