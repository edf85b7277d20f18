//! What GPUs did: exports [`Gpus`], made of readings.

use prony_plugin_api::telemetry::{
    GPU_ENERGY, GPU_FIELDS, GPU_POWER, GpuField, GpuReading, GpuTelemetrySample,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::server_metrics::Curve,
    energy::{self, Point},
};
use crate::{
    clock::RunNs,
    metrics::{Distribution, Statistic},
};

/// Joules in a megajoule.
const MEGA: f64 = 1e6;

/// More series than these are in no picture.
const MOST_LINES: usize = 8;
/// Points of a line at most.
const MOST_POINTS: usize = 150;
/// Fields that have a picture.
const IN_PICTURES: [&str; 3] = [GPU_POWER, "nvidia_gpu_utilization", "nvidia_memory_used"];

/// Energy is reported as inexact from this part of the time on between two values that differ.
const COARSE: f64 = 0.05;

/// Everything that was read of GPUs.
#[derive(Clone, Debug, Default)]
pub(super) struct Gpus {
    sources: Vec<Source>,
    gpus: Vec<Gpu>,
}

/// What the energy of a GPU is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::report) enum EnergySource {
    /// Its own counter of energy.
    Counter,
    /// Its power, over the time.
    Power,
}

impl EnergySource {
    /// The field that has the readings.
    fn field(self) -> &'static str {
        match self {
            Self::Counter => GPU_ENERGY,
            Self::Power => GPU_POWER,
        }
    }
}

/// Who said it.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    readings: u64,
    failures: u64,
    /// Why it failed, the last time.
    error: Option<String>,
}

/// One GPU, as one source tells of it.
#[derive(Clone, Debug)]
pub(in crate::report) struct Gpu {
    source: String,
    /// What it is; without values.
    pub(in crate::report) about: GpuReading,
    instants: Vec<RunNs>,
    /// At each instant a value for each of [`GPU_FIELDS`], not a number where it is not known.
    values: Vec<[f64; GPU_FIELDS.len()]>,
}

impl Gpus {
    /// Takes in what a source said.
    pub(super) fn take(&mut self, sample: GpuTelemetrySample) {
        let source = self.source(&sample.source);
        match &sample.error {
            Some(error) => {
                source.failures += 1;
                source.error = Some(error.message.clone());
            }
            None => source.readings += 1,
        }
        for gpu in sample.gpus {
            let values = GPU_FIELDS.map(|field| gpu.values.get(field.name).copied().unwrap_or(f64::NAN));
            let known = self.gpu(&sample.source, gpu);
            known.instants.push(sample.at_ns);
            known.values.push(values);
        }
    }

    fn source(&mut self, name: &str) -> &mut Source {
        let at = self.sources.iter().position(|source| source.name == name).unwrap_or_else(|| {
            self.sources.push(Source { name: name.to_owned(), readings: 0, failures: 0, error: None });
            self.sources.len() - 1
        });
        &mut self.sources[at]
    }

    fn gpu(&mut self, source: &str, reading: GpuReading) -> &mut Gpu {
        let is_it = |gpu: &Gpu| {
            gpu.source == source
                && gpu.about.gpu_index == reading.gpu_index
                && gpu.about.uuid == reading.uuid
                && gpu.about.hostname == reading.hostname
        };
        let at = self.gpus.iter().position(is_it).unwrap_or_else(|| {
            let about = GpuReading { values: std::collections::BTreeMap::new(), ..reading };
            let source = source.to_owned();
            self.gpus.push(Gpu { source, about, instants: Vec::new(), values: Vec::new() });
            self.gpus.len() - 1
        });
        &mut self.gpus[at]
    }

    /// Each GPU once, although two sources may tell of it.
    pub(super) fn once(&self) -> impl Iterator<Item = &Gpu> {
        self.gpus.iter().enumerate().filter_map(|(at, gpu)| {
            let is_same = |other: &Gpu| !gpu.about.uuid.is_empty() && other.about.uuid == gpu.about.uuid;
            (!self.gpus[..at].iter().any(is_same)).then_some(gpu)
        })
    }

    /// Joules of all GPUs over some stretches of time; nothing where one of them has neither a counter nor a power.
    pub(super) fn energy_j(&self, parts: &[(RunNs, RunNs)]) -> Option<f64> {
        let joules: Option<Vec<f64>> =
            self.once().map(|gpu| gpu.energy_j(parts).map(|(joules, _)| joules)).collect();
        joules.filter(|joules| !joules.is_empty()).map(|joules| joules.iter().sum())
    }

    /// Watts of all GPUs: the sum of their means over some stretches of time.
    pub(super) fn power_w(&self, parts: &[(RunNs, RunNs)]) -> Option<f64> {
        let watts: Option<Vec<f64>> =
            self.once().map(|gpu| gpu.statistics(field(GPU_POWER), parts).map(|power| power.avg)).collect();
        watts.filter(|watts| !watts.is_empty()).map(|watts| watts.iter().sum())
    }

