//! `prony plugins list`, or `prony plugins` alone: what there is. Reads manifests and opens no library.

use serde_json::Value;

use super::{
    json::{self, write_json},
    listing::Listing,
    search::SearchArgs,
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    config::policy::PluginPolicy,
    plugin::{Category, INSTALL_PLUGINS, Inspections, Listed, ListedEntry, PluginError, Registry, chain},
    screen::counted,
};

/// Lists plugin packages, endpoints and services.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ListArgs {
    /// List one category: `endpoint` or `service`.
    category: Option<String>,
    /// Describe one entry of it.
    name: Option<String>,
    /// Print JSON: `plugin_policy`, `packs`, `endpoints` and `services` (each with what `show --json` prints), `problems`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    search: SearchArgs,
}

/// Prints what was asked for.
pub(super) fn run(args: &ListArgs) -> Result<Exit, Failure> {
    let registry = Registry::discover(&args.search.options())?;
    if args.json {
        terminal::print(&write_json(&as_json(args, &registry)?))?;
        return Ok(Exit::Success);
    }
    let mut listing = Listing::new();
    write_answer(args, &registry, &mut listing)?;
    terminal::print(&listing.into_text())?;
    Ok(Exit::Success)
}

fn as_json(args: &ListArgs, registry: &Registry) -> Result<Value, PluginError> {
    let category = args.category.as_deref().map(category_named).transpose()?;
    if let (Some(category), Some(name)) = (category, &args.name) {
        return Ok(json::entry(&registry.describe(category, name)?, registry));
    }
    Ok(json::everything(registry, |other| category.is_none_or(|category| category == other)))
}

/// The category of this name.
pub(super) fn category_named(name: &str) -> Result<Category, PluginError> {
    Category::named(name).ok_or_else(|| PluginError::UnknownCategory { name: name.to_owned() })
}

fn write_answer(args: &ListArgs, registry: &Registry, listing: &mut Listing) -> Result<(), PluginError> {
    let Some(category) = &args.category else {
        write_overview(registry, listing);
        return Ok(());
    };
    let category = category_named(category)?;
    match &args.name {
        Some(name) => write_entry(&registry.describe(category, name)?, listing),
        None => write_category(&registry.list(category), listing),
    }
    Ok(())
}

fn write_overview(registry: &Registry, listing: &mut Listing) {
    let packs = registry.packs().iter().map(|pack| {
        let contents =
            format!("{}, {}", counted(pack.endpoints, "endpoint"), counted(pack.services, "service"));
        vec![pack.origin.tier.to_string(), contents, pack.origin.manifest.display().to_string()]
    });
    listing.section("packs", packs);
    for category in Category::ALL {
        let entries = registry.list(category).into_iter().map(|listed| {
            let winner = listed.entries.first();
            let description = winner.map(|entry| entry.description.clone()).unwrap_or_default();
            vec![listed.name.clone(), state(&listed), description]
        });
        listing.section(&format!("{category}s"), entries);
    }
    listing.section("broken", broken(registry));
    let problems = registry.problems().iter().map(|problem| vec![format!("failed to {}", chain(problem))]);
    listing.section("skipped", problems);
    if registry.policy().policy != PluginPolicy::Any {
        listing.line(&format!("In force is {}.", registry.policy()));
    }
    listing.line(&if registry.packs().is_empty() {
        format!("No manifest was found: {INSTALL_PLUGINS}, or name a manifest with --plugins.")
    } else {
        "`prony plugins CATEGORY NAME` describes one of them.".to_owned()
    });
}

/// The winners that cannot be used, by the first of their faults.
fn broken(registry: &Registry) -> Vec<Vec<String>> {
    let listed = Category::ALL.into_iter().flat_map(|category| registry.list(category));
    let winners =
        listed.filter_map(|listed| listed.entries.into_iter().next().map(|winner| (listed.name, winner)));
    let mut inspections = Inspections::new();
    let rows = winners.filter_map(|(name, winner)| {
        let inspection = inspections.brief(&winner);
        let (fault, _) = inspection.faults().first()?;
        Some(vec![format!("{} {name}", winner.category), fault.clone()])
    });
    rows.collect()
}

/// Where the winner of a name comes from, and whether it is disputed.
fn state(listed: &Listed) -> String {
    let tier = listed.entries.first().map(|winner| winner.origin.tier.to_string()).unwrap_or_default();
    match listed.entries.len() {
        _ if listed.conflicting => "CONFLICT".to_owned(),
        0 | 1 => tier,
        several => format!("{tier}, shadows {}", several - 1),
    }
}

fn write_category(entries: &[Listed], listing: &mut Listing) {
    let rows = entries.iter().filter_map(|listed| {
        listed.entries.first().map(|winner| {
            vec![
                listed.name.clone(),
                state(listed),
                winner.class.to_string(),
                format!("priority {}", winner.priority),
                winner.description.clone(),
            ]
        })
    });
    listing.rows(rows);
}

/// One entry: its facts, its metadata and whom it shadows.
pub(super) fn write_entry(listed: &Listed, listing: &mut Listing) {
    let Some((winner, shadowed)) = listed.entries.split_first() else { return };
    listing.section(&format!("{} {}", listed.category, listed.name), facts(winner));
    let metadata = winner.metadata.iter().map(|(name, value)| vec![name.clone(), text(value)]);
    listing.section("metadata", metadata);
    let title = if listed.conflicting { "in conflict with" } else { "shadows" };
    let rows = shadowed.iter().map(|entry| {
        let manifest = entry.origin.manifest.display().to_string();
        vec![
            entry.origin.tier.to_string(),
            entry.class.to_string(),
            format!("priority {}", entry.priority),
            manifest,
        ]
    });
    listing.section(title, rows);
}

