//! The descriptor of a library in C: what `PRONY_PLUGIN_DESCRIPTOR` of `prony_plugin.h` writes, as the [`Descriptor`] that
//! everything else reads.

use prony_plugin_api::descriptor::{Descriptor, Exported, Language};
use serde::Deserialize;
use serde_json::Value;

/// As it stands in the file. A reader ignores keys that it does not know.
#[derive(Deserialize)]
struct Written {
    schema: u32,
    name: String,
    version: String,
    epoch: u32,
    minor: u32,
    #[serde(default)]
    min_host_minor: u32,
    compiler: String,
    opt_level: String,
    capabilities: Option<Vec<String>>,
    endpoints: Vec<WrittenType>,
    services: Vec<WrittenType>,
}

/// One exported type.
#[derive(Deserialize)]
struct WrittenType {
    #[serde(rename = "type")]
    type_name: String,
    /// JSON Schema, as JSON.
    options: Value,
    subscriptions: Option<Vec<String>>,
    publishes: Option<Vec<String>>,
}

/// Reads it.
///
/// # Errors
/// It is no JSON, or lacks a key.
pub(super) fn read(json: &[u8]) -> serde_json::Result<Descriptor> {
    let written: Written = serde_json::from_slice(json)?;
    Ok(Descriptor {
        schema: written.schema,
        name: written.name,
        version: written.version,
        language: Language::C,
        epoch: written.epoch,
        minor: written.minor,
        min_host_minor: written.min_host_minor,
        rustc: written.compiler,
        target: String::new(),
        opt_level: written.opt_level,
        panic: String::new(),
        capabilities: written.capabilities,
        endpoints: written.endpoints.into_iter().map(exported).collect(),
        services: written.services.into_iter().map(exported).collect(),
    })
}

fn exported(written: WrittenType) -> Exported {
    let WrittenType { type_name, options, subscriptions, publishes } = written;
    Exported { type_name, options: options.to_string(), subscriptions, publishes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_macro_of_the_header_writes_is_a_descriptor() {
        let text = r#"{"schema":1,"language":"c","name":"acme","version":"0.1.0","epoch":1,"minor":4,"min_host_minor":4,
            "compiler":"gcc 12.2.0","opt_level":"on","capabilities":["network"],"endpoints":[{"type":"Chat","options":{"type": "object"}}],
            "services":[{"type":"Bill","options":{},"subscriptions":["record_batch"],"publishes":[]}]}"#;
        let descriptor = read(text.as_bytes()).unwrap();
        assert_eq!((descriptor.language, descriptor.min_host_minor), (Language::C, 4));
        assert_eq!((descriptor.rustc.as_str(), descriptor.panic.as_str()), ("gcc 12.2.0", ""));
        assert_eq!(descriptor.endpoints[0].options, r#"{"type":"object"}"#);
        assert_eq!(descriptor.endpoints[0].subscriptions, None);
        assert_eq!(descriptor.capabilities.as_deref(), Some(&["network".to_owned()][..]));
        assert_eq!(descriptor.services[0].subscriptions.as_deref(), Some(&["record_batch".to_owned()][..]));
    }

    #[test]
    fn what_lacks_a_key_is_none() {
        let error =
            read(br#"{"schema":1,"name":"acme","version":"0.1.0","epoch":1,"minor":4}"#).err().unwrap();
        assert!(error.to_string().starts_with("missing field `compiler`"), "{error}");
    }
}
