//! Sessions of a large file, each read from it when it is needed: what is kept is where they stand and when they start.

use std::{error::Error, sync::Arc};

use super::{
    Script, Step,
    acceptance::{self, Audience, Paths},
    ahead::Maker,
    categories::Categories,
    error::DatasetError,
    facts::Facts,
    formats::{self, FileError, Indexed, StoredFile},
    preparation::Preparation,
    prompted::{BYTES_A_TOKEN, PromptWriter},
    replay::{ReplayError, Window},
    script::session_id,
    tools,
};
use crate::plan::{FileFormat, Replay};

/// Said of a session without an instant among others.
const NO_INSTANT: u64 = u64::MAX;

/// Sessions of a large file, by number.
#[derive(Debug)]
pub(super) struct LargeFile {
    sessions: Indexed,
    order: Order,
    /// Steps of each, in the order of the file; none where each has one.
    steps: Vec<u32>,
    /// Of each, in the order of the file.
    categories: Categories,
    /// The instant from which all others count.
    zero_ns: u64,
    most_bytes: u64,
}

/// Which session of the file comes when.
#[derive(Debug, Default)]
struct Order {
    /// Places of sessions in the index, where some of it are none.
    places: Option<Vec<u32>>,
    /// Sessions by number, where they are not in the order of the file.
    sessions: Option<Vec<u32>>,
    count: u64,
    /// When each starts, in a replay.
    starts: Arc<[u64]>,
    /// Sessions before the first one that are not played.
    skipped: u64,
}

/// What is kept of a session that was looked at.
struct Seen {
    facts: Facts,
    starts_ns: Option<u64>,
    first_ns: Option<u64>,
    steps: u32,
    bytes: u64,
    category: Option<Arc<str>>,
    /// Its name, and the different paths of the APIs that its steps are for, if they are for some.
    paths: Option<(String, Vec<String>)>,
}

impl LargeFile {
    /// Reads a file once, if it is large and its sessions can be read one by one.
    ///
    /// # Errors
    /// It cannot be read, replayed or sent.
    pub(super) fn open(
        file: &StoredFile,
        (format, most): (FileFormat, Option<usize>),
        replay: Option<Replay>,
        audience: Option<Audience<'_>>,
    ) -> Result<Option<(Self, Facts)>, DatasetError> {
        let look = |place: u32, mut script: Script| {
            tools::take_apart(&mut script, place as usize)?;
            if let Some(audience) = audience {
                acceptance::check_script(&script, place as usize, audience)?;
            }
            Ok(Seen::of(&script))
        };
        let (mut all, mut paths) = (Gathered::default(), Paths::default());
        let mut take = |place: u32, seen: Seen| {
            if let Some((id, own)) = seen.paths.as_ref().filter(|_| audience.is_some()) {
                own.iter().try_for_each(|path| paths.check(path, place as usize, id))?;
            }
            all.add(place, seen);
            Ok::<_, DatasetError>(())
        };
        let Some(sessions) = formats::index(file, format, most, &look, &mut take)? else { return Ok(None) };
        if all.starts.len() < 2 {
            return Ok(None);
        }
        let Gathered { facts, starts, steps, places, categories, zero_ns, most_bytes } = all;
        let zero_ns = zero_ns.unwrap_or(0);
        let order = Order { count: starts.len() as u64, places, ..Order::default() };
        let mut large = Self { sessions, order, steps, categories, zero_ns, most_bytes };
        large.put_in_order(&starts, replay)?;
        large.steps.shrink_to_fit();
        Ok(Some((large, facts)))
    }

    /// How many sessions are played.
    pub(super) fn len(&self) -> u64 {
        self.order.count
    }

    /// When each starts, in a replay.
    pub(super) fn starts(&self) -> Arc<[u64]> {
        Arc::clone(&self.order.starts)
    }

    /// Their categories, in the order in which they are played.
    pub(super) fn categories(&self) -> Categories {
        self.categories.reordered((0..self.order.count).map(|number| self.session(number)))
    }

    /// The sessions as a run plays them.
    pub(super) fn playing(self, preparation: Preparation, prompts: Option<PromptWriter>) -> Playing {
        Playing { file: self, preparation, prompts }
    }

