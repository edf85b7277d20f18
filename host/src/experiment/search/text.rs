//! What a search found, for people: the answer in a sentence, and the loads that were tried.

use super::{
    answer::Answer,
    next::Bracket,
    plan::{Probe, ProbeRun, SearchPlan},
    verdict::Verdict,
};
use crate::{
    experiment::estimate::Estimate,
    metrics::tags,
    screen::{Align, Screen, Table, counted},
};

/// What stands in the place of a number that there is not.
const NONE: &str = "none";

/// The loads, and the answer if there is one.
pub(crate) fn text(plan: &SearchPlan, probes: &[Probe], answer: Option<&Answer>, screen: Screen) -> String {
    let mut lines = table(plan, probes).lines(screen.table_width());
    if let Some(answer) = answer {
        lines.push(String::new());
        lines.extend(answer_lines(plan, answer, probes).iter().map(|text| screen.paragraph("", text)));
    }
    lines.join("\n") + "\n"
}

/// The answer in sentences, and what is to be known beside it.
pub(super) fn answer_lines(plan: &SearchPlan, answer: &Answer, probes: &[Probe]) -> Vec<String> {
    let sentences = sentences(plan, answer, probes).into_iter();
    sentences.chain(failures(plan, probes)).chain(few_samples(plan, probes)).collect()
}

fn table(plan: &SearchPlan, probes: &[Probe]) -> Table {
    let table = Table::new().column(plan.over.clone(), Align::Right).column("runs", Align::Right);
    let table = table.column("requests", Align::Right).column("failed", Align::Right);
    let table = plan.slos.iter().fold(table, |table, slo| table.column(slo.text.clone(), Align::Right));
    let mut table = table.column("", Align::Left);
    let mut sorted: Vec<&Probe> = probes.iter().filter(|probe| !probe.runs.is_empty()).collect();
    sorted.sort_by(|one, other| one.load.total_cmp(&other.load));
    for probe in sorted {
        let values = (0..plan.slos.len()).map(|at| value(plan, probe, at));
        let of_runs = |of_run: fn(&ProbeRun) -> f64| mean(plan, probe, of_run).map(number);
        let failed = of_runs(|run| run.failed_percent).map(|percent| format!("{percent} %"));
        let requests = of_runs(|run| run.requests);
        let runs = counted_runs(plan, probe).count().to_string();
        let none = || NONE.to_owned();
        let head = [number(probe.load), runs, requests.unwrap_or_else(none), failed.unwrap_or_else(none)];
        table.row(head.into_iter().chain(values).chain([verdict(plan, probe)]));
    }
    table
}

/// The runs of a load that say something. The others have no part in any number.
fn counted_runs<'a>(plan: &'a SearchPlan, probe: &'a Probe) -> impl Iterator<Item = &'a ProbeRun> {
    probe.runs.iter().filter(|run| run.says_something(&plan.slos))
}

/// Over those.
fn mean(plan: &SearchPlan, probe: &Probe, of_run: impl Fn(&ProbeRun) -> f64) -> Option<f64> {
    let count = counted_runs(plan, probe).count();
    (count > 0).then(|| counted_runs(plan, probe).map(of_run).sum::<f64>() / count as f64)
}

fn verdict(plan: &SearchPlan, probe: &Probe) -> String {
    let word = match probe.verdict {
        Verdict::Kept => "kept",
        Verdict::Broken => "broken",
        Verdict::Unclear => "unclear",
    };
    let reason = counted_runs(plan, probe).find_map(|run| run.reason.as_ref());
    let reason = reason.map(|reason| format!(": {reason}"));
    format!("{word}{}{}", reason.unwrap_or_default(), not_counted(plan, probe).unwrap_or_default())
}

/// What is to be said of runs that say nothing.
fn not_counted(plan: &SearchPlan, probe: &Probe) -> Option<String> {
    let says_nothing = |run: &&ProbeRun| !run.says_something(&plan.slos);
    let runs = probe.runs.iter().filter(says_nothing).count() as u64;
    let reason = probe.runs.iter().filter(says_nothing).find_map(|run| run.reason.as_ref())?;
    let verb = if runs == 1 { "does" } else { "do" };
    Some(format!("; {} {verb} not count: {reason}", counted(runs, "run")))
}

fn value(plan: &SearchPlan, probe: &Probe, at: usize) -> String {
    let runs = probe.runs.iter().filter(|run| run.says_something_of(&plan.slos, at));
    let values = runs.filter_map(|run| run.values[at]);
    match Estimate::of(values, plan.confidence) {
        None => NONE.to_owned(),
        Some(estimate) => match estimate.half_width() {
            Some(half) => format!("{} ±{}", number(estimate.mean), number(half)),
            None => number(estimate.mean),
        },
    }
}

