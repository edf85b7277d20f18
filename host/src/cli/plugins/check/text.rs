//! The examination of one library, for people.

use std::fmt::Write;

use prony_plugin_api::conformance::{CASES, Verdict};

use crate::plugin::check::{Examination, Plan, Rung, Speed};

/// What is not measured.
const NOT_COUNTED: &str = "note: a library allocates by itself, so its allocations cannot be counted from outside; \
    `CountingAllocator` of the contract crate counts them in its own tests";

pub(super) fn text(examination: &Examination, plan: &Plan) -> String {
    let mut lines = vec![heading(examination)];
    lines.extend(examination.manifest.as_ref().map(|file| format!("  manifest {file}")));
    lines.extend(examination.rungs.iter().map(rung));
    lines.extend(examination.abi.as_ref().map(|window| format!("  {window}")));
    lines.extend(examination.sha256.as_ref().map(|digits| format!("  sha256 {digits}")));
    if !plan.selection.is_whole() {
        let chosen = CASES.iter().filter(|case| plan.selection.chooses(**case)).count();
        lines.push(format!("  {chosen} of {} cases are chosen", CASES.len()));
    }
    for one in &examination.types {
        lines.push(format!("{} {}", one.category, one.report));
        lines.extend(one.speed.as_ref().map(speed));
    }
    if examination.types.iter().any(|one| one.speed.is_some()) {
        lines.push(NOT_COUNTED.to_owned());
    }
    if !examination.types.is_empty() {
        lines.push(format!("seed {0}: `--seed {0}` does the same again", plan.seed));
    }
    let skipped = |name: &String| format!("skipped: none of the chosen cases is made with `{name}`");
    lines.extend(examination.skipped.iter().map(skipped));
    lines.extend(examination.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(conclusion(examination, plan));
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{line}");
        text
    }) + "\n"
}

/// Some of the cases show less than all of them.
fn conclusion(examination: &Examination, plan: &Plan) -> String {
    let verdict = examination.verdict();
    let limit =
        if plan.selection.is_whole() || verdict > Verdict::Warn { "" } else { ", in the chosen cases" };
    format!("{} {}{limit}", examination.library.display(), verdict.phrase())
}

fn heading(examination: &Examination) -> String {
    let library = examination.library.display();
    match &examination.descriptor {
        None => library.to_string(),
        Some(plugin) => format!(
            "{library}: {} {}, contract {}.{}, {}, opt-level {}",
            plugin.name, plugin.version, plugin.epoch, plugin.minor, plugin.rustc, plugin.opt_level
        ),
    }
}

fn rung(rung: &Rung) -> String {
    let Rung { name, verdict, text, hint } = rung;
    if *verdict == Verdict::Ok {
        return format!("  {verdict:<5} {name}");
    }
    format!("  {verdict:<5} {name}\n          {text}\n          help: {hint}")
}

/// What was measured, and what was not.
fn speed(speed: &Speed) -> String {
    let Speed { recording, unit, ns_per_unit, ns_per_request, growth_units, growth_bytes } = speed;
    let mut text = format!("  speed {ns_per_unit:.0} ns per {unit} of `{recording}` (median of 11 batches)");
    if let Some(ns) = ns_per_request {
        // Writing into a text cannot fail.
        let _ = write!(text, ", {ns:.0} ns per request of 100 words");
    }
    if let Some(bytes) = growth_bytes {
        let plural = if unit == "body" { "bodies" } else { "events" };
        let _ = write!(text, "\n  memory +{} kB resident over {growth_units} {plural}", bytes / 1024);
    }
    text
}
