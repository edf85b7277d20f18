//! `prony plugins graph`: which service hears which message, and who says it. Reads files and opens no library.

use std::{collections::BTreeSet, fmt::Write};

use clap::Args;
use serde_json::{Value, json};

use super::{
    json::{self as keys, JSON_VERSION, write_json},
    listing::Listing,
    search::SearchArgs,
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    plugin::{
        Messages, Registry,
        graph::{self, Participant, Route},
    },
    report, run,
};

/// How to show the graph.
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// Print JSON: `messages` (`type`, `publishers`, `subscribers`), `services` (`name`, `subscriptions` and `publishes`,
    /// null where unknown, `fault`), `problems`.
    #[arg(long, conflicts_with = "dot")]
    json: bool,
    /// Print it in the language of Graphviz.
    #[arg(long)]
    dot: bool,
    #[command(flatten)]
    search: SearchArgs,
}

/// Prints the graph.
pub(super) fn run(args: &GraphArgs) -> Result<Exit, Failure> {
    let registry = Registry::discover(&args.search.options())?;
    let services = graph::services(&registry);
    let mut participants = host();
    participants.extend(services.iter().cloned());
    let routes: Vec<(String, Route)> = graph::routes(&participants).into_iter().collect();
    terminal::print(&match (args.json, args.dot) {
        (true, _) => write_json(&as_json(&routes, &services, &registry)),
        (_, true) => as_dot(&routes, &services),
        _ => as_text(&routes, &services),
    })?;
    Ok(Exit::Success)
}

/// What the host says, and what it listens to itself.
fn host() -> Vec<Participant> {
    let list = |types: &[&str]| Some(types.iter().map(ToString::to_string).collect());
    let participant = |name: &str, publishes, subscriptions| Participant {
        name: name.to_owned(),
        messages: Messages { subscriptions, publishes },
        fault: None,
    };
    vec![
        participant("prony", list(&run::PUBLISHES), list(&run::HEARS)),
        participant("report", None, list(&report::HEARS)),
    ]
}

fn as_json(routes: &[(String, Route)], services: &[Participant], registry: &Registry) -> Value {
    let messages = routes.iter().map(|(message, route)| {
        json!({ "type": message, "publishers": route.publishers, "subscribers": route.subscribers })
    });
    let services = services.iter().map(|service| {
        json!({
            "name": service.name, "subscriptions": service.messages.subscriptions,
            "publishes": service.messages.publishes, "fault": service.fault,
        })
    });
    json!({
        "schema_version": JSON_VERSION, "messages": messages.collect::<Vec<_>>(),
        "services": services.collect::<Vec<_>>(), "problems": keys::problems(registry),
    })
}

fn as_text(routes: &[(String, Route)], services: &[Participant]) -> String {
    let mut rows = vec![["message", "published by", "received by"].map(str::to_owned).to_vec()];
    rows.extend(routes.iter().map(|(message, Route { publishers, subscribers })| {
        vec![message.clone(), names(publishers), names(subscribers)]
    }));
    let mut listing = Listing::new();
    listing.rows(rows);
    unknown(services).for_each(|line| listing.line(&line));
    listing.into_text()
}

/// What is not known, a line a service.
fn unknown(services: &[Participant]) -> impl Iterator<Item = String> {
    let unknown = services.iter().filter(|service| {
        let Messages { subscriptions, publishes } = &service.messages;
        subscriptions.is_none() || publishes.is_none()
    });
    unknown.map(|service| {
        let reason = service.fault.as_deref().unwrap_or("its library is older than the keys that tell");
        format!("unknown: `{}`: {}", service.name, terminal::printable(reason))
    })
}

fn names(names: &BTreeSet<String>) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.iter().cloned().collect::<Vec<_>>().join(", ") }
}

fn as_dot(routes: &[(String, Route)], services: &[Participant]) -> String {
    // Names of messages come from libraries: a quote in one must not end it.
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = "digraph prony {\n  rankdir=LR;\n".to_owned();
    for (message, Route { publishers, subscribers }) in routes {
        let _ = writeln!(text, "  {} [shape=box];", quoted(message));
        for name in publishers {
            let _ = writeln!(text, "  {} -> {};", quoted(name), quoted(message));
        }
        for name in subscribers {
            let _ = writeln!(text, "  {} -> {};", quoted(message), quoted(name));
        }
    }
    for line in unknown(services) {
        let _ = writeln!(text, "  // {line}");
    }
    text + "}\n"
}