fn sentences(plan: &SearchPlan, answer: &Answer, probes: &[Probe]) -> Vec<String> {
    let kept_to = plan.slos.iter().map(|slo| format!("`{}`", slo.text)).collect::<Vec<_>>().join(" and ");
    let over = &plan.over;
    let runs: u64 = probes.iter().map(|probe| probe.runs.len() as u64).sum();
    let runs = counted(runs, "run");
    let noisy = "longer runs (`--benchmark-duration`) or more of them (`--max-runs`) would tell";
    match answer.bracket {
        Bracket::Between { kept, broken } => {
            let at = number(answer.estimate.unwrap_or(kept));
            let high = if plan.range.is_whole { broken - 1.0 } else { broken };
            let found = format!(
                "highest {over} that keeps to {kept_to}: {at} [{}, {}] ({runs}; {} % confidence)",
                number(kept),
                number(high),
                number(100.0 * plan.confidence)
            );
            let doubt = answer.is_noisy.then(|| format!("it cannot be told any closer: {noisy}"));
            std::iter::once(found).chain(doubt).collect()
        }
        Bracket::AllKept { kept } => {
            vec![format!("{over} {} keeps to {kept_to}, and `--range` ends there ({runs})", number(kept))]
        }
        Bracket::NoneKept { broken } => {
            vec![format!("no {over} of `--range` keeps to {kept_to}: {} breaks it ({runs})", number(broken))]
        }
        Bracket::Unknown { kept } => {
            let known =
                kept.map_or_else(String::new, |kept| format!("; {} keeps to {kept_to}", number(kept)));
            vec![format!("it cannot be told which {over} keeps to {kept_to} ({runs}){known}: {noisy}")]
        }
    }
}

/// What is to be said of loads that are kept although some of their requests failed.
fn failures(plan: &SearchPlan, probes: &[Probe]) -> Option<String> {
    let is_asked_for = plan.slos.iter().any(|slo| slo.metric() == tags::REQUEST_ERROR_RATE);
    let kept = probes.iter().filter(|probe| probe.verdict == Verdict::Kept && !probe.runs.is_empty());
    let worst = kept.filter_map(|probe| mean(plan, probe, |run| run.failed_percent)).fold(0.0, f64::max);
    (worst > 0.0 && !is_asked_for).then(|| {
        format!(
            "up to {} % of the requests failed at loads that are kept, and no objective is about that: add `--slo 'error_rate < 1%'`",
            number(worst)
        )
    })
}

/// What is to be said of percentiles of few requests.
fn few_samples(plan: &SearchPlan, probes: &[Probe]) -> Option<String> {
    let near = probes.iter().filter(|probe| probe.verdict != Verdict::Broken);
    let near = near.filter(|probe| counted_runs(plan, probe).next().is_some());
    let highest = near.max_by(|one, other| one.load.total_cmp(&other.load))?;
    let (slo, least) = plan
        .slos
        .iter()
        .filter_map(|slo| Some((slo, slo.least_samples()?)))
        .max_by_key(|(_, least)| *least)?;
    let requests = mean(plan, highest, |run| run.requests)?;
    (requests < f64::from(least)).then(|| {
        format!(
            "`{}` needs some {least} requests a run, and those with {} {} had {}: use longer ones (`--benchmark-duration`)",
            slo.text,
            plan.over,
            number(highest.load),
            number(requests)
        )
    })
}

/// Four significant digits, and no zeros behind the point.
pub(super) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::plan, *};

    fn probe(load: f64, verdict: Verdict, values: &[f64]) -> Probe {
        let run = |value: &f64| ProbeRun {
            folder: "runs".into(),
            random_seed: 1,
            values: vec![Some(*value)],
            requests: 600.0,
            failed_percent: 0.5,
            reason: None,
            is_saturated: false,
        };
        Probe { load, verdict, runs: values.iter().map(run).collect() }
    }

    #[test]
    fn the_answer_has_its_interval_and_its_evidence() {
        let plan = plan("request_latency p99 < 40ms");
        let probes =
            [probe(312.0, Verdict::Broken, &[44.0, 46.0, 45.0]), probe(298.0, Verdict::Kept, &[20.0])];
        let answer = Answer {
            bracket: Bracket::Between { kept: 301.2, broken: 309.9 },
            estimate: Some(305.61),
            is_noisy: true,
        };
        insta::assert_snapshot!(text(&plan, &probes, Some(&answer), Screen::of_width(100)), @"
        request-rate  runs  requests  failed  request_latency p99 < 40ms
        ────────────────────────────────────────────────────────────────────────
                 298     1       600   0.5 %                          20  kept
                 312     3       600   0.5 %                   45 ±2.484  broken

        highest request-rate that keeps to `request_latency p99 < 40ms`: 305.6 [301.2, 309.9] (4 runs; 95 %
        confidence)
        it cannot be told any closer: longer runs (`--benchmark-duration`) or more of them (`--max-runs`)
        would tell
        up to 0.5 % of the requests failed at loads that are kept, and no objective is about that: add
        `--slo 'error_rate < 1%'`
        `request_latency p99 < 40ms` needs some 662 requests a run, and those with request-rate 298 had 600:
        use longer ones (`--benchmark-duration`)
        ");
    }

    #[test]
    fn runs_that_say_nothing_are_counted_apart() {
        let plan = plan("request_latency p99 < 40ms");
        let mut some = probe(200.0, Verdict::Kept, &[20.0, 30.0, 4.0]);
        let mut none = probe(100.0, Verdict::Unclear, &[4.0]);
        for run in [&mut some.runs[2], &mut none.runs[0]] {
            run.reason = Some("the deadline was over".to_owned());
            run.requests = 3.0;
        }
        insta::assert_snapshot!(text(&plan, &[some, none], None, Screen::of_width(140)), @"
        request-rate  runs  requests  failed  request_latency p99 < 40ms
        ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
                 100     0      none    none                        none  unclear; 1 run does not count: the deadline was over
                 200     2       600   0.5 %                   25 ±63.53  kept; 1 run does not count: the deadline was over
        ");
    }
}
