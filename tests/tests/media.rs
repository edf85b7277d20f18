//! Images, audio and videos through the front door: from files and made up, what arrives in each API format, what is
//! measured, and what is refused before anything is sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prony_tests::{MockServer, Run, Tool, finish, fixtures, wire::Replay};
use rstest::rstest;
use serde_json::{Value, json};

/// The bytes of the files that rows name, and their base64.
const FILE: (&[u8], &str) = (b"pixels", "cGl4ZWxz");

/// A profile of one request with this row, beside whose file are a picture, a clip and a film.
fn with_row(endpoint: &str, url: &str, row: &Value) -> Tool {
    let tool = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--url", url])
        .args(["--endpoint-type", endpoint, "--no-server-metrics", "--random-seed", "42"])
        .args(["--input-file", "rows.jsonl", "--request-count", "1"]);
    tool.file("rows.jsonl", row.to_string());
    for name in ["card.png", "hum.mp3", "walk.mp4"] {
        tool.file(name, FILE.0);
    }
    tool
}

/// The body of the one request that a server saw.
fn body(server: &Replay) -> Value {
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let start = requests[0].windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    serde_json::from_slice(&requests[0][start..]).unwrap()
}

fn replay(answer: &str) -> Replay {
    Replay::start(fs::read(fixtures().join(format!("wire/{answer}.response.http"))).unwrap(), 42)
}

fn link(kind: &str) -> String {
    format!("https://example.com/{kind}?a=b&c=d")
}

#[rstest]
#[case::chat("chat", "vllm/chat.nonstream", json!({
    "text": "What?", "images": ["card.png", link("image")], "audio": "hum.mp3", "videos": ["walk.mp4", link("video")]
}), "/messages/0/content", json!([
    {"type": "text", "text": "What?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,cGl4ZWxz"}},
    {"type": "image_url", "image_url": {"url": link("image")}},
    {"type": "input_audio", "input_audio": {"data": FILE.1, "format": "mp3"}},
    {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,cGl4ZWxz"}},
    {"type": "video_url", "video_url": {"url": link("video")}},
]))]
#[case::chat_embeddings("chat_embeddings", "api_formats/chat_embeddings.plain", json!({
    "text": "What?", "image": "card.png", "audio": "data:audio/wav;base64,UklGRg==", "video": link("video")
}), "/messages/0/content", json!([
    {"type": "text", "text": "What?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,cGl4ZWxz"}},
    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    {"type": "video_url", "video_url": {"url": link("video")}},
]))]
#[case::responses("responses", "vllm/responses.nonstream", json!({
    "text": "What?", "images": ["card.png", link("image")], "audio": "hum.mp3"
}), "/input/0/content", json!([
    {"type": "input_text", "text": "What?"},
    {"type": "input_image", "image_url": "data:image/png;base64,cGl4ZWxz"},
    {"type": "input_image", "image_url": link("image")},
    {"type": "input_audio", "input_audio": {"data": FILE.1, "format": "mp3"}},
]))]
#[case::messages("messages", "vllm/messages.nonstream", json!({
    "text": "What?", "images": ["card.png", link("image")]
}), "/messages/0/content", json!([
    {"type": "text", "text": "What?"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": FILE.1}},
    {"type": "image", "source": {"type": "url", "url": link("image")}},
]))]
#[case::nim_embeddings("nim_embeddings", "api_formats/embeddings.bare", json!({
    "text": "What?", "image": "card.png"
}), "/input", json!(["What? data:image/png;base64,cGl4ZWxz"]))]
#[case::image_retrieval("image_retrieval", "api_formats/image_retrieval.nim", json!({
    "images": ["card.png", "data:image/jpeg;base64,AA=="]
}), "/input", json!([
    {"type": "image_url", "url": "data:image/png;base64,cGl4ZWxz"},
    {"type": "image_url", "url": "data:image/jpeg;base64,AA=="},
]))]
#[case::llamacpp("llamacpp_completion", "api_formats/llamacpp_completion.nonstream", json!({
    "text": "What?", "image": "card.png", "audio": "hum.mp3"
}), "/prompt", json!({
    "prompt_string": "What?\n<__media__>\n<__media__>", "multimodal_data": [FILE.1, FILE.1]
}))]
fn files_data_urls_and_links_arrive_in_the_api_format_s_form(
    #[case] endpoint: &str,
    #[case] answer: &str,
    #[case] row: Value,
    #[case] place: &str,
    #[case] expected: Value,
) {
    let server = replay(answer);
    with_row(endpoint, &server.url(), &row).run().succeeds();
    assert_eq!(body(&server).pointer(place), Some(&expected), "{endpoint}");
}

