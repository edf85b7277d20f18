//! [`Framing`]: what a model's chat template adds to the texts of a conversation, in tokens.
//!
//! A template is measured and not applied to each request: rendered for a few sample conversations, it shows what a conversation
//! costs and what each message of a role costs, whatever they say.

use std::{
    io,
    path::{Path, PathBuf},
};

use minijinja::{Environment, Error, ErrorKind, Value, context, syntax::SyntaxConfig};
use serde_json::Value as Json;

use super::{Message, roles};
use crate::{
    bounded,
    explain::Explain,
    lockfile::{FileSum, Sum},
};

/// A template in a file of its own, and the file that else holds it.
const FILE: &str = "chat_template.jinja";
const CONFIG: &str = "tokenizer_config.json";

/// Largest of these files, in megabytes.
const MOST_MEGABYTES: u64 = 64;

/// Most steps that a template may take, which are far more than a conversation of three messages needs.
const MOST_STEPS: u64 = 10_000_000;

/// What every message of a sample conversation says.
const SAMPLE: &str = "Plain words stand here.";

/// Why inputs cannot be counted through a chat template.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// There is no template.
    #[error("count inputs through the chat template of `{0}`: it has none")]
    None(String),
    /// A file that cannot be read.
    #[error("read the chat template in `{path}`")]
    Unreadable { path: PathBuf, source: io::Error },
    /// The configuration is no JSON.
    #[error("read the chat template in `{path}`")]
    NoJson { path: PathBuf, source: serde_json::Error },
    /// It cannot be rendered.
    #[error("render the chat template of `{folder}`")]
    Broken { folder: PathBuf, source: Error },
}

impl Explain for TemplateError {
    fn hint(&self) -> String {
        match self {
            Self::None(_) => format!(
                "name a tokenizer with a `{CONFIG}` or a `{FILE}` beside its `tokenizer.json`, or leave out \
                 `--apply-chat-template`"
            ),
            Self::Unreadable { .. } => "check the file's permissions".to_owned(),
            Self::NoJson { .. } | Self::Broken { .. } => {
                "check the file, or leave out `--apply-chat-template`".to_owned()
            }
        }
    }
}

/// Tokens that a template adds. A template may say something of its own where a conversation has no system message, so that a
/// system message can cost less than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Around a conversation: its beginning, and the beginning of the reply.
    conversation: i64,
    system: i64,
    user: i64,
    assistant: i64,
}

impl Framing {
    /// Measures the template beside a `tokenizer.json`, whose tokenizer counts. Gives the files that were read as well.
    ///
    /// # Errors
    /// There is none, or it cannot be rendered.
    pub(super) fn measure(
        tokenizer: &Path,
        count: impl Fn(&str) -> usize,
    ) -> Result<(Self, Vec<FileSum>), TemplateError> {
        let folder = tokenizer.parent().unwrap_or(Path::new("."));
        let template = Template::read(folder)?;
        let tokens = |roles: &[&str], opens_reply: bool| {
            let texts = i64::try_from(count(SAMPLE) * roles.len()).unwrap_or(i64::MAX);
            let rendered = template.render(roles, opens_reply)?;
            Ok::<_, Error>(i64::try_from(count(&rendered)).unwrap_or(i64::MAX) - texts)
        };
        let measure = || {
            let (one, closed) = (tokens(&[roles::USER], true)?, tokens(&[roles::USER], false)?);
            let turn = tokens(&[roles::USER, roles::ASSISTANT, roles::USER], true)? - one;
            let assistant = tokens(&[roles::USER, roles::ASSISTANT], false)? - closed;
            let user = turn - assistant;
            // Some models know no system message, and their templates refuse it.
            let system = tokens(&[roles::SYSTEM, roles::USER], true).map_or(user, |both| both - one);
            Ok(Self { conversation: one - user, system, user, assistant })
        };
        let framing = measure();
        let framing =
            framing.map_err(|source| TemplateError::Broken { folder: folder.to_owned(), source })?;
        Ok((framing, template.files))
    }

    /// What messages add, and the beginning of their conversation or the reply before them.
    fn of(self, messages: &[Message], is_first: bool) -> i64 {
        let message = |message: &Message| match message.role.as_str() {
            roles::SYSTEM | roles::DEVELOPER => self.system,
            roles::ASSISTANT => self.assistant,
            _ => self.user,
        };
        messages.iter().map(message).sum::<i64>() + self.before(is_first)
    }

