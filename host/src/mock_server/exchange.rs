//! [`conduct`]: one API request, from its arrival to the entry in the truth.

use std::{borrow::Cow, time::Duration};

use ::http::StatusCode;
use serde_json::{Map, Value};

use super::{
    Mock,
    api_error::ApiError,
    api_format::ApiFormat,
    canned::{Canned, CannedBody},
    fault::{Fault, Stall, StreamErrorStyle},
    fields::Delivery,
    form, http,
    job::{Generation, Job, Kind, Output},
    options::Options,
    pace::Pace,
    prefix_cache,
    reply::{self, Identity},
    script::{self, Channel},
    speech::{self, Speech},
    truth::{OpenRequest, Outcome, RequestTruth, Said, Texts},
    wire::{Gone, Persistence, Request, Wire},
    words,
};
use crate::clock::as_ns;

/// What a request gets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    /// An answer of this API format.
    Api(ApiFormat),
    /// A recorded response.
    Recorded(&'a Canned),
}

impl Asked<'_> {
    /// The API format of the answer, and of errors that the server makes itself.
    fn api_format(self, request: &Request) -> ApiFormat {
        match self {
            Self::Api(api_format) => api_format.accepting(request.head.accepts_events),
            Self::Recorded(_) => ApiFormat::Chat,
        }
    }

    fn path(self, request: &Request) -> Cow<'static, str> {
        match self {
            Self::Api(_) => self.api_format(request).path().into(),
            Self::Recorded(_) => request.head.target.path().to_owned().into(),
        }
    }
}

/// Answers one API request and writes it down. Says whether the connection can take another.
pub(super) async fn conduct(mock: &Mock, wire: &mut Wire, asked: Asked<'_>, request: Request) -> Persistence {
    let open = mock.truth.arrive(request.arrived);
    let mut exchange = Exchange::new(mock, wire, asked, &request, &open);
    let ending = match asked {
        Asked::Api(_) => exchange.answer(&request).await,
        Asked::Recorded(canned) => exchange.replay(canned).await,
    };
    let ending = ending.unwrap_or(Ending::Gone);
    let (mut fact, lies) = (exchange.fact, exchange.lies);
    fact.ended_ns = mock.truth.clock().now();
    fact.outcome = match (ending, fact.fault) {
        (Ending::Complete, _) => Outcome::Ok,
        (Ending::Rejected, _) => Outcome::Rejected,
        (Ending::Gone | Ending::Failed | Ending::Cut, Some(fault)) => Outcome::Failed(fault),
        (Ending::Gone | Ending::Failed | Ending::Cut, None) => Outcome::Abandoned,
    };
    mock.truth.finish(&open, fact);
    match ending {
        Ending::Gone | Ending::Cut => Persistence::Close,
        _ if lies => {
            mock.truth.close_early();
            Persistence::Close
        }
        _ if request.head.asks_to_close => Persistence::Close,
        _ => Persistence::KeepAlive,
    }
}

/// What an answer is to say in one of its choices.
fn said(speech: &Speech<'_>, choice: u64) -> Said {
    Said {
        reasoning: speech.text(choice, Channel::Reasoning),
        text: speech.text(choice, Channel::Content),
        tool_calls: speech.calls(choice).collect(),
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Complete,
    /// The request was invalid.
    Rejected,
    /// A fault spoiled the answer; the connection is still in order.
    Failed,
    /// A fault drops the connection.
    Cut,
    /// The client left.
    Gone,
}

/// What the middle of an answer leads to.
enum Turn {
    GoOn,
    End(Ending),
}

/// One request's answer in the making.
struct Exchange<'a> {
    mock: &'a Mock,
    wire: &'a mut Wire,
    api_format: ApiFormat,
    pace: Pace,
    fault: Option<Fault>,
    /// The answer advertises keep-alive and the connection closes all the same.
    lies: bool,
    fact: RequestTruth,
}

impl<'a> Exchange<'a> {
    fn new(
        mock: &'a Mock,
        wire: &'a mut Wire,
        asked: Asked<'_>,
        request: &Request,
        open: &OpenRequest,
    ) -> Self {
        let (number, api_format) = (open.number, asked.api_format(request));
        let texts = mock.options.keeps_texts.then(|| Texts::of_request(&request.body));
        let fact = RequestTruth {
            request_id: request.head.request_id.clone().unwrap_or_else(|| format!("mock-{number}")),
            number,
            connection: wire.number,
            path: asked.path(request),
            arrived_ns: request.arrived,
            model: None,
            streaming: false,
            requested_tokens: None,
            prompt_tokens: 0,
            cached_tokens: None,
            tokens_sent: 0,
            first_token_sent_ns: None,
            token_sent_ns: Vec::new(),
            ended_ns: request.arrived,
            status: 0,
            outcome: Outcome::Abandoned,
            fault: None,
            texts,
        };
        let options = &mock.options;
        Self {
            mock,
            wire,
            api_format,
            pace: Pace::new(options.pacing, request.arrived, options.seed, number),
            fault: options.faults.fault_of(number),
            lies: options.faults.closes_after(number),
            fact,
        }
    }

