//! The folder of a run while it goes on: nobody else may take it, and what is done to it loses no record.

use std::{fs, fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path};

use prony_tests::{MockServer, Running, Script, ScriptedServer, Tool};
use rstest::rstest;

/// A run that goes on until somebody ends it.
fn endless(server: &MockServer) -> Tool {
    Tool::profile(server).args(["--benchmark-duration", "3600", "--concurrency", "2", "--osl", "4"])
}

/// Waits until some records are in the journal.
fn measured_something(running: &Running) {
    running.await_journal(20_000);
}

#[test]
fn a_folder_where_a_run_is_going_is_taken_by_nobody_else() {
    let server = MockServer::start([]);
    let first = endless(&server).spawn();
    measured_something(&first);
    let second = Tool::new(["profile", "--model", "m", "--ui", "none", "--isl", "8", "--request-count", "1"])
        .args(["--url", server.url(), "--overwrite", "--artifact-dir"])
        .arg(first.dir().join("run"))
        .run();
    second.ends_with(2);
    let says = format!("process {}", first.id());
    assert!(second.stderr.contains(&says) && second.stderr.contains("--artifact-dir"), "{}", second.stderr);
    first.signal("INT");
    let first = first.wait();
    assert!(first.ends_with(130).summary()["request_count"]["avg"].as_u64() > Some(1));
    assert!(!first.artifact("run.lock").exists());
}

/// Of two that begin at once, one has the folder.
#[test]
fn two_runs_that_begin_at_once_do_not_share_a_folder() {
    let server = MockServer::start(["--ttft-ms", "300"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let begin = || {
        Tool::new(["profile", "--model", "m", "--ui", "none", "--isl", "8", "--request-count", "2"])
            .args(["--url", server.url(), "--artifact-dir"])
            .arg(&path)
            .spawn()
    };
    let codes = [begin(), begin()].map(|running| running.wait().code);
    let mut sorted = codes;
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 2]);
}

#[test]
fn the_lock_of_a_killed_run_holds_up_nobody_and_leads_nowhere() {
    let server = MockServer::start([]);
    let killed = endless(&server).spawn();
    measured_something(&killed);
    killed.signal("KILL");
    let killed = killed.wait();
    let again = |dir: &Path| {
        Tool::new(["profile", "--model", "m", "--ui", "none", "--isl", "8", "--request-count", "1"])
            .args(["--url", server.url(), "--overwrite", "--artifact-dir"])
            .arg(dir)
            .run()
    };
    again(&killed.dir().join("run")).succeeds();
    // A link that somebody has put there is not written through.
    let precious = killed.dir().join("precious");
    fs::write(&precious, "mine").unwrap();
    std::os::unix::fs::symlink(&precious, killed.artifact("run.lock")).unwrap();
    again(&killed.dir().join("run")).ends_with(1);
    assert_eq!(fs::read_to_string(precious).unwrap(), "mine");
}

#[derive(Clone, Copy, PartialEq)]
enum Where {
    Folder,
    Journal,
}

/// The run goes on into the file that it has open, and says where that is now.
#[rstest]
fn what_is_moved_in_mid_run_is_found_again(#[values(Where::Folder, Where::Journal)] what: Where) {
    let server = MockServer::start([]);
    let running = endless(&server).spawn();
    measured_something(&running);
    let (run, elsewhere) = (running.dir().join("run"), running.dir().join("elsewhere"));
    if what == Where::Folder {
        fs::rename(&run, &elsewhere).unwrap();
    } else {
        fs::create_dir(&elsewhere).unwrap();
        fs::rename(run.join("journal.prony"), elsewhere.join("journal.prony")).unwrap();
    }
    running.signal("INT");
    let ended = running.wait();
    ended.ends_with(1);
    let journal = fs::canonicalize(ended.dir()).unwrap().join("elsewhere/journal.prony");
    assert!(ended.stderr.contains(&journal.display().to_string()), "{}", ended.stderr);
    assert!(ended.stderr.contains("was moved"), "{}", ended.stderr);
    let report = Tool::new(["report"]).arg(journal).run();
    report.ends_with(6);
    assert!(report.stdout.contains("interrupted by the user"), "{}", report.stdout);
}