    /// Sorts sessions by their instants, if all have some, and leaves out what is not replayed.
    fn put_in_order(&mut self, starts: &[u64], replay: Option<Replay>) -> Result<(), DatasetError> {
        let timeless = starts.iter().position(|start_ns| *start_ns == NO_INSTANT);
        if let Some(session) = timeless {
            if replay.is_none() {
                return Ok(());
            }
            let number = u32::try_from(session).unwrap_or(u32::MAX);
            let id = self.file_session(number, number.into())?.id;
            return Err(ReplayError::NoInstant { entry: session + 1, id }.into());
        }
        let mut order: Option<Vec<u32>> = None;
        if !starts.is_sorted() {
            let mut sorted: Vec<u32> = (0..).take(starts.len()).collect();
            sorted.sort_by_key(|session| starts[*session as usize]);
            order = Some(sorted);
        }
        let start_ns = |number: usize| {
            let session = order.as_ref().map_or(number, |order| order[number] as usize);
            starts[session] - self.zero_ns
        };
        if let Some(replay) = replay {
            let window = Window::of(replay);
            let begin = first(starts.len(), |number| !window.is_before(start_ns(number)));
            let end = first(starts.len(), |number| window.is_behind(start_ns(number)));
            if begin >= end {
                return Err(ReplayError::Nothing(starts.len()).into());
            }
            let zero_ns = window.zero(start_ns(begin));
            self.order.starts =
                (begin..end).map(|number| window.faster(start_ns(number) - zero_ns)).collect();
            (self.order.skipped, self.order.count) = (begin as u64, (end - begin) as u64);
        }
        self.order.sessions = order;
        Ok(())
    }