    async fn answer(&mut self, request: &Request) -> Result<Ending, Gone> {
        let (api_format, options) = (self.api_format, &self.mock.options);
        let job = if api_format.takes_forms() {
            let form = form::read(&request.head.content_type, &request.body).await;
            form.and_then(|fields| Job::of(api_format, &fields, options))
        } else {
            Job::parse(api_format, &request.body, options)
        };
        if let Ok(job) = &job {
            self.describe(job);
        }
        if let Some(Fault::Error(status)) = self.fault {
            self.strike();
            self.error(&ApiError::on_demand(status)).await?;
            return Ok(Ending::Failed);
        }
        let job = match job {
            Ok(job) => job,
            Err(error) => {
                self.error(&error).await?;
                return Ok(Ending::Rejected);
            }
        };
        let identity = Identity {
            id: format!("{}-{}", self.api_format.id_prefix(), self.fact.request_id),
            model: job.model,
            created: (self.mock.truth.clock().wall_start_ns() + self.fact.arrived_ns) / 1_000_000_000,
            number: self.fact.number,
        };
        let prompt_tokens = job.prompt_tokens;
        let body = match job.output {
            Output::Text(generation) => {
                self.take_a_slot(generation.tokens);
                let mut speech = Speech {
                    identity: &identity,
                    prompt_tokens,
                    cached_tokens: None,
                    generation: &generation,
                };
                speech.cached_tokens = self.cached(&request.body, &speech);
                self.fact.cached_tokens = speech.cached_tokens;
                if let Some(texts) = &mut self.fact.texts {
                    texts.said = (0..generation.choices).map(|choice| said(&speech, choice)).collect();
                }
                return match generation.delivery {
                    Delivery::Stream { .. } => self.stream(&speech).await,
                    Delivery::Whole => self.whole(&speech).await,
                };
            }
            Output::Images { delivery: Delivery::Stream { .. }, .. } => {
                return self.picture(prompt_tokens).await;
            }
            Output::Video => return self.accept(identity).await,
            Output::Images { count, .. } => reply::images(&identity, prompt_tokens, count),
            Output::Embeddings { inputs, dimensions, encoding } => {
                reply::embeddings(&identity, prompt_tokens, (inputs, dimensions), encoding)
            }
            Output::Detections { images } => reply::detections(images),
            Output::Rankings { api_format, documents } => {
                reply::rankings(&identity, prompt_tokens, api_format, documents)
            }
        };
        self.take_a_slot(1);
        let due = self.pace.due(0);
        self.wire.wait_until(due).await?;
        self.body("application/json", &body.to_string()).await
    }

    /// From here on the response has the deadlines of its place in the queue.
    fn take_a_slot(&mut self, tokens: u64) {
        let Options { pacing, seed, .. } = self.mock.options;
        let who = (seed, self.fact.number);
        self.pace = self.mock.queue.pace(pacing, who, self.fact.arrived_ns, tokens);
    }

    /// A recorded response, at the pace of an answer: each piece of a stream counts as a token.
    async fn replay(&mut self, canned: &Canned) -> Result<Ending, Gone> {
        if let Some(Fault::Error(status)) = self.fault {
            self.strike();
            self.error(&ApiError::on_demand(status)).await?;
            return Ok(Ending::Failed);
        }
        let pieces = match &canned.body {
            CannedBody::Whole(body) => {
                let due = self.pace.due(0);
                self.wire.wait_until(due).await?;
                return self.body_with(canned.status, &canned.content_type, body).await;
            }
            CannedBody::Stream(pieces) => pieces,
        };
        self.fact.streaming = true;
        self.open_stream(&canned.content_type, b"").await?;
        for (index, piece) in (0..).zip(pieces.iter()) {
            if index == pieces.len() as u64 / 2
                && let Turn::End(ending) = self.break_in_the_middle(Kind::Infer).await?
            {
                return Ok(ending);
            }
            let due = self.pace.due(index);
            self.wire.wait_until(due).await?;
            self.wire.send(&http::chunk(piece)).await?;
            self.fact.sent(1, self.mock.truth.clock().now());
        }
        self.close_stream([]).await
    }