#[rstest]
fn what_is_removed_in_mid_run_is_written_again(#[values(Where::Folder, Where::Journal)] what: Where) {
    let server = MockServer::start([]);
    let running = endless(&server).spawn();
    measured_something(&running);
    let run = running.dir().join("run");
    if what == Where::Folder {
        fs::remove_dir_all(&run).unwrap();
    } else {
        fs::remove_file(run.join("journal.prony")).unwrap();
    }
    running.signal("INT");
    let ended = running.wait();
    ended.ends_with(1);
    assert!(ended.stderr.contains("was removed"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("`prony report {}`", run.display())), "{}", ended.stderr);
    let answered = server.truth()["requests_ok"].as_u64();
    Tool::new(["report"]).arg(&run).run().ends_with(6);
    assert_eq!(ended.summary()["request_count"]["avg"].as_u64(), answered);
}

#[test]
fn a_journal_that_is_cut_in_mid_run_ends_it() {
    let server = MockServer::start([]);
    let running = endless(&server).spawn();
    measured_something(&running);
    let journal = OpenOptions::new().write(true).open(running.dir().join("run/journal.prony")).unwrap();
    journal.set_len(15_000).unwrap();
    let run = running.wait();
    run.ends_with(1);
    assert!(run.stderr.contains("was cut to 15000 bytes"), "{}", run.stderr);
    assert!(run.summary()["request_count"]["avg"].as_u64() > Some(1));
}

/// Somebody else's journal under the name of this run's is not reported as this run's.
#[test]
fn the_journal_of_another_run_is_not_this_runs() {
    let server = MockServer::start([]);
    let other = Tool::profile(&server).args(["--request-count", "1"]).run();
    let running = endless(&server).spawn();
    measured_something(&running);
    let run = running.dir().join("run");
    fs::rename(run.join("journal.prony"), run.join("mine.prony")).unwrap();
    fs::copy(other.succeeds().artifact("journal.prony"), run.join("journal.prony")).unwrap();
    running.signal("INT");
    let ended = running.wait();
    ended.ends_with(1);
    assert!(ended.stderr.contains("mine.prony"), "{}", ended.stderr);
    assert!(!ended.artifact("profile_export_prony.json").exists());
    // A report takes it under its own name only, and that is said.
    assert!(ended.stderr.contains("rename it to `journal.prony`"), "{}", ended.stderr);
    let elsewhere = ended.dir().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(ended.artifact("mine.prony"), elsewhere.join("journal.prony")).unwrap();
    Tool::new(["report"]).arg(elsewhere).run().ends_with(6);
}

/// By way of a shell that limits the size of files, in blocks of 512 bytes.
const LIMITED: [&str; 4] = ["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"];
const LIMITED_LATE: [&str; 4] = ["sh", "-c", "ulimit -f 60000; exec \"$@\"", "sh"];
const LIMITED_TO_JOURNAL: [&str; 4] = ["sh", "-c", "ulimit -f 2400; exec \"$@\"", "sh"];
const LIMITED_TO_RECORDS: [&str; 4] = ["sh", "-c", "ulimit -f 400; exec \"$@\"", "sh"];

/// `ulimit -f`: the system's signal must not end what an error can tell.
#[test]
fn a_run_whose_journal_may_not_grow_ends_with_what_it_has() {
    let text = "word ".repeat(120_000);
    let body =
        serde_json::json!({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]});
    let server = ScriptedServer::start([Script::whole("application/json", body.to_string())]);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--request-count", "200", "--export-outputs-json"])
        .under(&LIMITED_LATE)
        .run();
    run.ends_with(1);
    let says = run.stderr.to_lowercase();
    assert!(says.contains("make room") && says.contains("file too large"), "{}", run.stderr);
    assert!(run.artifact("journal.prony").metadata().unwrap().len() > 10 << 20);
    assert!(run.stdout.contains("Request Latency"), "{}", run.stdout);
}

/// The journal fits below the limit, and the lines of the requests do not: what was measured is shown, and not lost.
#[test]
fn a_report_without_room_for_its_files_is_shown() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--request-count", "1500", "--concurrency", "8", "--osl", "64", "--no-server-metrics"])
        .under(&LIMITED_TO_JOURNAL)
        .run();
    run.ends_with(1);
    assert!(run.stdout.contains("Request Latency") && run.stdout.contains("1,500"), "{}", run.stdout);
    let error = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>();
    assert!(error.len() == 1 && error[0].contains("profile_export.jsonl"), "{}", run.stderr);
    assert!(run.stderr.to_lowercase().contains("cause: file too large"), "{}", run.stderr);
    let dir = run.dir().join("run");
    let journal = dir.join("journal.prony");
    assert!(run.stderr.contains(&format!("the records are in `{}`", journal.display())), "{}", run.stderr);
    assert!(run.stderr.contains("`prony report "), "{}", run.stderr);
    assert!(!run.stdout.contains("wrote") || !run.stdout.contains("profile_export.jsonl"), "{}", run.stdout);
    Tool::new(["report"]).arg(&dir).run().succeeds();
    assert_eq!(run.records().len(), 1500);
}

