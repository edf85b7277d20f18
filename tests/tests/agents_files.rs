//! Files on their way to agents, over a real NATS server: what lines of a dataset name, folders, and what TLS needs. Agents have
//! other folders than the controller, so that no path of it means anything there.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path};

use prony_tests::{MockServer, NatsServer, Running, Script, ScriptedServer, SeenRequest, TlsFront, Tool};
use rstest::rstest;
use serde_json::{Value, json};

/// So many agents that wait for runs.
fn agents(nats: &NatsServer, count: usize) -> Vec<Running> {
    let agent = |name: &&str| {
        let words = ["agent", "--nats", &nats.url(), "--name", name, "--dir", "kept", "--workers", "1"];
        Tool::new(words).spawn()
    };
    ["a", "b", "c"][..count].iter().map(agent).collect()
}

fn scripted() -> ScriptedServer {
    let finish = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    ScriptedServer::start([Script::events().event(finish).event("[DONE]").last_chunk()])
}

/// Bodies that a server has seen, in the order of their texts.
fn bodies(server: &ScriptedServer) -> Vec<String> {
    let mut bodies: Vec<String> = server.requests().iter().map(SeenRequest::body).collect();
    bodies.sort_unstable();
    bodies
}

/// What a server sees of a profile in whose folder `prepare` puts files, by itself or with agents.
fn sent(nats: Option<(&NatsServer, usize)>, words: &[&str], prepare: &dyn Fn(&Path)) -> Vec<String> {
    let server = scripted();
    let tool =
        Tool::profile_at(&server.url()).args(["--no-server-metrics", "--concurrency", "2"]).args(words);
    prepare(tool.dir());
    let with_agents = |(nats, count): (&NatsServer, usize)| {
        vec!["--nats".to_owned(), nats.url(), "--agents".to_owned(), count.to_string()]
    };
    tool.args(nats.map(with_agents).unwrap_or_default()).run().succeeds();
    bodies(&server)
}

/// Writes rows into a file, each on a line.
fn rows(file: &Path, rows: &[Value]) {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    fs::write(file, lines.join("\n")).unwrap();
}

/// Rows that name files in every way in which they may be named.
fn with_media(folder: &Path) {
    let folder = &folder.join("set");
    fs::create_dir_all(folder.join("pictures")).unwrap();
    fs::write(folder.join("pictures/one.png"), "one").unwrap();
    fs::write(folder.join("pictures/two.jpg"), "two").unwrap();
    fs::write(folder.join("../hum.mp3"), "a tone").unwrap();
    fs::write(folder.join("walk.mp4"), "a film").unwrap();
    let absolute = folder.join("pictures/two.jpg");
    let named = [
        json!({"text": "What is it?", "image": "pictures/one.png"}),
        json!({"text": "And these?", "images": ["./pictures/one.png", absolute]}),
        json!({"text": "Who hums?", "audio": "../hum.mp3"}),
        json!({"text": "Who walks?", "video": "walk.mp4", "image": "https://example.com/a.png"}),
        json!({"turns": [{"text": "Again.", "image": "pictures/one.png"}]}),
        json!({"text": "Nothing to see."}),
    ];
    rows(&folder.join("rows.jsonl"), &named);
}

/// Files of one name in several folders of a dataset.
fn in_folders(folder: &Path) {
    let set = folder.join("set");
    for (name, number) in [("morning", 1), ("evening", 2), ("evening/late", 3)] {
        let day = set.join(name);
        fs::create_dir_all(&day).unwrap();
        fs::write(day.join("card.png"), name).unwrap();
        let turn = |text: &str| json!({"text": format!("{text} {number}"), "image": "card.png"});
        rows(&day.join("rows.jsonl"), &[json!({"turns": [turn("one")]}), json!({"turns": [turn("two")]})]);
    }
}

