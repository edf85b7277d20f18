//! The library in Rust of each minor: an API format of plain text, and a service that counts what it hears.
//!
//! It uses nothing that came after contract 1.0, and no crate but the contract, so that it stays small. `build` compiles it
//! against the contract of an older revision.

use std::{io::Write, time::Duration};

use prony_plugin_api::{
    message::RecordBatch, Endpoint, EventSink, HostHandle, LogLevel, Message, Parser, PluginError,
    RawMessage, RequestWriter, Result, Service, TextKind, TurnContext,
};

prony_plugin_api::export_plugin! { endpoints: [PlainText], services: [PlainCounter] }

/// The model's name in the first line, and a line for each message.
#[derive(Debug)]
pub struct PlainText;

impl Endpoint for PlainText {
    type Parser = PlainParser;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        request.header("content-type", "text/plain; charset=utf-8");
        writeln!(request, "model {}", turn.model()).map_err(PluginError::io)?;
        for message in turn.messages() {
            writeln!(request, "{}: {}", message.role(), message.text()).map_err(PluginError::io)?;
        }
        Ok(())
    }

    fn parser(&self) -> PlainParser {
        PlainParser
    }
}

/// Every event is a piece of the text, until the end marker.
#[derive(Debug)]
pub struct PlainParser;

impl Parser for PlainParser {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data == b"[DONE]" {
            out.done();
            return Ok(());
        }
        let text = std::str::from_utf8(data).map_err(PluginError::malformed)?;
        out.text(TextKind::CONTENT, 0, text);
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let text = String::from_utf8_lossy(body);
        if (200..300).contains(&status) {
            out.text(TextKind::CONTENT, 0, &text);
            out.done();
        } else {
            out.error(Some(status), "status", &text);
        }
        Ok(())
    }
}

/// Counts batches of requests, and says how many there were.
#[derive(Debug)]
pub struct PlainCounter {
    host: HostHandle,
    heard: u64,
}

impl Service for PlainCounter {
    const SUBSCRIPTIONS: &'static [&'static str] = &[RecordBatch::TYPE];

    fn new(_options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, heard: 0 })
    }

    fn on_message(&mut self, _message: &RawMessage<'_>) -> Result<()> {
        self.heard += 1;
        Ok(())
    }

    fn stop(&mut self, _deadline: Duration) -> Result<()> {
        self.host.log(LogLevel::Info, "plain", || format!("heard {} batches of requests", self.heard));
        Ok(())
    }
}
