//! Sessions, answer by answer.

use super::*;
use crate::{
    dataset::{Message, Part, Recorded, Start, Step},
    plan::{DatasetConfig, SessionOrder},
    seed::Seed,
};

fn step(text: &str) -> Step {
    Step::first(Message::user(vec![Part::text(text.into())]))
}

fn dialogue(texts: &[&str]) -> Session {
    let script = Script::dialogue("s".into(), texts.iter().map(|text| step(text)));
    Session::new(7, Arc::new(script), ReplyPolicy::Live)
}

fn reply(text: &str) -> Reply {
    Reply::of(vec![Part::text(text.into())])
}

fn said(turn: &Turn) -> Vec<(&str, &str)> {
    turn.past.messages.iter().map(|message| (message.role(), &*message.parts()[0].data)).collect()
}

#[test]
fn a_single_request_is_a_session_of_one_step() {
    let mut session = dialogue(&["hello"]);
    let first = session.first();
    assert!(session.is_last() && first.past.messages.is_empty());
    assert!(session.answered(first, Some(reply("hi"))).is_empty());
}

#[test]
fn every_request_repeats_what_was_said_before_it() {
    let mut session = dialogue(&["one", "two", "three"]);
    let first = session.first();
    let second = session.answered(first, Some(reply("first"))).remove(0);
    assert_eq!(said(&second), [("user", "one"), ("assistant", "first")]);
    assert!(!session.is_last());
    let third = session.answered(second, Some(reply("second"))).remove(0);
    assert_eq!(third.step().number, 2);
    assert!(session.is_last());
    let expected = [("user", "one"), ("assistant", "first"), ("user", "two"), ("assistant", "second")];
    assert_eq!(said(&third), expected);
    assert!(session.answered(third, Some(reply("third"))).is_empty());
}

/// A history of a hundred turns must not be copied for every request of it.
#[test]
fn what_was_said_is_shared_with_the_script() {
    let mut session = dialogue(&["one", "two"]);
    let first = session.first();
    let second = session.answered(first, Some(reply("first"))).remove(0);
    let in_script = session.script.steps[0].messages[0].parts.as_ptr();
    assert_eq!(second.past.messages[0].parts().as_ptr(), in_script);
    assert_eq!(second.clone().past.messages[1].parts().as_ptr(), second.past.messages[1].parts().as_ptr());
}

/// A server knows what it has answered, and not what a recording has in the place of it.
#[test]
fn the_name_of_the_last_answer_goes_on_with_what_was_said() {
    let recorded = Message { role: "assistant".into(), parts: vec![Part::text("recorded".into())] };
    let steps = [Step { reply: Some(recorded), ..step("one") }, step("two"), step("three")];
    let script = Arc::new(Script::dialogue("s".into(), steps));
    let named = |id: &str| Some(reply("live").named(Some(id.into())));
    for (policy, expected) in [(ReplyPolicy::Live, Some("r-1")), (ReplyPolicy::Recorded, None)] {
        let mut session = Session::new(0, Arc::clone(&script), policy);
        let first = session.first();
        assert_eq!(first.past.response_id, None);
        let second = session.answered(first, named("r-1")).remove(0);
        assert_eq!(second.past.response_id.as_deref(), expected);
        let third = session.answered(second, Some(reply("without a name"))).remove(0);
        assert_eq!(third.past.response_id, None);
    }
}

#[test]
fn recorded_replies_take_the_place_of_the_servers() {
    let recorded = Message { role: "assistant".into(), parts: vec![Part::text("recorded".into())] };
    let steps = [Step { reply: Some(recorded), ..step("one") }, step("two"), step("three")];
    let script = Arc::new(Script::dialogue("s".into(), steps));
    for (policy, expected) in [(ReplyPolicy::Recorded, "recorded"), (ReplyPolicy::Live, "live")] {
        let mut session = Session::new(0, Arc::clone(&script), policy);
        let first = session.first();
        let second = session.answered(first, Some(reply("live"))).remove(0);
        assert_eq!(said(&second), [("user", "one"), ("assistant", expected)]);
        let third = session.answered(second, Some(reply("live too"))).remove(0);
        // The second reply is on no record.
        assert_eq!(said(&third)[3], ("assistant", "live too"));
    }
}

/// Two that go on with the first, one of which forgets what was said, and one that waits for both.
fn fork_and_join() -> Script {
    let fork = |text, context| Step { after: vec![0], context, ..step(text) };
    let join = Step { after: vec![1, 2, 1], context: Some(1), ..step("join") };
    Script {
        id: "s".into(),
        starts_ns: None,
        steps: vec![step("root"), fork("left", Some(0)), fork("right", None), join],
        category: None,
    }
}

#[test]
fn steps_go_on_side_by_side_and_wait_for_each_other() {
    let mut session = Session::new(0, Arc::new(fork_and_join()), ReplyPolicy::Live);
    let root = session.first();
    let mut forks = session.answered(root, Some(reply("r")));
    let (right, left) = (forks.pop().unwrap(), forks.pop().unwrap());
    assert!(forks.is_empty() && !session.is_last());
    assert_eq!(said(&left), [("user", "root"), ("assistant", "r")]);
    assert_eq!(said(&right), []);
    assert!(session.answered(right, Some(reply("from right"))).is_empty());
    let join = session.answered(left, Some(reply("from left"))).remove(0);
    assert!(session.is_last());
    let expected = [("user", "root"), ("assistant", "r"), ("user", "left"), ("assistant", "from left")];
    assert_eq!(said(&join), expected);
}

