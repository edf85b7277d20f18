//! The `dag-jsonl` format: trees of agents, JSON Lines, one session a line, each of which may start others.
//!
//! A turn has `messages`, and if need be `max_tokens`, `model`, `tools`, `extra`, and a `delay` (ms) that passes before it, after
//! the response before it. `spawns` start sessions with a conversation of their own: a bare name is waited for before the next
//! turn, `{"children": […], "join_at": N}` before turn N. `forks` go on with the conversation of the turn: a bare name ends the
//! parent, `{"child": …, "background": true}` does not. `pre_session_spawns` start with the session. An `orchestrator` sends
//! nothing itself: its `rounds` start sessions, one round after the other, `think_time_ms` after the last of the one before;
//! the spread of that time is not drawn. With the `context_mode` `message_array_with_responses` turns are whole.
//!
//! Only sessions that no other one names are played; a script is such a session with all that it starts. Source: AIPerf.
//!
//! ```json
//! {"session_id": "root", "turns": [{"messages": [{"role": "user", "content": "split"}], "spawns": ["w"]}, {"messages": [{"role": "user", "content": "merge"}]}]}
//! {"session_id": "w", "turns": [{"messages": [{"role": "user", "content": "part one"}], "max_tokens": 20}]}
//! ```

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    FileError, RowError,
    contents::Head,
    input::Input,
    openai,
    row::{NS_PER_MS, Row},
};
use crate::dataset::{Script, Start, Step};

#[rustfmt::skip]
const KEYS: &[&str] = &[
    "session_id", "turns", "orchestrator", "rounds", "think_time_ms", "think_time_sigma", "think_time_min_ms",
    "think_time_max_ms", "context_mode", "pre_session_spawns",
];
const TURN_KEYS: &[&str] =
    &["messages", "model", "max_tokens", "tools", "extra", "delay", "forks", "spawns", "think_time_ms"];

/// Sessions may start others, so many times one inside the other.
const DEEPEST: usize = 64;

/// Most steps of a script: sessions that start each other several times grow fast.
const MOST_STEPS: usize = 100_000;

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    let row = head.rows.first();
    let turns = row.and_then(|row| row.get("turns")).and_then(Value::as_array);
    turns.is_some_and(|turns| turns.first().is_some_and(|turn| turn.get("messages").is_some()))
        || head.has(&["orchestrator"])
}

/// Reads a file's trees.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut lines = HashMap::new();
    let mut number = 0;
    let sessions = input.whole().objects(|mut row| {
        number += 1;
        let session = Session::of(&mut row)?;
        if lines.insert(session.id.clone(), number).is_some() {
            return Err(RowError::Contradiction {
                what: format!("the session `{}` is there twice", session.id),
            });
        }
        Ok(session)
    })?;
    let children: HashSet<&str> = sessions.iter().flat_map(Session::children).collect();
    let known = sessions.iter().map(|session| (session.id.as_str(), session)).collect();
    let roots = sessions.iter().filter(|session| !children.contains(session.id.as_str()));
    let mut scripts = Vec::new();
    for root in roots.take(input.most.unwrap_or(usize::MAX)) {
        let mut tree = Tree { sessions: &known, steps: Vec::new(), depth: 0 };
        match tree.play(root, &[], None, 0) {
            Ok(_) if tree.steps.is_empty() => {}
            Ok(_) => scripts.push(Script {
                id: root.id.clone(),
                starts_ns: None,
                steps: tree.steps,
                category: None,
            }),
            Err(source) => {
                let line = lines.get(&root.id).copied().unwrap_or(0);
                input.wrong(FileError::Entry { path: input.path.into(), number: line, source })?;
            }
        }
    }
    Ok(scripts)
}

/// A line of the file.
struct Session {
    id: String,
    turns: Vec<Turn>,
    rounds: Vec<Round>,
    before: Vec<String>,
    /// Turns hold what was said before them.
    is_whole: bool,
}

struct Turn {
    step: Step,
    delay_ns: u64,
    spawns: Vec<Spawn>,
    forks: Vec<Fork>,
}

struct Spawn {
    children: Vec<String>,
    /// The turn that waits for them; the next one if none.
    join_at: Option<usize>,
}

struct Fork {
    child: String,
    is_background: bool,
}

struct Round {
    children: Vec<String>,
    think_ns: u64,
}

impl Session {
    fn of(row: &mut Row) -> Result<Self, RowError> {
        row.only(KEYS)?;
        let think_ns = row.time("think_time_ms", NS_PER_MS)?.unwrap_or(0);
        let turns = row.list("turns")?.into_iter().enumerate().map(|(place, turn)| {
            Row::of(turn).and_then(|mut turn| Turn::of(&mut turn)).map_err(|error| RowError::Within {
                place: format!("turns[{place}]"),
                error: Box::new(error),
            })
        });
        let turns = turns.collect::<Result<_, _>>()?;
        let rounds = row.list("rounds")?.into_iter().map(|round| {
            let mut round = Row::of(round)?;
            let think_ns = round.time("think_time_ms", NS_PER_MS)?.unwrap_or(think_ns);
            let spawns = spawns(&mut round)?;
            Ok(Round { children: spawns.into_iter().flat_map(|spawn| spawn.children).collect(), think_ns })
        });
        Ok(Self {
            rounds: rounds.collect::<Result<_, RowError>>()?,
            turns,
            before: names(row.list("pre_session_spawns")?)?,
            is_whole: row.text("context_mode")?.as_deref() == Some("message_array_with_responses"),
            id: row.must_text("session_id")?,
        })
    }

