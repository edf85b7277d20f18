//! What becomes of the times of a recording: instants become gaps or gaps instants, and what is too long is cut.
//!
//! All of it is worked out on the recording's own timeline: when each step began, and when its response was over.

use super::{
    Script, Start, Step,
    replay::{faster, ns},
};
use crate::plan::{RecordedTiming, StepTiming};

/// When a step of a recording went on, in nanoseconds since the session's start.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    begin_ns: u64,
    end_ns: u64,
}

/// Changes the times within a recorded session, whose requests took as long as recorded by this speed: instants become gaps or
/// gaps instants, then delays are multiplied, and then what is too long is cut. Its start stays.
pub(super) fn apply(script: &mut Script, timing: &RecordedTiming, speed: f64, delay_ratio: f64) {
    match timing.steps {
        Some(StepTiming::Instants) => at_instants(script, speed),
        Some(StepTiming::Gaps) => after_gaps(script, speed),
        Some(StepTiming::AtOnce) => at_once(script),
        None => {}
    }
    multiply_delays(script, delay_ratio);
    if let Some(most_s) = timing.most_delay_s {
        cap_delays(script, ns(most_s));
    }
    if let Some(most_s) = timing.most_session_idle_s {
        cap_session(script, ns(most_s), speed);
    }
}

/// When the step at this position began in a recording that is played as fast as it was, in nanoseconds since the session's
/// start.
pub(crate) fn begins_ns(script: &Script, position: usize) -> u64 {
    match &script.steps[..=position] {
        // The first step waits for nothing, and most sessions begin with it.
        [first] => match first.start {
            Start::After(begin_ns) | Start::At(begin_ns) => begin_ns,
        },
        steps => spans(steps, 1.0).last().map_or(0, |span| span.begin_ns),
    }
}

/// The pause before the step at this position in a recording that is played as fast as it was: from the end of the steps that it
/// waits for, in nanoseconds.
pub(crate) fn pause_before_ns(script: &Script, position: usize) -> u64 {
    let spans = spans(&script.steps[..=position], 1.0);
    spans[position].begin_ns.saturating_sub(ready_ns(&script.steps[position], &spans))
}

/// When the last of the steps was over that a step waits for.
fn ready_ns(step: &Step, spans: &[Span]) -> u64 {
    step.after.iter().map(|before| spans[*before as usize].end_ns).max().unwrap_or(0)
}

/// When each of the first steps went on in the recording.
fn spans(steps: &[Step], speed: f64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(steps.len());
    for step in steps {
        let ready_ns = ready_ns(step, &spans);
        let begin_ns = match step.start {
            Start::After(delay_ns) => ready_ns.saturating_add(delay_ns),
            Start::At(offset_ns) => offset_ns.max(ready_ns),
        };
        let took_ns = step.recorded.took_ns.unwrap_or(0);
        spans.push(Span { begin_ns, end_ns: begin_ns.saturating_add(faster(took_ns, speed)) });
    }
    spans
}

fn at_instants(script: &mut Script, speed: f64) {
    let spans = spans(&script.steps, speed);
    for (step, span) in script.steps.iter_mut().zip(&spans) {
        step.start = Start::At(span.begin_ns);
    }
}

fn after_gaps(script: &mut Script, speed: f64) {
    let spans = spans(&script.steps, speed);
    put(script, &spans, |_| true);
}

fn at_once(script: &mut Script) {
    for step in &mut script.steps {
        step.start = Start::After(0);
    }
}

#[expect(clippy::float_cmp, reason = "exactly 1 is what nobody asked to change")]
fn multiply_delays(script: &mut Script, ratio: f64) {
    if ratio == 1.0 {
        return;
    }
    for step in &mut script.steps {
        if let Start::After(delay_ns) = &mut step.start {
            *delay_ns = faster(*delay_ns, 1.0 / ratio);
        }
    }
}

fn cap_delays(script: &mut Script, most_ns: u64) {
    for step in &mut script.steps {
        if let Start::After(delay_ns) = &mut step.start {
            *delay_ns = (*delay_ns).min(most_ns);
        }
    }
}

