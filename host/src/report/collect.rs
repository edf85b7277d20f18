//! The one pass over the journal: from its [`Piece`]s to a [`Report`], with a line of JSON written for each request that
//! passes by.
//!
//! Decoding records and telling them as JSON is nearly all of the work. All cores do it, a batch of pieces at a time, while
//! the batch before is taken in, in the order of the journal, and the batch after is read: see [`collect`].

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use prony_plugin_api::{
    Message,
    message::{PhaseKind, ServerMetricsBatch, ServerMetricsSample},
};
use rayon::prelude::*;

use super::{
    artifacts::Files,
    beside::{self, Beside},
    buffers::BufferPool,
    chunk::{Chunk, Lens},
    error::ReportError,
    errors::{ErrorGroup, ErrorGroups},
    file_names,
    lines::Lines,
    messages::{self, Messages},
    model::{PhaseReport, Report},
    models_seen::ModelsSeen,
    other_tools::{ToolFiles, ToolFindings},
    outputs::Outputs,
    page,
    prefix_cache::{Around, PrefixCacheReport},
    recount::Recount,
    server_metrics::{self, Flights, PhaseWindow, ServerMetricsReport, Timeline},
    slices,
};
use crate::{
    metrics::{
        self, Aggregator, ClientReport, NodeResults, PhaseResults, PhaseSpan,
        slices::{Slice, Slices},
    },
    plan::{Compat, ExportLevel, Exports, Role, ServerMetricsFormat},
    record::{
        Frame, Mark, NodeFacts, RESET_KV_CACHE, RunEnd, RunHeader,
        journal::{self, Beginning, Damage, Piece, RawRecords, Reader},
    },
    screen::agreeing,
};

/// Pieces of a batch for each core: enough for all of them to be done at about the same time.
const PIECES_A_CORE: usize = 4;

/// Pieces of a batch at least: with few cores, the time in which one waits for the other is a larger part of a batch.
const LEAST_PIECES: usize = 16;

/// What the journal comes to.
#[derive(Debug)]
pub(super) struct Collected {
    /// What is known of the run.
    pub(super) report: Report,
    /// The generated texts, if the run keeps them.
    pub(super) outputs: Option<Outputs>,
    /// What the servers said of themselves, if they were asked.
    pub(super) server_metrics: Option<ServerMetricsReport>,
    /// What the page is made of.
    pub(super) page: page::Ingredients,
    /// What it comes to for other tools.
    pub(super) tools: ToolFindings,
    /// The slices of time, if there are to be some.
    pub(super) slices: Option<Vec<Slice>>,
}

/// What is asked of a report beside what its run was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Other tools whose files are written.
    pub(crate) compat: Vec<Compat>,
    /// Length of a slice of time, in seconds.
    pub(crate) slice_s: Option<f64>,
}

impl Wanted {
    /// Both together.
    fn beside(&self, exports: &mut Exports) {
        for tool in &self.compat {
            if !exports.has(*tool) {
                exports.compat.push(*tool);
            }
        }
        exports.slice_s = self.slice_s.or(exports.slice_s);
    }
}

/// Reads the journal of a run's folder and writes the files with one line a request. Tokens are counted that the run has not
/// counted, unless this is the end of the run with an identity.
pub(super) fn collect(
    dir: &Path,
    end_of: Option<&str>,
    wanted: &Wanted,
    files: &mut Files<'_>,
) -> Result<Collected, ReportError> {
    let mut reader = Reader::open(dir)?;
    let (mut header, is_header_lost) = match reader.begin() {
        Beginning::Header(header) => (*header, false),
        Beginning::Lost if end_of.is_none() => (RunHeader::lost(), true),
        Beginning::Lost | Beginning::Nothing => {
            return Err(ReportError::NoHeader { dir: dir.to_owned(), is_damaged: reader.damage().is_any() });
        }
    };
    if end_of.is_some_and(|run_id| run_id != header.run_id) {
        return Err(ReportError::AnotherRun { dir: dir.to_owned() });
    }
    if end_of.is_none() {
        reader.with_texts(dir, &header.run_id);
    }
    wanted.beside(&mut header.settings.exports);
    files.are(header.settings.exports.clone());
    let lens = Lens::of(&header, Recount::of(&header));
    let mut pass = Pass::new(files, header, &lens);
    let buffers = lens.buffers();
    let mut batches = Batches { reader, pieces: 0, lens: Arc::new(lens) };
    pass.is_header_lost = is_header_lost;
    pass.aggregator.reserve(&pass.header, batches.reader.most_records());
    let mut batch = batches.next();
    let mut done = Vec::new();
    while !(batch.is_empty() && done.is_empty()) {
        let (now_done, aside) = rayon::join(
            || batch.into_par_iter().with_max_len(1).map(Work::run).collect(),
            || {
                let ((), next) = rayon::join(|| pass.take_all(done, &buffers), || batches.next());
                batches.lens.needs(pass.page.needs());
                next
            },
        );
        (done, batch) = (now_done, aside);
    }
    let skipped = batches.reader.of_unknown_kind();
    if skipped > 0 {
        tracing::warn!(skipped, "frames of the journal that only newer versions know were left out");
    }
    let mut damage = batches.reader.damage().clone();
    damage.not_understood += pass.not_understood;
    // What the journal was read with is not needed for results, which need much memory themselves.
    drop((batches, buffers));
    Ok(pass.finish(damage))
}

