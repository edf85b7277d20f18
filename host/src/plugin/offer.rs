//! Offers: a library that a controller has, as agents hear of it before any of them asks for it, and what an agent does about it.
//!
//! What is offered are the bytes that the ladder has checked, whatever becomes of their file. An agent prefers a library of its
//! own with the same hash. Another one it takes only where its owner wants that: code from the network runs there.

use std::sync::Arc;

use prony_plugin_api::version::TARGET;
use serde::{Deserialize, Serialize};

use super::{
    entry::{Category, EndpointEntry},
    error::PluginError,
    integrity::Digest,
    ladder, manifest,
    policy::PolicyInForce,
    registry::Registry,
    trust::Trust,
};
use crate::{config::policy::PluginPolicy, explain::Explain};

/// What is said of a library before anybody asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// The endpoint that the run uses, as its manifest spells it.
    pub(crate) endpoint: String,
    /// Name and version of the library.
    pub(crate) plugin: String,
    /// SHA-256 of its bytes, as a manifest's `integrity` has it in hexadecimal.
    pub(crate) sha256: String,
    /// What it is built for, as Rust names it: `x86_64-unknown-linux-gnu`.
    pub(crate) target: String,
    /// The text of a manifest that has this endpoint and no other.
    pub(super) manifest: String,
}

/// A library that others may ask for.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// What they hear of it.
    pub(crate) offer: Offer,
    /// What was checked.
    pub(crate) bytes: Arc<Vec<u8>>,
}

/// Why an agent does without the library of its controller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferRefusal {
    /// Its policy is stricter.
    #[error(
        "load the endpoint `{endpoint}` ({plugin}) of the controller: {policy} forbids libraries from elsewhere"
    )]
    Forbidden {
        endpoint: String,
        /// Name and version of the library.
        plugin: String,
        policy: PolicyInForce,
    },
    /// Nobody has said that it takes any.
    #[error(
        "load the endpoint `{endpoint}` ({plugin}): this agent lacks it, and does not take libraries of controllers"
    )]
    NotAccepted {
        endpoint: String,
        /// Name and version of the library.
        plugin: String,
    },
    /// It is for another kind of machine.
    #[error(
        "load the endpoint `{endpoint}` ({plugin}) of the controller: it is built for {found}, and this agent for {here}"
    )]
    Target {
        endpoint: String,
        /// Name and version of the library.
        plugin: String,
        found: String,
        here: String,
    },
}

impl OfferRefusal {
    /// The reason alone, as a half-sentence.
    fn reason(&self) -> String {
        match self {
            Self::Forbidden { policy, .. } => format!("{policy} forbids libraries from elsewhere"),
            Self::NotAccepted { .. } => "it does not take libraries of controllers".to_owned(),
            Self::Target { found, here, .. } => {
                format!("that is built for {found}, and the agent for {here}")
            }
        }
    }
}

impl Explain for OfferRefusal {
    fn hint(&self) -> String {
        match self {
            Self::Forbidden { .. } => {
                "install the plugin on the agent's machine, as its policy wants it, or start the agent with `--plugin-policy \
                 any --accept-plugins`"
                    .to_owned()
            }
            Self::NotAccepted { .. } => {
                "install the plugin on the agent's machine, or start the agent with `--accept-plugins`; for an agent that a run starts by ssh, \
                 set `PRONY_AGENT_ACCEPT_PLUGINS=true` in the environment that ssh gives it"
                    .to_owned()
            }
            Self::Target { here, .. } => {
                format!("install the plugin's build for {here} on the agent's machine")
            }
        }
    }
}

/// Which library an agent uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Its own, or what it says is wrong with that. Where it is another than the controller's, why: a half-sentence.
    Own(Option<String>),
    /// The controller's.
    Controllers,
}

/// What an agent has for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Own {
    /// A library with this hash.
    Library(String),
    /// Something that cannot be used: a library that is damaged, or two plugins of one name.
    Unusable,
    Nothing,
}

/// What an agent may take.
struct Rules<'a> {
    /// Its owner has said that it takes libraries.
    accepts: bool,
    policy: &'a PolicyInForce,
    /// What it is built for.
    target: &'a str,
}