#[rstest]
#[case::no_form("completions", json!({"text": "a", "image": "card.png"}),
    "send the image of entry 1 (`session_000000`) to the endpoint `completions`: it does not take any")]
#[case::no_audio("messages", json!({"text": "a", "audio": "hum.mp3", "session_id": "s"}),
    "send the audio of entry 1 (`s`) to the endpoint `messages`: it does not take any")]
#[case::no_video("responses", json!({"text": "a", "video": "walk.mp4"}),
    "send the video of entry 1 (`session_000000`) to the endpoint `responses`: it does not take any")]
#[case::a_link("image_retrieval", json!({"image": "https://example.com/a.png"}),
    "send the linked image of entry 1 (`session_000000`) to the endpoint `image_retrieval`: its server follows no links")]
#[case::nothing_to_see("image_retrieval", json!({"text": "a"}),
    "send entry 1 (`session_000000`) to the endpoint `image_retrieval`: it has no image")]
fn what_an_endpoint_does_not_take_ends_the_run_before_the_load(
    #[case] endpoint: &str,
    #[case] row: Value,
    #[case] text: &str,
) {
    let server = replay("vllm/chat.nonstream");
    let run = with_row(endpoint, &server.url(), &row).run();
    run.ends_with(2);
    assert!(run.stderr.starts_with(&format!("error: failed to {text}\nhelp: ")), "{}", run.stderr);
    assert!(server.requests().is_empty());
    assert!(!run.dir().join("run").exists());
}

#[rstest]
#[case(&["--endpoint-type", "completions", "--image-width-mean", "8", "--image-height-mean", "8"],
    "use `--image-width-mean` with the endpoint `completions`: it takes no images")]
#[case(&["--endpoint-type", "messages", "--audio-length-mean", "1"],
    "use `--audio-length-mean` with the endpoint `messages`: it takes no audio")]
#[case(&["--endpoint-type", "image_retrieval", "--batch-size", "2"],
    "use `--batch-size` with the endpoint `image_retrieval`: it takes no texts")]
#[case(&["--audio-length-mean", "1", "--audio-format", "mp3", "--audio-sample-rates", "16,96"],
    "use `--audio-sample-rates` together with `--audio-format mp3`: MP3 has 8, 11.025, 12, 16,")]
fn flags_that_have_no_effect_are_refused(#[case] flags: &[&str], #[case] text: &str) {
    let run = Tool::new(["profile", "--mock", "--ui", "none", "--artifact-dir", "run"]).args(flags).run();
    run.ends_with(2);
    assert!(run.stderr.starts_with(&format!("error: failed to {text}")), "{}", run.stderr);
}

fn generated(server: &str, flags: &[&str]) -> Run {
    Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--url", server])
        .args(["--no-server-metrics", "--isl", "10", "--osl", "3"])
        .args(flags)
        .run()
}

const SEEN_AND_HEARD: [&str; 10] = [
    "--image-width-mean",
    "40",
    "--image-height-mean",
    "30",
    "--image-batch-size",
    "2",
    "--image-format",
    "random",
    "--audio-length-mean",
    "0.5",
];

#[test]
fn a_seed_sends_the_same_media_and_changes_no_text() {
    let bodies = |seed: &str, flags: &[&str]| {
        let server = replay("vllm/chat.nonstream");
        let flags = [&["--random-seed", seed, "--request-count", "1"], flags].concat();
        generated(&server.url(), &flags).succeeds();
        body(&server)["messages"][0]["content"].clone()
    };
    let seen = bodies("42", &SEEN_AND_HEARD);
    assert_eq!(seen, bodies("42", &SEEN_AND_HEARD));
    assert_ne!(seen[1], bodies("43", &SEEN_AND_HEARD)[1]);
    let kinds: Vec<_> = seen.as_array().unwrap().iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image_url", "image_url", "input_audio"]);
    assert_eq!(seen[0]["text"], bodies("42", &[]));
}

