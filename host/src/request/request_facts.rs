//! What an endpoint is told about a request beyond its turn: where it goes, and when. For API formats that sign requests.

use prony_plugin_api::ErrorDetails;
use serde_json::{Value, json};

use super::address::Address;
use crate::session::Past;

/// The facts that all requests to one place share, as the beginning of a JSON object whose end is the time.
#[derive(Debug)]
pub(super) struct RequestFacts {
    beginning: String,
}

impl RequestFacts {
    /// Of requests to `place` with this base URL. `is_fixed` means that the endpoint has no say in the path.
    ///
    /// # Errors
    /// A base URL that is none.
    pub(super) fn new(
        base: &str,
        place: &Address,
        is_fixed: bool,
        has_api_key: bool,
    ) -> Result<Self, ErrorDetails> {
        let base = Address::parse(base, None)?;
        let mut facts = json!({
            // What a header holds that was made of a URL is text.
            "host": place.host.to_str().unwrap_or_default(),
            "base_path": base.url.path().trim_end_matches('/'),
            "has_api_key": has_api_key,
        });
        if is_fixed {
            facts["path"] = place.url.path().into();
        }
        let mut beginning = facts.to_string();
        beginning.pop();
        beginning.push_str(",\"unix_time_s\":");
        Ok(Self { beginning })
    }

    /// The text of the whole object, for a request behind what was said before it.
    pub(super) fn at(&self, unix_time_s: u64, past: &Past) -> String {
        let beginning = &self.beginning;
        match &past.response_id {
            None => format!("{beginning}{unix_time_s}}}"),
            Some(id) => {
                let (id, messages) = (Value::from(&**id), past.messages.len());
                format!(
                    "{beginning}{unix_time_s},\"previous_response_id\":{id},\"previous_messages\":{messages}}}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::url::url_for;

    #[rstest]
    #[case::a_name(
        "https://h.example.com",
        "/v1/x?a=b",
        r#"{"host":"h.example.com","base_path":"","has_api_key":true,"unix_time_s":7}"#
    )]
    #[case::a_port(
        "http://127.0.0.1:8000/gate/way/",
        "/x",
        r#"{"host":"127.0.0.1:8000","base_path":"/gate/way","has_api_key":true,"unix_time_s":7}"#
    )]
    #[case::a_socket(
        "http+unix://%2Frun%2Fserver.sock/v1",
        "/x",
        r#"{"host":"localhost","base_path":"/v1","has_api_key":true,"unix_time_s":7}"#
    )]
    fn a_request_is_described(#[case] base: &str, #[case] path: &str, #[case] expected: &str) {
        let place = Address::parse(&url_for(base, path), None).unwrap();
        assert_eq!(RequestFacts::new(base, &place, false, true).unwrap().at(7, &Past::default()), expected);
    }

    #[test]
    fn an_answer_that_the_server_keeps_is_named_with_all_that_was_said_up_to_it() {
        let past = Past { response_id: Some("resp \"1\"".into()), ..Past::default() };
        let place = Address::parse("http://h/x", None).unwrap();
        let facts = RequestFacts::new("http://h", &place, false, false).unwrap().at(7, &past);
        let facts: Value = serde_json::from_str(&facts).unwrap();
        let (id, messages) = (&facts["previous_response_id"], &facts["previous_messages"]);
        assert_eq!((id, messages), (&json!("resp \"1\""), &json!(0)));
    }

    #[test]
    fn a_path_that_the_user_fixed_is_told_and_its_query_is_not() {
        let place = Address::parse("http://h:1/a/b?key=secret", None).unwrap();
        let facts = RequestFacts::new("http://h:1/a", &place, true, false).unwrap().at(7, &Past::default());
        assert_eq!(
            facts,
            r#"{"host":"h:1","base_path":"/a","has_api_key":false,"path":"/a/b","unix_time_s":7}"#
        );
    }
}