    /// What the user should know.
    pub(super) fn notes(&self, parts: &[(RunNs, RunNs)]) -> Vec<String> {
        let why = |source: &Source| {
            let error = source.error.as_deref().unwrap_or("no reason given");
            format!("`{}`: {error}", source.name)
        };
        if self.gpus.is_empty() {
            if self.sources.is_empty() {
                return Vec::new();
            }
            let tried: Vec<String> = self.sources.iter().map(why).collect();
            return vec![format!(
                "no GPU was found, so that there is no power and no energy: {}",
                tried.join("; ")
            )];
        }
        let failed = self.sources.iter().filter(|source| source.failures > 0);
        let failed = failed.map(|source| {
            let when = if source.readings == 0 { "" } else { " at times" };
            format!("a source of GPU telemetry failed{when}: {}", why(source))
        });
        let coarse = self.once().filter_map(|gpu| gpu.coarse(parts)).reduce(f64::max);
        let coarse = coarse.map(|every_s| {
            format!(
                "the source of GPU telemetry has new numbers about every {every_s:.1} s only: energy is as inexact as one such time of \
                 the measured ones (a DCGM exporter has `DCGM_EXPORTER_INTERVAL` for it)"
            )
        });
        failed.chain(coarse).collect()
    }

    /// For the summary, in the shape that AIPerf gives it.
    pub(super) fn summary(&self, parts: &[(RunNs, RunNs)]) -> Option<Value> {
        if self.sources.is_empty() {
            return None;
        }
        let configured: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        let successful = self.sources.iter().filter(|source| source.readings > 0);
        let successful: Vec<&str> = successful.map(|source| source.name.as_str()).collect();
        let errors: Vec<Value> = self
            .sources
            .iter()
            .filter(|source| source.failures > 0)
            .map(|source| json!({ "source": source.name, "message": source.error, "count": source.failures }))
            .collect();
        let mut endpoints = Map::new();
        for source in &self.sources {
            let of_source: Vec<&Gpu> = self.gpus.iter().filter(|gpu| gpu.source == source.name).collect();
            let gpus: Map<String, Value> =
                of_source.iter().map(|gpu| (gpu.key(&of_source), gpu.summary(parts))).collect();
            if !gpus.is_empty() {
                endpoints.insert(self.key(source).to_owned(), json!({ "gpus": gpus }));
            }
        }
        Some(json!({
            "summary": { "endpoints_configured": configured, "endpoints_successful": successful },
            "endpoints": endpoints,
            "error_summary": errors,
        }))
    }

    /// What a source is called in the summary: its host and port, or its whole address where another one has these, too.
    fn key<'a>(&self, source: &'a Source) -> &'a str {
        let key = short(&source.name);
        let is_alone = self.sources.iter().filter(|other| short(&other.name) == key).count() == 1;
        if is_alone { key } else { &source.name }
    }

    /// Power and other telling fields over time.
    pub(super) fn curves(&self, from_ns: RunNs, to_ns: RunNs) -> Vec<Curve> {
        let gpus: Vec<&Gpu> = self.once().collect();
        let several_hosts = gpus.windows(2).any(|pair| pair[0].about.hostname != pair[1].about.hostname);
        let several = several_hosts || self.sources.iter().filter(|source| source.readings > 0).count() > 1;
        let curve = |name: &&'static str| {
            let field = field(name);
            let line = |gpu: &&Gpu| (gpu.label(several), gpu.points_in(field, from_ns, to_ns));
            let lines: Vec<_> =
                gpus.iter().take(MOST_LINES).map(line).filter(|(_, points)| points.len() > 1).collect();
            (!lines.is_empty()).then(|| Curve {
                name: field.name.to_owned(),
                help: field.header.to_owned(),
                unit: field.unit.to_owned(),
                lines,
                lines_left_out: gpus.len().saturating_sub(MOST_LINES),
                metrics_left_out: 0,
            })
        };
        IN_PICTURES.iter().filter_map(curve).collect()
    }
}

impl Gpu {
    /// What it is called in the summary: by its number, and by its host and UUID as well where others of its source have the
    /// number, too.
    fn key(&self, of_source: &[&Self]) -> String {
        let index = self.about.gpu_index;
        let is_alone = of_source.iter().filter(|other| other.about.gpu_index == index).count() == 1;
        let parts = [self.about.hostname.as_str(), self.about.uuid.as_str()];
        let parts = parts.into_iter().filter(|part| !is_alone && !part.is_empty());
        parts.fold(format!("gpu_{index}"), |key, part| key + "_" + part)
    }

    /// What it is called where there are others.
    pub(in crate::report) fn label(&self, with_source: bool) -> String {
        let index = format!("GPU {}", self.about.gpu_index);
        match (with_source, self.about.hostname.as_str()) {
            (false, _) => index,
            (true, "") => format!("{} {index}", short(&self.source)),
            (true, host) => format!("{host} {index}"),
        }
    }

