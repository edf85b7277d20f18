#!/usr/bin/env python3
"""Every metric of a run, computed from its journal by another program than prony.

    tests/numbers/independent.py JOURNAL...          prints JSON: statistics by metric, for each journal
    tests/numbers/independent.py --compare DIR...    compares each folder's summary with its journal, to 1e-9
    tests/numbers/independent.py --same DIR...       compares each folder's `independent.json` with its journal, to 1e-9
    tests/numbers/independent.py --write DIR...      writes `independent.json` into each folder

It shares nothing with prony but the form of the journal (`journal.py`) and the definitions (`prony metrics TAG`). It needs numpy and scipy. Journals of version 3 are read, if they are undamaged.
"""

import json
import math
import pathlib
import sys

import numpy
import scipy.stats

from journal import Run, union

PERCENTILES = ["p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p99.9"]
TOLERANCE = 1e-9
# The rounding of a difference of numbers that are alike.
SMALLEST = 1e-12


# ---- one request

def outcome(record):
    """ok, failed, cancelled, on purpose, or overflow."""
    told = record.get("outcome", "ok")
    if told == "ok":
        return "ok"
    (how, why), = told.items()
    kind = why.get("type")
    if how == "cancelled":
        return "on purpose" if kind == "request_cancelled" else "cancelled"
    return "overflow" if kind == "context_overflow" else "failed"


def ms(start, end):
    return None if start is None or end is None or end < start else (end - start) / 1e6


def divided(a, b):
    return None if a is None or not b else a / b


def later_tokens(record, run):
    """Output tokens that came behind the first read of their choice."""
    usage, counted = record.get("usage") or {}, record.get("counted", {})
    completion, choices = usage.get("completion"), record.get("choices")
    visible = None
    if completion is not None:
        hidden = 0 if record.get("reasoning_chars", 0) else usage.get("reasoning") or 0
        visible = completion - hidden if completion >= hidden else None
    own, first_own = counted.get("output"), counted.get("first_arrival")
    own_later = own - first_own if own is not None and first_own is not None and own > first_own else None
    if visible:
        first = record.get("first_read_usage")
        if first and completion > first:
            return completion - first
        events = record["token_events"]
        first = choices["first_events"] if choices else record.get("first_read_events", 0)
        if visible >= events and visible - events <= events // 50 and 0 < first < events:
            return visible - first
    elif own_later is not None:
        return own_later
    whole = visible or (None if run.only_server_counts else own)
    if not whole:
        return None
    if own_later is not None:
        return whole * own_later / own
    chars, first_chars = record.get("text_chars", 0), record.get("first_read_chars", 0)
    if 0 < first_chars < chars:
        return whole * (chars - first_chars) / chars
    several = choices["count"] if choices else 1
    return whole - several if whole > several else None


def output_tokens(record, run):
    completion = (record.get("usage") or {}).get("completion")
    if completion is not None or run.only_server_counts:
        return completion
    return record.get("counted", {}).get("output")


def input_tokens(record, run):
    if run.only_server_counts:
        return (record.get("usage") or {}).get("prompt")
    return record.get("counted", {}).get("input")


def streamed_ns(record):
    if record.get("choices"):
        return record["choices"]["streamed_ns"]
    at = record["instants"]
    first, last = at.get("first_token"), at.get("last_token")
    return None if first is None or last is None or last < first else last - first