/// What is read of the journal.
struct Batches {
    reader: Reader,
    /// How many pieces of records have been read.
    pieces: u64,
    lens: Arc<Lens>,
}

/// What a piece of the journal asks for.
enum Work {
    /// Of the piece with this number.
    Look(RawRecords, u64, Arc<Lens>),
    Pass(Frame),
}

/// What a piece of the journal has come to.
enum Done {
    Chunk(Box<Chunk>),
    Frame(Frame),
}

impl Batches {
    /// The next pieces; none at the end.
    fn next(&mut self) -> Vec<Work> {
        let pieces = std::iter::from_fn(|| self.reader.next_piece());
        let most = LEAST_PIECES.max(PIECES_A_CORE * rayon::current_num_threads());
        let mut batch = Vec::new();
        for piece in pieces.take(most) {
            batch.push(match piece {
                Piece::Records(records) => {
                    self.pieces += 1;
                    Work::Look(records, self.pieces, Arc::clone(&self.lens))
                }
                Piece::Frame(frame) => {
                    match frame {
                        Frame::PhaseStarted { index, kind, at_ns } => {
                            Arc::make_mut(&mut self.lens).phase_started(index, kind, at_ns);
                        }
                        Frame::Node(_) => Arc::make_mut(&mut self.lens).tell_nodes_apart(),
                        _ => {}
                    }
                    Work::Pass(frame)
                }
            });
        }
        batch
    }
}

impl Work {
    fn run(self) -> Done {
        match self {
            Self::Look(records, piece, lens) => Done::Chunk(Box::new(Chunk::of(&records, piece, &lens))),
            Self::Pass(frame) => Done::Frame(frame),
        }
    }
}

/// What is known so far.
struct Pass<'a, 'b> {
    files: &'a mut Files<'b>,
    header: RunHeader,
    aggregator: Aggregator,
    profiled: Lines,
    /// Begun with the first warm-up request.
    warmup: Lines,
    outputs: Option<Outputs>,
    /// By phase.
    errors: BTreeMap<u32, ErrorGroups>,
    models_seen: ModelsSeen,
    page: page::Gathered,
    server_metrics: Timeline,
    /// Every scrape, if that is wanted.
    scrapes: Lines,
    tools: ToolFiles,
    slices: Option<Slices>,
    beside: Beside,
    gpu_readings: Lines,
    network_probes: Lines,
    flights: Flights,
    messages: Messages,
    marks: Vec<Mark>,
    /// By their numbers.
    nodes: BTreeMap<u32, NodeFacts>,
    end: Option<RunEnd>,
    notes: Vec<String>,
    uncounted: u64,
    /// Records that say something else than records say.
    not_understood: u64,
    is_header_lost: bool,
}

