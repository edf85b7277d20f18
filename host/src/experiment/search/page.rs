//! A search as a page, and its charts: the loads that were run, and where the edge may be.

use std::fmt::Write;

use super::{
    answer::{Answer, SearchEnded},
    next::Bracket,
    plan::{Probe, SearchPlan},
    slo::Slo,
    text::{self, number},
    verdict::Verdict,
};
use crate::{
    chart::{Axis, Interval, Layer, Plot, Shape, Table, escape},
    experiment::estimate::Estimate,
    page,
    report::file_names,
    screen::Screen,
};

/// Width of the table of all loads, in characters.
const COLUMNS: usize = 140;

/// From this ratio of the highest to the lowest load on, loads are drawn in equal ratios.
const WIDE: f64 = 8.0;

/// How the three verdicts are drawn: each with its own colour and marker.
const VERDICTS: [(Verdict, &str); 3] =
    [(Verdict::Kept, "kept"), (Verdict::Broken, "broken"), (Verdict::Unclear, "unclear")];

/// Writes the page.
///
/// # Errors
/// A bug of ours: a page that cannot be written into memory.
pub(super) fn page(plan: &SearchPlan, ended: &SearchEnded, probes: &[Probe]) -> std::io::Result<Vec<u8>> {
    let answer = ended.answer();
    let title = format!("Highest {} that keeps to {}", plan.over, objectives(plan));
    let mut out = Vec::new();
    page::begin(&format!("{title}, measured by prony"), None, &mut out)?;
    let mut html = format!("<header><h1>{}</h1>", escape(&title));
    let about = format!("prony {}, seed {}", env!("CARGO_PKG_VERSION"), plan.seed);
    let _ = writeln!(html, "<p class=\"sub\">{}</p></header><main>", escape(&about));
    let says = match ended {
        SearchEnded::Answered(answer) => text::answer_lines(plan, answer, probes),
        SearchEnded::Interrupted { .. } => vec!["the search was interrupted".to_owned()],
        SearchEnded::Stopped { reason, .. } => vec![format!("the search ended before its time: {reason}")],
    };
    let mut paragraphs = String::new();
    for line in says {
        let _ = write!(paragraphs, "<p>{}</p>", escape(&line));
    }
    html.push_str(&page::section("answer", "Answer", &paragraphs));
    let drawn: String = plots(plan, probes, answer)
        .iter()
        .map(|(_, plot, table)| page::figure(&plot.svg(), &plot.title, &plot.about, table))
        .collect();
    if !drawn.is_empty() {
        html.push_str(&page::section("charts", "Charts", &format!("<div class=\"grid\">{drawn}</div>")));
    }
    let table = text::text(plan, probes, None, Screen::of_width(COLUMNS));
    html.push_str(&page::section("loads", "Loads", &format!("<pre tabindex=\"0\">{}</pre>", escape(&table))));
    html.push_str(&page::section("runs", "Runs", &links(plan, probes)));
    html.push_str("</main>\n");
    out.extend(html.into_bytes());
    page::end(None, &mut out)?;
    Ok(out)
}

/// The charts of a search with this answer, if it has one, each with a name and as a picture: those of its page.
pub(crate) fn charts(plan: &SearchPlan, probes: &[Probe], answer: Option<&Answer>) -> Vec<(String, String)> {
    let plots = plots(plan, probes, answer);
    plots.into_iter().map(|(name, plot, _)| (name, plot.svg())).collect()
}

fn objectives(plan: &SearchPlan) -> String {
    plan.slos.iter().map(|slo| slo.text.as_str()).collect::<Vec<_>>().join(" and ")
}

/// One for each objective whose number was measured at two loads, with the numbers behind it.
fn plots(plan: &SearchPlan, probes: &[Probe], answer: Option<&Answer>) -> Vec<(String, Plot, Table)> {
    let one = |(at, slo): (usize, &Slo)| {
        let points = points(plan, probes, at);
        let name = format!("{}_by_{}", slo.number(), plan.over.replace('-', "_"));
        (points.len() > 1).then(|| (name, plot(plan, slo, &points, answer), table(plan, slo, &points)))
    };
    plan.slos.iter().enumerate().filter_map(one).collect()
}

