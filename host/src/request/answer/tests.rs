use rstest::rstest;

use super::*;

fn event(answer: &mut Answer, at: RunNs, kind: TextKind, text: &str) {
    answer.arrived = Some(at);
    answer.begin_event();
    answer.text(kind, 0, text);
}

#[test]
fn an_empty_delta_is_no_token() {
    let mut answer = Answer::default();
    event(&mut answer, 5, TextKind::CONTENT, "");
    event(&mut answer, 9, TextKind::CONTENT, "a");
    assert_eq!((answer.first_token, answer.token_events), (Some(9), 1));
}

#[test]
fn reasoning_is_a_first_token_but_not_a_first_output_token() {
    let mut answer = Answer::default();
    event(&mut answer, 5, TextKind::REASONING, "hm");
    event(&mut answer, 9, TextKind::TOOL, "f(");
    assert_eq!((answer.first_token, answer.first_output_token), (Some(5), Some(9)));
}

#[test]
fn events_that_share_a_read_have_no_gap_between_them() {
    let mut answer = Answer::default();
    for (at, text) in [(10, "a"), (10, "b"), (17, "c"), (17, "d"), (20, "e")] {
        event(&mut answer, at, TextKind::CONTENT, text);
    }
    assert_eq!(answer.chunk_gaps_ns, [7, 3]);
    assert_eq!((answer.first_arrival.as_str(), answer.token_events), ("ab", 5));
    assert_eq!(answer.first_read_events, 2);
    assert_eq!(answer.last_token, Some(20));
}

#[test]
fn gaps_of_the_tokens_that_are_asked_for_have_room_beforehand() {
    for (tokens, room) in [(0, 0), (1, 0), (500, 499), (u64::MAX, MOST_EXPECTED_GAPS)] {
        let mut answer = Answer::default();
        answer.reserve_gaps(tokens);
        assert_eq!(answer.chunk_gaps_ns.capacity(), room, "{tokens}");
    }
}

#[test]
fn choices_that_take_turns_have_gaps_and_first_texts_of_their_own() {
    let mut answer = Answer::default();
    for (at, choice, text) in [(10, 0, "a"), (14, 1, "x"), (20, 0, "b"), (24, 1, "y")] {
        answer.arrived = Some(at);
        answer.begin_event();
        answer.text(TextKind::CONTENT, choice, text);
    }
    assert_eq!((answer.chunk_gaps_ns.as_slice(), answer.first_arrival.as_str()), ([10, 10].as_slice(), "a"));
    assert_eq!(answer.choice_times.later_arrivals().collect::<Vec<_>>(), ["x"]);
    assert_eq!((answer.first_token, answer.last_token, answer.first_read_events), (Some(10), Some(24), 1));
}

#[rstest]
#[case::in_the_events_with_text(&[(10, "a", Some(5)), (20, "b", Some(6))], Some(5))]
#[case::of_the_last_event_of_the_first_read(&[(10, "a", Some(2)), (10, "b", Some(4)), (20, "c", Some(6))], Some(4))]
#[case::before_any_text(&[(10, "", Some(40)), (10, "a", None)], None)]
#[case::after_the_text(&[(10, "a", None), (10, "", Some(40))], None)]
#[case::later(&[(10, "a", None), (20, "b", Some(6))], None)]
fn usage_that_comes_with_the_first_token_is_kept(
    #[case] events: &[(RunNs, &str, Option<u64>)],
    #[case] expected: Option<u64>,
) {
    for usage_first in [false, true] {
        let mut answer = Answer::default();
        for (at, text, completion) in events {
            answer.arrived = Some(*at);
            answer.begin_event();
            let usage = completion.map(|_| TokenUsage { completion: *completion, ..TokenUsage::default() });
            if !usage_first {
                answer.text(TextKind::CONTENT, 0, text);
            }
            if let Some(usage) = &usage {
                answer.usage(usage);
            }
            if usage_first {
                answer.text(TextKind::CONTENT, 0, text);
            }
        }
        assert_eq!(answer.first_read_usage, expected);
    }
}