impl<'a, 'b> Pass<'a, 'b> {
    fn new(files: &'a mut Files<'b>, header: RunHeader, lens: &Lens) -> Self {
        let exports = files.exports().clone();
        let has_lines = exports.level != ExportLevel::Summary;
        let is_shared = exports.has(Compat::Aiperf);
        let name = if is_shared { file_names::OWN_REQUESTS } else { file_names::REQUESTS };
        // It is there where nothing was profiled, too.
        let profiled = Lines::begun(files, has_lines.then_some(name));
        let tools = ToolFiles::new(lens.tools(), files);
        let has_scrapes = exports.has_server_metrics(ServerMetricsFormat::Jsonl);
        Self {
            files,
            aggregator: Aggregator::new(&header),
            profiled,
            warmup: if has_lines { Lines::Awaited(file_names::WARMUP_REQUESTS) } else { Lines::Unwanted },
            scrapes: if has_scrapes {
                Lines::Awaited(file_names::SERVER_METRICS_LINES)
            } else {
                Lines::Unwanted
            },
            tools,
            slices: lens.slices().cloned(),
            outputs: header.settings.export_outputs.then(Outputs::default),
            errors: BTreeMap::new(),
            models_seen: ModelsSeen::default(),
            page: page::Gathered::default(),
            server_metrics: Timeline::default(),
            beside: Beside::default(),
            gpu_readings: Lines::Awaited(file_names::GPU_READINGS),
            network_probes: Lines::Awaited(file_names::NETWORK_PROBES),
            flights: Flights::default(),
            messages: Messages::default(),
            marks: Vec::new(),
            nodes: BTreeMap::new(),
            end: None,
            notes: Vec::new(),
            uncounted: 0,
            not_understood: 0,
            is_header_lost: false,
            header,
        }
    }

