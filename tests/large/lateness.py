#!/usr/bin/env python3
"""How late requests of recordings are sent: lateness.py PRONY FILE... [--speed 20] [--times 3]

Replays each file against the mock server of `prony profile --mock`, and prints a row of a table: what was sent, and the median and
the 99th percentile of `schedule_lateness` (work on a request begins) and of `send_lateness` (its first byte is out) in
milliseconds. Of several times it takes the middle one by the last column. A file without times is left out with the reason.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

LATENESS = ("schedule_lateness", "send_lateness")


def replay(words, file, folder):
    """The requests that were sent, and the four numbers; or why there are none."""
    command = [
        words.prony, "profile", "--model", "m", "--mock", "--endpoint-type", "chat", "--ui", "none",
        "--no-server-metrics", "--fixed-schedule", "--replay-speedup", str(words.speed),
        "--input-file", file, "--artifact-dir", folder,
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if run.returncode:
        return (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[0]
    summary = json.loads((pathlib.Path(folder) / "profile_export_prony.json").read_text())
    found = {name: value for name, value in summary.items() if name in LATENESS}
    if set(found) != set(LATENESS):
        return "nothing was sent by a schedule"
    return [found[LATENESS[0]]["count"]] + [found[name][point] for name in LATENESS for point in ("p50", "p99")]


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("prony")
    words.add_argument("files", nargs="+")
    words.add_argument("--speed", type=float, default=20)
    words.add_argument("--times", type=int, default=3)
    words = words.parse_args()
    print("| file | requests | begins, p50 | begins, p99 | sent, p50 | sent, p99 |")
    print("|---|---|---|---|---|---|")
    for file in words.files:
        results = []
        for _ in range(words.times):
            with tempfile.TemporaryDirectory() as folder:
                results.append(replay(words, file, f"{folder}/run"))
        reasons = [result for result in results if isinstance(result, str)]
        name = pathlib.Path(file).name
        if reasons:
            print(f"{name}: {reasons[0]}")
            continue
        count, *numbers = sorted(results, key=lambda row: row[-1])[len(results) // 2]
        print(f"| {name} | {count} | " + " | ".join(f"{number:.2f}" for number in numbers) + " |", flush=True)


if __name__ == "__main__":
    main()
