"use strict";
// Shows what /api/events tells. Texts are set as texts: nothing of a server's becomes markup.
const byId = (id) => document.getElementById(id);
const points = [];
let before = null;

function number(value) {
  if (value === null || value === undefined) return "–";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function rows(id, list) {
  byId(id).replaceChildren(...list.map((cells) => {
    const row = document.createElement("tr");
    cells.forEach((cell, place) => {
      const element = document.createElement(place === 0 ? "th" : "td");
      if (place === 0) element.scope = "row";
      element.textContent = cell;
      row.append(element);
    });
    return row;
  }));
}

function spread(name, value) {
  if (!value) return [name, "–", "", "", "", ""];
  return [name, number(value.p50), number(value.p90), number(value.p99), number(value.max), String(value.count)];
}

function draw() {
  const canvas = byId("tokens");
  const context = canvas.getContext("2d");
  const most = Math.max(1, ...points);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 2;
  context.beginPath();
  points.forEach((value, place) => {
    const x = (place / 239) * canvas.width;
    const y = canvas.height - 2 - (value / most) * (canvas.height - 4);
    if (place === 0) context.moveTo(x, y); else context.lineTo(x, y);
  });
  context.stroke();
}

function note(now) {
  const phase = now.phase;
  if (!before || before.phase.index !== phase.index) points.length = 0;
  else if (phase.elapsed_s > before.phase.elapsed_s) {
    const tokens = now.requests.output_tokens - before.requests.output_tokens;
    points.push(Math.max(0, tokens) / (phase.elapsed_s - before.phase.elapsed_s));
    if (points.length > 240) points.shift();
  }
  before = now;
}

function show(now) {
  const { phase, requests, recent, client, agents } = now;
  note(now);
  byId("phase").textContent = phase.phases > 1 ? `${phase.name} (${phase.index + 1} of ${phase.phases})` : phase.name;
  byId("load").textContent = phase.load;
  byId("state").textContent = phase.is_over ? "the phase is over" : "running";
  const ended = requests.succeeded + requests.failed + requests.cancelled_on_purpose + requests.overflowed;
  const parts = [phase.most_requests ? ended / phase.most_requests : 0, phase.most_seconds ? phase.elapsed_s / phase.most_seconds : 0];
  const bar = byId("progress");
  if (phase.most_requests || phase.most_seconds) bar.value = Math.min(1, Math.max(...parts)); else bar.removeAttribute("value");
  const of = phase.most_requests ? ` of ${phase.most_requests}` : "";
  byId("far").textContent = `${ended}${of} requests, ${phase.elapsed_s.toFixed(0)} s`;
  // What no agent has said yet is no rate.
  const rate = (value) => number(agents.length && recent.seconds === 0 ? null : value);
  rows("rates", [
    ["requests/s", rate(recent.requests_per_s)],
    ["output tokens/s", rate(recent.output_tokens_per_s)],
    ["failures/s", rate(recent.failed_per_s)],
  ]);
  byId("seconds").textContent = recent.seconds.toFixed(0);
  rows("times", [
    spread("first token", recent.time_to_first_token_ms),
    spread("inter-token", recent.inter_token_latency_ms),
    spread("request", recent.request_latency_ms),
  ]);
  rows("requests", [
    ["in flight", String(requests.in_flight)], ["succeeded", String(requests.succeeded)], ["failed", String(requests.failed)],
    ["cancelled on purpose", String(requests.cancelled_on_purpose)], ["context too long", String(requests.overflowed)],
  ]);
  byId("of-agents").hidden = agents.length === 0;
  rows("agents", agents.map((it) => [
    it.name, number(it.requests_per_s), it.in_flight === null ? "–" : String(it.in_flight), it.lateness_ms ? number(it.lateness_ms.p99) : "–",
    it.is_lost ? "lost" : it.heard_s_ago === null ? "not yet" : `${it.heard_s_ago.toFixed(0)} s ago`,
  ]));
  const failures = now.failures.map((it) => [`${it.kind} ${it.code ?? ""}: ${it.message}`, String(it.count)]);
  rows("failures", failures.length ? failures : [["none", ""]]);
  const busy = client.machine_busy === null ? "–" : `${(client.machine_busy * 100).toFixed(0)} %`;
  rows("client", [
    ["processors in use", `${number(client.busy_processors)} of ${client.processors}`], ["machine busy", busy],
    ["sent late", `${client.sent_late} of ${client.sent}`], ["lateness p99, ms", client.lateness_ms ? number(client.lateness_ms.p99) : "–"],
  ]);
  const servers = now.servers.map((it) => [it.url, it.error ?? `${number(it.running)} running, ${number(it.waiting)} waiting`]);
  rows("servers", servers.length ? servers : [["no metrics page", ""]]);
  draw();
}

const source = new EventSource("/api/events");
source.addEventListener("now", (event) => show(JSON.parse(event.data)));
source.addEventListener("end", () => { source.close(); byId("state").textContent = "the run is over; its results are in its folder"; });
source.addEventListener("error", () => { byId("state").textContent = "prony does not answer: the run is over, or cannot be reached"; });