    /// Accepts a job, whose time begins now.
    async fn accept(&mut self, identity: Identity) -> Result<Ending, Gone> {
        let due = self.pace.due(0);
        let accepted = self.mock.jobs.accept(identity.model, identity.created, due);
        self.body("application/json", &accepted.to_string()).await
    }

    /// Prompt tokens that the prefix cache had, which has them and the answer from now on: who repeats an answer has seen it.
    fn cached(&self, body: &[u8], speech: &Speech<'_>) -> Option<u64> {
        let is_of_kind = matches!(speech.generation.kind, Kind::Chat | Kind::Completion);
        if !(self.mock.options.has_prefix_cache && is_of_kind) {
            return None;
        }
        let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let model = fields.get("model").and_then(Value::as_str).unwrap_or_default();
        let mut prompts = prefix_cache::prompts(&fields);
        let cached = prompts.iter().map(|words| self.mock.prefix_cache.take(model, words)).sum();
        // An answer to a list of prompts is repeated by nobody.
        if let [words] = &mut *prompts {
            let answer = speech.text(0, Channel::Content);
            words.extend(answer.split_whitespace());
            self.mock.prefix_cache.take(model, words);
        }
        Some(self.mock.options.usage.tokens(cached))
    }

    fn describe(&mut self, job: &Job) {
        self.fact.model = Some(job.model.clone());
        self.fact.prompt_tokens = job.prompt_tokens;
        if let Output::Text(generation) = &job.output {
            self.fact.requested_tokens = generation.limit;
            self.fact.streaming = generation.delivery != Delivery::Whole;
        }
    }

    /// The answer at once, when its last token is due.
    async fn whole(&mut self, speech: &Speech<'_>) -> Result<Ending, Gone> {
        let Generation { tokens, choices, .. } = speech.generation;
        let (tokens, choices) = (*tokens, *choices);
        let (content_type, body) = speech.page();
        let due = self.pace.due(tokens - 1);
        self.wire.wait_until(due).await?;
        let ending = self.body(content_type, &body).await?;
        if matches!(ending, Ending::Complete) {
            self.fact.tokens_sent = tokens * choices;
            self.fact.first_token_sent_ns = Some(self.mock.truth.clock().now());
        }
        Ok(ending)
    }

    /// A body, whole or broken in its middle.
    async fn body(&mut self, content_type: &str, body: &str) -> Result<Ending, Gone> {
        self.body_with(StatusCode::OK, content_type, body.as_bytes()).await
    }

    async fn body_with(
        &mut self,
        status: StatusCode,
        content_type: &str,
        body: &[u8],
    ) -> Result<Ending, Gone> {
        let length = body.len().to_string();
        let fields = [("Content-Type", content_type), ("Content-Length", length.as_str())];
        let (Some(Fault::Cut | Fault::Stall(_)), (early, late)) = (self.fault, body.split_at(body.len() / 2))
        else {
            self.open(status, &fields, body).await?;
            return Ok(Ending::Complete);
        };
        self.open(status, &fields, early).await?;
        // A body has no error in its middle, so its kind does not matter.
        if let Turn::End(ending) = self.break_in_the_middle(Kind::Infer).await? {
            return Ok(ending);
        }
        self.wire.send(late).await?;
        Ok(Ending::Complete)
    }

    /// The answer token by token.
    ///
    /// The head and the role (or whatever else an API format begins with) leave at once, as from a server that answers before it has computed anything: a client that takes
    /// them for a token reports a time to first token near zero.
    async fn stream(&mut self, speech: &Speech<'_>) -> Result<Ending, Gone> {
        let generation = speech.generation;
        let mut frames = speech.frames();
        let kind = generation.kind;
        let begin = speech::on_wire(kind, frames.begin());
        self.open_stream(speech::content_type(kind), &begin).await?;
        let mut middle = Some(generation.tokens / 2);
        for bundle in script::bundles(self.mock.options.framing, generation.sections()) {
            if middle.take_if(|middle| bundle.tokens.end > *middle).is_some()
                && let Turn::End(ending) = self.break_in_the_middle(kind).await?
            {
                return Ok(ending);
            }
            let due = self.pace.due(bundle.tokens.end - 1);
            self.wire.wait_until(due).await?;
            let size = bundle.tokens.end - bundle.tokens.start;
            for choice in 0..generation.choices {
                let events = match bundle.channel {
                    Channel::Call(number) => frames.call(choice, &speech.piece(choice, number, &bundle)),
                    channel => frames.text(choice, channel, &words::text(choice, bundle.tokens.clone())),
                };
                let events = speech::on_wire(kind, events);
                self.wire.send(&http::chunk(&events)).await?;
                self.fact.sent(size, self.mock.truth.clock().now());
            }
        }
        let end = frames.end().into_iter().map(|event| speech::on_wire(kind, event));
        self.close_stream(end).await
    }

