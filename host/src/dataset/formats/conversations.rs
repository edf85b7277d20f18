//! The `multi_turn` format: JSON Lines, one conversation a line; beside it, lines of [`single_turn`].
//!
//! The keys are those of `aiperf`: `turns`, whose entries are rows of `single_turn` without a `session_id`, and `session_id`. An
//! entry may have a `delay`, in milliseconds from the response before it, or a `timestamp`, in milliseconds of a recording. Entries of the role `system` at the beginning belong
//! to the first request. An entry of the role `assistant` is the reply that was recorded to the entry before it.
//!
//! ```json
//! {"session_id": "trip", "turns": [{"role": "system", "text": "Be brief."}, {"text": "Plan a day in Oslo."}, {"text": "Now with rain.", "delay": 1500}]}
//! {"turns": [{"text": "Hello"}, {"role": "assistant", "text": "Hi! How can I help?"}, {"text": "Name three rivers."}]}
//! ```

use std::path::Path;

use serde_json::Value;

use super::{
    FileError, RowError,
    input::Input,
    lines,
    media::Album,
    row::{NS_PER_MS, Row},
    single_turn::{self, KEYS},
};
use crate::{
    dataset::{Script, Start, Step, roles, script::session_id},
    plan::FileFormat,
};

/// What a row may say.
const ROW_KEYS: &[&str] = &["turns", "session_id", "type"];

/// Reads a file's scripts, at most so many, in the file's order. Texts are not counted yet.
pub(in crate::dataset) fn read(input: &Input<'_>, format: FileFormat) -> Result<Vec<Script>, FileError> {
    let folder = input.path.parent().unwrap_or(Path::new(""));
    let (mut number, mut album) = (input.first_number(), Album::new(folder, input.media()));
    lines::read(input, |line| {
        let mut row = Row::parse(line)?;
        let is_conversation = match format {
            FileFormat::SingleTurn => false,
            FileFormat::MultiTurn => true,
            _ => row.has("turns"),
        };
        let script = if is_conversation {
            conversation(&mut row, number, &mut album)?
        } else {
            single_turn::script(&mut row, number, &mut album)?
        };
        number += 1;
        Ok(script)
    })
}

fn conversation(row: &mut Row, number: u64, album: &mut Album<'_>) -> Result<Script, RowError> {
    row.only(ROW_KEYS)?;
    single_turn::check_type(row, "multi_turn")?;
    let mut steps: Vec<Step> = Vec::new();
    let (mut opening, mut starts_ns) = (Vec::new(), None);
    for (place, entry) in row.list("turns")?.into_iter().enumerate() {
        let in_place = |error| RowError::Within { place: format!("turns[{place}]"), error: Box::new(error) };
        let (mut step, at_ns) = turn(entry, album).map_err(in_place)?;
        let role = step.messages[0].role.as_str();
        match (role, steps.last_mut()) {
            (roles::ASSISTANT, Some(before)) if before.reply.is_none() => before.reply = step.messages.pop(),
            (roles::ASSISTANT, _) => return Err(in_place(RowError::NothingToReplyTo)),
            (roles::SYSTEM, None) => opening.append(&mut step.messages),
            _ => {
                match at_ns.zip(starts_ns) {
                    Some((at_ns, starts_ns)) => step.start = Start::At(u64::saturating_sub(at_ns, starts_ns)),
                    None => starts_ns = starts_ns.or(at_ns),
                }
                step.messages.splice(0..0, opening.drain(..));
                steps.push(step);
            }
        }
    }
    if steps.is_empty() {
        return Err(RowError::NoTurns);
    }
    let id = row.text("session_id")?.unwrap_or_else(|| session_id(number));
    Ok(Script { starts_ns, ..Script::dialogue(id, steps) })
}

/// A turn, and when it was recorded.
fn turn(entry: Value, album: &mut Album<'_>) -> Result<(Step, Option<u64>), RowError> {
    let mut row = Row::of(entry)?;
    let at_ns = row.time("timestamp", NS_PER_MS)?;
    let delay_ns = row.time("delay", NS_PER_MS)?;
    single_turn::refuse_unbuilt(&mut row)?;
    row.only(KEYS)?;
    let step = single_turn::step(&mut row, album)?;
    Ok((Step { start: Start::After(delay_ns.unwrap_or(0)), ..step }, at_ns))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use std::fs;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::dataset::Message;

    fn read_text(text: &str, format: FileFormat) -> Result<Vec<Script>, FileError> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read(&Input::new(file.path(), None), format)
    }

    fn said(messages: &[Message]) -> Vec<(&str, &str)> {
        messages.iter().map(|message| (message.role.as_str(), &*message.parts[0].data)).collect()
    }

    #[test]
    fn a_line_is_a_conversation() {
        let row = r#"{"session_id": "trip", "turns": [{"role": "system", "text": "Be brief."}, {"text": "Oslo?", "output_length": 9},
                      {"role": "assistant", "text": "Fine."}, {"text": "Rain?", "delay": 1.5}]}"#;
        let script = read_text(&row.replace('\n', " "), FileFormat::Detected).unwrap().remove(0);
        let [first, second] = &script.steps[..] else { panic!("{script:?}") };
        assert_eq!(said(&first.messages), [("system", "Be brief."), ("user", "Oslo?")]);
        assert_eq!(
            first.reply.as_ref().map(|reply| said(std::slice::from_ref(reply))),
            Some(vec![("assistant", "Fine.")])
        );
        assert_eq!((&*script.id, first.max_tokens, second.start), ("trip", Some(9), Start::After(1_500_000)));
        assert_eq!((&second.after[..], second.context, second.reply.is_none()), (&[0][..], Some(0), true));
    }

    #[test]
    fn single_requests_may_stand_beside_conversations() {
        let rows = "{\"text\": \"a\"}\n{\"turns\": [{\"text\": \"b\"}, {\"text\": \"c\"}]}\n";
        let scripts = read_text(rows, FileFormat::Detected).unwrap();
        assert_eq!(scripts.iter().map(|script| script.steps.len()).collect::<Vec<_>>(), [1, 2]);
    }

    #[rstest]
    #[case::empty(r#"{"turns": []}"#, "it has no turn that asks for something")]
    #[case::system_only(
        r#"{"turns": [{"role": "system", "text": "x"}]}"#,
        "it has no turn that asks for something"
    )]
    #[case::reply_first(
        r#"{"turns": [{"role": "assistant", "text": "x"}]}"#,
        "turns[0]: an `assistant` entry replies to nothing"
    )]
    #[case::no_list(r#"{"turns": 5}"#, "`turns` is a number, not a list")]
    #[case::unknown(r#"{"turns": [{"txt": "x"}]}"#, "turns[0]: the key `txt` is not known")]
    #[case::beside(r#"{"text": "x", "turns": []}"#, "the key `text` is not known")]
    #[case::delay(
        r#"{"turns": [{"text": "x", "delay": -1}]}"#,
        "turns[0]: `delay` is `-1`, not a number of at least 0"
    )]
    fn what_is_no_conversation_is_refused(#[case] row: &str, #[case] text: &str) {
        let error = read_text(row, FileFormat::Detected).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(text), "{source}");
    }

    #[rstest]
    #[case(FileFormat::SingleTurn, r#"{"turns": [{"text": "x"}]}"#)]
    #[case(FileFormat::MultiTurn, r#"{"text": "x"}"#)]
    fn a_named_format_is_the_only_one(#[case] format: FileFormat, #[case] row: &str) {
        assert!(read_text(row, format).is_err());
    }
}
