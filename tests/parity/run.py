#!/usr/bin/env python3
"""Which command lines of AIPerf run here, by area.

    cargo build --workspace && tests/parity/run.py [--program PROGRAM] [LIST]

LIST (`commands.txt` beside this file without it) has one command a line; `# area: NAME` stands before those of an area, and other
lines that begin with `#` say something to the reader. A command may begin with `aiperf` or `prony`. Each is run against the mock
server that `prony profile --mock` embeds, in a folder of its own that holds the files of `files`, and shortened: 20 requests, 2 s.
Nothing is sent over a network.

Searches are shortened in other ways as well. One over `--search-space` that does not say how long responses are has responses of 8
tokens: those of 64, which the mock server sends by itself, take longer than the bounds of some commands, from one request at a time
on. Recipes that are sweeps have shorter ranges: `concurrency-ramp` goes to 8 in 3 steps, `prefill-ttft-curve` to prompts of 1024
tokens in 3 steps, `decode-itl-curve` to 4 at once and to responses of 128 tokens in 2 steps each.

A command *runs* if it measures (exit code 0). One that prony *refuses* names a flag or a value of AIPerf's that it does not have;
everything else *fails*. The exit code is 1 if a command fails, or is not known at all.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# Flags of a target, which is the mock server; each has a value.
OF_A_TARGET = {"--url", "-u", "--api-key", "--tokenizer", "--model", "-m", "--model-names", "--wait-for-model-timeout"}
# No run takes longer.
MOST = {
    "--request-count": 20,
    "--num-requests": 20,
    "--benchmark-duration": 2,
    "--warmup-duration": 1,
    "--agentic-cache-warmup-duration": 1,
    "--warmup-request-count": 5,
    "--concurrency-ramp-duration": 1,
    "--request-rate-ramp-duration": 1,
    "--prefill-concurrency-ramp-duration": 1,
    "--num-conversations": 6,
    "--num-sessions": 6,
    "--conversation-num": 6,
    "--image-width-mean": 64,
    "--image-height-mean": 64,
    "--audio-length-mean": 1,
    "--conversation-turn-delay-mean": 50,
    "--session-turn-delay-mean": 50,
}
# A search whose command does not say how long its runs are has runs of half a minute.
OF_A_SEARCH = ("--search-recipe", "--search-space")
# The ranges of recipes that are sweeps: some have runs of a thousand requests at once, or responses of ten seconds.
OF_A_RECIPE = {
    "concurrency-ramp": ["--concurrency-max", "8", "--concurrency-steps", "3"],
    "prefill-ttft-curve": ["--isl-max", "1024", "--isl-steps", "3"],
    "decode-itl-curve": ["--concurrency-max", "4", "--concurrency-steps", "2", "--osl-max", "128", "--osl-steps", "2"],
}
LENGTHS = ("--request-count", "--num-requests", "--benchmark-duration", "--num-conversations", "--num-sessions", "--conversation-num")
PATIENCE_S = 120


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def files():
    """Small files of each format, by their names in commands."""
    mooncake = [
        {"timestamp": 40 * at, "input_length": 600 + at, "output_length": 8, "hash_ids": [1, 2 + at]} for at in range(8)
    ]
    bailian = [
        {"chat_id": at, "parent_chat_id": -1, "timestamp": at * 0.05, "input_length": 40, "output_length": 5, "type": "text",
         "turn": 1, "hash_ids": [at, at + 1, at + 2]}
        for at in range(5)
    ]
    burst = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n" + "".join(
        f"{at},ChatGPT,{30 + at},{5 + at},{35 + 2 * at},Conversation log\n" for at in range(4)
    )
    dag = [
        {"session_id": "root", "turns": [{"messages": [{"role": "user", "content": "begin"}], "max_tokens": 5}]},
    ]
    weka = [
        {"id": f"trace_{number}", "block_size": 64, "hash_id_scope": "local",
         "requests": [{"t": at / 10, "type": "n", "in": 64 * (at + 1), "out": 3, "hash_ids": list(range(at + 1)), "api_time": 0.01}
                      for at in range(6)]}
        for number in range(4)
    ]
    turns = [{"session_id": "s", "turns": [{"text": "one"}, {"text": "two", "delay": 20}]}]
    configuration = {
        "schemaVersion": "2.0",
        "randomSeed": 7,
        "benchmark": {
            "model": "${MODEL:demo}",
            "endpoint": {"type": "chat", "streaming": True},
            "dataset": {"type": "synthetic", "entries": 20, "prompts": {"isl": 30, "osl": {"mean": 6, "stddev": 2}}},
            "warmup": {"type": "concurrency", "requests": 4, "concurrency": 2},
            "profiling": {"type": "poisson", "rate": 40, "concurrency": 32, "duration": "1s", "gracePeriod": 20},
            "slos": {"time_to_first_token": 250},
        },
    }
    phased = {
        **configuration,
        "benchmark": {
            **{key: value for key, value in configuration["benchmark"].items() if key not in ("warmup", "profiling")},
            "phases": [
                {"name": "fill", "kind": "warmup", "type": "concurrency", "requests": 4, "concurrency": 2, "seamless": True},
                {"name": "low", "kind": "profiling", "type": "constant", "rate": 20, "requests": 5, "seamless": True},
                {"name": "high", "kind": "profiling", "type": "poisson", "rate": 40, "duration": "1s", "gracePeriod": 20},
            ],
        },
    }
    rates = {"points": [{"time_s": 0, "qps": 20}, {"time_s": 1, "qps": 40}]}
    return {
        "prompts.jsonl": jsonl({"text": f"question {at}", "output_length": 5} for at in range(4)),
        "conversations.jsonl": jsonl(turns),
        "mooncake.jsonl": jsonl(mooncake),
        "bailian.jsonl": jsonl(bailian),
        "burstgpt.csv": burst,
        "sharegpt.json": json.dumps(
            [{"id": "a", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello there"}]}]
        ),
        "payloads.jsonl": jsonl([{"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}]),
        "dag.jsonl": jsonl(dag),
        "weka.jsonl": jsonl(weka),
        "qualitative.jsonl": jsonl(
            {"question_id": f"q{at}", "category": category, "messages": [{"role": "user", "content": "Sort a list."}] * 2}
            for at, category in enumerate(["coding", "math"])
        ),
        "rates.json": json.dumps(rates),
        # JSON is YAML.
        "aiperf.yaml": json.dumps(configuration, indent=2),
        "phases.yaml": json.dumps(phased, indent=2),
        "system.txt": "Be brief.",
    }


def commands(path):
    """Areas and their commands."""
    area, found = "all", collections.OrderedDict()
    for line in path.read_text().splitlines():
        line = line.strip()
        if match := re.fullmatch(r"#\s*area:\s*(.+)", line):
            area = match.group(1)
        elif line and not line.startswith("#"):
            found.setdefault(area, []).append(line)
    return found


def shortened(words):
    """The same command against the mock server, and short."""
    names = {word.partition("=")[0] for word in words}
    is_long = names.intersection(OF_A_SEARCH) and not names.intersection(LENGTHS)
    out, at = ["--benchmark-duration", "2"] if is_long else [], 0
    out += ["--osl", "8"] if "--search-space" in names and "--osl" not in names else []
    out += [word for recipe, shorter in OF_A_RECIPE.items() if recipe in words for word in shorter]
    while at < len(words):
        word, equals, value = words[at].partition("=")
        at += 1
        takes_next = not equals and at < len(words)
        if word in OF_A_TARGET:
            at += 1 if takes_next else 0
            continue
        if word in MOST and (equals or takes_next):
            given = value if equals else words[at]
            at += 0 if equals else 1
            try:
                given = str(min(type(MOST[word])(float(given)), MOST[word]))
            except ValueError:
                pass
            out += [word, given]
            continue
        out.append(words[at - 1])
    return out


def run(program, command):
    """How a command ends, and why."""
    words = shlex.split(command)
    if words[0] in ("aiperf", "prony"):
        words = words[1:]
    if not words or words[0] != "profile":
        return "fails", "it is no `profile` command"
    words = [program, "profile", "--mock", "--ui", "none", "--random-seed", "1", *shortened(words[1:])]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files().items():
            (pathlib.Path(folder) / name).write_text(text)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRONY_", "AIPERF_"))}
        try:
            ended = subprocess.run(
                words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            return "fails", f"it takes longer than {PATIENCE_S} s"
    if ended.returncode == 0:
        return "runs", ""
    said = " ".join(ended.stderr.split())
    if match := re.search(r"`(-[^`]+)` of AIPerf is not supported yet", said):
        return "refused", match.group(1)
    if match := re.search(r"unknown flag `([^`]+)`", said):
        return "fails", f"unknown flag {match.group(1)}"
    if match := re.search(r"use `(-[^`]+)`: prony does not have this choice yet", said):
        return "refused", match.group(1)
    return "fails", f"{ended.returncode}: {said[:160]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list", nargs="?", type=pathlib.Path, default=HERE / "commands.txt")
    parser.add_argument("--program", default=str(HERE.parents[1] / "target" / "debug" / "prony"))
    arguments = parser.parse_args()
    totals, failed, lacking = collections.Counter(), [], collections.Counter()
    print(f"{'area':24} runs  of  refused  fails")
    for area, lines in commands(arguments.list).items():
        ends = collections.Counter()
        for line in lines:
            end, why = run(arguments.program, line)
            ends[end] += 1
            if end == "refused":
                lacking[why] += 1
            if end == "fails":
                failed.append((area, line, why))
        totals += ends
        print(f"{area:24} {ends['runs']:4} {len(lines):3}  {ends['refused']:7}  {ends['fails']:5}", flush=True)
    print(f"{'all':24} {totals['runs']:4} {sum(totals.values()):3}  {totals['refused']:7}  {totals['fails']:5}")
    if lacking:
        print("\nrefused by name: " + ", ".join(f"{flag} ({count})" for flag, count in lacking.most_common()))
    for area, line, why in failed:
        print(f"\nfails ({area}): {line}\n    {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
