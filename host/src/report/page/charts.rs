//! The charts of a run: [`Figure`]s, in the order of the page.

use super::{
    buckets::{Bucket, Buckets, Moment},
    gathered::Gathered,
    histogram::Histogram,
    row::Row,
    timeline,
};
use crate::{
    chart::{Axis, Layer, Plot, Shape, Table, number},
    report::server_metrics::Curve,
};

/// Requests in a part of the time, on average, for percentiles over time to mean something.
const LEAST_IN_A_PART: f64 = 20.0;
/// Parts of the time at most.
const MOST_PARTS: usize = 80;
/// Points of a picture: more of them are drawn by the explorer.
const MOST_POINTS: usize = 400;
/// Bars of a distribution.
const MOST_BARS: usize = 50;
/// A server's help text is cut to this.
const MOST_HELP: usize = 200;

/// One of the histograms of a bucket.
type OfBucket = fn(&Bucket) -> &Histogram;

/// Where a chart stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
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
    pub(super) place: Place,
    pub(super) title: String,
    pub(in crate::report) svg: String,
    pub(super) note: String,
    pub(super) table: Table,
}

impl Figure {
    fn of(name: &str, place: Place, plot: &Plot, note: impl Into<String>) -> Option<Self> {
        (!plot.is_empty()).then(|| Self {
            name: name.to_owned(),
            place,
            title: plot.title.clone(),
            svg: plot.svg(),
            note: note.into(),
            table: plot.table(),
        })
    }
}

/// What there is to show.
pub(super) struct Shown<'a> {
    pub(super) gathered: &'a Gathered,
    /// The requests of the page.
    pub(super) rows: &'a [Row],
    pub(super) curves: &'a [Curve],
    /// Requests have a schedule that does not wait for responses.
    pub(super) is_open: bool,
}

/// All charts that have anything to show.
pub(super) fn figures(shown: &Shown<'_>) -> Vec<Figure> {
    let buckets = shown.gathered.buckets.clone().joined(LEAST_IN_A_PART, MOST_PARTS);
    let moments = buckets.moments();
    let time = Axis::between(
        "seconds since the run began",
        moments.first().map_or(0.0, |moment| moment.from_s),
        moments.last().map_or(1.0, |moment| moment.to_s),
    );
    let mut figures = over_time(&buckets, &moments, &time, shown.is_open);
    figures.extend(distributions(shown.gathered));
    figures.extend(by_input(shown));
    figures.extend(timeline::lanes(shown.rows, &time).map(|lanes| Figure {
        name: "sessions".to_owned(),
        place: Place::Sessions,
        title: lanes.title.clone(),
        svg: lanes.svg(),
        note: lanes.about.clone(),
        table: lanes.table(),
    }));
    figures.extend(servers(shown.curves, &time));
    figures
}

fn over_time(buckets: &Buckets, moments: &[Moment<'_>], time: &Axis, is_open: bool) -> Vec<Figure> {
    let note = format!("Each point is {} s of the measured phases.", number(buckets.width_s()));
    let late =
        format!("{note} By when requests were sent; values are read from a histogram and at most 1 % off.");
    let latencies: [(&str, &str, OfBucket); 3] = [
        ("time_to_first_token", "Time to first token", |bucket| &bucket.first_token),
        ("inter_token_latency", "Inter-token latency", |bucket| &bucket.inter_token),
        ("request_latency", "Request latency", |bucket| &bucket.latency),
    ];
    let rates = rates(moments, time, is_open);
    let rates = rates.iter().map(|(name, plot)| Figure::of(name, Place::OverTime, plot, &*note));
    let latencies = latencies.into_iter().map(|(name, title, histogram)| {
        Figure::of(name, Place::OverTime, &latency(title, moments, time, histogram), &*late)
    });
    rates.chain(latencies).flatten().collect()
}

/// What was sent and what came back, each with the name of its file.
fn rates(moments: &[Moment<'_>], time: &Axis, is_open: bool) -> Vec<(&'static str, Plot)> {
    let per_s = |name: &str, kind: usize, count: fn(&Bucket) -> u32| {
        line(moments, name, kind, &|moment| moment.per_s(count(moment.bucket)))
    };
    let mut requests = Vec::new();
    if is_open {
        requests.push(per_s("asked for", 5, |bucket| bucket.due));
    }
    requests.push(per_s("sent", 0, |bucket| bucket.sent));
    requests.push(per_s("succeeded", 2, |bucket| bucket.succeeded));
    if moments.iter().any(|moment| moment.bucket.failed > 0) {
        requests.push(per_s("failed", 1, |bucket| bucket.failed));
    }
    let about = "Requests a second that were sent and that ended, over time.";
    let mut plots = vec![("requests", plot("Requests", "requests/s", about, time, requests))];
    let about = "Requests in flight over time, averaged by time.";
    let in_flight = vec![line(moments, "", 0, &|moment| moment.in_flight)];
    plots.push(("in_flight", plot("In flight", "requests", about, time, in_flight)));
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

fn distributions(gathered: &Gathered) -> impl Iterator<Item = Figure> {
    let all = [
        ("first_token_distribution", "Time to first token, all requests", &gathered.first_token),
        ("inter_token_distribution", "Inter-token latency, all requests", &gathered.inter_token),
        ("latency_distribution", "Request latency, all requests", &gathered.latency),
    ];
    all.into_iter().filter_map(|(name, title, histogram)| {
        let bars: Vec<(f64, f64, f64)> =
            histogram.bars(MOST_BARS).into_iter().map(|(from, to, count)| (from, to, count as f64)).collect();
        let ends = bars.iter().flat_map(|(from, to, _)| [*from, *to]);
        let plot = Plot {
            title: title.to_owned(),
            about: "How many requests had each latency. The axis of latencies is logarithmic.".to_owned(),
            x: Axis::log("ms, logarithmic", ends),
            y: Axis::from_zero("requests", bars.iter().map(|(.., count)| *count)),
            layers: vec![Layer::new("", 0, Shape::Bars(bars.clone()))],
        };
        let median = number(histogram.quantile(0.5));
        Figure::of(
            name,
            Place::Distributions,
            &plot,
            format!("{} requests, median {median} ms.", histogram.count()),
        )
    })
}

fn by_input(shown: &Shown<'_>) -> Option<Figure> {
    let lengths: Vec<(f64, &Histogram)> = shown.gathered.by_length().collect();
    if lengths.len() < 2 {
        return None;
    }
    let all: Vec<(f64, f64)> = shown
        .rows
        .iter()
        .filter(|row| row.is_measured)
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
    let note = format!(
        "Median and the middle 80 % of all requests, by lengths within 25 %. {} requests are drawn; the explorer below has the others.",
        points.len()
    );
    Figure::of("first_token_by_input", Place::Inputs, &plot, note)
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
        let help: String = curve.help.chars().take(MOST_HELP).collect();
        let plot = Plot {
            title: curve.name.clone(),
            about: help.clone(),
            x: time.clone(),
            y,
            layers: layers
                .map(|(kind, (name, points))| Layer::new(&**name, kind, Shape::Line(points.clone())))
                .collect(),
        };
        Figure::of(&format!("server_{number}"), Place::Servers, &plot, help)
    })
}
