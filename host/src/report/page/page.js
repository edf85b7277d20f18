"use strict";
(async () => {
  const $ = (id) => document.getElementById(id);
  const say = (text) => { $("explorer-status").textContent = text; };
  const block = $("rows");
  if (!block) return;
  if (typeof DecompressionStream === "undefined") {
    say("This browser is too old to open the requests on this page: it has no DecompressionStream.");
    return;
  }

  // The form of the rows is described in host/src/report/page/columns.rs.
  const text = atob(block.textContent.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const headLength = new DataView(bytes.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headLength)));
  let at = 4 + headLength;
  const number = () => {
    let value = 0, scale = 1, byte;
    do { byte = bytes[at++]; value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
    return value;
  };
  const unfold = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);
  const count = head.rows;
  const read = (next) => { const column = new Float64Array(count); for (let i = 0; i < count; i++) column[i] = next(i); return column; };
  const col = {}, steps = {};
  for (const name of head.columns) {
    if (name === "session" || name === "due") {
      let before = 0;
      col[name] = read(() => (before += unfold(number())));
    } else if (head.may_lack.includes(name)) {
      col[name] = read(() => number() - 1);
    } else {
      col[name] = read(name === "latency" ? () => unfold(number()) : number);
    }
    if (name === "due") readSteps();
  }
  function readSteps() {
    const last = new Float64Array(count);
    for (const step of head.steps) {
      steps[step] = read((i) => {
        const value = number();
        return value === 0 ? -1 : (last[i] += unfold(value - 1));
      });
    }
  }
  for (let i = 0; i < count; i++) {
    const sent = steps.sent[i] >= 0 ? steps.sent[i] : Math.max(steps.started[i], 0);
    col.latency[i] += Math.max(steps.end[i] - sent, 0);
  }
  const detail = new Map();
  for (const known of head.details) {
    known.gapsUs = Array.from({ length: known.kept }, number);
    detail.set(known.row, known);
  }
  const ids = at;
  const requestId = (i) => {
    const hex = Array.from(bytes.subarray(ids + 16 * i, ids + 16 * i + 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return /^0*$/.test(hex) ? "" : hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  const OUTCOMES = ["succeeded", "failed", "cancelled", "context too long"];
  const outcome = (i) => col.ended[i] & 3;
  // A phase that nothing is known of counts as measured.
  const isMeasured = (i) => head.measured[col.phase[i]] !== false;
  const conversation = (i) => head.conversations[col.conversation[i]];
  const failure = (i) => (col.failure[i] >= 0 ? head.failures[col.failure[i]] : null);
  const firstToken = (i) => (steps.first_token[i] >= 0 && steps.sent[i] >= 0 ? (steps.first_token[i] - steps.sent[i]) / 1e3 : NaN);
  const orNone = (value) => (value < 0 ? NaN : value);
  const VALUES = {
    due: { label: "due (s)", of: (i) => col.due[i] / 1e6 },
    latency: { label: "latency (ms)", of: (i) => col.latency[i] / 1e3 },
    first: { label: "TTFT (ms)", of: firstToken },
    inter: { label: "ITL (ms)", of: (i) => orNone(col.inter_token[i]) / 1e3 },
    gap: { label: "worst gap (ms)", of: (i) => (col.reads[i] > 0 ? col.worst_gap[i] / 1e3 : NaN) },
    input: { label: "input tokens", of: (i) => orNone(col.input[i]) },
    output: { label: "output tokens", of: (i) => orNone(col.output[i]) },
    late: { label: "sent late by (ms)", of: (i) => orNone(steps.sent[i]) / 1e3 },
  };
  const show = (value) => {
    if (!Number.isFinite(value)) return "";
    const size = Math.abs(value);
    return value.toLocaleString("en", { maximumFractionDigits: size >= 1000 ? 0 : size >= 10 ? 1 : 3 });
  };
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  // What is looked for.
  const state = { sort: "latency", down: true, page: 0, chosen: -1, span: null, shown: [] };
  const PAGE = 20;
  const axis = (id) => VALUES[$(id).value];
  function filter() {
    const words = $("search").value.trim().toLowerCase();
    const wanted = $("outcome").value, least = Number($("least").value) || 0, phase = $("phase").value, kind = $("class").value;
    const x = axis("x");
    const shown = [];
    for (let i = 0; i < count; i++) {
      if (wanted === "bad" ? col.ended[i] >> 2 !== 2 : wanted !== "" && outcome(i) !== Number(wanted)) continue;
      if (phase === "measured" ? !isMeasured(i) : phase !== "" && col.phase[i] !== Number(phase)) continue;
      if (kind !== "" && col.class[i] !== Number(kind)) continue;
      if (col.latency[i] / 1e3 < least) continue;
      if (state.span && !(x.of(i) >= state.span[0] && x.of(i) <= state.span[1])) continue;
      if (words && !matches(i, words)) continue;
      shown.push(i);
    }
    const of = VALUES[state.sort].of, sign = state.down ? -1 : 1;
    const key = Float64Array.from({ length: count }, () => NaN);
    for (const i of shown) key[i] = of(i);
    // Rows without the value stand last, whichever way they are sorted.
    shown.sort((a, b) => {
      const lacks = Number(Number.isNaN(key[a])) - Number(Number.isNaN(key[b]));
      return lacks || (Number.isNaN(key[a]) ? 0 : sign * (key[a] - key[b])) || a - b;
    });
    state.shown = shown;
    state.page = 0;
    draw();
    list();
  }
  function matches(i, words) {
    if (conversation(i).toLowerCase().includes(words) || requestId(i).includes(words)) return true;
    const said = failure(i);
    return said !== null && `${said.kind} ${said.code ?? ""} ${said.message}`.toLowerCase().includes(words);
  }

  // The table.
  const COLUMNS = ["due", "latency", "first", "inter", "gap", "input", "output"];
  function headers() {
    const row = $("list-head");
    const request = make("th", "request", "text");
    request.scope = "col";
    row.append(request);
    for (const name of COLUMNS) {
      const header = make("th"), button = make("button", VALUES[name].label);
      header.scope = "col";
      header.dataset.name = name;
      button.type = "button";
      button.addEventListener("click", () => {
        state.down = state.sort === name ? !state.down : true;
        state.sort = name;
        filter();
      });
      header.append(button);
      row.append(header);
    }
    const ended = make("th", "outcome", "text");
    ended.scope = "col";
    row.append(ended);
  }
  function list() {
    for (const header of $("list-head").children) {
      if (header.dataset.name === state.sort) header.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
    const from = state.page * PAGE;
    const rows = state.shown.slice(from, from + PAGE).map(line);
    $("list-body").replaceChildren(...rows);
    $("earlier").disabled = from === 0;
    $("later").disabled = from + PAGE >= state.shown.length;
    const last = Math.min(from + PAGE, state.shown.length);
    say(state.shown.length ? `${(from + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${state.shown.length.toLocaleString("en")} requests` : "No request is like this.");
  }
  function line(i) {
    const row = make("tr", undefined, i === state.chosen ? "chosen" : "");
    const name = make("th"), button = make("button", `${conversation(i)} · ${col.turn[i] + 1}${isMeasured(i) ? "" : " (warm-up)"}`);
    name.scope = "row";
    button.type = "button";
    button.addEventListener("click", () => choose(i));
    name.append(button);
    row.append(name, ...COLUMNS.map((column) => make("td", show(VALUES[column].of(i)))));
    const said = failure(i);
    row.append(make("td", OUTCOMES[outcome(i)] + (said ? `: ${said.kind}` : "") + (col.ended[i] >> 2 === 2 ? ", not good" : ""), outcome(i) === 1 ? "text bad" : "text"));
    return row;
  }

  // One request.
  const PARTS = [
    ["waiting to be sent", "due", "started"], ["DNS, TCP, TLS", "connecting", "connected"], ["sending", "connected", "sent"],
    ["until the response began", "sent", "first_byte"], ["until the first token", "first_byte", "first_token"], ["tokens", "first_token", "last_token"], ["until the end", "last_token", "end"],
  ];
  function parts(i) {
    const instant = (name) => (name === "due" ? 0 : steps[name][i]);
    const found = [];
    let reached = 0;
    for (const [what, , to] of PARTS) {
      const end = instant(to);
      if (end < 0) continue;
      if (end > reached) found.push([what, reached, end]);
      reached = Math.max(reached, end);
    }
    return found;
  }
  function choose(i) {
    state.chosen = i;
    const box = $("one"), said = failure(i), known = detail.get(i);
    const facts = make("dl", undefined, "facts");
    const fact = (name, value) => { if (value !== "" && value !== undefined && value !== null) facts.append(make("dt", name), make("dd", value)); };
    fact("request id", requestId(i));
    fact("outcome", OUTCOMES[outcome(i)] + (col.ended[i] >> 2 === 1 ? ", good" : col.ended[i] >> 2 === 2 ? ", not good" : ""));
    fact("HTTP status", col.status[i] >= 0 ? String(col.status[i]) : "");
    fact("phase", head.phases[col.phase[i]]);
    fact("class", head.classes[col.class[i]]);
    for (const name of ["due", "late", "latency", "first", "inter", "gap", "input", "output"]) fact(VALUES[name].label, show(VALUES[name].of(i)));
    if (known) {
      fact("model", known.model);
      fact("finish reason", (known.finish_reasons || []).join(", "));
      for (const [name, value] of known.facts || []) fact(name, value);
    }
    const all = parts(i), total = all.length ? all[all.length - 1][2] : 1;
    const bar = make("div", undefined, "steps"), table = make("table"), body = make("tbody");
    bar.setAttribute("aria-hidden", "true");
    all.forEach(([what, from, to], place) => {
      const piece = make("i", undefined, `v${place % 6}`), row = make("tr");
      piece.style.flex = String(to - from);
      piece.title = what;
      bar.append(piece);
      row.append(make("th", what), make("td", `${show((to - from) / 1e3)} ms`), make("td", `${show((100 * (to - from)) / total)} %`));
      row.firstChild.scope = "row";
      body.append(row);
    });
    table.append(make("caption", "What its time went to, from when it was due"), body);
    box.replaceChildren(make("h3", `${conversation(i)}, request ${col.turn[i] + 1}`), facts, bar, table);
    if (said) {
      box.append(make("h3", said.code === undefined ? said.kind : `${said.kind} (${said.code})`), make("pre", [said.message || "What was said stands in profile_export.jsonl.", ...(said.causes || []), said.hint].filter(Boolean).join("\n")));
    }
    if (known && known.gapsUs.length) box.append(...gaps(known));
    box.append(...others(i));
    box.hidden = false;
    list();
    draw();
    box.focus();
    box.scrollIntoView({ block: "nearest" });
  }
  function gaps(known) {
    const canvas = make("canvas", undefined, "gaps");
    const worst = Math.max(...known.gapsUs), place = known.gapsUs.indexOf(worst);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Gaps between reads with tokens: the longest, ${show(worst / 1e3)} ms, behind read ${place + 1}`);
    requestAnimationFrame(() => {
      const { pen, width, height, colour } = open(canvas);
      const wide = width / known.gapsUs.length;
      pen.fillStyle = colour("--c0");
      known.gapsUs.forEach((gap, n) => { const high = (gap / worst) * (height - 4); pen.fillRect(n * wide, height - high, Math.max(wide - (wide > 3 ? 1 : 0), 0.5), high); });
    });
    const more = known.gaps > known.kept ? ` The first ${known.kept} of ${known.gaps} gaps.` : "";
    return [make("h3", "Gaps between reads with tokens"), canvas, make("p", `Longest: ${show(worst / 1e3)} ms, behind read ${place + 1}.${more}`, "note")];
  }
  function others(i) {
    const same = [];
    for (let j = 0; j < count; j++) if (col.session[j] === col.session[i] && col.phase[j] === col.phase[i]) same.push(j);
    if (same.length < 2) return [];
    const table = make("table"), body = make("tbody");
    same.sort((a, b) => col.due[a] - col.due[b]);
    for (const j of same.slice(0, 100)) body.append(line(j));
    const names = make("tr");
    ["request", ...COLUMNS.map((name) => VALUES[name].label), "outcome"].forEach((name) => { const header = make("th", name); header.scope = "col"; names.append(header); });
    const top = make("thead"), box = make("div", undefined, "scroll");
    top.append(names);
    table.append(top, body);
    box.append(table);
    return [make("h3", `Requests of this session (${same.length})`), box];
  }

  // The picture of all points.
  function open(canvas) {
    const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    return { pen, width, height, colour: (name) => style.getPropertyValue(name).trim() };
  }
  const canvas = $("points");
  const EDGE = { left: 58, right: 10, top: 10, bottom: 34 };
  let view = null;
  function scaleOf(values, is_log, from, to) {
    let low = Infinity, high = -Infinity;
    for (const value of values) if (Number.isFinite(value) && (!is_log || value > 0)) { low = Math.min(low, value); high = Math.max(high, value); }
    if (low > high) [low, high] = is_log ? [1, 10] : [0, 1];
    if (!is_log) low = Math.min(low, 0) === low ? low : high / Math.max(low, 1e-9) > 3 ? 0 : low;
    if (low === high) { high = is_log ? low * 2 : low + 1; }
    const map = is_log ? Math.log : (value) => value;
    const place = (value) => from + ((map(value) - map(low)) / (map(high) - map(low))) * (to - from);
    const back = (at) => { const value = map(low) + ((at - from) / (to - from)) * (map(high) - map(low)); return is_log ? Math.exp(value) : value; };
    return { place, back, ticks: ticks(low, high, is_log) };
  }
  function ticks(low, high, is_log) {
    const found = [];
    if (is_log) {
      const few = Math.log10(high / low) < 2.5 ? [1, 2, 5] : [1];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) for (const n of few) { const tick = n * 10 ** power; if (tick >= low && tick <= high) found.push(tick); }
      // A narrow range has too few of them, and is nearly linear.
      if (found.length >= 3) return found;
      found.length = 0;
    }
    const raw = (high - low) / 5, size = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= raw);
    for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) found.push(tick);
    return found;
  }
  function draw() {
    const { pen, width, height, colour } = open(canvas);
    const rows = state.shown, x = axis("x"), y = axis("y");
    const xs = rows.map(x.of), ys = rows.map(y.of);
    const across = scaleOf(xs, false, EDGE.left, width - EDGE.right), up = scaleOf(ys, $("log").checked, height - EDGE.bottom, EDGE.top);
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.strokeStyle = colour("--rule");
    pen.fillStyle = colour("--faint");
    pen.textAlign = "right";
    for (const tick of up.ticks) { const at = up.place(tick); pen.beginPath(); pen.moveTo(EDGE.left, at); pen.lineTo(width - EDGE.right, at); pen.stroke(); pen.fillText(show(tick), EDGE.left - 6, at + 4); }
    pen.textAlign = "center";
    for (const tick of across.ticks) pen.fillText(show(tick), across.place(tick), height - EDGE.bottom + 16);
    pen.textAlign = "right";
    pen.fillText(x.label, width - EDGE.right, height - 4);
    pen.textAlign = "left";
    pen.fillText(y.label, EDGE.left + 4, EDGE.top + 8);
    const size = rows.length > 20000 ? 1.5 : rows.length > 2000 ? 2.5 : 4;
    const colours = ["--c0", "--bad", "--c4", "--c3"].map(colour);
    pen.globalAlpha = rows.length > 5000 ? 0.5 : 0.8;
    let absent = 0, below = 0;
    for (const kind of [0, 2, 3, 1]) {
      pen.fillStyle = pen.strokeStyle = colours[kind];
      pen.beginPath();
      for (let n = 0; n < rows.length; n++) {
        if (outcome(rows[n]) !== kind) continue;
        if (!Number.isFinite(xs[n]) || !Number.isFinite(ys[n])) { absent++; continue; }
        const left = across.place(xs[n]), top = up.place(ys[n]);
        if (!Number.isFinite(top)) { below++; continue; }
        // Each outcome has a form of its own: not the colour alone says what it is.
        if (kind === 0) pen.fillRect(left - size / 2, top - size / 2, size, size);
        else if (kind === 1) { pen.moveTo(left - 4, top - 4); pen.lineTo(left + 4, top + 4); pen.moveTo(left - 4, top + 4); pen.lineTo(left + 4, top - 4); }
        else if (kind === 2) { pen.moveTo(left + 4, top); pen.arc(left, top, 4, 0, 2 * Math.PI); }
        else { pen.moveTo(left, top - 4); pen.lineTo(left + 4, top + 4); pen.lineTo(left - 4, top + 4); pen.closePath(); }
      }
      if (kind !== 0) pen.stroke();
    }
    pen.globalAlpha = 1;
    const n = rows.indexOf(state.chosen);
    if (n >= 0) { pen.strokeStyle = colour("--ink"); pen.lineWidth = 2; pen.beginPath(); pen.arc(across.place(xs[n]), up.place(ys[n]), 8, 0, 2 * Math.PI); pen.stroke(); pen.lineWidth = 1; }
    view = { rows, xs, ys, across, up, height };
    const lacking = [absent && `${absent.toLocaleString("en")} lack one of the two values`, below && `${below.toLocaleString("en")} are 0 or less, which has no place on a logarithmic axis`].filter(Boolean);
    $("without-point").textContent = lacking.length ? `Without a point: ${lacking.join(", ")}. The table has them.` : "";
  }
  let pressed = null, picture = null;
  const inside = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => {
    pressed = inside(event);
    // What is drawn is kept, so that a drag does not draw every point again.
    picture = make("canvas");
    picture.width = canvas.width;
    picture.height = canvas.height;
    picture.getContext("2d").drawImage(canvas, 0, 0);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pressed) return;
    const [now] = inside(event);
    const pen = canvas.getContext("2d");
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    pen.restore();
    pen.globalAlpha = 0.15;
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
    pen.fillRect(Math.min(pressed[0], now), EDGE.top, Math.abs(now - pressed[0]), view.height - EDGE.top - EDGE.bottom);
    pen.globalAlpha = 1;
  });
  canvas.addEventListener("pointercancel", () => { if (pressed) { pressed = null; draw(); } });
  window.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    const from = pressed, to = inside(event);
    pressed = null;
    if (Math.abs(to[0] - from[0]) < 6) { draw(); nearest(from); return; }
    state.span = [from[0], to[0]].map(view.across.back).sort((a, b) => a - b);
    filter();
  });
  function nearest([left, top]) {
    let best = -1, least = 20 * 20;
    for (let n = 0; n < view.rows.length; n++) {
      const across = view.across.place(view.xs[n]) - left, up = view.up.place(view.ys[n]) - top, far = across * across + up * up;
      if (far < least) { least = far; best = view.rows[n]; }
    }
    if (best >= 0) choose(best);
  }

  // Beginning.
  const options = (id, names) => {
    const select = $(id);
    names.forEach((name, place) => { const option = make("option", name); option.value = String(place); select.append(option); });
    select.parentElement.hidden = names.length < 2;
  };
  options("phase", head.phases);
  // Of a run that measured nothing, everything is shown.
  const first = head.measured.some(Boolean) ? "measured" : "";
  $("phase").value = first;
  options("class", head.classes);
  for (const id of ["x", "y"]) for (const [name, { label }] of Object.entries(VALUES)) { const option = make("option", label); option.value = name; $(id).append(option); }
  $("x").value = "due";
  $("y").value = col.reads.some((reads) => reads > 0) ? "first" : "latency";
  headers();
  let typing = 0;
  for (const id of ["search", "least"]) $(id).addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 150); });
  for (const id of ["outcome", "phase", "class"]) $(id).addEventListener("change", filter);
  $("x").addEventListener("change", () => { state.span = null; filter(); });
  for (const id of ["y", "log"]) $(id).addEventListener("change", draw);
  $("all").addEventListener("click", () => { state.span = null; $("search").value = $("least").value = $("outcome").value = $("phase").value = $("class").value = ""; filter(); });
  $("earlier").addEventListener("click", () => { state.page--; list(); });
  $("later").addEventListener("click", () => { state.page++; list(); });
  $("explorer-tools").hidden = false;
  let sizing = 0;
  window.addEventListener("resize", () => { cancelAnimationFrame(sizing); sizing = requestAnimationFrame(draw); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  filter();
})().catch((error) => {
  document.getElementById("explorer-status").textContent = `The requests on this page cannot be shown: ${error.message}`;
  throw error;
});
