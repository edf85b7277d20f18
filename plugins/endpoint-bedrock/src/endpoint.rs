//! [`ConverseEndpoint`].

use std::io::Write;

use prony_plugin_api::{
    Endpoint, PartKind, PluginError, RequestWriter, Result, TurnContext,
    json::{Body, Field, path_segment},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    credentials::{Account, Credentials},
    parser::ConverseParser,
    request::{Block, Conversation, Message},
    signature::{Signed, Signing},
};

/// What signatures call Bedrock.
const SERVICE: &str = "bedrock";

/// `POST /model/MODEL/converse-stream`, or `/converse` for a whole answer.
#[derive(Debug)]
pub(crate) struct ConverseEndpoint {
    account: Account,
}

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Own<'a> {
    Messages(Vec<Message<'a>>),
    Blocks(Vec<Block<'a>>),
    Inference(InferenceConfig),
}

/// How the model is run. The user may set more of it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InferenceConfig {
    max_tokens: u64,
}

/// What the host says of the request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    host: String,
    base_path: String,
    path: Option<String>,
    has_api_key: bool,
    unix_time_s: Option<i64>,
}

impl Endpoint for ConverseEndpoint {
    type Parser = ConverseParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "aws_region": {
      "type": "string",
      "description": "Region to sign for; AWS_REGION, AWS_DEFAULT_REGION or the URL's own if left out."
    },
    "aws_access_key_id": {
      "type": "string", "description": "Who signs; AWS_ACCESS_KEY_ID if left out. Without a key nothing is signed."
    },
    "aws_secret_access_key": {
      "type": "string", "writeOnly": true, "description": "What is signed with; AWS_SECRET_ACCESS_KEY if left out."
    },
    "aws_session_token": {
      "type": "string", "writeOnly": true, "description": "Of temporary credentials; AWS_SESSION_TOKEN if left out."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        Account::find(options, |name| std::env::var(name).ok()).map(|account| Self { account })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let (operation, accepted) = if turn.streaming() {
            ("converse-stream", "application/vnd.amazon.eventstream")
        } else {
            ("converse", "application/json")
        };
        let path = format!("/model/{}/{operation}", path_segment(turn.model()));
        request.path(&path);
        request.header("accept", accepted);
        let body = body(*turn)?;
        request.write_all(&body).map_err(PluginError::io)?;
        let facts: Facts = serde_json::from_str(turn.facts_json()).unwrap_or_default();
        match &self.account.credentials {
            // The host sends the user's key in the place of a signature.
            Some(credentials) if !facts.has_api_key => self.sign(credentials, &facts, &path, &body, request),
            _ => Ok(()),
        }
    }

    fn parser(&self) -> ConverseParser {
        ConverseParser::new(self.account.secrets())
    }
}

impl ConverseEndpoint {
    fn sign(
        &self,
        credentials: &Credentials,
        facts: &Facts,
        path: &str,
        body: &[u8],
        request: &mut RequestWriter<'_>,
    ) -> Result<()> {
        let time = facts.unix_time_s.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let Some(time) = time.filter(|_| !facts.host.is_empty()) else {
            return Err(PluginError::unsupported("sign a request without knowing where it goes, and when")
                .hint("use a newer prony, or a Bedrock API key (`--api-key`)"));
        };
        let region = self.account.region.as_deref().or_else(|| region_of(&facts.host)).ok_or_else(|| {
            PluginError::config("sign a request: no region is known")
                .hint("set `AWS_REGION` or the option `aws_region`")
        })?;
        let time = instant(time);
        let content_type = "application/json";
        let mut headers = vec![
            ("content-type", content_type),
            ("host", facts.host.as_str()),
            ("x-amz-date", time.as_str()),
        ];
        headers
            .extend(credentials.session_token.iter().map(|token| ("x-amz-security-token", token.as_str())));
        let whole = below(&facts.base_path, path);
        let path = facts.path.as_deref().unwrap_or(&whole);
        let signing = Signing {
            access_key_id: &credentials.access_key_id,
            secret_access_key: &credentials.secret_access_key,
            region,
            service: SERVICE,
            time: &time,
        };
        let signed = Signed { method: "POST", path, headers: &headers, body };
        request.header("authorization", &signing.authorization(&signed));
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request.header(name, value);
        }
        Ok(())
    }
}

/// A path below that of the base URL, as the host joins them: what one ends in and the other begins with stands once.
fn below(base_path: &str, path: &str) -> String {
    let wanted: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let present: Vec<&str> = base_path.split('/').filter(|segment| !segment.is_empty()).collect();
    let longest = present.len().min(wanted.len());
    let shared = (0..=longest).rev().find(|&count| present.ends_with(&wanted[..count])).unwrap_or(0);
    wanted[shared..].iter().fold(base_path.to_owned(), |path, segment| path + "/" + segment)
}

fn body(turn: TurnContext<'_>) -> Result<Vec<u8>> {
    if let Some(payload) = payload(turn) {
        return Ok(payload.as_bytes().to_vec());
    }
    let Conversation { system, messages } = Conversation::of(turn)?;
    let mut body = Body::default();
    body.set("messages", Own::Messages(messages));
    if !system.is_empty() {
        body.set("system", Own::Blocks(system));
    }
    if let Some(max_tokens) = turn.max_tokens() {
        body.set("inferenceConfig", Own::Inference(InferenceConfig { max_tokens }));
    }
    body.merge_extras(turn)?;
    if let (Some(limit), Some(Field::Users(Value::Object(config)))) =
        (turn.max_tokens(), body.get_mut("inferenceConfig"))
    {
        // A temperature of the user's own is no reason to forget the limit, unless there is one beside it.
        config.entry("maxTokens").or_insert(limit.into());
    }
    serde_json::to_vec(&body).map_err(PluginError::io)
}

/// A whole body that the dataset holds. It is signed as it is, which the host could not do.
fn payload(turn: TurnContext<'_>) -> Option<&str> {
    let mut parts = turn.messages().flat_map(|message| message.parts().collect::<Vec<_>>());
    let payload = parts.find(|part| part.kind() == PartKind::RAW && part.name() == "payload")?;
    Some(payload.data())
}

/// The region in a host such as `bedrock-runtime.us-east-1.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let (service, rest) = host.split_once('.')?;
    let (region, domain) = rest.split_once('.')?;
    (service.starts_with("bedrock-runtime") && domain.starts_with("amazonaws.com")).then_some(region)
}

/// Such as `20150830T123600Z`.
fn instant(time: OffsetDateTime) -> String {
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_bedrock_says_its_region() {
        assert_eq!(region_of("bedrock-runtime.us-east-1.amazonaws.com"), Some("us-east-1"));
        assert_eq!(region_of("bedrock-runtime-fips.us-gov-west-1.amazonaws.com"), Some("us-gov-west-1"));
        assert_eq!(region_of("bedrock-runtime.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"));
        for other in ["localhost:8000", "bedrock.example.com", "s3.us-east-1.amazonaws.com"] {
            assert_eq!(region_of(other), None, "{other}");
        }
    }

    #[test]
    fn an_instant_is_written_without_separators() {
        assert_eq!(instant(OffsetDateTime::from_unix_timestamp(1_440_938_160).unwrap()), "20150830T123600Z");
    }
}