    /// The tokens of messages with these in their texts, which begin a conversation or go on with one.
    pub(super) fn around(self, messages: &[Message], is_first: bool, texts: u64) -> u64 {
        texts.saturating_add_signed(self.of(messages, is_first))
    }

    /// What one more message of the user's adds.
    pub(super) fn of_user_message(self) -> i64 {
        self.user
    }

    /// What a turn of the user's adds, the first of a conversation or a later one.
    pub(super) fn of_turn(self, is_first: bool) -> i64 {
        self.user + self.before(is_first)
    }

    fn before(self, is_first: bool) -> i64 {
        if is_first { self.conversation } else { self.assistant }
    }
}

/// A template, and the tokens that it writes by name.
struct Template {
    text: String,
    bos: String,
    eos: String,
    /// Where it was read.
    files: Vec<FileSum>,
}

impl Template {
    fn read(folder: &Path) -> Result<Self, TemplateError> {
        let mut files = Vec::new();
        let path = folder.join(CONFIG);
        let config = match read(&path, &mut files)? {
            Some(text) => {
                serde_json::from_str(&text).map_err(|source| TemplateError::NoJson { path, source })?
            }
            None => Json::Null,
        };
        let text = match read(&folder.join(FILE), &mut files)? {
            Some(text) => Some(text),
            None => of_config(&config),
        };
        let text = text.ok_or_else(|| TemplateError::None(folder.display().to_string()))?;
        Ok(Self { text, bos: special(&config["bos_token"]), eos: special(&config["eos_token"]), files })
    }

    /// A sample conversation, which may end with the beginning of a reply.
    fn render(&self, roles: &[&str], opens_reply: bool) -> Result<String, Error> {
        let messages: Vec<Value> =
            roles.iter().map(|role| context! { role => *role, content => SAMPLE }).collect();
        let mut environment = Environment::new();
        // As the hub's own tools read templates.
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_fuel(Some(MOST_STEPS));
        environment.set_unknown_method_callback(|_, value, name, arguments| method(value, name, arguments));
        environment.add_function("raise_exception", |text: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, text))
        });
        // A date of a day like any other: all have as many tokens, or nearly.
        environment.add_function("strftime_now", |_format: String| "26 Jul 2024".to_owned());
        let context = context! {
            messages => messages,
            add_generation_prompt => opens_reply,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            // The hub's own tools pass both, so that a template may ask whether they are none.
            tools => (),
            documents => (),
        };
        environment.render_str(&self.text, context)
    }
}

