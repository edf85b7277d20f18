//! For tests: fake plugins for a scope, and files to load and refuse.

use std::{path::PathBuf, sync::Arc};

use prony_plugin_api::{
    abi::EndpointVt_Ref,
    metadata::{EndpointMetadata, ServiceMetadata},
};

use super::{
    entry::{Class, EndpointEntry, Isolation, Origin, ServiceEntry, Tier},
    registry::Registry,
};

/// Puts a fake endpoint into a registry, over whatever has this name, until the guard is dropped. The table comes from
/// [`prony_plugin_api::abi::author::endpoint_table`].
pub(crate) fn mock_plugin<'a>(registry: &'a Registry, name: &str, table: EndpointVt_Ref) -> MockPlugin<'a> {
    let mut shelves = registry.lock();
    let highest = shelves.endpoints.get(name).and_then(|candidates| candidates.first());
    let entry = Arc::new(EndpointEntry {
        name: name.to_owned(),
        class: class("mock:Mock"),
        description: "A fake.".to_owned(),
        // A mock over a mock is no conflict.
        priority: highest.map_or(0, |winner| winner.entry.priority) + 1,
        isolation: Isolation::None,
        integrity: None,
        metadata: endpoint_metadata(),
        origin: Arc::new(Origin { manifest: PathBuf::from("/mock/plugins.yaml"), tier: Tier::CommandLine }),
    });
    shelves.endpoints.insert(Arc::clone(&entry), Some(Ok(table)));
    drop(shelves);
    MockPlugin { registry, entry }
}

/// A fake endpoint in a registry. Dropping it restores what was there.
#[derive(Debug)]
pub(crate) struct MockPlugin<'a> {
    registry: &'a Registry,
    entry: Arc<EndpointEntry>,
}

impl Drop for MockPlugin<'_> {
    fn drop(&mut self) {
        self.registry.lock().endpoints.remove(&self.entry);
    }
}

/// A streaming text API format at `/mock`.
fn endpoint_metadata() -> EndpointMetadata {
    serde_json::from_value(serde_json::json!({
        "endpoint_path": "/mock", "supports_streaming": true, "produces_tokens": true, "tokenizes_input": true,
    }))
    .unwrap()
}

fn class(text: &str) -> Class {
    Class::try_from(text.to_owned()).unwrap()
}

/// A service entry of priority 0.
pub(super) fn service_entry(name: &str, manifest: &str, tier: Tier) -> ServiceEntry {
    ServiceEntry {
        name: name.to_owned(),
        class: class("acme:Service"),
        description: "Collects.".to_owned(),
        priority: 0,
        isolation: Isolation::None,
        integrity: None,
        metadata: ServiceMetadata { required: false, auto_start: true, replicable: false, disable_gc: false },
        origin: Arc::new(Origin { manifest: PathBuf::from(manifest), tier }),
    }
}

/// The text of a manifest with one endpoint.
pub(crate) fn manifest_text(endpoint: &str, class: &str, priority: i32) -> String {
    format!(
        "schema_version: \"1.0\"\nendpoint:\n  {endpoint}:\n    class: {class}\n    description: Talks to Acme.\n    \
         priority: {priority}\n    metadata: {{endpoint_path: /v1/talk, supports_streaming: true, produces_tokens: true, \
         tokenizes_input: true}}\n"
    )
}

/// The smallest x86-64 Linux library that holds this descriptor (System V ABI, chapters 4 and 5): header, one program
/// header, the descriptor, the section names, three section headers. There is no code in it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) fn library(descriptor: &[u8]) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.shstrtab\0.prony.plugin\0";
    const HEADERS: usize = 64 + 56;
    let names_at = HEADERS + descriptor.len();
    let table_at = names_at + NAMES.len();
    let end = table_at + 3 * 64;
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half =
        |bytes: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
    let word =
        |bytes: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
    let long = |bytes: &mut Vec<u8>, values: &[usize]| {
        bytes.extend(values.iter().flat_map(|v| (*v as u64).to_le_bytes()));
    };
    half(&mut bytes, &[3, 62]); // a shared object for x86-64
    word(&mut bytes, &[1]);
    long(&mut bytes, &[0, 64, table_at]);
    word(&mut bytes, &[0]);
    half(&mut bytes, &[64, 56, 1, 64, 3, 1]);
    word(&mut bytes, &[1, 4]); // one readable segment with everything
    long(&mut bytes, &[0, 0, 0, end, end, 0x1000]);
    bytes.extend(descriptor);
    bytes.extend(NAMES);
    bytes.extend([0; 64]);
    for (name, kind, at, size) in [(1, 3, names_at, NAMES.len()), (11, 1, HEADERS, descriptor.len())] {
        word(&mut bytes, &[name, kind]);
        long(&mut bytes, &[0, 0, at, size]);
        word(&mut bytes, &[0, 0]);
        long(&mut bytes, &[1, 0]);
    }
    bytes
}