    /// All sessions that it starts.
    fn children(&self) -> impl Iterator<Item = &str> {
        let spawned = self.turns.iter().flat_map(|turn| turn.spawns.iter().flat_map(|spawn| &spawn.children));
        let forked = self.turns.iter().flat_map(|turn| turn.forks.iter().map(|fork| &fork.child));
        let in_rounds = self.rounds.iter().flat_map(|round| &round.children);
        spawned.chain(forked).chain(in_rounds).chain(&self.before).map(String::as_str)
    }
}

impl Turn {
    fn of(row: &mut Row) -> Result<Self, RowError> {
        row.only(TURN_KEYS)?;
        let delay_ns = row.time("delay", NS_PER_MS)?.unwrap_or(0);
        let (spawns, forks) = (spawns(row)?, forks(row)?);
        let messages = openai::messages(row.take("messages").unwrap_or_default())?;
        let mut extra = Map::new();
        for key in ["model", "tools"] {
            extra.extend(row.take(key).map(|value| (key.to_owned(), value)));
        }
        extra.extend(row.object("extra")?.unwrap_or_default());
        let step = Step {
            messages,
            max_tokens: row.positive("max_tokens")?,
            extra_json: if extra.is_empty() { String::new() } else { Value::Object(extra).to_string() },
            ..Step::default()
        };
        Ok(Self { step, delay_ns, spawns, forks })
    }
}

fn names(list: Vec<Value>) -> Result<Vec<String>, RowError> {
    let name = |value| match value {
        Value::String(name) => Ok(name),
        other => Err(RowError::Contradiction { what: format!("`{other}` is not the name of a session") }),
    };
    list.into_iter().map(name).collect()
}

fn spawns(row: &mut Row) -> Result<Vec<Spawn>, RowError> {
    let spawn = |value| match value {
        Value::Object(fields) => {
            let mut fields = Row::from_fields(fields);
            let join_at = fields.count("join_at")?.and_then(|turn| usize::try_from(turn).ok());
            Ok(Spawn { children: names(fields.list("children")?)?, join_at })
        }
        name => Ok(Spawn { children: names(vec![name])?, join_at: None }),
    };
    row.list("spawns")?.into_iter().map(spawn).collect()
}

fn forks(row: &mut Row) -> Result<Vec<Fork>, RowError> {
    let fork = |value| match value {
        Value::Object(fields) => {
            let is_background = fields.get("background").and_then(Value::as_bool).unwrap_or(false);
            let child = Row::from_fields(fields).must_text("child")?;
            Ok(Fork { child, is_background })
        }
        name => Ok(Fork { child: names(vec![name])?.remove(0), is_background: false }),
    };
    row.list("forks")?.into_iter().map(fork).collect()
}

/// A root and all that it starts, on the way to a script.
struct Tree<'a> {
    sessions: &'a HashMap<&'a str, &'a Session>,
    steps: Vec<Step>,
    depth: usize,
}

impl Tree<'_> {
    /// Adds a session that begins after these steps, with the conversation of one of them if it is a fork. Gives the steps that
    /// are its end.
    fn play(
        &mut self,
        session: &Session,
        after: &[u32],
        context: Option<u32>,
        delay_ns: u64,
    ) -> Result<Vec<u32>, RowError> {
        self.depth += 1;
        if self.depth > DEEPEST || self.steps.len() > MOST_STEPS {
            let what = format!("the session `{}` starts itself, or too many others", session.id);
            return Err(RowError::Contradiction { what });
        }
        let mut ready = after.to_vec();
        let mut context = context;
        let mut joins: Vec<(usize, u32)> = Vec::new();
        for (place, turn) in session.turns.iter().enumerate() {
            ready.extend(joins.iter().filter(|(at, _)| *at == place).map(|(_, end)| *end));
            let delay_ns = if place == 0 { delay_ns.max(turn.delay_ns) } else { turn.delay_ns };
            let context_of_turn = context.filter(|_| !session.is_whole);
            let step = Step {
                after: ready,
                context: context_of_turn,
                start: Start::After(delay_ns),
                ..turn.step.clone()
            };
            let this = self.push(step);
            if place == 0 {
                self.children(&session.before, after, None)?;
            }
            (ready, context) = (vec![this], Some(this));
            for spawn in &turn.spawns {
                let ends = self.children(&spawn.children, &[this], None)?;
                joins.extend(ends.into_iter().map(|end| (spawn.join_at.unwrap_or(place + 1), end)));
            }
            let mut is_over = false;
            for fork in &turn.forks {
                self.children(std::slice::from_ref(&fork.child), &[this], Some(this))?;
                is_over |= !fork.is_background;
            }
            if is_over {
                break;
            }
        }
        for (number, round) in session.rounds.iter().enumerate() {
            let think_ns = if number == 0 { delay_ns } else { round.think_ns };
            ready = self.children_after(&round.children, &ready, None, think_ns)?;
        }
        self.depth -= 1;
        Ok(ready)
    }

    fn children(
        &mut self,
        names: &[String],
        after: &[u32],
        context: Option<u32>,
    ) -> Result<Vec<u32>, RowError> {
        self.children_after(names, after, context, 0)
    }

    fn children_after(
        &mut self,
        names: &[String],
        after: &[u32],
        context: Option<u32>,
        delay_ns: u64,
    ) -> Result<Vec<u32>, RowError> {
        let mut ends = Vec::new();
        for name in names {
            let session = self.sessions.get(name.as_str()).copied();
            let session = session
                .ok_or_else(|| RowError::Contradiction { what: format!("there is no session `{name}`") })?;
            ends.extend(self.play(session, after, context, delay_ns)?);
        }
        Ok(ends)
    }

    fn push(&mut self, step: Step) -> u32 {
        self.steps.push(step);
        u32::try_from(self.steps.len() - 1).unwrap_or(u32::MAX)
    }
}