/// The numbers are the requests' own, wherever the endpoint runs.
#[rstest]
fn input_media_are_counted(#[values(&[], &["--isolate", "chat"])] how: &[&str]) {
    let server = MockServer::start([]);
    let media = [&SEEN_AND_HEARD[..], &["--random-seed", "42", "--request-count", "6"], how].concat();
    let run = generated(server.url(), &media);
    let summary = run.succeeds().summary();
    let sum = |metric: &str| summary[metric]["sum"].as_f64();
    assert_eq!((sum("num_images"), sum("audio_duration")), (Some(12.0), Some(3.0)));
    for record in run.records() {
        let metric = |name: &str| record["metrics"][name]["value"].as_f64().unwrap();
        let latency_s = metric("request_latency") / 1e3;
        let near = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-6;
        assert!(near(metric("image_throughput"), 2.0 / latency_s), "{record}");
        assert!(near(metric("image_latency"), latency_s * 1e3 / 2.0), "{record}");
        assert!(near(metric("rtfx"), 0.5 / latency_s), "{record}");
    }
    let window_s = summary["benchmark_duration"]["avg"].as_f64().unwrap();
    let rate = |metric: &str| summary[metric]["avg"].as_f64().unwrap() * window_s;
    assert!((rate("total_image_throughput") - 12.0).abs() < 1e-3, "{summary}");
    assert!((rate("total_rtfx") - 3.0).abs() < 1e-3, "{summary}");
}

#[test]
fn what_has_no_media_has_no_row_about_them() {
    let server = MockServer::start([]);
    let run = generated(server.url(), &["--random-seed", "42", "--request-count", "3"]);
    let summary = run.succeeds().summary();
    let about_media = summary
        .as_object()
        .unwrap()
        .keys()
        .filter(|metric| ["image", "audio", "rtfx"].iter().any(|word| metric.contains(word)));
    assert_eq!(about_media.count(), 0);
    let shown = run.stdout.to_lowercase();
    assert!(!["image", "audio", "rtfx"].iter().any(|word| shown.contains(word)), "{}", run.stdout);
}

/// Audio whose length is not known is no audio of length 0, and half of a request's audio is not all of it.
#[rstest]
fn only_audio_of_known_length_has_one(#[values(false, true)] beside_a_known_one: bool) {
    let server = MockServer::start([]);
    // 8000 bytes a second, and two seconds of them, which a stream does not say of itself.
    let known = "data:audio/wav;base64,UklGRgAAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0Yf////8";
    let known = format!("{known}{}", "A".repeat(16_000 * 4 / 3));
    let audio: &[&str] = if beside_a_known_one { &[&known, "hum.mp3"] } else { &["hum.mp3"] };
    let row = json!({"text": "a", "audios": audio, "image": "card.png"});
    let run = with_row("chat", server.url(), &row).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["num_images"]["avg"], 1.0);
    assert!(summary["audio_duration"].is_null() && summary["rtfx"].is_null(), "{summary}");
    let run = with_row("chat", server.url(), &json!({"audios": [known, known]})).run();
    let seconds = run.succeeds().summary()["audio_duration"]["avg"].as_f64().unwrap();
    assert!((seconds - 4.0).abs() < 0.01, "{seconds}");
}

#[test]
fn an_api_format_that_looks_at_images_needs_no_file() {
    let run = Tool::new(["profile", "--mock", "--endpoint-type", "image_retrieval", "--ui", "none"])
        .args([
            "--artifact-dir",
            "run",
            "--random-seed",
            "42",
            "--request-count",
            "3",
            "--image-batch-size",
            "2",
        ])
        .run();
    assert_eq!(run.succeeds().summary()["num_images"]["sum"], 6.0);
}

