//! Frames of the dashboard, as a terminal would show them.

use std::time::Duration;

use prony_plugin_api::{
    live::{AgentNow, ClientNow, FailuresNow, PhaseNow, Recent, RequestsNow, RunNow, ServerNow, Spread},
    message::PhaseKind,
};
use ratatui::{Terminal, backend::TestBackend};

use super::{frame, model::Model};
use crate::{
    plan::{Load, Phase, Ramp, StopRule},
    run::Snapshot,
};

fn spread(p50: f64, count: u64) -> Spread {
    Spread { count, p50, p90: 1.5 * p50, p99: 2.5 * p50, max: 3.0 * p50 }
}

/// What is known half of a second times `step` after the start: a load that rises.
fn now(step: u64) -> RunNow {
    let succeeded = step * step / 4;
    RunNow {
        at_ns: step * 500_000_000,
        phase: PhaseNow {
            index: 1,
            phases: 2,
            name: "profiling".into(),
            kind: PhaseKind::Profiling,
            load: "closed loop, concurrency 64, 1000 requests".into(),
            elapsed_s: step as f64 / 2.0,
            most_requests: Some(1000),
            most_seconds: None,
            is_over: false,
        },
        requests: RequestsNow {
            begun: succeeded + 67,
            in_flight: 64,
            succeeded,
            failed: 3,
            output_tokens: succeeded * 128,
            ..RequestsNow::default()
        },
        recent: Recent {
            seconds: 10.4,
            requests_per_s: 20.25,
            failed_per_s: 0.1,
            output_tokens_per_s: 2592.0,
            time_to_first_token_ms: Some(spread(123.4 + step as f64, 210)),
            inter_token_latency_ms: Some(spread(8.25, 210)),
            request_latency_ms: Some(spread(1204.0, 12_345)),
        },
        failures: vec![
            FailuresNow {
                kind: "http_status".into(),
                code: Some(503),
                message: "busy,\ntry later".into(),
                count: 2,
            },
            FailuresNow { kind: "timeout".into(), code: None, message: "nothing came".into(), count: 1 },
        ],
        client: ClientNow {
            processors: 2,
            busy_processors: Some(0.42),
            machine_busy: Some(0.97),
            sent: 210,
            sent_late: 4,
            lateness_ms: Some(spread(0.2, 210)),
        },
        servers: vec![
            ServerNow {
                url: "http://127.0.0.1:8000/metrics".into(),
                running: Some(60.0),
                waiting: Some(4.0),
                cache_usage: Some(0.41),
                ..ServerNow::default()
            },
            ServerNow {
                url: "http://127.0.0.1:8001/metrics".into(),
                error: Some("refused".into()),
                ..Default::default()
            },
        ],
        agents: Vec::new(),
    }
}

fn running() -> Model {
    let mut model = Model::new(String::new());
    let load = Load::Closed { sessions: Ramp::constant(64).unwrap() };
    let phase = Phase {
        name: "profiling".into(),
        ..Phase::measured(load, StopRule::after_requests(1000.try_into().unwrap()))
    };
    model.phase_started(&phase);
    (1..=40).for_each(|step| model.now(&now(step)));
    model.snapshot(Snapshot {
        elapsed: Duration::from_secs(20),
        succeeded: 400,
        cancelled_on_purpose: 0,
        overflowed: 0,
        failed: 3,
        in_flight: 64,
        output_tokens: 51_200,
    });
    model.notice("warning: the server said something odd");
    model.notice("live_api: the run can be looked at: http://127.0.0.1:43210");
    model
}

fn drawn(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| frame::draw(frame, model)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_run_at_80_by_24() {
    insta::assert_snapshot!(drawn(&running(), 80, 24));
}

#[test]
fn a_run_at_200_by_50() {
    insta::assert_snapshot!(drawn(&running(), 200, 50));
}

/// With agents there is room for five of them, and for what is wrong.
#[test]
fn a_run_with_agents_at_80_by_24() {
    let agent = |name: &str, heard_s_ago| AgentNow {
        name: name.into(),
        heard_s_ago,
        in_flight: heard_s_ago.map(|_| 21),
        requests_per_s: heard_s_ago.map(|_| 6.75),
        ..AgentNow::default()
    };
    let mut model = running();
    let agents = vec![agent("north", Some(0.4)), agent("south", Some(1.2)), agent("west", None)];
    model.now(&RunNow { agents, ..now(41) });
    let drawing = drawn(&model, 80, 24);
    for part in [
        "┌ agents, 1 of 3 missing ",
        "│              req/s flight   late  ago│",
        "│west              -      -      -    -│",
        "│north          6.75     21      -   0s│",
        "│south          6.75     21      -   1s│",
        "│2 http_status 503: busy, try later    │",
        "│http://127.0.0.1:8000/metrics         │",
        "q end   p pause",
    ] {
        assert!(drawing.contains(part), "no `{part}` in\n{drawing}");
    }
    assert!(!drawing.contains("CPUs"), "the controller's own are of no interest:\n{drawing}");
}

#[test]
fn the_keys_are_explained_over_a_run_that_stands_still() {
    insta::assert_snapshot!(drawn(&Model { is_paused: true, shows_help: true, ..running() }, 80, 24));
}

#[test]
fn before_anything_is_known() {
    let place = "cell 2 of 3".to_owned();
    insta::assert_snapshot!(drawn(&Model { place, phase: "warm-up".to_owned(), ..Model::default() }, 80, 24));
}

#[test]
fn a_small_terminal_shows_how_far_the_run_is() {
    insta::assert_snapshot!(drawn(&running(), 50, 5));
}

/// Whatever the size, nothing is drawn outside of it, which would panic.
#[test]
fn a_terminal_may_have_any_size() {
    let model = Model { shows_help: true, ..running() };
    for width in [1, 20, 59, 60, 61, 79, 132, 400] {
        for height in [1, 2, 15, 16, 17, 23, 39, 40, 100] {
            let drawing = drawn(&model, width, height);
            assert_eq!(drawing.lines().count(), usize::from(height), "{width} x {height}");
        }
    }
}