/// Cuts the times in which nothing of a session goes on.
fn cap_session(script: &mut Script, most_ns: u64, speed: f64) {
    let mut spans = spans(&script.steps, speed);
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|position| spans[*position].begin_ns);
    let (mut busy_until_ns, mut cut_ns) = (0_u64, 0_u64);
    for position in order {
        let span = &mut spans[position];
        cut_ns += span.begin_ns.saturating_sub(busy_until_ns).saturating_sub(most_ns);
        busy_until_ns = busy_until_ns.max(span.end_ns);
        *span = Span { begin_ns: span.begin_ns - cut_ns, end_ns: span.end_ns - cut_ns };
    }
    let is_gap: Vec<bool> = script.steps.iter().map(|step| matches!(step.start, Start::After(_))).collect();
    put(script, &spans, |position| is_gap[position]);
}

/// Gives each step the times of its span: a gap behind the steps that it waits for, or an instant.
fn put(script: &mut Script, spans: &[Span], is_gap: impl Fn(usize) -> bool) {
    for (position, step) in script.steps.iter_mut().enumerate() {
        let begin_ns = spans[position].begin_ns;
        step.start = if is_gap(position) {
            Start::After(begin_ns.saturating_sub(ready_ns(step, spans)))
        } else {
            Start::At(begin_ns)
        };
    }
}

