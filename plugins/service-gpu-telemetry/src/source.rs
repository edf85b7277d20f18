//! Where readings come from: exports [`Source`], and how it is told what is news.

use prony_plugin_api::{ErrorDetails, HostHandle, collector::without_secrets, telemetry::GpuTelemetrySample};

use crate::{nvml::Library, page::Page};

/// What NVIDIA's library is called as a source.
const NVML: &str = "nvml";

/// A source of readings.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    kind: Kind,
    /// It failed, and that was reported in this phase.
    is_reported: bool,
}

#[derive(Debug)]
enum Kind {
    Page(Page),
    Nvml(Box<Library>),
    /// What there is not, and why.
    Missing(ErrorDetails),
}

impl Source {
    /// The page of a DCGM exporter.
    pub(crate) fn page(url: &str) -> Self {
        Self { name: without_secrets(url), kind: Kind::Page(Page::new(url.to_owned())), is_reported: false }
    }

    /// NVIDIA's library in this file, or that of the system.
    pub(crate) fn nvml(file: &str) -> Self {
        let kind = match Library::load(file) {
            Ok(library) => Kind::Nvml(Box::new(library)),
            Err(error) => Kind::Missing(error),
        };
        Self { name: NVML.to_owned(), kind, is_reported: false }
    }

    /// A new phase begins: the next failure is news again, unless it is that there is no such thing.
    pub(crate) fn begin_phase(&mut self) {
        self.is_reported &= matches!(self.kind, Kind::Missing(_));
    }

    /// Asks it. Gives nothing when there is nothing new to say.
    pub(crate) fn read(&mut self, host: HostHandle) -> Option<GpuTelemetrySample> {
        let sample = self.ask(host);
        let is_news = sample.error.is_none() || !self.is_reported;
        self.is_reported = sample.error.is_some();
        is_news.then_some(sample)
    }

    /// Asks it, whatever it said before.
    pub(crate) fn ask(&self, host: HostHandle) -> GpuTelemetrySample {
        let asked_ns = host.now_ns();
        let mut answered_ns = None;
        let outcome = match &self.kind {
            Kind::Page(page) => page.read(|| answered_ns = Some(host.now_ns())),
            Kind::Nvml(library) => library.read(),
            Kind::Missing(error) => Err(error.clone()),
        };
        let over_ns = host.now_ns();
        let sample = GpuTelemetrySample {
            source: self.name.clone(),
            at_ns: asked_ns.midpoint(answered_ns.unwrap_or(over_ns)),
            latency_ns: over_ns.saturating_sub(asked_ns),
            ..GpuTelemetrySample::default()
        };
        match outcome {
            Ok(gpus) => GpuTelemetrySample { gpus, ..sample },
            Err(error) => GpuTelemetrySample { error: Some(error), ..sample },
        }
    }
}
