//! One frame of the dashboard: where what stands. A pure function of the model and the size of the terminal.

use prony_plugin_api::live::RunNow;
use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Block, Clear, Gauge, Paragraph, Sparkline, Wrap},
};

use super::{
    agents,
    model::{Model, Point},
    panels::{self, HELP, KEYS, Row},
};

/// Nothing readable fits into less.
const LEAST: (u16, u16) = (60, 16);

/// Width of the left column: rates and requests.
const LEFT: u16 = 26;

/// Height of requests and percentiles, and the least one of the curves: one line for each.
const MIDDLE: u16 = 6;
const LEAST_CURVES: u16 = 5;

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (_, words) = panels::progress(model);
        let small = format!("{words}\nthe dashboard needs {} x {} characters", LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(small), area);
        return;
    }
    let notices = if area.height >= 40 { 6 } else { 2 };
    // What the curves and the panels below share.
    let rest = area.height.saturating_sub(3 + MIDDLE + notices);
    let [title, progress, upper, middle, lower, said, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length((rest * 2 / 5).max(LEAST_CURVES)),
        Constraint::Length(MIDDLE),
        Constraint::Fill(1),
        Constraint::Length(notices),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Line::styled(panels::title(model), bold()), title);
    draw_progress(frame, model, progress);
    draw_upper(frame, model, upper);
    draw_middle(frame, model, middle);
    draw_lower(frame, model, lower);
    draw_notices(frame, model, said);
    draw_keys(frame, model, keys);
    if model.shows_help {
        draw_help(frame, area);
    }
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn bad() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

fn draw_progress(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let (done, words) = panels::progress(model);
    match done {
        Some(done) => {
            let bar = Gauge::default().ratio(done).label(words).use_unicode(true);
            frame.render_widget(bar.gauge_style(Style::new().fg(Color::Cyan)), area);
        }
        None => frame.render_widget(Line::raw(words).alignment(Alignment::Center), area),
    }
}

/// A name, the value now, and what the curve is of.
type Curve = (&'static str, String, fn(&Point) -> f64);

/// Rates with their curves.
fn draw_upper(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let block = Block::bordered().title(" rates ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let recent = model.now.as_ref().map(|now| now.recent).unwrap_or_default();
    let first_token =
        recent.time_to_first_token_ms.map_or("-".to_owned(), |spread| panels::number(spread.p50));
    // What no agent has said yet is no rate.
    let is_known = model.now.as_ref().is_none_or(|now| now.agents.is_empty() || now.recent.seconds > 0.0);
    let rate = |value: f64| if is_known { panels::number(value) } else { "-".to_owned() };
    let curves: [Curve; 3] = [
        ("requests/s", rate(recent.requests_per_s), |point| point.requests_per_s),
        ("tokens/s", rate(recent.output_tokens_per_s), |point| point.tokens_per_s),
        ("first token ms", first_token, |point| point.first_token_ms.unwrap_or(0.0)),
    ];
    let rows = Layout::vertical([Constraint::Fill(1); 3]).split(inner);
    for ((name, value, of), row) in curves.into_iter().zip(rows.iter()) {
        let [label, curve] =
            Layout::horizontal([Constraint::Length(LEFT - 2), Constraint::Fill(1)]).areas(*row);
        frame.render_widget(Line::raw(format!("{name:<15}{value:>7}")), label);
        let values = scaled(model.points.iter().map(of), curve.width);
        frame.render_widget(Sparkline::default().data(values).style(Style::new().fg(Color::Cyan)), curve);
    }
}

/// The last of the values, as whole numbers that a curve can be drawn from.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and times from 0, times 1000"
)]
fn scaled(values: impl DoubleEndedIterator<Item = f64>, width: u16) -> Vec<u64> {
    let mut last: Vec<u64> = values.rev().take(width.into()).map(|value| (value * 1000.0) as u64).collect();
    last.reverse();
    last
}

/// Requests, and percentiles of the last seconds.
fn draw_middle(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let [left, right] = Layout::horizontal([Constraint::Length(LEFT), Constraint::Fill(1)]).areas(area);
    let now = model.now.as_ref();
    let seconds = now.map_or(0.0, |now| now.recent.seconds);
    draw_rows(frame, " requests ", now.map(panels::requests), left);
    draw_rows(frame, &format!(" last {seconds:.0} s "), now.map(panels::times), right);
}

/// Failures, the client and the servers.
fn draw_lower(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    let now = model.now.as_ref();
    if let Some(now) = now.filter(|now| !now.agents.is_empty()) {
        return draw_agents(frame, now, left, right);
    }
    let [client, servers] = Layout::vertical([Constraint::Length(4), Constraint::Fill(1)]).areas(right);
    draw_rows(frame, " failures ", now.map(panels::failures), left);
    draw_rows(frame, " client ", now.map(|now| panels::client(&now.client)), client);
    draw_rows(frame, " servers ", now.map(panels::servers), servers);
}

/// Agents, failures and servers. Who sends nothing cannot be what limits the load: how busy this machine is has no place here.
fn draw_agents(frame: &mut Frame<'_>, now: &RunNow, left: Rect, right: Rect) {
    let [failures, servers] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(right);
    let room = usize::from(left.height.saturating_sub(2));
    draw_rows(frame, &agents::title(now), Some(agents::rows(now, room)), left);
    draw_rows(frame, " failures ", Some(panels::failures(now)), failures);
    draw_rows(frame, " servers ", Some(panels::servers(now)), servers);
}

fn draw_rows(frame: &mut Frame<'_>, title: &str, rows: Option<Vec<Row>>, area: Rect) {
    let lines = rows.unwrap_or_default().into_iter().map(|row| {
        let style = if row.is_bad { bad() } else { Style::new() };
        Line::styled(row.text, style)
    });
    let lines: Vec<Line<'_>> = lines.collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title.to_owned())), area);
}

/// The latest ones that have room as a whole, the last one in any case.
fn draw_notices(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let lines_of = |text: &String| text.chars().count().div_ceil(usize::from(area.width.max(1)));
    let mut room = usize::from(area.height);
    let mut shown: Vec<&String> = Vec::new();
    for notice in model.notices.iter().rev() {
        let lines = lines_of(notice);
        if lines > room && !shown.is_empty() {
            break;
        }
        room = room.saturating_sub(lines);
        shown.push(notice);
    }
    let lines: Vec<Line<'_>> = shown.into_iter().rev().map(|text| Line::raw(text.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}

fn draw_keys(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let keys = if model.is_paused { format!("{KEYS}   PAUSED: the run goes on") } else { KEYS.to_owned() };
    frame.render_widget(Line::styled(keys, Style::new().add_modifier(Modifier::REVERSED)), area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (54, 11);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::raw(*line)).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), place);
}