/// A profile of one request with a video of 6 frames, by an `ffmpeg` that does this.
fn with_ffmpeg(script: &str, url: &str, flags: &[&str]) -> Run {
    let tool = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--url", url])
        .args(["--no-server-metrics", "--isl", "10", "--random-seed", "42", "--request-count", "1"])
        .args(["--video-width", "8", "--video-height", "4", "--video-duration", "1.5"])
        .args(flags);
    let program = tool.file("ffmpeg", format!("#!/bin/sh\n{script}"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", tool.dir().display());
    tool.env("PATH", path).run()
}

/// Writes what it was asked beside itself, and how much it was given into the file that it was asked for.
const FAKE_FFMPEG: &str = r#"printf '%s\n' "$@" >> "$0.asked"
for last; do :; done
printf 'a film of %s bytes' $(wc -c) > "$last"
"#;

#[test]
fn videos_are_encoded_by_ffmpeg_and_sent_and_counted() {
    let server = replay("vllm/chat.nonstream");
    let sound = ["--video-audio-num-channels", "2", "--video-batch-size", "2"];
    let run = with_ffmpeg(FAKE_FFMPEG, &server.url(), &sound);
    assert_eq!(run.succeeds().summary()["num_videos"]["sum"], 2.0);
    let content = body(&server)["messages"][0]["content"].clone();
    let film =
        format!("data:video/webm;base64,{}", STANDARD.encode(format!("a film of {} bytes", 8 * 4 * 3 * 6)));
    let part = json!({"type": "video_url", "video_url": {"url": film}});
    assert_eq!(content.as_array().unwrap()[1..], [part.clone(), part]);
    let asked = fs::read_to_string(run.dir().join("ffmpeg.asked")).unwrap();
    let asked: Vec<&str> = asked.lines().collect();
    let follow = |words: &[&str]| asked.windows(words.len()).filter(|window| *window == words).count();
    for words in [
        &["-video_size", "8x4", "-framerate", "4", "-i", "pipe:0"][..],
        &["-c:v", "libvpx-vp9"],
        &["-c:a", "libvorbis"],
        &["-f", "webm"],
    ] {
        assert_eq!(follow(words), 2, "{words:?} in {asked:?}");
    }
}

#[rstest]
#[case::unknown_encoder("echo \"Unknown encoder 'x'\" >&2; exit 8", "exit status: 8: Unknown encoder 'x'")]
#[case::no_file("cat > /dev/null", "its file cannot be used: it is empty")]
fn what_ffmpeg_says_is_told_before_anything_is_sent(#[case] script: &str, #[case] reason: &str) {
    let server = replay("vllm/chat.nonstream");
    let run = with_ffmpeg(script, &server.url(), &[]);
    run.ends_with(2);
    let expected = format!("error: failed to make a video of 6 frames of 8 x 4 pixels with ffmpeg: {reason}");
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    assert!(server.requests().is_empty());
    assert!(!run.dir().join("run").exists());
}

/// The program of the test ends with the one that it works for.
#[test]
fn videos_take_no_longer_than_the_run_may() {
    let server = replay("vllm/chat.nonstream");
    let hangs = "while kill -0 $PPID 2> /dev/null; do sleep 0.02; done";
    let run = with_ffmpeg(hangs, &server.url(), &["--deadline", "0.3"]);
    run.ends_with(6);
    let expected = "error: the deadline of 0.3 s (`--deadline`) was over before the content of the requests was made: nothing was \
                    measured\n";
    assert_eq!(run.stderr, expected);
    assert!(server.requests().is_empty() && !run.dir().join("run").exists());
}

#[test]
fn without_ffmpeg_it_is_said_how_to_get_it() {
    let server = replay("vllm/chat.nonstream");
    let run = Tool::profile_at(&server.url())
        .args(["--video-width", "8", "--video-height", "4"])
        .env("PATH", "/nowhere")
        .run();
    run.ends_with(2);
    let expected = "error: failed to make a video of 20 frames of 8 x 4 pixels: there is no program `ffmpeg` on the PATH\n\
                    help: install ffmpeg (`apt-get install ffmpeg`";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    assert!(server.requests().is_empty());
}

/// A program of the test's own makes it, since the system's need not be there. What it is given is a WAV file of a second.
#[test]
fn mp3_clips_are_made_by_ffmpeg() {
    let server = replay("vllm/chat.nonstream");
    let sound = ["--audio-length-mean", "1", "--audio-format", "mp3", "--video-batch-size", "1"];
    let script = r#"for last; do :; done
case "$*" in *rawvideo*) name=film;; *) name=clip;; esac
printf '%s of %s bytes' $name $(wc -c) > "$last"
"#;
    let run = with_ffmpeg(script, &server.url(), &sound);
    run.succeeds();
    let content = body(&server)["messages"][0]["content"].clone();
    let parts = content.as_array().unwrap();
    let clip = parts.iter().find(|part| part["type"] == "input_audio").unwrap();
    let made = STANDARD.encode(format!("clip of {} bytes", 44 + 2 * 16_000));
    assert_eq!(clip["input_audio"], json!({"data": made, "format": "mp3"}));
}