/// What the runs of a load say of the number of an objective.
struct Point {
    load: f64,
    verdict: Verdict,
    number: Estimate,
}

impl Point {
    fn interval(&self) -> Interval {
        let Estimate { mean, spread, .. } = self.number;
        let (low, high) = spread.map_or((mean, mean), |spread| (spread.ci_low, spread.ci_high));
        Interval { at: mean, low, high }
    }
}

/// By load.
fn points(plan: &SearchPlan, probes: &[Probe], at: usize) -> Vec<Point> {
    let of_probe = |probe: &Probe| {
        let runs = probe.runs.iter().filter(|run| run.says_something_of(&plan.slos, at));
        let number = Estimate::of(runs.filter_map(|run| run.values[at]), plan.confidence)?;
        Some(Point { load: probe.load, verdict: probe.verdict, number })
    };
    let mut points: Vec<Point> = probes.iter().filter_map(of_probe).collect();
    points.sort_by(|one, other| one.load.total_cmp(&other.load));
    points
}

fn plot(plan: &SearchPlan, slo: &Slo, points: &[Point], answer: Option<&Answer>) -> Plot {
    let loads = || points.iter().map(|point| point.load);
    let (least, most) = (loads().fold(f64::INFINITY, f64::min), loads().fold(0.0, f64::max));
    let x = if least > 0.0 && most / least >= WIDE {
        Axis::log(format!("{}, logarithmic", plan.over), loads())
    } else {
        Axis::between(plan.over.clone(), 0.0, most * 1.05)
    };
    // Means alone: the interval of two runs may be wider than all that is to be seen.
    let top = points.iter().map(|point| point.number.mean).fold(slo.bound(), f64::max);
    let mut layers = Vec::new();
    if let Some((low, high)) = answer.and_then(|answer| edge(answer, (least, most))) {
        let band = vec![(low, 0.0, top), (high, 0.0, top)];
        layers.push(Layer::new("where the edge may be", 3, Shape::Band(band)));
    }
    layers.push(Layer::new("the bound", 4, Shape::Line(vec![(least, slo.bound()), (most, slo.bound())])));
    for (kind, (verdict, name)) in VERDICTS.into_iter().enumerate() {
        let of_it = points.iter().filter(|point| point.verdict == verdict);
        let estimates: Vec<(Interval, Interval)> = of_it
            .map(|point| (Interval { at: point.load, low: point.load, high: point.load }, point.interval()))
            .collect();
        if !estimates.is_empty() {
            layers.push(Layer::new(name, kind, Shape::Estimates(estimates)));
        }
    }
    Plot {
        title: format!("{} by {}", slo.number().replace('_', " "), plan.over),
        about: "Each point is a load with the mean of its runs, and its interval where there are several. The edge is the load at \
                which a run breaks an objective as often as not."
            .to_owned(),
        x,
        y: Axis::from_zero(slo.unit(), [top]),
        layers,
    }
}

/// The part of the loads that were run in which the edge may be.
fn edge(answer: &Answer, (least, most): (f64, f64)) -> Option<(f64, f64)> {
    let (low, high) = match answer.bracket {
        Bracket::Between { kept, broken } => (kept, broken),
        Bracket::AllKept { .. } | Bracket::NoneKept { .. } | Bracket::Unknown { .. } => return None,
    };
    let (low, high) = (low.clamp(least, most), high.clamp(least, most));
    (low < high).then_some((low, high))
}