    /// The session of the file with this number in its order.
    fn session(&self, number: u64) -> u32 {
        let number = self.order.skipped + number;
        let session =
            usize::try_from(number).ok().and_then(|at| self.order.sessions.as_ref()?.get(at).copied());
        session.unwrap_or(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Reads a session of the file; the rank in the order of time names it in some formats.
    fn file_session(&self, session: u32, rank: u64) -> Result<Script, FileError> {
        let place = self.order.places.as_ref().map_or(Some(&session), |places| places.get(session as usize));
        let place = place.copied().unwrap_or(u32::MAX);
        let number = if self.sessions.numbers_by_time { rank } else { place.into() };
        self.sessions.index.script(place, number)
    }
}

/// The first of so many numbers for which something is so, as it is for all behind it; their count if there is none.
fn first(count: usize, is_so: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_so(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// What sessions of a file have in common, and what is kept of each.
#[derive(Debug, Default)]
struct Gathered {
    facts: Facts,
    starts: Vec<u64>,
    steps: Vec<u32>,
    places: Option<Vec<u32>>,
    categories: Categories,
    zero_ns: Option<u64>,
    most_bytes: u64,
}

impl Gathered {
    fn add(&mut self, place: u32, seen: Seen) {
        let count = self.starts.len();
        if place as usize != count || self.places.is_some() {
            self.places.get_or_insert_with(|| (0..).take(count).collect()).push(place);
        }
        if seen.steps != 1 || !self.steps.is_empty() {
            self.steps.resize(count, 1);
            self.steps.push(seen.steps);
        }
        self.categories.add(count, seen.category.as_ref());
        self.starts.push(seen.starts_ns.unwrap_or(NO_INSTANT));
        self.facts.add(seen.facts);
        self.zero_ns = [self.zero_ns, seen.first_ns].into_iter().flatten().min();
        self.most_bytes = self.most_bytes.max(seen.bytes);
    }
}

impl Seen {
    fn of(script: &Script) -> Self {
        let text_bytes = script.steps.iter().flat_map(Step::parts).map(|part| part.data.len() as u64);
        // The other prompts are written when they are due.
        let prompts = script.steps.iter().take(1).filter_map(|step| step.prompt.as_ref());
        let prompt_bytes = prompts.map(|prompt| prompt.tokens.saturating_mul(BYTES_A_TOKEN));
        let mut paths: Vec<String> = Vec::new();
        for path in script.steps.iter().filter_map(|step| step.path.as_ref()) {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
        Self {
            facts: Facts::of(script),
            starts_ns: script.starts_ns,
            first_ns: formats::first_instant(script),
            steps: u32::try_from(script.steps.len()).unwrap_or(u32::MAX),
            category: script.category.clone(),
            bytes: text_bytes.chain(prompt_bytes).fold(0, u64::saturating_add),
            paths: (!paths.is_empty()).then(|| (script.id.clone(), paths)),
        }
    }
}

/// Sessions of a large file as a run plays them.
#[derive(Debug)]
pub(super) struct Playing {
    file: LargeFile,
    preparation: Preparation,
    prompts: Option<PromptWriter>,
}

impl Playing {
    fn read(&self, number: u64) -> Result<Script, DatasetError> {
        let file = &self.file;
        let mut script = file.file_session(file.session(number), file.order.skipped + number)?;
        tools::take_apart(&mut script, 0)?;
        formats::count_from(&mut script, file.zero_ns);
        let start = usize::try_from(number).ok().and_then(|number| file.order.starts.get(number));
        script.starts_ns = start.copied().or(script.starts_ns);
        self.preparation.prepare(&mut script, number);
        if let Some(prompts) = &self.prompts {
            prompts.fill(&mut script, number);
        }
        Ok(script)
    }
}

impl Maker for Playing {
    fn script(&self, number: u64) -> Script {
        self.read(number).unwrap_or_else(|error| unreadable(number, &error))
    }

    fn steps(&self, number: u64) -> u64 {
        let session = self.file.session(number) as usize;
        self.file.steps.get(session).map_or(1, |steps| u64::from(*steps))
    }

    fn has_dialogues(&self) -> bool {
        !self.file.steps.is_empty()
    }

    fn bytes_a_script(&self) -> u64 {
        self.file.most_bytes
    }
}

/// In place of a session that is no longer what it was: a request that fails and says why.
fn unreadable(number: u64, error: &DatasetError) -> Script {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    let step = Step { unreadable: Some(why.into()), ..Step::default() };
    Script::single(session_id(number), step)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write,
        path::{Path, PathBuf},
    };

    use rstest::rstest;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::{dataset::replay::replayed, seed::Seed};

    fn sample(name: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/traces")).join(name)
    }

    fn preparation(replay: Option<Replay>) -> Preparation {
        Preparation::new(replay, None, None, Seed::new(1))
    }

    /// The sessions of a file, read one by one as if it were large; nothing if they cannot be.
    fn one_by_one(path: &Path, replay: Option<Replay>) -> Result<Option<Vec<Script>>, DatasetError> {
        let file = StoredFile::of(path)?.made_large();
        let Some((large, _)) = LargeFile::open(&file, (FileFormat::Detected, None), replay, None)? else {
            return Ok(None);
        };
        let playing = large.playing(preparation(replay), None);
        Ok(Some((0..playing.file.len()).map(|number| playing.script(number)).collect()))
    }

    /// The same, read together.
    fn together(path: &Path, replay: Option<Replay>) -> Vec<Script> {
        let file = StoredFile::of(path).unwrap();
        let mut scripts = formats::read(&file.input(None), FileFormat::Detected).unwrap().scripts;
        for script in &mut scripts {
            tools::take_apart(script, 0).unwrap();
        }
        if let Some(replay) = replay {
            scripts = replayed(scripts, replay).unwrap();
        }
        preparation(replay).prepare_all(&mut scripts);
        scripts
    }

    #[rstest]
    fn sessions_that_are_read_one_by_one_are_those_of_the_whole(
        #[values(
            "aiperf/production_trace.mooncake.jsonl",
            "aiperf/mooncake_extended.jsonl",
            "aiperf/mooncake_extended.jsonl.gz",
            "aiperf/multi_turn.jsonl",
            "azure/2023_code.csv",
            "azure/2024_week_shaped.csv",
            "burstgpt/v1.head.csv",
            "burstgpt/v3_sessions_shaped.csv",
            "genai-perf/payload.sessions.jsonl",
            "mlperf-endpoints/plain_and_tools.jsonl",
            "mooncake/conversation.jsonl",
            "mooncake/toolagent_shaped.jsonl",
            "openai-batch/input.jsonl",
            "openai-messages/messages.jsonl",
            "sharegpt/conversations.role_content.jsonl",
            "tracelab/multi_session_example.csv",
            "weka/traces.jsonl",
            "wildchat/wildchat_like.jsonl"
        )]
        name: &str,
    ) {
        let path = sample(name);
        let whole = together(&path, None);
        assert_eq!(one_by_one(&path, None).unwrap().unwrap(), whole);
        if whole.iter().all(|script| script.starts_ns.is_some()) {
            let last_s = whole.last().and_then(|script| script.starts_ns).unwrap() as f64 / 1e9;
            let window =
                |from: f64, until: f64| Replay { speed: 3.0, from_s: Some(from), until_s: Some(until) };
            for replay in [Replay::default(), window(0.0, last_s), window(last_s / 3.0, last_s * 0.9)] {
                let fits = whole.iter().any(|script| {
                    let at_s = script.starts_ns.unwrap() as f64 / 1e9;
                    replay.from_s.is_none_or(|from| at_s >= from)
                        && replay.until_s.is_none_or(|until| at_s <= until)
                });
                if fits {
                    assert_eq!(
                        one_by_one(&path, Some(replay)).unwrap().unwrap(),
                        together(&path, Some(replay))
                    );
                }
            }
        }
    }

    #[rstest]
    #[case::graph_over_rows("aiperf/dag_fork_spawn.jsonl")]
    #[case::document("aiperf/inputs.json")]
    #[case::one_session("weka/trace_0057.json")]
    fn what_is_one_by_all_rows_is_read_as_a_whole(#[case] name: &str) {
        assert!(one_by_one(&sample(name), None).unwrap().is_none());
    }

    fn written(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn an_error_has_its_line_wherever_its_session_began() {
        let row = |session: &str, rest: &str| {
            format!("{{\"session_id\": \"{session}\", \"text_input\": \"x\"{rest}}}\n")
        };
        let text = [row("a", ""), row("b", ""), "\n".to_owned(), row("a", ", \"delay\": -1")].concat();
        let file = written(&text);
        let error = one_by_one(file.path(), None).unwrap_err();
        assert!(error.to_string().ends_with(":4`"), "{error}");
        let file = written(&["{\"text\": \"a\"}\n", "\n{\"text\": \"b\"}\n", "{\"txt\": \"c\"}\n"].concat());
        let error = one_by_one(file.path(), None).unwrap_err();
        assert!(error.to_string().ends_with(":4`"), "{error}");
    }

    #[test]
    fn a_session_of_a_file_that_has_changed_says_so() {
        let file = written("{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
        let stored = StoredFile::of(file.path()).unwrap().made_large();
        let (large, _) = LargeFile::open(&stored, (FileFormat::Detected, None), None, None).unwrap().unwrap();
        let playing = large.playing(preparation(None), None);
        assert_eq!(playing.script(1).steps[0].unreadable, None);
        fs::write(file.path(), "{\"text\": \"a\"}\n").unwrap();
        let why = playing.script(1).steps.remove(0).unreadable.unwrap();
        assert!(why.contains("has changed since it was opened"), "{why}");
        fs::write(file.path(), "{\"text\": \"a\"}\n{\"txet\": \"b\"}\n").unwrap();
        let why = playing.script(1).steps.remove(0).unreadable.unwrap();
        assert!(why.contains("has changed since it was opened") && why.contains("txet"), "{why}");
    }

    #[test]
    fn blank_lines_before_the_head_of_a_table_are_no_head() {
        let table = fs::read_to_string(sample("burstgpt/v3_sessions_shaped.csv")).unwrap();
        let file = written(&format!("\n\n{table}"));
        let path = PathBuf::from(file.path());
        assert_eq!(one_by_one(&path, None).unwrap().unwrap(), together(&path, None));
        let rows = table.lines().count();
        let file = written(&format!("\n\n{table}broken\n"));
        let error = one_by_one(file.path(), None).unwrap_err();
        assert!(error.to_string().ends_with(&format!(":{}`", rows + 3)), "{error}");
    }

    #[test]
    fn every_path_of_a_session_is_known() {
        let for_path = |path: &str| Step { path: Some(path.into()), ..Step::default() };
        let steps = ["/a", "/a", "/b"].map(for_path).to_vec();
        let seen = Seen::of(&Script { id: "s".into(), starts_ns: None, steps, category: None });
        assert_eq!(seen.paths, Some(("s".to_owned(), vec!["/a".to_owned(), "/b".to_owned()])));
    }
}