def of_request(record, run):
    """What a successful request measures, by metric."""
    at, counted, usage = record["instants"], record.get("counted", {}), record.get("usage") or {}
    facts = {name: int(value) for name, value in record.get("facts", []) if value.isdigit()}
    sent, due, end = at.get("sent"), at["scheduled"], at["end"]
    is_open = record.get("phase", 0) in run.open
    gaps = record.get("chunk_gaps_ns", [])
    osl, isl, requested = output_tokens(record, run), input_tokens(record, run), record.get("requested_output_tokens")
    reads = (record["choices"]["reads"] if record.get("choices") else len(gaps) + 1) if at.get("first_token") is not None else None
    streamed = streamed_ns(record)
    later = later_tokens(record, run) if streamed else None
    found = {}
    ttft = found["time_to_first_token"] = ms(sent, at.get("first_token"))
    found["time_to_first_token_from_schedule"] = ms(due, at.get("first_token")) if is_open else None
    found["time_to_second_token"] = gaps[0] / 1e6 if gaps else None
    reasoned = (counted.get("reasoning") or 0) > 0 or (usage.get("reasoning") or 0) > 0 or \
        (at.get("first_output_token") or -1) > (at.get("first_token") or -1)
    found["time_to_first_output_token"] = ms(sent, at.get("first_output_token")) if reasoned else None
    found["time_to_first_byte"] = ms(sent, at.get("first_byte"))
    latency = found["request_latency"] = ms(due if is_open else sent, end)
    found["request_service_time"] = ms(sent, end) if is_open else None
    found["effective_latency"] = ms(due, end)
    found["submit_latency"] = ms(sent, at.get("accepted"))
    found["follow_up_count"] = record.get("follow_ups") or None
    itl = found["inter_token_latency"] = divided(streamed / 1e6, later) if streamed and later else None
    found["output_token_throughput_per_user"] = divided(1e3, itl)
    found["e2e_output_token_throughput"] = divided(osl, latency and latency / 1e3)
    found["prefill_throughput_per_user"] = divided(isl, ttft and ttft / 1e3)
    found["decode_duration"] = ms(at.get("first_token"), at.get("last_token"))
    found["max_inter_chunk_latency"] = max(gaps) / 1e6 if gaps else None
    found["stream_prefill_latency"] = ms(at.get("first_byte"), at.get("first_token"))
    found["output_sequence_length"], found["input_sequence_length"] = osl, isl
    own, thought = counted.get("output"), counted.get("reasoning") or 0
    answer = found["output_token_count"] = None if own is None else max(own - thought, 0)
    found["reasoning_token_count"] = thought or None
    found["thinking_efficiency"] = divided(thought or None, answer)
    found["requested_osl"] = requested
    found["osl_mismatch_diff_pct"] = None if osl is None or not requested else 100 * (osl - requested) / requested
    for tag, name in [("prompt_tokens", "prompt"), ("completion_tokens", "completion"), ("total_tokens", "total"),
                      ("reasoning_tokens", "reasoning"), ("prompt_cache_read_tokens", "cache_read"),
                      ("prompt_cache_write_tokens", "cache_write")]:
        found[f"usage_{tag}"] = usage.get(name)
    for tag, server, here in [("prompt", usage.get("prompt"), counted.get("input")),
                              ("completion", usage.get("completion"), own),
                              ("reasoning", usage.get("reasoning"), counted.get("reasoning"))]:
        known = server is not None and here
        found[f"usage_{tag}_tokens_diff_pct"] = 100 * abs(server - here) / here if known else None
    steps, drafted, accepted = (facts.get(f"spec_decode_{name}")
                                for name in ("steps", "draft_tokens", "accepted_draft_tokens"))
    found["spec_decode_steps"], found["spec_decode_draft_tokens"] = steps, drafted
    found["spec_decode_accepted_draft_tokens"] = accepted
    if None not in (steps, drafted, accepted):
        found["spec_decode_acceptance_length"] = 1 + accepted / steps if steps else None
        found["spec_decode_draft_acceptance_rate"] = divided(100 * accepted, drafted)
        found["spec_decode_accepted_per_verified"] = divided(accepted + steps, drafted + steps)
    found["tokens_per_read"] = divided(osl, reads)
    found["token_events_per_read"] = divided(record["token_events"] or None, reads)
    for tag, name in [("num_images", "input_images"), ("num_videos", "input_videos"), ("embedding_count", "embeddings"),
                      ("ranking_count", "rankings"), ("media_count", "media"), ("media_bytes", "media_bytes")]:
        found[tag] = record.get(name) or None
    images, audio = found["num_images"], record.get("input_audio_s")
    found["image_latency"] = divided(latency, images)
    found["image_throughput"] = divided(images, latency and latency / 1e3)
    found["audio_duration"], found["rtfx"] = audio, divided(audio, latency and latency / 1e3)
    found["schedule_lateness"], found["send_lateness"] = ms(due, at["started"]), ms(due, sent)
    opened, connected = at.get("connect_start"), at.get("connected")
    found["connection_time"] = ms(opened, connected)
    if sent is not None and run.settings["export_http_trace"]:
        found["http_req_waiting"] = found["time_to_first_byte"]
        opening = ms(opened, connected) or 0
        found["http_req_dns_lookup"] = ms(opened, at.get("resolved")) or 0
        found["http_req_connecting"] = ms(at.get("resolved") or opened, connected) or 0
        found["http_req_connection_overhead"] = opening
        found["http_req_sending"] = ms(at["started"], sent) - opening
        found["http_req_receiving"] = ms(at.get("first_byte"), end)
        found["http_req_total"] = ms(at["started"], end)
        found["http_req_duration"] = found["http_req_total"] - opening
        found["http_req_connection_reused"] = 1 if opened is None else 0
        found["http_req_data_received"] = record["response_bytes"]
    return {tag: value for tag, value in found.items() if value is not None}


