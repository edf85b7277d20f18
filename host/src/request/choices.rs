//! How many choices a request asks for: a stream is over when each of them has a finish reason.

use memchr::memmem;

/// Choices that are asked for by a body that has this many prompts, where that can be told: `None` where the body may hold
/// a batch of its own.
///
/// More than there will be does no harm: then only the end marker, or the end of the body, ends the answer.
pub(super) fn asked_for(body: &[u8], prompts: Option<usize>) -> Option<u32> {
    let prompts = match prompts {
        Some(prompts) => prompts.max(1),
        None if member(body, b"\"prompt\"").any(|value| value.starts_with(b"[")) => return None,
        None => 1,
    };
    // A field of a form has its value elsewhere.
    if memmem::find(body, b"name=\"n\"").is_some() {
        return None;
    }
    let mut each = 1_u32;
    for value in member(body, b"\"n\"").chain(member(body, b"\"n_cmpl\"")) {
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let count: u32 = std::str::from_utf8(&value[..digits]).ok()?.parse().ok()?;
        each = each.max(count);
    }
    each.checked_mul(u32::try_from(prompts).ok()?)
}

/// What stands behind each place at which `name`, with its quotes, is the name of a member.
fn member<'a>(body: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(body, name).filter_map(|at| {
        let value = body[at + name.len()..].trim_ascii_start().strip_prefix(b":")?;
        Some(value.trim_ascii_start())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one(r#"{"model":"m"}"#, Some(1), Some(1))]
    #[case::no_text(r#"{"model":"m"}"#, Some(0), Some(1))]
    #[case::several(r#"{"n": 3}"#, Some(1), Some(3))]
    #[case::of_several_prompts(r#"{"prompt":["a","b"],"n":2}"#, Some(2), Some(4))]
    #[case::a_word(r#"{"stop":["n","m"]}"#, Some(1), Some(1))]
    #[case::in_a_text(r#"{"content":"set \"n\": 4"}"#, Some(1), Some(1))]
    #[case::unknown(r#"{"n":null}"#, Some(1), None)]
    #[case::a_form("--x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n2\r\n--x--", Some(1), None)]
    #[case::a_body_of_the_users(r#"{"messages":[],"n":2}"#, None, Some(2))]
    #[case::a_batch_of_the_users(r#"{"prompt" : ["a"]}"#, None, None)]
    fn a_body_says_how_many_choices_it_wants(
        #[case] body: &str,
        #[case] prompts: Option<usize>,
        #[case] expected: Option<u32>,
    ) {
        assert_eq!(asked_for(body.as_bytes(), prompts), expected);
    }
}