    /// Takes in what pieces have come to, and gives the buffers of their lines back.
    fn take_all(&mut self, done: Vec<Done>, buffers: &BufferPool) {
        for done in done {
            match done {
                Done::Chunk(part) => self.take_part(*part, buffers),
                Done::Frame(frame) => self.take(frame),
            }
        }
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::PhaseStarted { index, kind, at_ns } => self.aggregator.phase_started(index, kind, at_ns),
            Frame::PhaseEnded { index, at_ns, counts, workers } => {
                self.aggregator.phase_ended(index, at_ns, counts, workers);
            }
            Frame::Message { service, message_type, payload } => {
                if message_type == ServerMetricsBatch::TYPE {
                    self.take_scrapes(&service, &payload);
                } else if beside::TYPES.contains(&message_type.as_str()) {
                    self.take_beside(&service, &message_type, &payload);
                } else {
                    self.messages.add(service, message_type, &payload);
                }
            }
            Frame::Mark(mark) => self.marks.push(mark),
            Frame::Node(facts) => {
                self.aggregator.tell_nodes_apart();
                self.nodes.insert(facts.node, *facts);
            }
            Frame::End(end) => self.end = Some(end),
            // Only the first header counts, and it has been read. Records come in parts, with their counts.
            Frame::Header(_) | Frame::Record(_) | Frame::Uncounted(_) | Frame::Counted(_) => {}
        }
    }

    fn take_part(&mut self, part: Chunk, buffers: &BufferPool) {
        self.aggregator.merge(part.aggregator);
        self.uncounted += part.uncounted;
        self.page.take(part.rows);
        self.profiled.add(self.files, &part.profiled);
        if !part.warmup.is_empty() {
            self.warmup.add(self.files, &part.warmup);
        }
        self.outputs.iter_mut().zip(part.outputs).for_each(|(outputs, more)| outputs.merge(more));
        self.flights.merge(part.flights);
        self.tools.take(part.tools, self.files);
        if let Some((slices, more)) = self.slices.as_mut().zip(part.slices) {
            slices.merge(more);
        }
        for (phase, more) in part.errors {
            self.errors.entry(phase).or_default().merge(more);
        }
        self.models_seen.merge(&part.models_seen);
        self.not_understood += part.not_understood;
        if let Some(error) = part.broken {
            self.profiled.fill(self.files, |_| Err(error.into()));
        }
        buffers.give_back(part.profiled);
    }

    fn take_scrapes(&mut self, service: &str, payload: &[u8]) {
        match ServerMetricsBatch::decode(payload) {
            Ok(batch) => batch.samples.into_iter().for_each(|sample| self.take_scrape(sample)),
            Err(error) => self.note_unreadable(service, ServerMetricsBatch::TYPE, payload, error.message),
        }
    }

    fn take_beside(&mut self, service: &str, message_type: &str, payload: &[u8]) {
        match self.beside.take(message_type, payload, self.header.wall_start_ns) {
            Ok(lines) => {
                for (file, lines) in
                    [(&mut self.network_probes, lines.network), (&mut self.gpu_readings, lines.gpus)]
                {
                    if !lines.is_empty() {
                        file.add(self.files, &lines);
                    }
                }
            }
            Err(why) => self.note_unreadable(service, message_type, payload, why),
        }
    }

    fn note_unreadable(&mut self, service: &str, message_type: &str, payload: &[u8], why: String) {
        let why = if payload.is_empty() { "it is empty".to_owned() } else { why };
        let note = messages::unreadable(service, message_type, 1, &why);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn take_scrape(&mut self, sample: ServerMetricsSample) {
        if self.files.exports().has_server_metrics(ServerMetricsFormat::Jsonl) {
            let mut line = Vec::new();
            let written = server_metrics::lines::append(&sample, self.header.wall_start_ns, &mut line);
            self.scrapes
                .fill(self.files, |out| written.map_err(io::Error::from).and_then(|()| out.write_all(&line)));
        }
        self.server_metrics.push(sample);
    }

    fn finish(mut self, damage: Damage) -> Collected {
        let (client, by_node) = clients(&mut self.aggregator, self.nodes, self.end.as_ref());
        let phases: Vec<PhaseSpan> = self.aggregator.phases().collect();
        let by_url = self.aggregator.results_by_url();
        let by_class = self.aggregator.results_by_class();
        let tools = self.tools.finish(self.files, &phases);
        let slices = self.slices.map(|slices| slices.finish(&phases)).transpose();
        let slices = slices.unwrap_or_else(|why| {
            self.notes.push(slices::none(why));
            None
        });
        let mut beside = self.beside;
        beside.set_measured(measured_windows(&phases));
        let lines = [self.profiled, self.warmup, self.scrapes, self.gpu_readings, self.network_probes];
        let is_written = self.files.are_wanted();
        let prepare = || page::Prepared::of(self.page, &self.header.settings, is_written);
        let put = || put_in_place(lines, self.files);
        let results = || self.aggregator.results(&|parts| beside.over(parts));
        let ((requests, ()), results) = rayon::join(|| rayon::join(prepare, put), results);
        if let Some(end) = &self.end {
            self.notes.extend(end.notes.iter().cloned());
        }
        let windows: Vec<PhaseWindow> = phases.iter().map(window).collect();
        let server_metrics =
            ServerMetricsReport::compute(&self.server_metrics, &windows, self.header.wall_start_ns);
        let mut curves = beside.curves();
        curves.extend(page::curves(&self.server_metrics, &phases));
        self.notes.extend(beside.notes());
        if let Some(metrics) = &server_metrics {
            self.notes.extend(metrics.unavailable());
        }
        self.notes.extend(self.messages.notes());
        self.notes.extend(cut_after_end(results.measured.outcomes.cut_after_end));
        let strangers = server_metrics::strangers(
            &self.server_metrics,
            &windows,
            &self.header.settings.urls,
            self.flights,
        );
        let around = Around {
            succeeded: results.measured.outcomes.succeeded,
            has_strangers: !strangers.is_empty(),
            was_reset: self.marks.iter().any(|mark| mark.name == RESET_KV_CACHE),
        };
        let steady = results.phases.iter().filter_map(|phase| Some((phase.name.clone(), phase.steadiness?)));
        let report = Report {
            steadiness: steady.collect(),
            strangers,
            warmup: results.warmup,
            profiling: results.measured,
            by_phase: by_phase(results.phases, &self.errors),
            by_url,
            by_class,
            by_node,
            sessions: results.sessions,
            prefix_cache: PrefixCacheReport::of(
                &self.header,
                &results.prefix_caches,
                server_metrics.as_ref().and_then(ServerMetricsReport::prefix_hit_rate),
                around,
            ),
            speculation: server_metrics.as_ref().and_then(ServerMetricsReport::speculation),
            beside,
            messages: self.messages,
            marks: self.marks,
            client,
            errors: errors_of(&phases, PhaseKind::Profiling, &self.errors),
            warmup_errors: errors_of(&phases, PhaseKind::Warmup, &self.errors),
            phases,
            models_seen: self.models_seen,
            uncounted: self.uncounted,
            incomplete_reason: incomplete_reason(&damage, self.is_header_lost, self.end.as_ref()),
            is_header_lost: self.is_header_lost,
            damage,
            header: self.header,
            end: self.end,
            notes: self.notes,
            files: Vec::new(),
        };
        let page = page::Ingredients { requests, curves };
        Collected { report, outputs: self.outputs, server_metrics, page, tools, slices }
    }
}