fn facts(entry: &ListedEntry) -> Vec<Vec<String>> {
    let library = match &entry.library {
        Ok(file) => file.display().to_string(),
        Err(fault) => fault.to_string(),
    };
    let facts = vec![
        ("description", entry.description.clone()),
        ("class", entry.class.to_string()),
        ("library", library),
        ("manifest", format!("{} ({})", entry.origin.manifest.display(), entry.origin.tier)),
        ("priority", entry.priority.to_string()),
        ("isolation", if entry.isolated { "process" } else { "none" }.to_owned()),
        ("integrity", entry.integrity.map_or_else(|| "none".to_owned(), |integrity| integrity.to_string())),
    ];
    facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

/// A JSON value as it stands in a table.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        explain::Explain,
        plugin::{DiscoveryOptions, testing::manifest_text},
        screen::Screen,
    };

    /// Two plugin packages that claim one name, and a bad one.
    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            world.pack("bin", &manifest_text("chat", "endpoint_openai:ChatEndpoint", 0));
            world.pack("packs/acme", &manifest_text("Chat", "acme:Chat", 2));
            world.pack("packs/bad", "schema_version: \"1.0\"\nendpoints: {}\n");
            world
        }

        fn pack(&self, folder: &str, manifest: &str) {
            let folder = self.0.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("plugins.yaml"), manifest).unwrap();
        }

        fn answer(&self, words: &[&str]) -> Result<String, PluginError> {
            let mut words = words.iter().map(ToString::to_string);
            let args = ListArgs {
                category: words.next(),
                name: words.next(),
                json: false,
                search: SearchArgs::default(),
            };
            let registry = Registry::discover(&DiscoveryOptions {
                program_dir: Some(self.0.path().join("bin")),
                plugin_path: vec![self.0.path().join("packs")],
                ..DiscoveryOptions::default()
            })?;
            let mut listing = Listing::on(Screen::UNLIMITED);
            write_answer(&args, &registry, &mut listing)?;
            let root = self.0.path().canonicalize().unwrap().display().to_string();
            Ok(listing.into_text().replace(&root, "").replace(".dylib", ".so"))
        }
    }

    #[test]
    fn the_overview_shows_packs_entries_and_what_was_skipped() {
        insta::assert_snapshot!(World::new().answer(&[]).unwrap(), @r"
        packs
          built-in     1 endpoint, 0 services  /bin/plugins.yaml
          plugin path  1 endpoint, 0 services  /packs/acme/plugins.yaml

        endpoints
          Chat  plugin path, shadows 1  Talks to Acme.

        broken
          endpoint Chat  the library does not exist; looked for `libacme.so` in `/packs/acme`, `/packs`

        skipped
          failed to read the plugin manifest `/packs/bad/plugins.yaml:2`: there is no category `endpoints`; the categories are `endpoint` and `service`

        `prony plugins CATEGORY NAME` describes one of them.
        ");
    }

    #[test]
    fn a_category_lists_its_winners() {
        insta::assert_snapshot!(World::new().answer(&["endpoint"]).unwrap(), @r"
          Chat  plugin path, shadows 1  acme:Chat  priority 2  Talks to Acme.
        ");
        assert_eq!(World::new().answer(&["service"]).unwrap(), "");
    }

    #[test]
    fn an_entry_shows_its_facts_and_whom_it_shadows() {
        insta::assert_snapshot!(World::new().answer(&["Endpoint", "CHAT"]).unwrap(), @r"
        endpoint Chat
          description  Talks to Acme.
          class        acme:Chat
          library      the library does not exist; looked for `libacme.so` in `/packs/acme`, `/packs`
          manifest     /packs/acme/plugins.yaml (plugin path)
          priority     2
          isolation    none
          integrity    none

        metadata
          endpoint_path            /v1/talk
          streaming_path           null
          supports_streaming       true
          stream_framing           events
          produces_tokens          true
          tokenizes_input          true
          metrics_title            null
          service_kind             openai
          supports_audio           false
          supports_images          false
          supports_videos          false
          produces_audio           false
          produces_images          false
          produces_videos          false
          supports_tools           false
          supports_cache_bust      false
          consumes_system_message  false
          requires_polling         false
          requires_form_data       false
          ranks_passages           false
          supports_raw_payloads    false
          keeps_url_path           false
          requires_images          false
          requires_audio           false
          requires_inline_media    false

        shadows
          built-in  endpoint_openai:ChatEndpoint  priority 0  /bin/plugins.yaml
        ");
    }

    #[test]
    fn unknown_names_lead_to_known_ones() {
        let hint = |words: &[&str]| {
            let error = World::new().answer(words).unwrap_err();
            assert!(error.is_usage());
            format!("{error} {}", error.hint())
        };
        assert_eq!(
            hint(&["endpoints"]),
            "unknown category `endpoints`: there are `endpoint`, `service` did you mean `endpoint`?"
        );
        assert_eq!(
            hint(&["endpoint", "chatt"]),
            "unknown endpoint `chatt` did you mean `Chat`? there are `Chat`"
        );
    }
}