impl Offer {
    fn choose(&self, own: &Own, rules: &Rules<'_>) -> Result<Choice, OfferRefusal> {
        if matches!(own, Own::Library(sha256) if *sha256 == self.sha256) {
            return Ok(Choice::Own(None));
        }
        match (self.refusal(rules), own) {
            (None, _) => Ok(Choice::Controllers),
            (Some(refusal), Own::Library(_)) => Ok(Choice::Own(Some(format!(
                "used its own library for the endpoint `{}`, and not the controller's {} ({}): {}",
                self.endpoint,
                self.plugin,
                self.sha256,
                refusal.reason()
            )))),
            (Some(_), Own::Unusable) => Ok(Choice::Own(None)),
            (Some(refusal), Own::Nothing) => Err(refusal),
        }
    }

    fn refusal(&self, rules: &Rules<'_>) -> Option<OfferRefusal> {
        let (endpoint, plugin) = (self.endpoint.clone(), self.plugin.clone());
        if rules.policy.policy != PluginPolicy::Any {
            // What a controller says of a hash is no decision of the machine's owner.
            let policy = rules.policy.clone();
            return Some(OfferRefusal::Forbidden { endpoint, plugin, policy });
        }
        if !rules.accepts {
            return Some(OfferRefusal::NotAccepted { endpoint, plugin });
        }
        (self.target != rules.target).then(|| {
            let (found, here) = (self.target.clone(), rules.target.to_owned());
            OfferRefusal::Target { endpoint, plugin, found, here }
        })
    }
}

impl Registry {
    /// The library of an endpoint for those who lack it. Opens nothing.
    ///
    /// # Errors
    /// There is no such endpoint, or its library would not pass here.
    pub(crate) fn offer(&self, name: &str) -> Result<Offered, PluginError> {
        let entry = self.endpoint(name)?;
        let located = self.lock().libraries.locate(&entry);
        let failed = |library, fault| PluginError::Load {
            category: Category::Endpoint,
            name: entry.name.clone(),
            library,
            fault: Arc::new(fault),
        };
        let expected = || entry.origin.manifest.with_file_name(entry.class.file_name());
        let library = located.map_err(|fault| failed(expected(), fault))?;
        let checked = ladder::check(&library, &Trust::of_this_process());
        let fits = checked.and_then(|checked| {
            checked.facts.check_entry(Category::Endpoint, &entry)?;
            self.lock().libraries.check_locked(&entry.class, &checked.facts)?;
            Ok(checked)
        });
        let checked = fits.map_err(|fault| failed(library, fault))?;
        let offer = Offer {
            endpoint: entry.name.clone(),
            plugin: checked.facts.plugin(),
            sha256: checked.facts.digest.to_string(),
            target: TARGET.to_owned(),
            manifest: manifest_of(&entry, checked.facts.digest),
        };
        Ok(Offered { offer, bytes: checked.bytes })
    }

    /// Which library an agent with these plugins uses, if it `accepts` such of controllers.
    ///
    /// # Errors
    /// It has none, and does not take the one that is offered.
    pub(crate) fn choose(&self, offer: &Offer, accepts: bool) -> Result<Choice, OfferRefusal> {
        let rules = Rules { accepts, policy: self.policy(), target: TARGET };
        offer.choose(&self.own(&offer.endpoint), &rules)
    }

    fn own(&self, name: &str) -> Own {
        match self.endpoint(name) {
            Ok(_) => {
                let used = self.used(&[(Category::Endpoint, name)]);
                used.into_iter().next().map_or(Own::Unusable, |plugin| Own::Library(plugin.sha256))
            }
            Err(
                PluginError::UnknownName { .. }
                | PluginError::Unpinned { .. }
                | PluginError::NotBuiltIn { .. },
            ) => Own::Nothing,
            Err(_) => Own::Unusable,
        }
    }
}

