//! What services say to the user while the run goes on: exports [`Notices`].

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use prony_plugin_api::{Message, live::Notice};

/// Counts how much each service has said.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<HashMap<String, u32>>);

impl Notices {
    /// What is to be shown of a message, if it is one for the user and the service has not said too much.
    pub(super) fn heard(&self, service: &str, message_type: &str, payload: &[u8]) -> Option<String> {
        if message_type != Notice::TYPE {
            return None;
        }
        let text = Notice::decode(payload).ok().map(|notice| notice.text).filter(|text| !text.is_empty())?;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(service.to_owned()).or_default();
        *count += 1;
        (*count <= Notice::MOST).then(|| format!("{service}: {}", beginning(&text)))
    }
}

fn beginning(text: &str) -> &str {
    let end = (0..=text.len().min(Notice::LONGEST)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(text: &str) -> Vec<u8> {
        Notice { text: text.to_owned() }.encode().unwrap()
    }

    #[test]
    fn a_service_is_heard_until_it_has_said_too_much() {
        let notices = Notices::default();
        let heard = |service, text| notices.heard(service, Notice::TYPE, &notice(text));
        assert_eq!(heard("a", "it answers").as_deref(), Some("a: it answers"));
        let more = (0..20).filter(|_| heard("a", "again").is_some()).count();
        assert_eq!(more, Notice::MOST as usize - 1);
        assert!(heard("b", "another").is_some());
    }

    #[test]
    fn what_is_none_is_not_shown() {
        let notices = Notices::default();
        assert_eq!(notices.heard("a", "a_tally", &notice("text")), None);
        assert_eq!(notices.heard("a", Notice::TYPE, b"\xc1"), None);
        assert_eq!(notices.heard("a", Notice::TYPE, &notice("")), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = notices_of(&"ä".repeat(2000)).unwrap();
        assert_eq!(long.len(), "a: ".len() + Notice::LONGEST);
    }

    fn notices_of(text: &str) -> Option<String> {
        Notices::default().heard("a", Notice::TYPE, &notice(text))
    }
}
