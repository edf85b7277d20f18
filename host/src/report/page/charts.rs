//! The charts of a run: [`Figure`]s, in the order of the page.

use std::fmt::Write;

use prony_plugin_api::message::PhaseKind;

use super::{
    buckets::{Bucket, Buckets, Moment},
    gathered::Gathered,
    histogram::Histogram,
    row::Ended,
    sample::Kept,
    timeline,
};
use crate::{
    chart::{Axis, Layer, Plot, Shape, Table, number},
    metrics::{Statistic, Stats, tags},
    report::{model::Report, server_metrics::Curve},
};

/// Requests in a part of the time, on average, for percentiles over time to mean something.
const LEAST_IN_A_PART: f64 = 20.0;
/// The same, for counts by the second: fewer make one request a high rate.
const LEAST_FOR_A_RATE: f64 = 5.0;
/// Parts of the time that a short run has all the same.
const FEWEST_PARTS: usize = 8;
/// Parts of the time at most.
const MOST_PARTS: usize = 80;
/// Points of a picture: more of them are drawn by the explorer.
const MOST_POINTS: usize = 400;
/// Bars of a distribution.
const MOST_BARS: usize = 50;
/// A name in a legend is cut to this: it has one row.
const MOST_NAME: usize = 80;
/// A server's help text is cut to this.
const MOST_HELP: usize = 200;

/// One of the histograms of a bucket.
type OfBucket = fn(&Bucket) -> &Histogram;

/// The section of the page that a chart is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChartSection {
    OverTime,
    Distributions,
    Inputs,
    Sessions,
    Servers,
}

/// A chart, and what is said below it.
#[derive(Clone, Debug)]
pub(in crate::report) struct Figure {
    /// Name of its file, without an ending.
    pub(in crate::report) name: String,
    pub(super) section: ChartSection,
    pub(super) title: String,
    pub(in crate::report) svg: String,
    pub(super) note: String,
    pub(super) table: Table,
}

impl Figure {
    fn of(name: &str, section: ChartSection, plot: &Plot, note: impl Into<String>) -> Option<Self> {
        (!plot.is_empty()).then(|| Self {
            name: name.to_owned(),
            section,
            title: plot.title.clone(),
            svg: plot.svg(),
            note: note.into(),
            table: plot.table(),
        })
    }
}

/// What there is to show.
pub(super) struct Shown<'a> {
    pub(super) report: &'a Report,
    pub(super) gathered: &'a Gathered,
    /// The requests of the page.
    pub(super) kept: &'a Kept,
    pub(super) curves: &'a [Curve],
}

/// A rate that a phase asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wanted {
    from_s: f64,
    to_s: f64,
    rate: f64,
}

/// The rates of the measured phases, which follow from what was asked and from no request. Nothing where one of them has no rate,
/// or one that changes.
fn wanted(report: &Report) -> Option<Vec<Wanted>> {
    let measured = report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
    measured
        .map(|span| {
            let phase = report.header.settings.phases.get(span.index as usize)?;
            let is_even = phase.law.has_rate() && phase.is_open_loop && phase.rate_curve.is_none();
            let rate = phase.rate.filter(|rate| is_even && *rate > 0.0)?;
            let from_s = span.start_ns as f64 / 1e9;
            let last_s = span.window_end_ns().map(|ns| ns as f64 / 1e9);
            let by_count = phase.request_count.map(|count| from_s + count as f64 / rate);
            let by_time = phase.duration_s.map(|length| from_s + length);
            let to_s = [last_s, by_count, by_time].into_iter().flatten().reduce(f64::min)?;
            Some(Wanted { from_s, to_s, rate })
        })
        .collect()
}

/// When was measured, in seconds: spans that do not overlap. A phase that has no end goes on.
fn measured(report: &Report) -> Vec<(f64, f64)> {
    let phases = report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let spans =
        phases.map(|span| (seconds(span.start_ns), span.window_end_ns().map_or(f64::INFINITY, seconds)));
    without_overlaps(spans.collect())
}

/// Phases that hand over to each other are measured at the same time for a while, which counts once.
fn without_overlaps(mut spans: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    spans.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from_s, to_s) in spans {
        match joined.last_mut() {
            Some((_, end_s)) if from_s <= *end_s => *end_s = end_s.max(to_s),
            _ => joined.push((from_s, to_s)),
        }
    }
    joined
}

