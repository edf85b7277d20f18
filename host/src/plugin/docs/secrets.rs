//! Takes the secrets among the options out of what an endpoint has shown, before any of it is Markdown: an endpoint may write them
//! into its requests, and into what it refuses. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::job::{Refusal, Shown, Work, Written};
use crate::config::redact::{REDACTED, Redactor, of_json};

/// The options that are secrets.
pub(super) struct Secrets {
    redactor: Redactor,
    /// Those that are too short for it, as they are and as JSON writes them.
    short: Vec<String>,
}

impl Secrets {
    /// Those of these options, the text of a JSON object: what the schema of the options has as `writeOnly`, and what stands under
    /// the name of a secret.
    pub(super) fn of(schema: &Value, options: &str) -> Self {
        let mut all = of_json(options);
        let options: Map<String, Value> = serde_json::from_str(options).unwrap_or_default();
        let is_secret = |name: &String| schema["properties"][name.as_str()]["writeOnly"] == true;
        let own: Map<String, Value> = options.into_iter().filter(|(name, _)| is_secret(name)).collect();
        let texts: Vec<String> = own.values().filter_map(Value::as_str).map(str::to_owned).collect();
        // Everything below such a name is secret.
        all.extend(of_json(&json!({ "secret": own }).to_string()));
        let redactor = Redactor::of(&all);
        let is_left_out = |text: &String| matches!(redactor.mask(text), Cow::Borrowed(_));
        let short = texts.into_iter().filter(|text| !text.trim().is_empty() && is_left_out(text));
        let short = short.flat_map(spellings).collect();
        Self { redactor, short }
    }

    /// Takes them out.
    pub(super) fn hide(&self, shown: &mut Shown) {
        match shown {
            Shown::Refused(refusal) => self.hide_in_refusal(refusal),
            Shown::Work(Work { requests, readings }) => {
                for (_, request) in requests {
                    match request {
                        Ok(written) => self.hide_in_request(written),
                        Err(refusal) => self.hide_in_refusal(refusal),
                    }
                }
                readings
                    .iter_mut()
                    .flat_map(|reading| &mut reading.reported)
                    .for_each(|text| self.text(text));
            }
        }
    }

    fn hide_in_refusal(&self, refusal: &mut Refusal) {
        self.text(&mut refusal.text);
        self.text(&mut refusal.hint);
    }

    fn hide_in_request(&self, written: &mut Written) {
        let Written { path, headers, key_header, content_type, body, parts } = written;
        let pairs = headers.iter_mut().chain(key_header).flat_map(|(name, value)| [name, value]);
        pairs.chain(path).chain([content_type]).for_each(|text| self.text(text));
        self.bytes(body);
        for part in parts {
            self.text(&mut part.name);
            self.text(&mut part.file_name);
            self.text(&mut part.content_type);
            self.bytes(&mut part.bytes);
        }
    }

    fn text(&self, text: &mut String) {
        self.redactor.mask_in_place(text);
        for secret in &self.short {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), REDACTED);
            }
        }
    }

    fn bytes(&self, bytes: &mut Vec<u8>) {
        *bytes = match String::from_utf8(std::mem::take(bytes)) {
            Ok(mut text) => {
                self.text(&mut text);
                text.into_bytes()
            }
            Err(error) => {
                let bytes = error.into_bytes();
                self.redactor.mask_bytes(&bytes).unwrap_or(bytes)
            }
        };
    }
}

/// A text as it is, and as JSON writes it where that differs.
fn spellings(text: String) -> Vec<String> {
    let json = Value::from(text.as_str()).to_string();
    let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
    if json == text { vec![text] } else { vec![text, json] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::docs::{
        examples::sections,
        job::{FormPart, Reading},
        requests::{Content, ExampleRequest},
    };

    const TEXT: ExampleRequest =
        ExampleRequest { content: Content::Text, has_text: true, streams: false, has_limit: true };

    /// What an endpoint shows that writes an option everywhere, as a page has it.
    fn page(option: &str) -> String {
        let schema = json!({"properties": {"pin": {"writeOnly": true}, "region": {}}});
        let options = json!({"pin": option, "region": "eu-1"}).to_string();
        let written = Written {
            path: Some("/v1/eu-1".to_owned()),
            headers: vec![("x-pin".to_owned(), option.to_owned())],
            body: json!({"pin": option, "region": "eu-1"}).to_string().into_bytes(),
            ..Written::default()
        };
        let part =
            FormPart { name: "pin".to_owned(), bytes: option.as_bytes().to_vec(), ..FormPart::default() };
        let form = Written { parts: vec![part], ..Written::default() };
        let refusal = Refusal { text: format!("log in with {option}"), hint: format!("not {option}?") };
        let reading =
            Reading { response: "a body".to_owned(), reported: vec![format!("the fact `{option}`")] };
        let requests = vec![(TEXT, Ok(written)), (TEXT, Ok(form)), (TEXT, Err(refusal.clone()))];
        let secrets = Secrets::of(&schema, &options);
        let mut work = Shown::Work(Work { requests, readings: vec![reading] });
        let mut refused = Shown::Refused(refusal);
        secrets.hide(&mut work);
        secrets.hide(&mut refused);
        [sections(&work, &options, None), sections(&refused, &options, None)].concat().join("\n")
    }

    #[test]
    fn a_secret_is_on_no_page_in_any_spelling() {
        let page = page("q\"uote<12345");
        assert!(!page.contains("uote") && !page.contains("12345"), "{page}");
        assert_eq!(page.matches("redacted").count(), 8, "{page}");
        assert!(page.contains("/v1/eu-1") && page.contains("\"region\": \"eu-1\""), "{page}");
    }

    #[test]
    fn a_short_secret_is_one_as_well() {
        let page = page("a\"<b");
        assert!(!page.contains("\"<b") && !page.contains("\"&lt;b"), "{page}");
    }

    #[test]
    fn what_is_below_the_name_of_a_secret_needs_no_schema() {
        let secrets =
            Secrets::of(&Value::Null, r#"{"login": {"api_key": "0123456789"}, "region": "eu-west-1"}"#);
        let text = "0123456789 in eu-west-1".to_owned();
        let mut shown = Shown::Refused(Refusal { text, hint: String::new() });
        secrets.hide(&mut shown);
        let text = "<redacted> in eu-west-1".to_owned();
        assert_eq!(shown, Shown::Refused(Refusal { text, hint: String::new() }));
    }
}