/// Only the file with the texts, which are 300 kB each, reaches the limit.
#[test]
fn texts_that_cannot_be_kept_are_counted_in_the_run() {
    let text = "responsibilities ".repeat(18_000);
    let body =
        serde_json::json!({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]});
    let server = ScriptedServer::start([Script::whole("application/json", body.to_string())]);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--request-count", "6"])
        .under(&LIMITED_TO_RECORDS)
        .run();
    run.succeeds();
    assert!(run.stderr.contains("texts are not kept any more"), "{}", run.stderr);
    let summary = run.summary();
    assert_eq!(summary["request_count"]["avg"], 6);
    assert_eq!((&summary["output_token_count"]["count"], &summary["uncounted"]), (&6.into(), &0.into()));
}

#[test]
fn a_report_whose_files_may_not_grow_is_an_error() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "50"]).run();
    run.succeeds();
    let report = Tool::new(["report"]).arg(run.dir().join("run")).under(&LIMITED).run();
    report.ends_with(1);
    let says = report.stderr.to_lowercase();
    assert!(says.contains("make room") && says.contains("file too large"), "{}", report.stderr);
}

#[test]
fn a_run_whose_journal_cannot_begin_is_an_error() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1"]).under(&LIMITED).run();
    run.ends_with(1);
    let says = run.stderr.to_lowercase();
    assert!(says.contains("journal.prony") && says.contains("file too large"), "{}", run.stderr);
}

/// Each writes its own files, and gives them their names when they are whole.
#[test]
fn reports_at_once_are_all_whole() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "300", "--concurrency", "8"]).run();
    let expected = run.succeeds().read("profile_export.jsonl");
    let dir = run.dir().join("run");
    for _ in 0..5 {
        let reports: Vec<Running> = (0..4).map(|_| Tool::new(["report"]).arg(&dir).spawn()).collect();
        for report in reports {
            report.wait().succeeds();
            assert_eq!(run.read("profile_export.jsonl").len(), expected.len());
        }
    }
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains(".tmp")));
}

#[rstest]
#[case::no_success(&["--error-every", "1"], 1)]
#[case::some(&["--error-every", "2"], 0)]
fn a_report_ends_as_its_run_did(#[case] fault: &[&str], #[case] code: i32) {
    let server = MockServer::start(fault.iter().copied());
    let run = Tool::profile(&server).args(["--request-count", "4"]).run();
    run.ends_with(code);
    let report = Tool::new(["report"]).arg(run.dir().join("run")).run();
    report.ends_with(code);
    assert_eq!(report.stderr.contains("no request succeeded"), code == 1, "{}", report.stderr);
}

/// A journal goes on where nobody could have written it.
#[test]
fn a_record_behind_the_end_of_a_journal_does_not_count() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "3"]).run();
    let journal = run.succeeds().artifact("journal.prony");
    let bytes = fs::read(&journal).unwrap();
    // All frames but the magic once more.
    let mut longer = OpenOptions::new().append(true).mode(0o600).open(&journal).unwrap();
    std::io::Write::write_all(&mut longer, &bytes[8..]).unwrap();
    let report = Tool::new(["report"]).arg(run.dir().join("run")).run();
    report.ends_with(6);
    assert_eq!(run.summary()["request_count"]["avg"], 3);
    assert!(report.stdout.contains("cut off or damaged"), "{}", report.stdout);
}

#[test]
fn overwriting_is_offered_where_there_is_a_run_and_nowhere_else() {
    let server = MockServer::start([]);
    let tool = || Tool::profile(&server).args(["--request-count", "1"]);
    let strange = tool();
    fs::create_dir(strange.dir().join("run")).unwrap();
    fs::write(strange.dir().join("run/thesis.txt"), "mine").unwrap();
    let refused = strange.run();
    refused.ends_with(2);
    assert!(refused.stderr.contains("no run is in it"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    let own = tool();
    fs::create_dir(own.dir().join("run")).unwrap();
    fs::write(own.dir().join("run/journal.prony"), "old").unwrap();
    let refused = own.run();
    refused.ends_with(2);
    assert!(refused.stderr.contains("add `--overwrite`"), "{}", refused.stderr);
}