/// All charts that have anything to show.
pub(super) fn figures(shown: &Shown<'_>) -> Vec<Figure> {
    let buckets = shown.gathered.buckets.clone().joined(LEAST_IN_A_PART, MOST_PARTS, FEWEST_PARTS);
    let moments = buckets.moments(&measured(shown.report));
    let time = Axis::between(
        "seconds since the run began",
        moments.first().map_or(0.0, |moment| moment.from_s),
        moments.last().map_or(1.0, |moment| moment.to_s),
    );
    let mut figures: Vec<Figure> = rates(shown, &buckets, &time).into_iter().collect();
    figures.extend(over_time(&buckets, &moments, &time));
    figures.extend(distributions(shown));
    figures.extend(by_input(shown));
    figures.extend(timeline::lanes(shown.kept, &time).map(|lanes| Figure {
        name: "sessions".to_owned(),
        section: ChartSection::Sessions,
        title: lanes.title.clone(),
        svg: lanes.svg(),
        note: lanes.about.clone(),
        table: lanes.table(),
    }));
    figures.extend(servers(shown.curves, &time));
    figures
}

/// What was asked for, sent and came back, by the second.
fn rates(shown: &Shown<'_>, buckets: &Buckets, time: &Axis) -> Option<Figure> {
    let buckets = buckets.clone().joined(LEAST_FOR_A_RATE, MOST_PARTS, 1);
    let moments = buckets.moments(&measured(shown.report));
    let per_s = |name: &str, kind: usize, count: fn(&Bucket) -> u32| {
        line(&moments, name, kind, &|moment| moment.per_s(count(moment.bucket)))
    };
    let wanted = wanted(shown.report);
    let mut requests = Vec::new();
    if let Some(wanted) = &wanted {
        // The line of each phase is one of its own: the legend has it once.
        for (phase, name) in wanted.iter().zip(std::iter::once("asked for").chain(std::iter::repeat(""))) {
            let points = vec![(phase.from_s, phase.rate), (phase.to_s, phase.rate)];
            requests.push(Layer::new(name, 5, Shape::Line(points)));
        }
    }
    requests.push(per_s("sent", 0, |bucket| bucket.sent));
    requests.push(per_s("succeeded", 2, |bucket| bucket.succeeded));
    if moments.iter().any(|moment| moment.bucket.failed > 0) {
        requests.push(per_s("failed", 1, |bucket| bucket.failed));
    }
    let about = "Requests a second that were sent and that ended, over time.";
    let asked = if wanted.is_some() {
        "What was asked for is the rate of the phase."
    } else {
        "What was asked for is no steady rate and is not drawn: the table of phases above counts it."
    };
    let note = format!(
        "{} Parts at the ends of which less than half was measured are left out. {asked}",
        each_point(&buckets)
    );
    Figure::of(
        "requests",
        ChartSection::OverTime,
        &plot("Requests", "requests/s", about, time, requests),
        note,
    )
}

fn each_point(buckets: &Buckets) -> String {
    format!("Each point is at most {} s of the measured phases.", number(buckets.width_s()))
}