    /// A picture as a stream, which has one event.
    async fn picture(&mut self, prompt_tokens: u64) -> Result<Ending, Gone> {
        self.open_stream(speech::content_type(Kind::Infer), b"").await?;
        // The image has no kind of text.
        if let Turn::End(ending) = self.break_in_the_middle(Kind::Infer).await? {
            return Ok(ending);
        }
        let due = self.pace.due(0);
        self.wire.wait_until(due).await?;
        let name = match self.api_format {
            ApiFormat::ImageEdits => "image_edit.completed",
            _ => "image_generation.completed",
        };
        let event = reply::image_event(name, prompt_tokens);
        self.close_stream([format!("event: {name}\ndata: {event}\n\n").into_bytes()]).await
    }

    async fn open_stream(&mut self, content_type: &str, begin: &[u8]) -> Result<(), Gone> {
        let fields = [("Content-Type", content_type), ("Transfer-Encoding", "chunked")];
        let start = if begin.is_empty() { Vec::new() } else { http::chunk(begin) };
        self.open(StatusCode::OK, &fields, &start).await
    }

    /// The end of a good stream.
    async fn close_stream(&mut self, events: impl IntoIterator<Item = Vec<u8>>) -> Result<Ending, Gone> {
        let events = events.into_iter().filter(|event| !event.is_empty());
        let mut bytes: Vec<u8> = events.flat_map(|event| http::chunk(&event)).collect();
        bytes.extend_from_slice(http::LAST_CHUNK);
        self.wire.send(&bytes).await?;
        Ok(Ending::Complete)
    }

    /// Does what the fault asks for in the middle of an answer.
    async fn break_in_the_middle(&mut self, kind: Kind) -> Result<Turn, Gone> {
        match self.fault {
            None | Some(Fault::Error(_)) => Ok(Turn::GoOn),
            Some(Fault::Cut) => {
                self.strike();
                Ok(Turn::End(Ending::Cut))
            }
            Some(Fault::StreamError(style)) => {
                self.strike();
                self.fail_in_stream(kind, style).await?;
                Ok(Turn::End(Ending::Failed))
            }
            Some(Fault::Stall(stall)) => {
                self.strike();
                self.stall(stall).await?;
                Ok(Turn::GoOn)
            }
        }
    }

    async fn fail_in_stream(&mut self, kind: Kind, style: StreamErrorStyle) -> Result<(), Gone> {
        let error = ApiError::on_demand(StatusCode::INTERNAL_SERVER_ERROR);
        let mut end = http::chunk(&speech::on_wire(kind, speech::stream_error(kind, style, &error)));
        end.extend_from_slice(http::LAST_CHUNK);
        self.wire.send(&end).await
    }

    async fn stall(&mut self, stall: Stall) -> Result<(), Gone> {
        match stall {
            Stall::Forever => Err(self.wire.peer_left().await),
            Stall::For(pause) => {
                self.pace.postpone(pause);
                self.pause(pause).await
            }
        }
    }

    async fn error(&mut self, error: &ApiError) -> Result<(), Gone> {
        let body = error.body_in(self.api_format).to_string();
        let length = body.len().to_string();
        let fields = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
        self.open(error.status, &fields, body.as_bytes()).await
    }

    /// Sends the head and the first bytes of the body.
    async fn open(&mut self, status: StatusCode, fields: &[(&str, &str)], body: &[u8]) -> Result<(), Gone> {
        let mut fields = fields.to_vec();
        let id = self.fact.request_id.clone();
        fields.push(("X-Request-ID", &id));
        if self.lies {
            fields.extend([("Connection", "keep-alive"), ("Keep-Alive", "timeout=5, max=100")]);
        }
        let mut head = http::response_head(status, &fields);
        let slow = self.mock.options.framing.slow_header;
        if !slow.is_zero() {
            let status_line = head.iter().position(|byte| *byte == b'\n').map_or(head.len(), |end| end + 1);
            let rest = head.split_off(status_line);
            self.wire.send(&head).await?;
            self.pause(slow).await?;
            head = rest;
        }
        head.extend_from_slice(body);
        self.wire.send(&head).await?;
        self.fact.status = status.as_u16();
        Ok(())
    }

    async fn pause(&self, pause: Duration) -> Result<(), Gone> {
        let clock = self.mock.truth.clock();
        self.wire.wait_until(clock.now().saturating_add(as_ns(pause))).await
    }

    /// Notes that the fault has struck.
    fn strike(&mut self) {
        self.fact.fault = self.fault.map(Fault::name);
    }
}