#[test]
fn text_of_a_body_has_no_instants() {
    let mut answer = Answer::default();
    answer.text(TextKind::CONTENT, 0, "whole");
    assert_eq!((answer.first_token, answer.token_events), (None, 0));
    assert_eq!(answer.texts[0].text, "whole");
}

#[test]
fn calls_of_tools_are_whole_and_are_no_tokens() {
    let mut answer = Answer { arrived: Some(5), ..Answer::default() };
    answer.begin_event();
    for (index, id, name, arguments) in [
        (0, "c-1", "f", ""),
        (1, "c-2", "", "{"),
        (0, "", "", "{\"a\":"),
        (1, "later", "g", "}"),
        (0, "", "f", "1}"),
    ] {
        answer.tool_call(2, index, id, name, arguments);
    }
    let calls = answer.tool_calls.iter();
    let calls: Vec<_> = calls.map(|call| (call.choice, &*call.id, &*call.name, &*call.arguments)).collect();
    assert_eq!(calls, [(2, "c-1", "f", "{\"a\":1}"), (2, "c-2", "g", "{}")]);
    assert_eq!((answer.first_token, answer.token_events, answer.said), (None, 0, None));
    assert!(answer.texts.is_empty() && answer.first_arrival.is_empty());
}

#[test]
fn an_answer_is_complete_when_each_of_its_choices_is() {
    let mut answer = Answer::default();
    assert!(!answer.is_complete());
    answer.text(TextKind::CONTENT, 0, "a");
    answer.text(TextKind::CONTENT, 1, "b");
    answer.finish(0, "stop");
    assert!(!answer.is_complete());
    answer.finish(1, "length");
    assert!(answer.is_complete());
    assert!(Answer { done: true, ..Answer::default() }.is_complete());
}

type Step = fn(&mut Answer);
const TEXT: Step = |answer| answer.text(TextKind::CONTENT, 0, "a");
const FINISH: Step = |answer| answer.finish(0, "stop");
const OTHER_FINISH: Step = |answer| answer.finish(1, "stop");
const USAGE: Step = |answer| answer.usage(&TokenUsage { completion: Some(1), ..TokenUsage::default() });
const BOTH: Step = |answer| {
    USAGE(answer);
    FINISH(answer);
};
const DONE: Step = |answer| answer.done();
const ERROR: Step = |answer| answer.error(None, "", "no");
const PICTURE: Step = |answer| {
    answer.media(PartKind::IMAGE, "image/png", 1, "");
    answer.done();
};

#[rstest]
#[case::nothing(&[], Some(1), StreamState::Open)]
#[case::text(&[TEXT, USAGE], Some(1), StreamState::Open)]
#[case::finished(&[TEXT, USAGE, FINISH], Some(1), StreamState::Finished)]
#[case::with_usage(&[TEXT, BOTH], Some(1), StreamState::Over)]
#[case::with_late_usage(&[TEXT, FINISH, USAGE], Some(1), StreamState::Over)]
#[case::twice_finished(&[FINISH, FINISH, USAGE], Some(2), StreamState::Open)]
#[case::all_finished(&[FINISH, OTHER_FINISH], Some(2), StreamState::Finished)]
#[case::of_unknown_many(&[TEXT, FINISH, USAGE], None, StreamState::Open)]
#[case::marked(&[TEXT, DONE], None, StreamState::Over)]
#[case::failed(&[TEXT, ERROR], None, StreamState::Over)]
#[case::the_picture(&[PICTURE], Some(1), StreamState::Over)]
#[case::one_of_two_pictures(&[PICTURE], Some(2), StreamState::Open)]
fn a_stream_is_over_when_its_api_format_says_so(
    #[case] steps: &[Step],
    #[case] choices: Option<u32>,
    #[case] expected: StreamState,
) {
    let mut answer = Answer::default();
    for step in steps {
        answer.begin_event();
        step(&mut answer);
    }
    assert_eq!(answer.state(choices), expected);
}

