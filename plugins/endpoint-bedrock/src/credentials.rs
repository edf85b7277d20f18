//! As whom requests are signed: [`Account`], from the options or from the environment, and never in any text.

use std::{borrow::Cow, fmt, sync::Arc};

use prony_plugin_api::{PluginError, Result};
use serde_json::{Map, Value};

/// What stands in the place of something that must not be told.
const MASK: &str = "<redacted>";

/// What is known of an account.
#[derive(Default)]
pub(crate) struct Account {
    /// Without it, requests are not signed.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) region: Option<String>,
}

/// Who signs.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// With credentials that are for a time only.
    pub(crate) session_token: Option<String>,
}

/// Shows nothing of the secrets.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Shows nothing.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Account {
    /// Finds out: what the options say is taken as a whole, and the environment is asked for what they do not.
    ///
    /// # Errors
    /// `config` when a key is there without its other half, or an option is no text. The values are not repeated.
    pub(crate) fn find(options: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let options: Map<String, Value> = serde_json::from_str(options)
            .map_err(|_| PluginError::config("read the options: they are no JSON object"))?;
        let option = |name: &str| text(&options, name);
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let region = option("aws_region")?
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"));
        let own =
            [option("aws_access_key_id")?, option("aws_secret_access_key")?, option("aws_session_token")?];
        let found = if own.iter().any(Option::is_some) {
            own
        } else {
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(variable)
        };
        let credentials = match found {
            [Some(access_key_id), Some(secret_access_key), session_token] => {
                Some(Credentials { access_key_id, secret_access_key, session_token })
            }
            [None, None, None] => None,
            _ => {
                return Err(PluginError::config("sign requests with half of an access key").hint(
                    "give `aws_access_key_id` and `aws_secret_access_key` together, as options or as variables \
                     in capitals",
                ));
            }
        };
        Ok(Self { credentials, region })
    }

    /// What no error may repeat, although servers do.
    pub(crate) fn secrets(&self) -> Secrets {
        let all = self.credentials.iter().flat_map(|credentials| {
            [
                Some(&credentials.access_key_id),
                Some(&credentials.secret_access_key),
                credentials.session_token.as_ref(),
            ]
        });
        Secrets(all.flatten().cloned().collect())
    }
}

fn text(options: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(PluginError::config(format_args!("read the option `{name}`: it is no text"))
            .hint(format_args!("set `{name}` to a text, or leave it out"))),
    }
}

/// Texts that must not be told.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<[String]>);

/// Shows nothing.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// What a server said, without them.
    pub(crate) fn masked<'a>(&self, said: &'a [u8]) -> Cow<'a, [u8]> {
        if self.0.is_empty() {
            return Cow::Borrowed(said);
        }
        let text = String::from_utf8_lossy(said);
        if !self.0.iter().any(|secret| text.contains(secret)) {
            return Cow::Borrowed(said);
        }
        let masked = self.0.iter().fold(text.into_owned(), |text, secret| text.replace(secret, MASK));
        Cow::Owned(masked.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "AKIDENV",
            "AWS_SECRET_ACCESS_KEY" => "secret-env",
            "AWS_SESSION_TOKEN" => "token-env",
            "AWS_REGION" => "",
            "AWS_DEFAULT_REGION" => "eu-central-1",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn the_environment_is_asked_for_what_the_options_do_not_say() {
        let account = Account::find("{}", environment).unwrap();
        let credentials = account.credentials.as_ref().unwrap();
        assert_eq!((&*credentials.access_key_id, &*credentials.secret_access_key), ("AKIDENV", "secret-env"));
        assert_eq!(credentials.session_token.as_deref(), Some("token-env"));
        assert_eq!(account.region.as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn options_are_not_mixed_with_the_environment() {
        let options = r#"{"aws_access_key_id": "AKIDOPT", "aws_secret_access_key": "secret-opt", "aws_region": "us-west-2", "colour": 7}"#;
        let account = Account::find(options, environment).unwrap();
        let credentials = account.credentials.unwrap();
        assert_eq!((&*credentials.access_key_id, credentials.session_token), ("AKIDOPT", None));
        assert_eq!(account.region.as_deref(), Some("us-west-2"));
    }

    #[test]
    fn without_any_nothing_is_signed() {
        assert_eq!(Account::find("{}", |_| None).unwrap().credentials, None);
    }

    #[test]
    fn half_a_key_and_odd_values_are_refused_without_being_repeated() {
        for options in [
            r#"{"aws_secret_access_key": "hidden"}"#,
            r#"{"aws_access_key_id": "hidden"}"#,
            r#"{"aws_session_token": "hidden"}"#,
            r#"{"aws_secret_access_key": ["hidden"], "aws_access_key_id": "a"}"#,
        ] {
            let error = Account::find(options, |_| None).unwrap_err();
            assert!(!error.hint.is_empty() && !error.to_string().contains("hidden"), "{error}");
        }
        assert!(!Account::find("hidden", |_| None).unwrap_err().to_string().contains("hidden"));
    }

    #[test]
    fn no_secret_is_shown_or_repeated() {
        let account = Account::find("{}", environment).unwrap();
        let shown = format!("{account:?} {:?} {:?}", account.credentials, account.secrets());
        for secret in ["AKIDENV", "secret-env", "token-env"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let said = b"x-amz-security-token:token-env of AKIDENV";
        assert_eq!(&*account.secrets().masked(said), b"x-amz-security-token:<redacted> of <redacted>");
        assert!(matches!(account.secrets().masked(b"\xff"), Cow::Borrowed(_)));
    }
}