/// The numbers behind the chart.
fn table(plan: &SearchPlan, slo: &Slo, points: &[Point]) -> Table {
    let value = format!("{} ({})", slo.number().replace('_', " "), slo.unit());
    let headers = [plan.over.clone(), value, "interval".to_owned(), "runs".to_owned(), String::new()];
    let mut table = Table::new(headers);
    for point in points {
        let Interval { at, low, high } = point.interval();
        let interval =
            if point.number.n > 1 { format!("{} to {}", number(low), number(high)) } else { String::new() };
        let word =
            VERDICTS.iter().find(|(verdict, _)| *verdict == point.verdict).map_or("", |(_, name)| name);
        let cells = [number(point.load), number(at), interval, point.number.n.to_string(), word.to_owned()];
        table.row(cells);
    }
    table
}

/// The pages of the runs, as links into their folders.
fn links(plan: &SearchPlan, probes: &[Probe]) -> String {
    let mut sorted: Vec<&Probe> = probes.iter().collect();
    sorted.sort_by(|one, other| one.load.total_cmp(&other.load));
    let mut html = "<ul>".to_owned();
    for (probe, run) in sorted.iter().flat_map(|probe| probe.runs.iter().map(move |run| (probe, run))) {
        let path = page::link(&run.folder.to_string_lossy());
        let label = format!("{} {}, seed {}", plan.over, number(probe.load), run.random_seed);
        let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let _ = write!(
            html,
            "<li><a href=\"{}/{}\">{}</a>{}</li>",
            escape(&path),
            file_names::PAGE,
            escape(&label),
            escape(&reason)
        );
    }
    html + "</ul>"
}

#[cfg(test)]
mod tests {
    use super::{
        super::{plan::ProbeRun, tests::plan},
        *,
    };

    fn probe(load: f64, verdict: Verdict, values: &[f64]) -> Probe {
        let run = |value: &f64| ProbeRun {
            folder: format!("runs/request_rate_{load}").into(),
            random_seed: 7,
            values: vec![Some(*value)],
            requests: 600.0,
            failed_percent: 0.0,
            reason: None,
            is_saturated: false,
        };
        Probe { load, verdict, runs: values.iter().map(run).collect() }
    }

    fn found() -> (SearchPlan, Vec<Probe>, Answer) {
        let probes = vec![
            probe(312.0, Verdict::Broken, &[44.0, 46.0]),
            probe(100.0, Verdict::Kept, &[12.0]),
            probe(300.0, Verdict::Unclear, &[39.0, 41.0]),
        ];
        let answer = Answer {
            bracket: Bracket::Between { kept: 290.0, broken: 310.0 },
            estimate: Some(300.0),
            is_noisy: false,
        };
        (plan("request_latency p99 < 40ms"), probes, answer)
    }

    #[test]
    fn the_page_has_the_answer_a_chart_with_its_numbers_and_the_runs() {
        let (plan, probes, answer) = found();
        let page = page(&plan, &SearchEnded::Answered(answer), &probes).unwrap();
        let page = String::from_utf8(page).unwrap();
        for part in [
            "<h1>Highest request-rate that keeps to request_latency p99 &lt; 40ms</h1>",
            "300 [290, 310]",
            "where the edge may be",
            "the bound",
            "<td>45</td>",
            "href=\"runs/request%5Frate%5F100/report.html\"",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("http:") && !page.contains("https:"), "{page}");
    }

    #[test]
    fn a_search_without_an_answer_says_why() {
        let (plan, probes, _) = found();
        let ended = SearchEnded::Stopped { reason: "the target is <gone>".to_owned(), exit_code: 4 };
        let page = String::from_utf8(page(&plan, &ended, &probes).unwrap()).unwrap();
        assert!(
            page.contains("the target is &lt;gone&gt;") && !page.contains("where the edge may be"),
            "{page}"
        );
    }

    #[test]
    fn a_single_load_makes_no_chart() {
        let (plan, probes, answer) = found();
        let charts = |probes: &[Probe]| charts(&plan, probes, Some(&answer));
        assert_eq!(charts(&probes[..1]), []);
        let names: Vec<String> = charts(&probes).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["request_latency_p99_by_request_rate"]);
    }
}
