//! Whole bodies from a dataset, for API formats that write their own: [`SampleContent`].
//!
//! The endpoint formats a turn that stands in for the payload. What it says about path, headers and key is kept, its body
//! is not: the payload takes its place.

use prony_plugin_api::{PartKind, abi::host::TurnPart, metadata::EndpointMetadata};

use crate::dataset::{PAYLOAD, Part, Step};

/// The smallest PNG: one pixel.
const PIXEL: &str = "data:image/png;base64,\
    iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// The content of a turn that every endpoint of this kind can format.
#[derive(Clone, Debug)]
pub(crate) struct SampleContent(Vec<TurnPart<'static>>);

impl SampleContent {
    /// For an endpoint; none for one that sends payloads itself.
    pub(crate) fn of(endpoint: &EndpointMetadata) -> Option<Self> {
        if endpoint.supports_raw_payloads {
            return None;
        }
        let text = |name, data| TurnPart { kind: PartKind::TEXT, name, data };
        let mut parts = if endpoint.ranks_passages {
            vec![text("query", "-"), text("passages", "-")]
        } else if endpoint.tokenizes_input {
            vec![text("", "-")]
        } else {
            Vec::new()
        };
        if endpoint.requires_images {
            parts.push(TurnPart { kind: PartKind::IMAGE, name: "", data: PIXEL });
        }
        Some(Self(parts))
    }

    /// Its content.
    pub(super) fn parts(&self) -> &[TurnPart<'static>] {
        &self.0
    }
}

/// The payload of a step, if it has one.
pub(super) fn of(step: &Step) -> Option<&str> {
    let is_payload = |part: &&Part| part.kind == PartKind::RAW && part.name == PAYLOAD;
    step.parts().find(is_payload).map(|part| &*part.data)
}