def good(record, values, run):
    """Whether it keeps to its objectives; None where that is not judged."""
    bounds = run.settings.get("goodput", [])
    classes = run.settings.get("classes", {}).get("list", [])
    if classes and classes[record.get("class", 0)].get("goodput") is not None:
        bounds = classes[record.get("class", 0)]["goodput"]
    if not bounds or outcome(record) in ("on purpose", "overflow"):
        return None
    if outcome(record) != "ok":
        return False

    def keeps(bound):
        value = values.get(bound["metric"])
        if value is None:
            pace = ("inter_token_latency", "output_token_throughput_per_user", "time_to_second_token")
            tokens = output_tokens(record, run)
            return bound["metric"] in pace and tokens is not None and tokens <= 1
        value = abs(value)
        return value >= bound["bound"] if bound.get("at_least") else value <= bound["bound"]

    return all(keeps(bound) for bound in bounds)


# ---- sessions

def of_sessions(run):
    """What sessions of several requests measured, and how many there were."""
    sessions = {}
    for record in run.measured:
        if record.get("steps", 0) > 1:
            sessions.setdefault((record.get("phase", 0), record["session_num"]), []).append(record)
    found, complete = {}, 0

    def add(tag, value):
        if value is not None:
            found.setdefault(tag, []).append(value)

    for records in sessions.values():
        if sum(outcome(record) == "ok" for record in records) != records[0]["steps"]:
            continue
        complete += 1
        values = [of_request(record, run) for record in records]
        start = min(record["instants"]["scheduled"] for record in records)
        end = max(record["instants"]["end"] for record in records)
        flights = [(record["instants"].get("sent", record["instants"]["started"]), record["instants"]["end"])
                   for record in records]
        in_model = sum(b - a for a, b in union(flights)) / 1e6
        add("session_duration", (end - start) / 1e6)
        add("session_requests", records[0]["steps"])
        add("session_time_in_model", in_model)
        add("session_time_between_requests", max((end - start) / 1e6 - in_model, 0))
        first = [value for record, value in zip(records, values) if record.get("turn_index", 0) == 0]
        add("session_time_to_first_token", first[0].get("time_to_first_token") if first else None)
        for tag, of in [("input", "input_sequence_length"), ("output", "output_sequence_length"),
                        ("cached", "usage_prompt_cache_read_tokens")]:
            known = [value[of] for value in values if of in value]
            add(f"session_{tag}_tokens", sum(known) if known else None)
        cacheable = [record.get("counted", {}).get("cacheable") for record in records]
        add("session_cacheable_tokens", None if None in cacheable else sum(cacheable))
    return found, len(sessions), complete


# ---- curves

def curves(run):
    """What was going on between any two instants at which something changed: how long, and the values."""
    flights = []
    for record in run.measured:
        at = record["instants"]
        sent, first, last, end = at.get("sent"), at.get("first_token"), at.get("last_token"), at["end"]
        if sent is None or sent > end:
            continue
        if first is None or last is None or not sent <= first <= last <= end:
            first = last = None
        is_ok = outcome(record) == "ok"
        output = (output_tokens(record, run) or 0) if is_ok else 0
        later = (later_tokens(record, run) or 0) if is_ok and streamed_ns(record) else 0
        flights.append((sent, first, last, end, (input_tokens(record, run) or 0) if is_ok else 0, output, min(later, output)))
    instants = sorted({at for flight in flights for at in flight[:4] if at is not None} | {at for window in run.windows for at in window})
    rows = []
    for a, b in zip(instants, instants[1:]):
        if not any(start <= a and b <= end for start, end in run.windows):
            continue
        row = dict.fromkeys(("in_flight", "prefill", "decode", "in_rate", "out_rate", "from", "to"), 0.0)
        for sent, first, last, end, isl, osl, later in flights:
            if not (sent <= a and b <= end):
                continue
            row["in_flight"] += 1
            held = [isl, isl]
            if first is not None:
                row["prefill"] += b <= first
                row["decode"] += a >= first
                if b <= first:
                    row["in_rate"] += isl / ((first - sent) / 1e9)
                if first <= a and b <= last:
                    rate = later / ((last - first) / 1e9)
                    row["out_rate"] += rate
                    held = [isl + osl - later + rate * (at - first) / 1e9 for at in (a, b)]
                elif a >= last:
                    held = [isl + osl] * 2
            row["from"] += held[0]
            row["to"] += held[1]
        rows.append((b - a, row))
    return rows