/// Where there are files of an older report, to put these in their place takes as long as all percentiles. The SHA-256 of the journal is
/// for the manifest.
fn put_in_place(lines: [Lines; 5], files: &mut Files<'_>) {
    for lines in lines {
        lines.commit(files);
    }
    files.hash(journal::FILE_NAME);
}

/// What was measured of prony itself, and what each node came to, where there are any.
fn clients(
    aggregator: &mut Aggregator,
    nodes: BTreeMap<u32, NodeFacts>,
    end: Option<&RunEnd>,
) -> (ClientReport, Vec<NodeResults>) {
    let client = ClientReport { process: end.and_then(|end| end.usage), ..aggregator.client() };
    if nodes.is_empty() {
        return (client, Vec::new());
    }
    let by_node = aggregator.results_by_node(nodes.into_values().collect());
    let named: Vec<(String, &ClientReport)> =
        by_node.iter().map(|node| (node.facts.called(), &node.client)).collect();
    (client.of_nodes(&named), by_node)
}

/// What each phase came to, where there is more than one measured phase: with one, its numbers are those of the run.
fn by_phase(results: Vec<PhaseResults>, errors: &BTreeMap<u32, ErrorGroups>) -> Vec<PhaseReport> {
    let measured = results.iter().filter(|phase| phase.span.kind == PhaseKind::Profiling);
    if measured.count() < 2 {
        return Vec::new();
    }
    let report = |PhaseResults { span, name, results, .. }| {
        let errors = errors.get(&span.index).cloned().unwrap_or_default().into_groups();
        PhaseReport { index: span.index, name, role: Role::from(span.kind), results, errors }
    };
    results.into_iter().map(report).collect()
}

/// The failures in all phases of a kind.
fn errors_of(phases: &[PhaseSpan], kind: PhaseKind, errors: &BTreeMap<u32, ErrorGroups>) -> Vec<ErrorGroup> {
    let mut all = ErrorGroups::default();
    for span in phases.iter().filter(|span| span.kind == kind) {
        errors.get(&span.index).cloned().into_iter().for_each(|more| all.merge(more));
    }
    all.into_groups()
}

/// What is said of connections that ended in a wrong way, behind answers that had ended in the right one.
fn cut_after_end(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "{} complete, and the server reset the connection or left out the end of the body behind: {}",
            match count {
                1 => "1 response was".to_owned(),
                _ => format!("{count} responses were"),
            },
            agreeing(
                count,
                "it counts as a success, and cost a connection",
                "they count as successes, and cost a connection each"
            )
        )
    })
}

/// What a report cannot say without a header.
const HEADER_LOST: &str = ". Its header is among what is missing: nothing is known of what was run, instants count from the start \
    of the run, and latencies from when requests were sent, even if a schedule had another time for them";

/// When was measured, as metrics count it.
fn measured_windows(phases: &[PhaseSpan]) -> Vec<(u64, u64)> {
    let measured: Vec<PhaseSpan> =
        phases.iter().filter(|span| span.kind == PhaseKind::Profiling).copied().collect();
    metrics::stretches(&measured)
}

/// A killed phase has no end: what is known of it ends with its last request.
fn window(span: &PhaseSpan) -> PhaseWindow {
    let end_ns = span.end_ns.or(span.last_request_ns).unwrap_or(span.start_ns);
    PhaseWindow { index: span.index, kind: span.kind, start_ns: span.start_ns, end_ns }
}

pub(super) fn incomplete_reason(
    damage: &Damage,
    is_header_lost: bool,
    end: Option<&RunEnd>,
) -> Option<String> {
    match end {
        _ if damage.is_any() => {
            let lost = if is_header_lost { HEADER_LOST } else { "" };
            Some(format!("{damage}{lost}"))
        }
        None => Some("the run was killed: its journal has no end".into()),
        Some(RunEnd { reason: Some(reason), .. }) => Some(reason.clone()),
        Some(RunEnd { was_cancelled: true, .. }) => Some("the run was interrupted".into()),
        Some(_) => None,
    }
}