fn over_time(buckets: &Buckets, moments: &[Moment<'_>], time: &Axis) -> Vec<Figure> {
    let note = each_point(buckets);
    let late =
        format!("{note} By when requests were sent; values are read from a histogram and at most 1 % off.");
    let latencies: [(&str, &str, OfBucket); 3] = [
        (tags::TIME_TO_FIRST_TOKEN, "Time to first token", |bucket| &bucket.first_token),
        (tags::INTER_TOKEN_LATENCY, "Inter-token latency", |bucket| &bucket.inter_token),
        (tags::REQUEST_LATENCY, "Request latency", |bucket| &bucket.latency),
    ];
    let levels = levels(moments, time);
    let levels = levels.iter().map(|(name, plot)| Figure::of(name, ChartSection::OverTime, plot, &*note));
    let latencies = latencies.into_iter().map(|(name, title, histogram)| {
        Figure::of(name, ChartSection::OverTime, &latency(title, moments, time, histogram), &*late)
    });
    levels.chain(latencies).flatten().collect()
}

/// What went on at the same time, each with the name of its file.
fn levels(moments: &[Moment<'_>], time: &Axis) -> Vec<(&'static str, Plot)> {
    let about = "Requests in flight over time, averaged by time.";
    let in_flight = vec![line(moments, "", 0, &|moment| moment.in_flight)];
    let mut plots = vec![("in_flight", plot("In flight", "requests", about, time, in_flight))];
    if moments.iter().any(|moment| moment.tokens_per_s > 0.0) {
        let about = "Output tokens a second over time. Those of a request are spread evenly from its first to its last one.";
        let tokens = vec![line(moments, "", 0, &|moment| moment.tokens_per_s)];
        plots.push(("output_tokens", plot("Output tokens", "tokens/s", about, time, tokens)));
    }
    plots
}

fn latency(title: &str, moments: &[Moment<'_>], time: &Axis, histogram: OfBucket) -> Plot {
    let quantile = |share: f64| move |moment: &Moment<'_>| histogram(moment.bucket).quantile(share);
    let band = moments.iter().map(|moment| {
        let values = histogram(moment.bucket);
        (moment.middle_s(), values.quantile(0.1), values.quantile(0.9))
    });
    let layers = vec![
        Layer::new("p10 to p90", 0, Shape::Band(band.collect())),
        line(moments, "p50", 0, &quantile(0.5)),
        line(moments, "slowest", 1, &quantile(1.0)),
    ];
    let about =
        format!("{title} over time, by when a request was sent: median, the middle 80 %, and the slowest.");
    plot(title, "ms", &about, time, layers)
}

fn line(moments: &[Moment<'_>], name: &str, kind: usize, value: &dyn Fn(&Moment<'_>) -> f64) -> Layer {
    let points = moments.iter().map(|moment| (moment.middle_s(), value(moment))).collect();
    Layer::new(name, kind, Shape::Line(points))
}

fn plot(title: &str, unit: &str, about: &str, time: &Axis, layers: Vec<Layer>) -> Plot {
    let y = Axis::from_zero(unit, layers.iter().flat_map(heights));
    Plot { title: title.to_owned(), about: about.to_owned(), x: time.clone(), y, layers }
}

/// How high a layer is.
fn heights(layer: &Layer) -> Vec<f64> {
    match &layer.shape {
        Shape::Line(points) | Shape::Points(points) => points.iter().map(|(_, y)| *y).collect(),
        Shape::Band(parts) => parts.iter().map(|(.., high)| *high).collect(),
        Shape::Bars(bars) => bars.iter().map(|(.., height)| *height).collect(),
        Shape::Estimates(points) => points.iter().map(|(_, y)| y.high).collect(),
    }
}

fn distributions<'a>(shown: &Shown<'a>) -> impl Iterator<Item = Figure> + use<'a> {
    let (gathered, table) = (shown.gathered, &shown.report.profiling.table);
    let all = [
        ("first_token_distribution", "Time to first token", tags::TIME_TO_FIRST_TOKEN, &gathered.first_token),
        ("inter_token_distribution", "Inter-token latency", tags::INTER_TOKEN_LATENCY, &gathered.inter_token),
        ("latency_distribution", "Request latency", tags::REQUEST_LATENCY, &gathered.latency),
    ];
    all.into_iter().filter_map(|(name, title, tag, histogram)| {
        let bars: Vec<(f64, f64, f64)> =
            histogram.bars(MOST_BARS).into_iter().map(|(from, to, count)| (from, to, count as f64)).collect();
        let ends = bars.iter().flat_map(|(from, to, _)| [*from, *to]);
        let plot = Plot {
            title: format!("{title}, all requests that succeeded"),
            about: "How many requests had each latency. The axis of latencies is logarithmic.".to_owned(),
            x: Axis::log("ms, logarithmic", ends),
            y: Axis::from_zero("requests", bars.iter().map(|(.., count)| *count)),
            layers: vec![Layer::new("", 0, Shape::Bars(bars.clone()))],
        };
        let median = match table.get(tag) {
            Some(Stats::Distribution(values)) => Some(values.statistic(Statistic::P50)),
            _ => None,
        };
        let median = median.map(|median| format!(", median {} ms", number(median))).unwrap_or_default();
        Figure::of(
            name,
            ChartSection::Distributions,
            &plot,
            format!("{} requests{median}.", histogram.count()),
        )
    })
}

fn by_input(shown: &Shown<'_>) -> Option<Figure> {
    let lengths: Vec<(f64, &Histogram)> = shown.gathered.by_length().collect();
    if lengths.len() < 2 {
        return None;
    }
    let all: Vec<(f64, f64)> = shown
        .kept
        .fair()
        .filter(|row| row.is_measured && row.ended == Ended::Ok)
        .filter_map(|row| Some((f64::from(row.input_tokens?), row.first_token_ms)))
        .filter(|(_, ms)| ms.is_finite())
        .collect();
    let points: Vec<(f64, f64)> =
        all.iter().copied().step_by(all.len().div_ceil(MOST_POINTS).max(1)).collect();
    let band: Vec<(f64, f64, f64)> =
        lengths.iter().map(|(length, ms)| (*length, ms.quantile(0.1), ms.quantile(0.9))).collect();
    let median: Vec<(f64, f64)> = lengths.iter().map(|(length, ms)| (*length, ms.quantile(0.5))).collect();
    let xs = points.iter().map(|(x, _)| *x).chain(lengths.iter().map(|(length, _)| *length));
    let ys = points.iter().map(|(_, y)| *y).chain(band.iter().flat_map(|(_, low, high)| [*low, *high]));
    let plot = Plot {
        title: "Time to first token by input length".to_owned(),
        about: "How the time to first token grows with the length of the input. Both axes are logarithmic."
            .to_owned(),
        x: Axis::log("input tokens, logarithmic", xs),
        y: Axis::log("ms, logarithmic", ys),
        layers: vec![
            Layer::new("requests", 0, Shape::Points(points.clone())),
            Layer::new("p10 to p90", 1, Shape::Band(band)),
            Layer::new("p50", 1, Shape::Line(median)),
        ],
    };
    let drawn = match (shown.kept.whole_below, points.len() < all.len()) {
        (None, false) => "All of them are drawn.".to_owned(),
        (None, true) => format!("{} of them are drawn; the explorer below has the others.", points.len()),
        (Some(_), _) => format!("{} of them are drawn, of sessions drawn by lot.", points.len()),
    };
    let note =
        format!("Median and the middle 80 % of all requests that succeeded, by lengths within 25 %. {drawn}");
    Figure::of("first_token_by_input", ChartSection::Inputs, &plot, note)
}

/// What is not drawn of a server's metrics. The first chart tells it of all of them.
fn left_out(curve: &Curve, is_first: bool) -> String {
    let mut says = String::new();
    if curve.lines_left_out > 0 {
        let _ = write!(says, " Series of this metric that are not drawn: {}.", curve.lines_left_out);
    }
    if is_first && curve.metrics_left_out > 0 {
        let _ = write!(says, " Metrics without a chart here: {}.", curve.metrics_left_out);
    }
    says
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn servers<'a>(curves: &'a [Curve], time: &'a Axis) -> impl Iterator<Item = Figure> + 'a {
    curves.iter().zip(1_usize..).filter_map(move |(curve, number)| {
        let values = curve.lines.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
        let least = values.clone().filter(|value| value.is_finite()).fold(0.0, f64::min);
        let most = values.clone().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let y = if least < 0.0 {
            Axis::between(&*curve.unit, least, most)
        } else {
            Axis::from_zero(&*curve.unit, values)
        };
        let layers = curve.lines.iter().enumerate();
        let help = cut(&curve.help, MOST_HELP);
        let plot = Plot {
            title: curve.name.clone(),
            about: help.clone(),
            x: time.clone(),
            y,
            layers: layers
                .map(|(kind, (name, points))| {
                    Layer::new(cut(name, MOST_NAME), kind, Shape::Line(points.clone()))
                })
                .collect(),
        };
        Figure::of(
            &format!("server_{number}"),
            ChartSection::Servers,
            &plot,
            help + &left_out(curve, number == 1),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_two_phases_have_in_common_counts_once() {
        assert_eq!(
            without_overlaps(vec![(5.0, 9.0), (1.0, 3.0), (2.0, 4.0), (6.0, 7.0)]),
            [(1.0, 4.0), (5.0, 9.0)]
        );
    }
}