#[rstest]
#[case::media(&["--input-file", "set/rows.jsonl", "--request-count", "6"], with_media)]
#[case::media_in_a_process_of_its_own(
    &["--input-file", "set/rows.jsonl", "--request-count", "6", "--isolate", "chat"], with_media
)]
#[case::folders(&["--input-file", "set", "--request-count", "6"], in_folders)]
fn agents_send_the_files_that_lines_name(#[case] words: &[&str], #[case] prepare: fn(&Path)) {
    let Some(nats) = NatsServer::if_here() else { return };
    let alone = sent(None, words, &prepare);
    assert_eq!(alone.len(), 6);
    assert!(alone.iter().any(|body| body.contains("data:image/png;base64,")), "{alone:?}");
    for count in [1, 2] {
        let waiting = agents(&nats, count);
        assert_eq!(sent(Some((&nats, count)), words, &prepare), alone, "{count} agents");
        drop(waiting);
    }
}

#[test]
fn a_dataset_may_name_more_files_than_a_message_has_room_for() {
    let Some(nats) = NatsServer::if_here() else { return };
    let prepare = |folder: &Path| {
        let named = (0..520).map(|number| {
            fs::write(folder.join(format!("{number}.png")), number.to_string()).unwrap();
            json!({"text": format!("What is {number}?"), "image": format!("{number}.png")})
        });
        let named: Vec<Value> = named.collect();
        rows(&folder.join("rows.jsonl"), &named);
    };
    let words = ["--input-file", "rows.jsonl", "--request-count", "520"];
    let alone = sent(None, &words, &prepare);
    let _agent = agents(&nats, 1);
    assert_eq!(sent(Some((&nats, 1)), &words, &prepare), alone);
}

#[test]
fn a_file_that_is_missing_ends_the_run_before_the_load() {
    let Some(nats) = NatsServer::if_here() else { return };
    let server = scripted();
    let tool = Tool::profile_at(&server.url()).args(["--input-file", "rows.jsonl", "--no-server-metrics"]);
    rows(&tool.dir().join("rows.jsonl"), &[json!({"text": "What?", "image": "gone.png"})]);
    let _agent = agents(&nats, 1);
    let run = tool.args(["--nats", &nats.url(), "--agents", "1"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("gone.png"), "{}", run.stderr);
    assert_eq!(bodies(&server), [] as [String; 0]);
}

/// Whether a file below a folder has these bytes in it.
fn has(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return has(&path, bytes);
        }
        // A server may take its files away meanwhile.
        fs::read(path).is_ok_and(|text| text.windows(bytes.len()).any(|window| window == bytes))
    })
}

#[rstest]
#[case::in_one_file(false)]
#[case::with_a_key_of_its_own(true)]
fn the_files_of_tls_go_along_and_a_private_key_stays_nowhere(#[case] is_apart: bool) {
    let Some(nats) = NatsServer::if_here() else { return };
    let server = MockServer::start(["--tokens", "2"]);
    let front = TlsFront::before(server.url(), true);
    let waiting = agents(&nats, 2);
    let tool =
        Tool::profile_at(&front.url()).args(["--request-count", "8", "--concurrency", "4", "--osl", "2"]);
    fs::copy(front.authority(), tool.dir().join("authority.pem")).unwrap();
    fs::copy(front.client(), tool.dir().join("client.pem")).unwrap();
    fs::copy(front.client(), tool.dir().join("key.pem")).unwrap();
    let key = if is_apart { &["--client-key", "key.pem"][..] } else { &[] };
    let run = tool
        .args(["--no-server-metrics", "--ca-cert", "authority.pem", "--client-cert", "client.pem"])
        .args(key)
        .args(["--nats", &nats.url(), "--agents", "2"])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 8);
    for folder in waiting.iter().map(Running::dir).chain([nats.folder()]) {
        assert!(!has(folder, b"PRIVATE KEY"), "there is a key below {}", folder.display());
    }
    assert!(has(&waiting[0].dir().join("kept/files"), b"BEGIN CERTIFICATE"), "the authority has come");
}