/// The text of a file that may be missing. One that is there is noted.
fn read(path: &Path, files: &mut Vec<FileSum>) -> Result<Option<String>, TemplateError> {
    match bounded::read_to_string(path, MOST_MEGABYTES) {
        Ok(text) => {
            files.push(FileSum { path: path.to_owned(), sum: Sum::of(text.as_bytes()) });
            Ok(Some(text))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TemplateError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The template in a configuration, which may have several with names.
fn of_config(config: &Json) -> Option<String> {
    let template = &config["chat_template"];
    let default = || {
        let named = template.as_array()?.iter().find(|named| named["name"] == "default")?;
        named["template"].as_str()
    };
    template.as_str().or_else(default).map(str::to_owned)
}

/// A special token, which may be an object.
fn special(token: &Json) -> String {
    token.as_str().or_else(|| token["content"].as_str()).unwrap_or_default().to_owned()
}

/// Methods of Python's texts and dictionaries that templates call.
fn method(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("there is no method `{name}` here"));
    let Some(text) = value.as_str() else {
        return match (name, arguments) {
            ("items", []) => minijinja::filters::items(value),
            ("get", [key]) => Ok(value.get_item(key).unwrap_or_default()),
            ("get", [key, other]) => {
                let found = value.get_item(key).unwrap_or_default();
                Ok(if found.is_undefined() { other.clone() } else { found })
            }
            _ => Err(unknown()),
        };
    };
    let first = arguments.first().and_then(Value::as_str);
    Ok(match (name, first, arguments.len()) {
        ("strip", None, 0) => text.trim().into(),
        ("lstrip", None, 0) => text.trim_start().into(),
        ("rstrip", None, 0) => text.trim_end().into(),
        ("strip", Some(of), 1) => text.trim_matches(|char| of.contains(char)).into(),
        ("lstrip", Some(of), 1) => text.trim_start_matches(|char| of.contains(char)).into(),
        ("rstrip", Some(of), 1) => text.trim_end_matches(|char| of.contains(char)).into(),
        ("startswith", Some(with), 1) => text.starts_with(with).into(),
        ("endswith", Some(with), 1) => text.ends_with(with).into(),
        ("split", Some(by), 1) if !by.is_empty() => text.split(by).map(Value::from).collect(),
        ("upper", None, 0) => text.to_uppercase().into(),
        ("lower", None, 0) => text.to_lowercase().into(),
        ("replace", Some(from), 2) => text.replace(from, arguments[1].as_str().ok_or_else(unknown)?).into(),
        _ => return Err(unknown()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::dataset::Part;

    /// Counts words, and what stands in angle brackets as one.
    fn words(text: &str) -> usize {
        text.replace('>', "> ").replace('<', " <").split_whitespace().count()
    }

    fn measured(files: &[(&str, &str)]) -> Result<Framing, TemplateError> {
        let folder = TempDir::new().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Framing::measure(&folder.path().join("tokenizer.json"), words).map(|(framing, _)| framing)
    }

    /// In the way of Qwen's and Llama's: methods of Python's, special tokens by name, and a word where there is no system message.
    const PLAIN: &str = "{{ bos_token }}{% if messages[0]['role'] != 'system' %}<system>Default.</end>\n{% endif %}\
        {% for message in messages %}<{{ message['role'].strip() }}>{{ message.content | trim }}</end>\n{% endfor %}\
        {% if add_generation_prompt %}<assistant>{% endif %}";

    #[rstest]
    #[case::in_the_configuration(json!(PLAIN), None)]
    #[case::among_several(json!([{"name": "tools", "template": "x"}, {"name": "default", "template": PLAIN}]), None)]
    #[case::in_a_file_of_its_own(json!("other"), Some(PLAIN))]
    fn a_template_is_measured(#[case] template: Json, #[case] file: Option<&str>) {
        let config = json!({"chat_template": template, "bos_token": {"content": "<s>"}, "eos_token": "</s>"});
        let config = config.to_string();
        let files: Vec<_> =
            file.into_iter().map(|text| (FILE, text)).chain([(CONFIG, config.as_str())]).collect();
        // The beginning, three words of a system message of its own, and the beginning of a reply.
        let expected = Framing { conversation: 5, system: -1, user: 2, assistant: 2 };
        assert_eq!(measured(&files).unwrap(), expected);
    }

    #[test]
    fn steps_add_their_messages_and_the_reply_before_them() {
        let framing = Framing { conversation: 5, system: -1, user: 2, assistant: 3 };
        let message = |role: &str| Message { role: role.to_owned(), parts: vec![Part::text("a".to_owned())] };
        let (first, later) = ([message("system"), message("user")], [message("tool")]);
        assert_eq!((framing.of(&first, true), framing.of(&later, false)), (6, 5));
        assert_eq!((framing.of_turn(true), framing.of_turn(false)), (7, 5));
    }

    #[test]
    fn a_template_without_system_messages_is_one_all_the_same() {
        let strict = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}";
        assert_eq!(measured(&[(FILE, strict)]).unwrap().system, 1);
    }

    #[test]
    fn there_are_neither_tools_nor_documents() {
        let asks = "{% if tools is not none or documents is not none %}one two three {% endif %}";
        let plain = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
        assert_eq!(
            measured(&[(FILE, &(asks.to_owned() + plain))]).unwrap(),
            measured(&[(FILE, plain)]).unwrap()
        );
    }

    #[rstest]
    #[case::nowhere(&[(CONFIG, "{}")], "it has none")]
    #[case::no_json(&[(CONFIG, "{")], "read the chat template")]
    #[case::broken(&[(FILE, "{% for %}")], "render the chat template")]
    #[case::a_method_that_is_unknown(&[(FILE, "{{ messages[0].content.swapcase() }}")], "render the chat template")]
    fn what_cannot_be_used_is_told(#[case] files: &[(&str, &str)], #[case] text: &str) {
        let error = measured(files).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}