#[test]
fn usage_and_the_end_marker_say_nothing_of_their_own() {
    let mut answer = Answer::default();
    for (at, step) in [(3, TEXT), (5, FINISH), (7, USAGE), (9, DONE)] {
        answer.arrived = Some(at);
        answer.begin_event();
        step(&mut answer);
    }
    assert_eq!(answer.said, Some(5));
}

#[test]
fn the_first_error_stands() {
    let mut answer = Answer::default();
    answer.error(Some(500), "EngineError", "boom");
    answer.error(None, "", "later");
    let error = answer.error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (Some(500), "EngineError: boom"));
}

#[rstest]
#[case::endless_text(|answer: &mut Answer| answer.text(TextKind::CONTENT, 0, &"x".repeat(1 << 20)), Breach::AnswerBytes)]
#[case::endless_reasons(|answer: &mut Answer| answer.finish(0, "stop"), Breach::Finishes)]
#[case::a_long_reason(|answer: &mut Answer| answer.finish(0, &"x".repeat(100 << 20)), Breach::AnswerBytes)]
#[case::facts(|answer: &mut Answer| (0..65).for_each(|n| answer.fact(&n.to_string(), "x")), Breach::Facts)]
#[case::endless_arguments(|answer: &mut Answer| answer.tool_call(0, 0, "", "", &"x".repeat(1 << 20)), Breach::AnswerBytes)]
#[case::a_long_fact(|answer: &mut Answer| answer.fact("model", &"x".repeat(100 << 20)), Breach::AnswerBytes)]
#[case::endless_embeddings(|answer: &mut Answer| answer.embedding(0, 1), Breach::Items)]
#[case::endless_media(|answer: &mut Answer| answer.media(PartKind::IMAGE, "image/png", 1, ""), Breach::Items)]
#[case::a_long_follow_up(|answer: &mut Answer| answer.follow_up(&"/".repeat(2 << 20), 1), Breach::FollowUpPath)]
#[case::endless_rankings(|answer: &mut Answer| answer.ranking(0, 0.5), Breach::Items)]
#[case::a_score_that_is_none(|answer: &mut Answer| answer.ranking(0, f64::NAN), Breach::Score)]
#[case::absurd_usage(
    |answer: &mut Answer| answer.usage(&TokenUsage { total: Some(u64::MAX - 1), ..TokenUsage::default() }),
    Breach::Tokens(u64::MAX - 1)
)]
fn a_parser_that_never_ends_is_stopped(#[case] call: fn(&mut Answer), #[case] expected: Breach) {
    let mut answer = Answer { arrived: Some(1), ..Answer::default() };
    let calls = 2 * limits::ITEMS;
    let breach = (0..calls).find_map(|_| {
        call(&mut answer);
        answer.breach()
    });
    assert_eq!(breach, Some(expected));
    let kept = answer.texts.len() + answer.finish_reasons.len() + answer.first_arrival.len();
    assert_eq!(kept + answer.model.map_or(0, |model| model.len()), 0, "memory is given back");
}

#[test]
fn choices_without_end_are_a_breach() {
    let mut answer = Answer::default();
    for choice in 0..=1024 {
        answer.text(TextKind::CONTENT, u32::MAX - choice, "x");
    }
    assert_eq!(answer.breach(), Some(Breach::Passages));
    answer.text(TextKind::CONTENT, 0, "x");
    assert!(answer.texts.is_empty(), "nothing is taken after a breach");
}

#[test]
fn more_calls_of_tools_than_the_limit_are_a_breach() {
    let mut answer = Answer::default();
    (0..1024).for_each(|index| answer.tool_call(0, index, "", "f", "{}"));
    answer.tool_call(0, 7, "", "", " ");
    assert_eq!((answer.breach(), answer.tool_calls.len()), (None, 1024));
    answer.tool_call(1, 0, "", "f", "{}");
    assert_eq!((answer.breach(), answer.tool_calls.len()), (Some(Breach::ToolCalls), 0));
}

#[test]
fn a_long_error_is_shortened() {
    let mut answer = Answer::default();
    answer.error(None, "", &"x".repeat(100 << 20));
    assert_eq!(answer.error.unwrap().message.len(), limits::ERROR_BYTES);
}