/// With the real program, where there is one: a clip lasts as long as was asked for, and a frame or two more.
#[test]
fn an_mp3_clip_plays_as_long_as_was_asked_for() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|path| path.join("ffmpeg").is_file()) {
        eprintln!("not tested: ffmpeg is not installed");
        return;
    }
    let server = MockServer::start([]);
    let run = generated(
        server.url(),
        &["--request-count", "2", "--audio-length-mean", "2", "--audio-format", "mp3"],
    );
    let seconds = run.succeeds().summary()["audio_duration"]["avg"].as_f64().unwrap();
    assert!((2.0..2.2).contains(&seconds), "{seconds}");
}

/// With the real program, where there is one.
#[rstest]
#[case::webm(&["--video-synth-type", "grid-clock"], &["vp9,64,48,6"])]
#[case::with_sound(&["--video-format", "mp4", "--video-audio-num-channels", "1"], &["vp9,64,48,6", "aac,1"])]
fn a_video_is_what_was_asked_for(#[case] flags: &[&str], #[case] expected: &[&str]) {
    let folder = |path: &Path| path.join("ffmpeg").is_file() && path.join("ffprobe").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|path| folder(&path)) {
        eprintln!("not tested: ffmpeg and ffprobe are not installed");
        return;
    }
    let films = || {
        let run = Tool::new(["profile", "--mock", "--isl", "5", "--random-seed", "42", "--dry-run", "2"])
            .args(["--video-width", "64", "--video-height", "48", "--video-duration", "1.5"])
            .args(["--request-count", "2", "--dry-run-output", "bodies.jsonl"])
            .args(flags)
            .run();
        let bodies = fs::read_to_string(run.succeeds().dir().join("bodies.jsonl")).unwrap();
        let url = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line.pointer("/body/messages/0/content/1/video_url/url").unwrap().as_str().unwrap().to_owned()
        };
        (bodies.lines().map(url).collect::<Vec<_>>(), run)
    };
    let (urls, run) = films();
    assert_ne!(urls[0], urls[1], "two videos are alike");
    assert_eq!(urls, films().0, "a seed gives its videos");
    let film = STANDARD.decode(urls[0].split_once(";base64,").unwrap().1).unwrap();
    let file = run.dir().join("film");
    fs::write(&file, film).unwrap();
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-count_frames", "-of", "csv=p=0", "-show_entries"]);
    probe.arg("stream=codec_name,width,height,channels,nb_read_frames").arg(&file);
    let found = String::from_utf8(finish(&mut probe).stdout).unwrap();
    // The frames of the sound are the encoder's own.
    let streams: Vec<&str> = found
        .lines()
        .map(|line| if line.starts_with("aac") { line.rsplit_once(',').unwrap().0 } else { line })
        .collect();
    assert_eq!(streams, expected);
}

#[test]
fn pictures_of_a_folder_are_sent_as_they_are() {
    let server = replay("vllm/chat.nonstream");
    let tool = Tool::bare_profile()
        .args(["--url", &server.url(), "--isl", "10", "--request-count", "1", "--image-source", "."])
        .args(["--image-source-sampling", "sequential-cycle", "--image-batch-size", "3"]);
    tool.file("b.jpg", "two");
    tool.file("a.png", FILE.0);
    let run = tool.run();
    assert_eq!(run.succeeds().summary()["num_images"]["sum"], 3.0);
    let content = body(&server)["messages"][0]["content"].clone();
    let urls: Vec<&str> = content.as_array().unwrap()[1..]
        .iter()
        .map(|part| part["image_url"]["url"].as_str().unwrap())
        .collect();
    let first = format!("data:image/png;base64,{}", FILE.1);
    assert_eq!(urls, [&first, "data:image/jpeg;base64,dHdv", &first]);
}