def over_time(rows, value, is_active, parts):
    """Statistics of a curve, weighted by time. Percentiles are kept in buckets of three significant digits, as HdrHistogram has them."""
    stretches = [(ns, *value(row)) for ns, row in rows if is_active(row)]
    if not stretches:
        return None
    ns = numpy.array([stretch[0] for stretch in stretches], dtype=float)
    ends = numpy.array([stretch[1:] for stretch in stretches], dtype=float)
    middle, low, high = ends.mean(axis=1), ends.min(), ends.max()
    avg = float((middle * ns).sum() / ns.sum())

    def bucket_end(whole):
        shift = max(int(whole).bit_length() - 11, 0)
        return ((int(whole) >> shift) + 1 << shift) - 1

    whole = numpy.array([bucket_end(math.floor(v * parts + 0.5)) for v in middle])
    order = numpy.argsort(whole, kind="stable")
    reached = numpy.cumsum(ns[order])
    found = {"avg": avg, "min": float(low), "max": float(high),
             "std": math.sqrt(float((((middle - avg) ** 2) * ns).sum() / ns.sum()))}
    for key in PERCENTILES:
        place = int(numpy.searchsorted(reached, math.ceil(float(key[1:]) / 100 * ns.sum())))
        found[key] = float(min(max(whole[order][min(place, len(whole) - 1)] / parts, low), high))
    return found


def all_curves(run):
    rows = curves(run)

    def each(rate, of):
        return lambda row: (row[rate] / row[of] if row[of] else 0.0,) * 2

    def one(name):
        return lambda row: (row[name],) * 2

    both = lambda row: (row["in_rate"] + row["out_rate"],) * 2
    always = lambda row: True
    streams, tokens = run.can["streaming"] and run.can["produces_tokens"], run.can["tokenizes_input"]
    wanted = [("concurrency", one("in_flight"), "in_flight", 1, True)]
    wanted += [("prefill_concurrency", one("prefill"), None, 1, streams), ("decode_concurrency", one("decode"), None, 1, streams),
               ("prefill_throughput", one("in_rate"), "prefill", 1e3, streams and tokens),
               ("decode_throughput", one("out_rate"), "decode", 1e3, streams),
               ("total_throughput", both, "in_flight", 1e3, streams and tokens),
               ("prefill_throughput_per_user", each("in_rate", "prefill"), "prefill", 1e3, streams and tokens),
               ("decode_throughput_per_user", each("out_rate", "decode"), "decode", 1e3, streams)]
    found = {}
    for name, value, busy, parts, applies in wanted:
        if applies:
            found[f"effective_{name}"] = over_time(rows, value, always, parts)
            if busy:
                found[f"active_{name}"] = over_time(rows, value, lambda row: row[busy] > 0, parts)
    if streams and tokens:
        found["tokens_in_flight"] = over_time(rows, lambda row: (row["from"], row["to"]), always, 1)
    return {tag: stats for tag, stats in found.items() if stats}


# ---- a run

def described(values):
    values = numpy.array(values, dtype=float)
    found = {"avg": values.mean(), "min": values.min(), "max": values.max(), "std": values.std(), "sum": values.sum(),
             "count": len(values)}
    found |= {key: numpy.quantile(values, float(key[1:]) / 100) for key in PERCENTILES}
    return {key: float(value) for key, value in found.items()}


def pooled_gaps(run):
    """All gaps. Percentiles are those of HdrHistogram: the end of a bucket of three significant digits."""
    gaps = numpy.array(sorted(gap for record in run.measured if outcome(record) == "ok"
                              for gap in record.get("chunk_gaps_ns", [])), dtype=numpy.int64)
    if not len(gaps):
        return None
    found = described(gaps / 1e6)
    for key in PERCENTILES:
        rank = max(math.ceil(float(key[1:]) / 100 * len(gaps)), 1)
        gap = int(gaps[min(rank, len(gaps)) - 1])
        shift = max(gap.bit_length() - 11, 0)
        found[key] = min(max(((gap >> shift) + 1 << shift) - 1, int(gaps[0])), int(gaps[-1])) / 1e6
    return found


