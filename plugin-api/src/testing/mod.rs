//! For tests of plugins: everything but the network and the library's file.
//!
//! - [`TestEndpoint`] formats a [`Turn`] into a [`Request`], and reads a [`Recording`], split anywhere, into an
//!   [`Answer`];
//! - [`TestService`] drives a service through its lifecycle with a mock host, [`ScriptedHost`];
//! - [`Registry`] and [`mock_plugin`] find both by name, with fakes for a scope;
//! - [`CountingAllocator`] counts what a test allocates.
//!
//! All of it goes through the function tables that a host uses, so a panic is an error here as well.
//!
//! ```
//! # use prony_plugin_api::{Endpoint, EventSink, Parser, RequestWriter, Result, TextKind, TurnContext};
//! # pub struct AcmeChat;
//! # impl Endpoint for AcmeChat {
//! #     type Parser = Self;
//! #     fn new(_options: &str) -> Result<Self> { Ok(Self) }
//! #     fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
//! #         let texts: Vec<&str> = turn.messages().flat_map(|message| message.texts()).collect();
//! #         serde_json::to_writer(request, &serde_json::json!({"prompt": texts})).unwrap();
//! #         Ok(())
//! #     }
//! #     fn parser(&self) -> Self { Self }
//! # }
//! # impl Parser for AcmeChat {
//! #     fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
//! #         out.text(TextKind::CONTENT, 0, std::str::from_utf8(data).unwrap());
//! #         Ok(())
//! #     }
//! #     fn body(&mut self, _: u32, _: &[u8], _: &mut EventSink<'_>) -> Result<()> { Ok(()) }
//! #     fn end(&mut self, out: &mut EventSink<'_>) -> Result<()> { out.done(); Ok(()) }
//! # }
//! use prony_plugin_api::testing::{TestEndpoint, Turn};
//!
//! let endpoint = TestEndpoint::new::<AcmeChat>("{}")?;
//!
//! let request = endpoint.format(&Turn::user("Hello").streaming())?;
//! assert_eq!(request.json()?["prompt"][0], "Hello");
//!
//! let answer = endpoint.read_stream(b"data: Hi\n\ndata:  there\n\n");
//! assert_eq!(answer.text(), "Hi there");
//! assert!(answer.is_complete());
//! # Ok::<(), prony_plugin_api::PluginError>(())
//! ```

mod answer;
pub(crate) mod dice;
mod endpoint;
mod recording;
mod registry;
mod request;
mod service;
mod turn;

pub use answer::{Answer, Media, Passage, ServerError, ToolCall};
pub use endpoint::TestEndpoint;
pub use recording::Recording;
pub use registry::{mock_plugin, Fake, Registry};
pub use request::{MultipartPart, Request};
pub use service::{LogLine, Published, ScriptedHost, TestService};
pub use turn::Turn;

pub use crate::abi::counting::CountingAllocator;