#[test]
fn several_steps_may_start_with_the_session() {
    let script = Script {
        id: "s".into(),
        starts_ns: None,
        steps: vec![step("a"), step("b"), step("c")],
        category: None,
    };
    let mut session = Session::new(0, Arc::new(script), ReplyPolicy::Live);
    let positions: Vec<_> = session.others_at_start().iter().map(|turn| turn.position).collect();
    assert_eq!(positions, [1, 2]);
}

fn with_reply(text: &str, said: &str) -> Step {
    let message = Message { role: "assistant".into(), parts: vec![Part::text(said.into())] };
    Step { reply: Some(message), ..step(text) }
}

/// Of four turns the second and the third: the first counts as said, and the user leaves before the last.
#[test]
fn a_session_may_play_a_part_of_its_script() {
    let steps = [with_reply("one", "recorded"), step("two"), step("three"), step("four")];
    let script = Arc::new(Script::dialogue("s".into(), steps));
    let mut session = Session::of_part(0, script, ReplyPolicy::Live, 1..3);
    let second = session.first();
    assert_eq!((second.position, second.steps(), second.skipped(), second.left_out()), (1, 2, 1, 1));
    assert_eq!(said(&second), [("user", "one"), ("assistant", "recorded")]);
    assert!(!session.is_last());
    let third = session.answered(second, Some(reply("live"))).remove(0);
    assert!(session.is_last());
    assert_eq!(said(&third)[2..], [("user", "two"), ("assistant", "live")]);
    assert!(session.answered(third, Some(reply("last"))).is_empty());
}

#[test]
fn a_session_that_starts_behind_a_fork_starts_all_of_its_branches() {
    let script = fork_and_join();
    let steps = script.steps.len();
    let mut session = Session::of_part(0, Arc::new(script), ReplyPolicy::Live, 1..steps);
    let first = session.first();
    let others: Vec<usize> = session.others_at_start().iter().map(|turn| turn.position).collect();
    assert_eq!((first.position, others), (1, vec![2]));
}

/// A recorded session whose first step that is played was due after a minute.
#[test]
fn time_begins_with_the_first_step_that_is_played() {
    let minute = Step { start: Start::At(60_000_000_000), ..step("two") };
    let script = Arc::new(Script::dialogue("s".into(), [step("one"), minute]));
    let begins = |played| Session::of_part(0, Arc::clone(&script), ReplyPolicy::Live, played).begins_at_ns();
    assert_eq!((begins(0..2), begins(1..2)), (0, 60_000_000_000));
}

/// A step that was due behind another one has an instant as well: steps with an instant of their own keep their distance to it.
#[test]
fn time_begins_with_a_step_that_was_due_behind_another_one() {
    let took = Recorded { took_ns: Some(2_000_000_000), ..Recorded::default() };
    let first = Step { recorded: took, ..step("one") };
    let behind = Step { start: Start::After(58_000_000_000), ..step("two") };
    let script = Arc::new(Script::dialogue("s".into(), [first, behind]));
    let session = Session::of_part(0, script, ReplyPolicy::Live, 1..2);
    assert_eq!(session.begins_at_ns(), 60_000_000_000);
}

/// A session of a file whose prompts are lengths and block ids.
fn without_texts() -> Session {
    let steps = r#"[{"prompt": {"tokens": 40, "block_size": 16, "blocks": [1, 2]}},
        {"after": [0], "context": 0, "prompt": {"tokens": 24, "block_size": 16, "blocks": [3]}}]"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    let steps = steps.replace('\n', "");
    std::fs::write(
        file.path(),
        format!("{{\"prony_sessions\": 1}}\n{{\"id\": \"s\", \"steps\": {steps}}}\n"),
    )
    .unwrap();
    let dataset = DatasetConfig::of_file(file.path());
    let opened = dataset::open_locked(&dataset, SessionOrder::default(), None, Seed::new(1), None).unwrap();
    Session::new(0, opened.source.script(0), ReplyPolicy::Live)
}

/// Texts are there for one request at a time: a session that sleeps keeps none of them.
#[test]
fn prompts_without_texts_are_written_for_each_request_that_says_them() {
    let mut session = without_texts();
    let first = session.first();
    assert_eq!(first.tokens_to_write(), 0, "the first one is written ahead");
    let text = |turn: &Turn| turn.messages()[0].parts[0].data.to_string();
    let said_first = text(&first.written().unwrap());
    assert!(said_first.split_whitespace().count() > 20, "{said_first}");
    assert_eq!(first.tokens_to_write(), 40, "it was taken");
    assert_eq!(text(&first.written().unwrap()), said_first);
    let second = session.answered(first, Some(reply("yes"))).remove(0);
    assert_eq!(second.tokens_to_write(), 64);
    let written = second.written().unwrap();
    assert_eq!(said(&written), [("user", said_first.as_str()), ("assistant", "yes")]);
    assert!(text(&written).len() > 50 && !text(&written).contains(&said_first));
    assert!(written.written().is_none() && written.tokens_to_write() == 0, "all is there");
}

#[test]
fn a_session_that_begins_in_the_middle_repeats_prompts_that_were_never_sent() {
    let expected = without_texts().first().written().unwrap().messages()[0].parts[0].data.to_string();
    let script = without_texts().script;
    let mut session = Session::of_part(0, script, ReplyPolicy::Live, 1..2);
    let first = session.first();
    assert_eq!(first.tokens_to_write(), 64);
    assert_eq!(said(&first.written().unwrap()), [("user", expected.as_str())]);
}