/// The text of a manifest with one entry, over all others of its name, whose library is these bytes and no others. What JSON
/// writes for a text or a number is YAML as well.
fn manifest_of(entry: &EndpointEntry, digest: Digest) -> String {
    let json = |value: &serde_json::Value| value.to_string();
    let metadata = serde_json::to_value(&entry.metadata).unwrap_or_default();
    let isolation = serde_json::to_value(entry.isolation).unwrap_or_default();
    let mut text = format!(
        "schema_version: \"{}\"\nendpoint:\n  {}:\n    class: {}\n    description: {}\n    priority: {}\n    isolation: {}\n    \
         integrity: {digest}\n    metadata:\n",
        manifest::SCHEMA_VERSION,
        entry.name,
        entry.class,
        json(&entry.description.as_str().into()),
        i32::MAX,
        json(&isolation),
    );
    for (key, value) in metadata.as_object().into_iter().flatten() {
        text.push_str("      ");
        text.push_str(key);
        text.push_str(": ");
        text.push_str(&json(value));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{
        super::{
            entry::{Class, Isolation, Origin, Tier},
            policy::PolicySource,
        },
        *,
    };

    fn entry() -> EndpointEntry {
        let metadata = serde_json::json!({
            "endpoint_path": "/v1/talk", "supports_streaming": true, "stream_framing": "lines", "produces_tokens": true,
            "tokenizes_input": false, "metrics_title": "Acme: \"Talk\"",
        });
        EndpointEntry {
            name: "acme-chat".to_owned(),
            class: Class::try_from("acme:Chat".to_owned()).unwrap(),
            description: "Talks to Acme: #1 \\ \"it says\".".to_owned(),
            priority: 3,
            isolation: Isolation::Process,
            integrity: None,
            metadata: serde_json::from_value(metadata).unwrap(),
            origin: Arc::new(Origin { manifest: "/acme/plugins.yaml".into(), tier: Tier::User }),
        }
    }

    #[test]
    fn the_manifest_of_an_offer_says_the_same_of_its_entry_and_names_the_hash() {
        let (entry, digest) = (entry(), Digest::of(b"code"));
        let read = manifest::of_text(&manifest_of(&entry, digest), &entry.origin).unwrap();
        let expected = EndpointEntry { priority: i32::MAX, integrity: Some(digest), ..entry };
        assert_eq!(read.endpoints, [expected]);
        assert!(read.services.is_empty());
    }

    const OFFERED: &str = "sha256-1";

    fn offer() -> Offer {
        Offer {
            endpoint: "acme".to_owned(),
            plugin: "acme 3.1.0".to_owned(),
            sha256: OFFERED.to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            manifest: String::new(),
        }
    }

    fn choose(own: &Own, accepts: bool, policy: PluginPolicy, target: &str) -> Result<Choice, OfferRefusal> {
        let policy = PolicyInForce { policy, source: PolicySource::Flag };
        offer().choose(own, &Rules { accepts, policy: &policy, target })
    }

    const HERE: &str = "x86_64-unknown-linux-gnu";

    #[rstest]
    #[case::by_default(false, PluginPolicy::Any)]
    #[case::under_a_policy(true, PluginPolicy::Builtin)]
    #[case::accepting(true, PluginPolicy::Any)]
    fn a_library_with_the_same_hash_is_the_agents_own(#[case] accepts: bool, #[case] policy: PluginPolicy) {
        let own = Own::Library(OFFERED.to_owned());
        assert_eq!(choose(&own, accepts, policy, HERE), Ok(Choice::Own(None)));
    }

    #[test]
    fn an_agent_that_accepts_libraries_takes_the_one_that_it_lacks() {
        for own in [Own::Library("sha256-2".to_owned()), Own::Unusable, Own::Nothing] {
            assert_eq!(choose(&own, true, PluginPolicy::Any, HERE), Ok(Choice::Controllers));
        }
    }

    #[rstest]
    #[case::not_asked_for(false, PluginPolicy::Any, HERE, "this agent lacks it, and does not take libraries")]
    #[case::pinned(true, PluginPolicy::Pinned, HERE, "the policy `pinned` of `--plugin-policy` forbids")]
    #[case::builtin(false, PluginPolicy::Builtin, HERE, "the policy `builtin` of `--plugin-policy` forbids")]
    #[case::elsewhere(
        true,
        PluginPolicy::Any,
        "aarch64-unknown-linux-gnu",
        "it is built for x86_64-unknown-linux-gnu, and this agent for aarch64-unknown-linux-gnu"
    )]
    fn what_is_not_taken_is_refused_where_there_is_nothing_in_its_place(
        #[case] accepts: bool,
        #[case] policy: PluginPolicy,
        #[case] target: &str,
        #[case] text: &str,
    ) {
        let refusal = choose(&Own::Nothing, accepts, policy, target).unwrap_err();
        assert!(refusal.to_string().contains(text), "{refusal}");
        assert!(refusal.to_string().contains("`acme` (acme 3.1.0)") && !refusal.hint().is_empty());
        let own = Own::Library("sha256-2".to_owned());
        assert!(matches!(choose(&own, accepts, policy, target), Ok(Choice::Own(Some(_)))));
        assert_eq!(choose(&Own::Unusable, accepts, policy, target), Ok(Choice::Own(None)));
    }
}