# Sums, shares, rates: of which metric each is.
SUMS = {"total_isl": "input_sequence_length", "total_osl": "output_sequence_length", "total_output_tokens": "output_token_count",
        "total_reasoning_tokens": "reasoning_token_count", "total_error_isl": "error_isl",
        "total_spec_decode_steps": "spec_decode_steps", "total_draft_tokens": "spec_decode_draft_tokens",
        "total_accepted_draft_tokens": "spec_decode_accepted_draft_tokens"}
SUMS |= {f"total_usage_{name}_tokens": f"usage_{name}_tokens"
         for name in ("prompt", "completion", "total", "reasoning", "prompt_cache_read", "prompt_cache_write")}
RATES = {"output_token_throughput": ["output_sequence_length"], "input_token_throughput": ["input_sequence_length"],
         "total_token_throughput": ["input_sequence_length", "output_sequence_length"],
         "embedding_throughput": ["embedding_count"], "ranking_throughput": ["ranking_count"],
         "total_image_throughput": ["num_images"], "total_video_throughput": ["num_videos"],
         "total_rtfx": ["audio_duration"], "media_throughput": ["media_count"]}


def metrics(path):
    """Statistics by metric, as in a summary, and what objectives came to."""
    run = Run(path)
    how = [outcome(record) for record in run.measured]
    values = [of_request(record, run) if outcome(record) == "ok" else {} for record in run.measured]
    columns = {}
    for value in values:
        for tag, number in value.items():
            columns.setdefault(tag, []).append(number)
    failed_inputs = [input_tokens(record, run) for record in run.measured if outcome(record) == "failed"]
    columns["error_isl"] = [count for count in failed_inputs if count is not None]
    sessions, begun, complete = of_sessions(run)
    columns |= sessions
    found = {tag: described(column) for tag, column in columns.items() if column}
    gaps = pooled_gaps(run)
    if gaps:
        found["inter_chunk_latency"] = gaps
    found |= all_curves(run)
    ok, failed, window = how.count("ok"), how.count("failed"), sum(b - a for a, b in run.windows) / 1e9
    total = {tag: float(numpy.sum(column)) for tag, column in columns.items() if column}
    single = {tag: total.get(of) for tag, of in SUMS.items()}
    single |= {tag: sum(total[of] for of in parts) / window if all(of in total for of in parts) else None
               for tag, parts in RATES.items()}
    single |= {"request_count": ok, "error_request_count": failed, "completed_request_count": ok + failed,
               "cancelled_request_count": how.count("cancelled") + how.count("on purpose"),
               "request_error_rate": divided(100 * failed, ok + failed), "request_throughput": ok / window,
               "benchmark_duration": window}
    single["overall_usage_prompt_cache_read_pct"] = share(total, "usage_prompt_cache_read_tokens", "usage_prompt_tokens")
    accepted = "spec_decode_accepted_draft_tokens"
    single["spec_decode_overall_draft_acceptance_rate"] = share(total, accepted, "spec_decode_draft_tokens")
    if total.get("spec_decode_steps"):
        single["spec_decode_token_weighted_acceptance_length"] = 1 + total[accepted] / total["spec_decode_steps"]
    single["overall_thinking_efficiency"] = divided(total.get("reasoning_token_count"), total.get("output_token_count"))
    lengths = columns.get("osl_mismatch_diff_pct")
    if lengths:
        pairs = [(value["output_sequence_length"], value["requested_osl"]) for value in values if "osl_mismatch_diff_pct" in value]
        single["osl_mismatch_count"] = sum(abs(a - b) > min(b * 0.05, 50) for a, b in pairs)
    differences = [[value[tag] for tag in value if tag.endswith("_tokens_diff_pct")] for value in values]
    if any(differences):
        single["usage_discrepancy_count"] = sum(max(known) > 10 for known in differences if known)
    judged = [good(record, value, run) for record, value in zip(run.measured, values)]
    judged = [is_good for is_good in judged if is_good is not None]
    if judged:
        single |= {"good_request_count": sum(judged), "goodput": sum(judged) / window,
                   "good_request_fraction": sum(judged) / len(judged)}
    if begun:
        single |= {"session_count": begun, "complete_session_count": complete,
                   "session_throughput": complete / (window / 3600)}
    if run.is_replay:
        lag = numpy.array(columns["send_lateness"]) - min(columns["send_lateness"])
        single |= {f"replay_sched_lag_{key}": float(numpy.quantile(lag, float(key[1:]) / 100)) for key in ("p50", "p90", "p99")}
        single["replay_sched_degraded"] = int(single["replay_sched_lag_p99"] > 500)
    price = run.settings.get("price")
    if price:
        isl, osl = total.get("input_sequence_length", 0), total.get("output_sequence_length", 0)
        # What the server counts is what it bills.
        if len(columns.get("usage_prompt_tokens", [])) == ok:
            isl = total.get("usage_prompt_tokens", 0)
        paid = (price.get("input", 0) * isl + price.get("output", 0) * osl) / 1e6 + price.get("hour", 0) * window / 3600
        single |= {"total_price": paid, "price_per_request": divided(paid, ok),
                   "price_per_good_request": divided(paid, sum(judged)) if judged else None,
                   "price_per_million_output_tokens": divided(paid, osl / 1e6),
                   "price_per_million_tokens": divided(paid, (isl + osl) / 1e6)}
    found |= {tag: {"avg": float(value)} for tag, value in single.items() if value is not None}
    return {"metrics": found, "objectives": objectives(run, columns, found, judged, ok, failed)}