    /// Instants and known values of a field.
    fn points(&self, field: &GpuField) -> Vec<Point> {
        let Some(column) = GPU_FIELDS.iter().position(|known| known.name == field.name) else {
            return Vec::new();
        };
        let values = self.instants.iter().copied().zip(self.values.iter().map(|row| row[column]));
        values.filter(|(_, value)| value.is_finite()).collect()
    }

    /// The same as seconds and values, thinned out for a picture.
    fn points_in(&self, field: &GpuField, from_ns: RunNs, to_ns: RunNs) -> Vec<(f64, f64)> {
        let points = self.points(field);
        let inside: Vec<&Point> = points.iter().filter(|(at, _)| (from_ns..=to_ns).contains(at)).collect();
        let step = inside.len().div_ceil(MOST_POINTS).max(1);
        inside.into_iter().step_by(step).map(|(at, value)| (*at as f64 / 1e9, *value)).collect()
    }

    /// Joules over some stretches of time, and what they were taken from.
    pub(in crate::report) fn energy_j(&self, parts: &[(RunNs, RunNs)]) -> Option<(f64, EnergySource)> {
        let counted = energy::of_counter(&self.points(field(GPU_ENERGY)), parts);
        let counted = counted.map(|megajoules| (megajoules * MEGA, EnergySource::Counter));
        let of_power = || energy::of_power(&self.points(field(GPU_POWER)), parts);
        counted.or_else(|| Some((of_power()?, EnergySource::Power)))
    }

    /// Statistics over the values of a field that were read in some stretches of time.
    pub(in crate::report) fn statistics(
        &self,
        field: &GpuField,
        parts: &[(RunNs, RunNs)],
    ) -> Option<Distribution> {
        let is_inside = |at: RunNs| parts.iter().any(|(start, end)| (*start..=*end).contains(&at));
        let points = self.points(field);
        let mut inside: Vec<f64> =
            points.iter().filter(|(at, _)| is_inside(*at)).map(|(_, value)| *value).collect();
        if inside.is_empty() {
            // A phase shorter than the time between two readings: the ones around it.
            let around = |at: RunNs| parts.iter().any(|(start, end)| at + NEAR >= *start && at <= end + NEAR);
            inside = points.iter().filter(|(at, _)| around(*at)).map(|(_, value)| *value).collect();
        }
        Distribution::of(&mut inside)
    }

    /// The seconds between two values of its energy that differ, or of its power, where that is a large part of the time.
    fn coarse(&self, parts: &[(RunNs, RunNs)]) -> Option<f64> {
        let (_, source) = self.energy_j(parts)?;
        let points = self.points(field(source.field()));
        let (start, end) = (parts.first()?.0, parts.last()?.1);
        let inside: Vec<f64> =
            points.iter().filter(|(at, _)| (start..=end).contains(at)).map(|(_, value)| *value).collect();
        let renewed = inside.windows(2).filter(|pair| pair[0].total_cmp(&pair[1]).is_ne()).count();
        let all_s = (end - start) as f64 / 1e9;
        let every_s = all_s / renewed.max(1) as f64;
        // A power that stays the same says nothing of how often it is looked at.
        let is_known = source == EnergySource::Counter && inside.len() > 2 * renewed.max(1);
        (is_known && every_s > COARSE * all_s).then_some(every_s)
    }

    fn summary(&self, parts: &[(RunNs, RunNs)]) -> Value {
        let about = &self.about;
        let mut gpu = json!({
            "gpu_index": about.gpu_index,
            "gpu_name": about.model,
            "gpu_uuid": about.uuid,
            "platform": about.platform,
        });
        let said =
            [("hostname", &about.hostname), ("namespace", &about.namespace), ("pod_name", &about.pod_name)];
        for (key, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
            gpu[key] = text.as_str().into();
        }
        if let Some((joules, source)) = self.energy_j(parts) {
            gpu["energy"] = json!({ "unit": "J", "avg": joules, "source": source });
        }
        let metrics: Map<String, Value> = GPU_FIELDS
            .iter()
            .filter_map(|field| {
                let values = self.statistics(field, parts)?;
                Some((field.name.to_owned(), statistics(field.unit, &values)))
            })
            .collect();
        gpu["metrics"] = Value::Object(metrics);
        gpu
    }
}

fn statistics(unit: &str, values: &Distribution) -> Value {
    let mut object = Map::new();
    object.insert("unit".to_owned(), unit.into());
    for statistic in Statistic::ALL {
        object.insert(statistic.key().to_owned(), json!(values.statistic(statistic)));
    }
    object.insert("count".to_owned(), values.count.into());
    Value::Object(object)
}

/// How far from a phase readings may be that stand for it where there are none inside, in nanoseconds.
const NEAR: RunNs = 1_000_000_000;

/// The field of this name, which is one of ours.
pub(in crate::report) fn field(name: &str) -> &'static GpuField {
    GPU_FIELDS.iter().find(|field| field.name == name).unwrap_or(&GPU_FIELDS[0])
}

/// Host and port of a source.
pub(in crate::report) fn short(source: &str) -> &str {
    let rest = source.split_once("://").map_or(source, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}
