//! Users who send their requests at a pace of their own, as the server sees them.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;

const USERS: [&str; 6] = ["--user-centric-rate", "8", "--num-users", "4", "--conversation-turn-mean", "3"];

/// For each session, the times at which its requests were due, in milliseconds since the first request of the run.
fn schedule(run: &Run) -> BTreeMap<u64, Vec<u64>> {
    let mut due: Vec<(u64, u64)> = run
        .records()
        .iter()
        .map(|record| {
            let metadata = &record["metadata"];
            (metadata["credit_issued_ns"].as_u64().unwrap(), metadata["session_num"].as_u64().unwrap())
        })
        .collect();
    due.sort_unstable();
    let mut sessions = BTreeMap::<u64, Vec<u64>>::new();
    for (at_ns, session) in &due {
        sessions.entry(*session).or_default().push((at_ns - due[0].0) / 1_000_000);
    }
    sessions
}

/// Each of 4 users has every fourth place of 8 a second. Sessions 4 to 7 are those of the users who follow.
#[rstest]
#[case::one_worker(&["--workers", "1"])]
#[case::two_workers(&["--workers", "2"])]
#[case::isolated(&["--isolate", "chat"])]
fn each_user_sends_at_equal_distances_and_is_followed_by_another(#[case] place: &[&str]) {
    let server = MockServer::start(["--tokens", "1"]);
    let run = Tool::profile(&server).args(USERS).args(["--num-conversations", "8"]).args(place).run();
    run.succeeds();
    let expected: BTreeMap<u64, Vec<u64>> = (0..8)
        .map(|session| {
            let first = session % 4 * 125 + session / 4 * 1500;
            (session, vec![first, first + 500, first + 1000])
        })
        .collect();
    assert_eq!(schedule(&run), expected);
    assert_eq!(server.truth()["arrivals_ns"].as_array().unwrap().len(), 24);
    assert!(run.stdout.contains("4 users of 8 requests/s together"), "{}", run.stdout);
}

/// A turn cannot go before the response that it repeats, and the next user does not wait for it.
#[test]
fn a_slow_server_delays_turns_and_no_users() {
    let server = MockServer::start(["--tokens", "1", "--ttft-ms", "700"]);
    let run = Tool::profile(&server).args(USERS).args(["--num-conversations", "8"]).run();
    let sessions = schedule(run.succeeds());
    for (session, due) in &sessions {
        assert_eq!(due[0], session % 4 * 125 + session / 4 * 1500, "{sessions:?}");
        assert!(due[1] >= due[0] + 700 && due[2] >= due[1] + 700, "{sessions:?}");
    }
}

#[test]
fn the_number_of_requests_ends_the_load() {
    let server = MockServer::start(["--tokens", "1"]);
    let run = Tool::profile(&server).args(USERS).args(["--request-count", "9"]).run();
    assert_eq!(run.succeeds().records().len(), 9);
}

#[test]
fn users_without_conversations_are_refused() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--user-centric-rate", "5", "--num-users", "2"]).run();
    run.ends_with(2);
    assert!(
        run.stderr.contains("`--user-centric-rate` requires `--conversation-turn-mean`"),
        "{}",
        run.stderr
    );
}
