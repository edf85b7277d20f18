//! Bodies from a Jinja template: [`Template`].

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, value::Serde};
use prony_plugin_api::{
    Part, PartKind, PluginError, RequestWriter, Result, TurnContext, TurnMessage, json::extras,
};
use serde::Serialize;
use serde_json::{Map, Value as Json, value::RawValue};

/// The chat request that stands for a template where the user gives none: what most servers understand.
pub(crate) const CHAT: &str = include_str!("chat.j2");

/// Name under which the environment keeps its one template.
const NAME: &str = "template";

/// A template that is known to be one. What it makes is JSON as it stands: nothing is escaped for HTML.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    /// Where it came from, for errors.
    origin: String,
}

/// What a template can name.
#[derive(Debug, Serialize)]
struct Variables<'a> {
    /// The texts of the turn as one, with line feeds between them.
    text: String,
    texts: Vec<&'a str>,
    texts_by_name: BTreeMap<&'a str, Vec<&'a str>>,
    query: Option<&'a str>,
    queries: Vec<&'a str>,
    passage: Option<&'a str>,
    passages: Vec<&'a str>,
    image: Option<&'a str>,
    images: Vec<&'a str>,
    audio: Option<&'a str>,
    audios: Vec<&'a str>,
    video: Option<&'a str>,
    videos: Vec<&'a str>,
    /// The whole conversation, oldest first.
    turns: Vec<Said<'a>>,
    role: &'a str,
    /// Position of the turn in its conversation, from 0.
    turn: u32,
    model: &'a str,
    max_tokens: Option<u64>,
    stream: bool,
    request_id: &'a str,
    conversation_id: &'a str,
}

/// One message of the conversation.
#[derive(Debug, Serialize)]
struct Said<'a> {
    role: &'a str,
    text: String,
}

impl Template {
    pub(crate) fn chat() -> Self {
        let mut environment = environment();
        let added = environment.add_template(NAME, CHAT);
        debug_assert!(added.is_ok(), "{added:?}");
        Self { environment, origin: "the chat template".to_owned() }
    }

    /// Compiles the text of a template that came from `origin`.
    ///
    /// # Errors
    /// `config` for one that is none.
    pub(crate) fn compile(origin: &str, source: &str) -> Result<Self> {
        let mut environment = environment();
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| {
            PluginError::config(format_args!("compile the template `{origin}`: {}", at_its_line(&error)))
                .hint("it is a Jinja template that makes JSON, such as {\"prompt\": {{ text|tojson }}}")
        })?;
        Ok(Self { environment, origin: origin.to_owned() })
    }

    /// Writes the body of a turn, with the user's extra inputs over it.
    ///
    /// # Errors
    /// Fails when the template names what is not there, or makes something that is no JSON.
    pub(crate) fn write(&self, turn: TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let failed = |error: &Error| {
            PluginError::config(format_args!("fill in the template `{}`: {}", self.origin, at_its_line(error)))
                .hint("the variables are text(s), texts_by_name, query, queries, passage(s), image(s), audio(s), video(s), \
                       turns, turn, role, model, max_tokens, stream, request_id, conversation_id; all are always there")
        };
        let template = self.environment.get_template(NAME).map_err(|error| failed(&error))?;
        let body = template.render(Serde(Variables::of(turn))).map_err(|error| failed(&error))?;
        let body: Box<RawValue> = serde_json::from_str(&body).map_err(|error| {
            PluginError::config(format_args!("make JSON with the template `{}`: {error}", self.origin)).hint(
                "pass texts through `tojson`, which adds the quotes as well: {\"prompt\": {{ text|tojson }}}",
            )
        })?;
        let extras = extras(turn)?;
        if extras.is_empty() {
            return write(&body, request);
        }
        let mut fields: Map<String, Json> = serde_json::from_str(body.get()).map_err(|error| {
            PluginError::config(format_args!(
                "add extra inputs to what the template `{}` makes: {error}",
                self.origin
            ))
            .hint("it must make a JSON object for that; or leave out `--extra-inputs`")
        })?;
        fields.extend(extras);
        write(&fields, request)
    }
}

fn write(body: &impl Serialize, request: &mut RequestWriter<'_>) -> Result<()> {
    serde_json::to_writer(request, body).map_err(PluginError::io)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // A name that is misspelt must not become an empty text that nobody notices.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("tojson", to_json);
    environment
}

fn to_json(value: &Value) -> std::result::Result<String, Error> {
    if value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn at_its_line(error: &Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    error.line().map_or(what.clone(), |line| format!("line {line}: {what}"))
}

impl<'a> Variables<'a> {
    fn of(turn: TurnContext<'a>) -> Self {
        let turns =
            turn.messages().map(|message| Said { role: message.role(), text: message.text() }).collect();
        let last = turn.messages().last();
        let parts: Vec<Part<'a>> = last.iter().flat_map(TurnMessage::parts).collect();
        let of_kind = |kind: PartKind| -> Vec<&'a str> {
            parts.iter().filter(|part| part.kind() == kind).map(Part::data).collect()
        };
        let texts = of_kind(PartKind::TEXT);
        let mut texts_by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for part in parts.iter().filter(|part| part.kind() == PartKind::TEXT && !part.name().is_empty()) {
            texts_by_name.entry(part.name()).or_default().push(part.data());
        }
        let named = |names: [&str; 2]| -> Vec<&'a str> {
            names.iter().filter_map(|name| texts_by_name.get(name)).flatten().copied().collect()
        };
        let (queries, passages) = (named(["query", "queries"]), named(["passage", "passages"]));
        let [images, audios, videos] = [PartKind::IMAGE, PartKind::AUDIO, PartKind::VIDEO].map(of_kind);
        Self {
            text: texts.join("\n"),
            query: queries.first().copied(),
            passage: passages.first().copied(),
            image: images.first().copied(),
            audio: audios.first().copied(),
            video: videos.first().copied(),
            texts,
            texts_by_name,
            queries,
            passages,
            images,
            audios,
            videos,
            turns,
            role: last.map_or("user", |message| message.role()),
            turn: turn.turn_index(),
            model: turn.model(),
            max_tokens: turn.max_tokens(),
            stream: turn.streaming(),
            request_id: turn.request_id(),
            conversation_id: turn.conversation_id(),
        }
    }
}