def share(total, part, whole):
    return divided(100 * total[part], total.get(whole)) if part in total else None


# ---- objectives

def objectives(run, columns, found, judged, ok, failed):
    """The interval of each objective of the whole run."""
    intervals = []
    for objective in run.settings.get("slo", []):
        tag, statistic = objective["metric"], objective["statistic"]
        low = high = None
        values = numpy.sort(numpy.array(columns.get(tag, []), dtype=float))
        if tag == "request_error_rate":
            low, high = (100 * end for end in wilson(failed, ok + failed))
        elif tag == "good_request_fraction":
            low, high = wilson(sum(judged), len(judged))
        elif statistic == "avg" and len(values) > 1:
            low, high = scipy.stats.t.interval(0.95, len(values) - 1, values.mean(), scipy.stats.sem(values))
        elif statistic.startswith("p") and len(values):
            q = float(statistic[1:]) / 100
            below, above = (int(scipy.stats.binom.ppf(p, len(values), q)) for p in (0.025, 0.975))
            low = values[below - 1] if below > 0 else None
            high = values[above] if above < len(values) else None
        value = found.get(tag, {}).get(statistic)
        intervals.append({"objective": objective["text"], "value": value, "low": low and float(low), "high": high and float(high)})
    return intervals


def wilson(part, whole):
    found = scipy.stats.binomtest(part, whole).proportion_ci(method="wilson")
    return found.low, found.high


# ---- the command line

def close(one, other):
    return abs(one - other) <= max(SMALLEST, TOLERANCE * max(abs(one), abs(other)))


def differences(expected, summary):
    """What a summary says otherwise, or does not say, or says beside it."""
    wrong = []
    for tag, stats in expected["metrics"].items():
        for key, value in stats.items():
            said = summary.get(tag, {}).get(key)
            if said is None or not close(said, value):
                wrong.append(f"{tag} {key}: {said}, computed {value!r}")
    known = {tag for tag, value in summary.items() if isinstance(value, dict) and "unit" in value}
    wrong += [f"{tag}: not computed" for tag in sorted(known - set(expected["metrics"]))]
    for one, other in zip(expected["objectives"], summary.get("slo", [])):
        interval = other["interval"] or {"low": None, "high": None}
        for key in ("low", "high"):
            said, value = interval[key], one[key]
            if (said is None) != (value is None) or said is not None and not close(said, value):
                wrong.append(f"{one['objective']} {key}: {said}, computed {value!r}")
    return wrong


def is_same(one, other):
    """Whether two results of this script are the same, but for rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and close(one, other)
    return one == other


def main(words):
    wants = words[0] if words and words[0].startswith("--") else None
    paths = [pathlib.Path(word) for word in words[1 if wants else 0:]]
    if not paths:
        sys.exit(__doc__)
    wrong = []
    for path in paths:
        journal = path / "journal.prony" if path.is_dir() else path
        expected = metrics(journal)
        if wants == "--compare":
            summary = json.loads((path / "profile_export_prony.json").read_text())
            wrong += [f"{path}: {text}" for text in differences(expected, summary)]
            print(f"{path}: {len(expected['metrics'])} metrics")
        elif wants == "--same":
            if not is_same(expected, json.loads((path / "independent.json").read_text())):
                wrong.append(f"{path}: `independent.json` has other numbers than are computed now: `--write` renews it")
        elif wants == "--write":
            (path / "independent.json").write_text(json.dumps(expected, indent=0, sort_keys=True) + "\n")
        else:
            print(json.dumps(expected, indent=1, sort_keys=True))
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
