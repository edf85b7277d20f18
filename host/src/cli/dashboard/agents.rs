//! The dashboard's panel of agents, where a run has some: one line for each.

use prony_plugin_api::live::{AgentNow, RunNow};

use super::panels::{Row, number};

/// The longest name that is shown as a whole, in characters. Of a longer one the end is shown, in which a rank stands.
const LONGEST_NAME: usize = 11;

/// What stands over the panel: how many say nothing, if some do.
pub(super) fn title(now: &RunNow) -> String {
    match now.agents.iter().filter(|agent| agent.is_missing()).count() {
        0 => " agents ".to_owned(),
        missing => format!(" agents, {missing} of {} missing ", now.agents.len()),
    }
}

/// The lines that have room: those who are missing first. What an agent has not said is a line, and no zero.
pub(super) fn rows(now: &RunNow, room: usize) -> Vec<Row> {
    let line = |name: &str, [rate, in_flight, late, ago]: [&str; 4]| {
        format!("{name:<12}{rate:>7}{in_flight:>7}{late:>7}{ago:>5}")
    };
    let mut agents: Vec<&AgentNow> = now.agents.iter().collect();
    // The others stay in the order of their ids.
    agents.sort_by_key(|agent| !agent.is_missing());
    let names = line("", ["req/s", "flight", "late", "ago"]);
    let mut rows = vec![Row { text: names, is_bad: false }];
    let shown = if agents.len() < room { agents.len() } else { room.saturating_sub(2) };
    rows.extend(agents.iter().take(shown).map(|agent| {
        let rate = agent.requests_per_s.map_or("-".to_owned(), number);
        let in_flight = agent.in_flight.map_or("-".to_owned(), |count| count.to_string());
        let late = agent.lateness_ms.map_or("-".to_owned(), |spread| number(spread.p99));
        let text = line(&short(&agent.name), [&rate, &in_flight, &late, &ago(agent)]);
        Row { text, is_bad: agent.is_missing() }
    }));
    if shown < agents.len() {
        let left_out = &agents[shown..];
        let is_bad = left_out.iter().any(|agent| agent.is_missing());
        rows.push(Row { text: format!("and {} more", left_out.len()), is_bad });
    }
    rows
}

/// How long ago it was heard.
fn ago(agent: &AgentNow) -> String {
    match agent.heard_s_ago {
        _ if agent.is_lost => "lost".to_owned(),
        Some(seconds) => format!("{seconds:.0}s"),
        None => "-".to_owned(),
    }
}

fn short(name: &str) -> String {
    let count = name.chars().count();
    if count <= LONGEST_NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - (LONGEST_NAME - 1)).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::live::Spread;

    use super::*;

    fn heard(name: &str, heard_s_ago: f64) -> AgentNow {
        AgentNow {
            name: name.to_owned(),
            heard_s_ago: Some(heard_s_ago),
            in_flight: Some(32),
            requests_per_s: Some(101.4),
            lateness_ms: Some(Spread { p99: 0.234, ..Spread::default() }),
            ..AgentNow::default()
        }
    }

    fn run(agents: Vec<AgentNow>) -> RunNow {
        RunNow { agents, ..RunNow::default() }
    }

    fn texts(now: &RunNow, room: usize) -> Vec<String> {
        rows(now, room).into_iter().map(|row| row.text).collect()
    }

    #[test]
    fn who_is_missing_stands_first_and_is_no_zero() {
        let silent = AgentNow { name: "c".to_owned(), ..AgentNow::default() };
        let now = run(vec![heard("a", 0.6), heard("rack-7-node-31", 1.4), silent, heard("d", 4.2)]);
        assert_eq!(
            texts(&now, 6),
            [
                "              req/s flight   late  ago",
                "c                 -      -      -    -",
                "d               101     32   0.23   4s",
                "a               101     32   0.23   1s",
                "…-7-node-31     101     32   0.23   1s",
            ]
        );
        assert_eq!(title(&now), " agents, 2 of 4 missing ");
        let is_bad: Vec<bool> = rows(&now, 6).iter().map(|row| row.is_bad).collect();
        assert_eq!(is_bad, [false, true, true, false, false]);
        assert!(
            texts(&now, 6).iter().all(|line| line.chars().count() == 38),
            "what has room beside a border"
        );
    }

    #[test]
    fn where_there_is_no_room_the_others_are_counted() {
        let lost = AgentNow { is_lost: true, ..heard("z", 0.2) };
        let now = run((0..9).map(|_| heard("a", 0.2)).chain([lost]).collect());
        let lines = texts(&now, 6);
        assert_eq!((lines.len(), lines[5].as_str()), (6, "and 6 more"));
        assert!(lines[1].starts_with('z') && lines[1].ends_with("lost"), "{lines:?}");
        for room in 0..4 {
            assert!(texts(&now, room).len() <= room.max(2));
        }
    }
}
