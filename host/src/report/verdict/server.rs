//! Was it the server that was meant, and nobody else's?

use std::collections::BTreeSet;

use super::{
    super::{headline, model::Report},
    finding::Finding,
};

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let strangers = report.strangers.iter().map(|stranger| {
        Finding::doubt("other_clients", "somebody else used the server", stranger.to_string())
    });
    other_model(report).into_iter().chain(strangers)
}

/// Some servers add the revision that they run: `org/model@main`.
fn is_same_model(asked: &str, reported: &str) -> bool {
    reported.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// The server ran another model than the class of a request asks for.
fn other_model(report: &Report) -> Option<Finding> {
    let settings = &report.header.settings;
    let classes = &settings.classes.list;
    let asked =
        |class: u32| classes.get(class as usize).map_or(&*settings.model, |class| settings.model_of(class));
    let is_other =
        |(class, model, _): &(u32, &str, u64)| !report.is_header_lost && !is_same_model(asked(*class), model);
    let others = || report.models_seen.iter().filter(is_other);
    let names: BTreeSet<String> =
        others().map(|(_, model, _)| format!("`{}`", model.replace('`', "'"))).collect();
    let names: Vec<String> = names.into_iter().collect();
    let (count, all): (u64, u64) = (
        others().map(|(_, _, count)| count).sum(),
        report.models_seen.iter().map(|(_, _, count)| count).sum(),
    );
    (!names.is_empty()).then(|| {
        let asked = match headline::models(settings)[..] {
            [model] => format!("`{model}`"),
            _ => "the model that their class asks for".to_owned(),
        };
        let says = format!("the server ran {} for {count} of {all} requests, not {asked}", names.join(", "));
        Finding::doubt("other_model", "the server ran another model", says)
    })
}