/// Cuts the times in which no session goes on to so many seconds. Starts of sessions change only in a replay, whose sessions all
/// have one and stand in their order.
pub(super) fn cap_between(scripts: &mut [Script], most_s: f64, speed: f64) {
    let longest_ns = ns(most_s);
    let (mut busy_until_ns, mut cut_ns) = (0_u64, 0_u64);
    for script in scripts {
        let lasts_ns = spans(&script.steps, speed).iter().map(|span| span.end_ns).max().unwrap_or(0);
        let Some(start_ns) = &mut script.starts_ns else { continue };
        cut_ns += start_ns.saturating_sub(busy_until_ns).saturating_sub(longest_ns);
        busy_until_ns = busy_until_ns.max(start_ns.saturating_add(lasts_ns));
        *start_ns -= cut_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Message, Part, Step, script::Recorded};

    const SECOND: u64 = 1_000_000_000;

    fn step(start: Start, took_s: u64, after: &[u32]) -> Step {
        let recorded = Recorded { took_ns: Some(took_s * SECOND), ..Recorded::default() };
        let message = Message::user(vec![Part::text("x".into())]);
        Step { start, after: after.into(), recorded, ..Step::first(message) }
    }

    fn after(delay_s: u64) -> Start {
        Start::After(delay_s * SECOND)
    }

    fn at(offset_s: u64) -> Start {
        Start::At(offset_s * SECOND)
    }

    fn script(starts_s: Option<u64>, steps: Vec<Step>) -> Script {
        Script { id: "s".into(), starts_ns: starts_s.map(|at| at * SECOND), steps, category: None }
    }

    /// Two seconds of work; after 30 s two calls at once, of which one is short; after 4 s more the last one.
    fn agent() -> Script {
        let steps = vec![
            step(after(0), 2, &[]),
            step(after(30), 6, &[0]),
            step(after(30), 1, &[0]),
            step(after(4), 1, &[1, 2]),
        ];
        script(None, steps)
    }

    fn applied(mut script: Script, timing: RecordedTiming, speed: f64) -> Vec<Start> {
        apply(&mut script, &timing, speed, 1.0);
        script.steps.iter().map(|step| step.start).collect()
    }

    fn idle(most_s: f64) -> RecordedTiming {
        RecordedTiming { most_session_idle_s: Some(most_s), ..RecordedTiming::default() }
    }

    fn steps(steps: StepTiming) -> RecordedTiming {
        RecordedTiming { steps: Some(steps), ..RecordedTiming::default() }
    }

    #[test]
    fn without_recorded_times_steps_follow_each_other_at_once() {
        let timing = RecordedTiming { most_delay_s: Some(30.0), ..steps(StepTiming::AtOnce) };
        assert_eq!(applied(agent(), timing, 2.0), [after(0); 4]);
        let recorded = script(Some(0), vec![step(at(5), 1, &[]), step(at(9), 1, &[0])]);
        assert_eq!(applied(recorded, timing, 1.0), [after(0); 2]);
    }

    #[test]
    fn gaps_become_instants_and_instants_gaps() {
        let instants = applied(agent(), steps(StepTiming::Instants), 1.0);
        assert_eq!(instants, [at(0), at(32), at(32), at(42)]);
        let mut recorded = agent();
        recorded.steps.iter_mut().zip(&instants).for_each(|(step, start)| step.start = *start);
        assert_eq!(
            applied(recorded, steps(StepTiming::Gaps), 1.0),
            [after(0), after(30), after(30), after(4)]
        );
    }

    #[test]
    fn delays_are_cut_to_the_longest_one() {
        let timing = RecordedTiming { most_delay_s: Some(3.0), ..RecordedTiming::default() };
        assert_eq!(applied(agent(), timing, 1.0), [after(0), after(3), after(3), after(3)]);
    }

    #[test]
    fn instants_become_gaps_before_these_are_multiplied_and_cut_behind_that() {
        let recorded =
            || script(None, vec![step(at(0), 2, &[]), step(at(5), 1, &[0]), step(at(26), 1, &[1])]);
        let timing = RecordedTiming { most_delay_s: Some(30.0), ..steps(StepTiming::Gaps) };
        let starts = |ratio| {
            let mut script = recorded();
            apply(&mut script, &timing, 1.0, ratio);
            script.steps.iter().map(|step| step.start).collect::<Vec<_>>()
        };
        assert_eq!(starts(1.0), [after(0), after(3), after(20)]);
        assert_eq!(starts(2.0), [after(0), after(6), after(30)]);
        assert_eq!(starts(0.0), [after(0), after(0), after(0)]);
    }

    #[test]
    fn a_step_began_where_the_steps_before_it_led_to() {
        let begins = |position| begins_ns(&agent(), position) / SECOND;
        assert_eq!([begins(0), begins(1), begins(2), begins(3)], [0, 32, 32, 42]);
        let late = script(None, vec![step(after(5), 2, &[])]);
        assert_eq!(begins_ns(&late, 0), 5 * SECOND);
    }

    #[test]
    fn a_pause_is_what_lies_between_a_step_and_those_before_it() {
        let pause = |position| pause_before_ns(&agent(), position) / SECOND;
        assert_eq!([pause(0), pause(1), pause(2), pause(3)], [0, 30, 30, 4]);
        let recorded = script(None, vec![step(at(0), 2, &[]), step(at(5), 1, &[0])]);
        assert_eq!(pause_before_ns(&recorded, 1), 3 * SECOND);
    }

    #[test]
    fn idle_times_of_a_session_are_cut_and_nothing_else() {
        assert_eq!(applied(agent(), idle(10.0), 1.0), [after(0), after(10), after(10), after(4)]);
        assert_eq!(applied(agent(), idle(60.0), 1.0), [after(0), after(30), after(30), after(4)]);
    }

    #[test]
    fn instants_behind_an_idle_time_come_earlier() {
        let recorded = script(
            None,
            vec![step(at(0), 2, &[]), step(at(32), 6, &[0]), step(at(33), 1, &[0]), step(at(90), 1, &[1])],
        );
        assert_eq!(applied(recorded, idle(10.0), 1.0), [at(0), at(12), at(13), at(28)]);
    }

    /// A call that waits long beside another one that goes on is no idle time of the session.
    #[test]
    fn a_step_that_waits_while_others_go_on_keeps_its_time() {
        let recorded =
            script(None, vec![step(after(0), 50, &[]), step(after(0), 1, &[]), step(after(40), 1, &[1])]);
        assert_eq!(applied(recorded, idle(10.0), 1.0), [after(0), after(0), after(40)]);
    }

    #[test]
    fn responses_of_a_faster_replay_are_shorter() {
        let recorded = script(None, vec![step(at(0), 20, &[]), step(at(12), 1, &[0])]);
        // 2 s of work, then 10 s of idle time, of which 4 are left.
        assert_eq!(applied(recorded, idle(4.0), 10.0), [at(0), at(6)]);
    }

    #[test]
    fn times_without_any_session_are_cut() {
        let one = |starts_s| script(Some(starts_s), vec![step(after(0), 5, &[])]);
        let mut scripts = vec![one(0), one(3), one(100), one(102), one(500)];
        cap_between(&mut scripts, 10.0, 1.0);
        let starts: Vec<u64> = scripts.iter().map(|script| script.starts_ns.unwrap() / SECOND).collect();
        assert_eq!(starts, [0, 3, 18, 20, 35]);
    }
}
