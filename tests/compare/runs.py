#!/usr/bin/env python3
"""Measures the runs that the tests of `prony compare` draw from: runs.py PRONY [--runs 24] > tests/fixtures/compare/runs.json

One mock server as it is, and slower by 2 % and by 10 %. They are measured by turns, so that what drifts on the machine is no
advantage of any of them. Each run is kept by the numbers that a comparison looks at.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SLOWER = {"as_it_is": 1.00, "slower_by_2_percent": 1.02, "slower_by_10_percent": 1.10}
NUMBERS = {
    "request_latency": ["p50", "p99"],
    "time_to_first_token": ["p50", "p99"],
    "inter_token_latency": ["p50"],
    "output_token_throughput": ["avg"],
    "request_throughput": ["avg"],
}


def server(prony, factor):
    """A mock server, and its address."""
    pace = [f"--ttft-ms={40 * factor}", f"--itl-ms={10 * factor}", "--jitter-ms=2"]
    process = subprocess.Popen([prony, "mock-server", *pace], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip().removeprefix("listening on ")


def run(prony, url):
    """The numbers of one run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            prony, "profile", "--model", "m", "--url", url, "--endpoint-type", "chat", "--streaming", "--ui", "none",
            "--no-server-metrics", "--concurrency", "16", "--request-count", "200", "--isl", "20", "--osl", "10",
            "--artifact-dir", f"{folder}/run",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        summary = json.loads((pathlib.Path(folder) / "run/profile_export_prony.json").read_text())
    return {f"{metric} {name}": summary[metric][name] for metric, names in NUMBERS.items() for name in names}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("prony")
    words.add_argument("--runs", type=int, default=24)
    words = words.parse_args()
    servers = {name: server(words.prony, factor) for name, factor in SLOWER.items()}
    runs = {name: [] for name in SLOWER}
    for _ in range(words.runs):
        for name, (_, url) in servers.items():
            runs[name].append(run(words.prony, url))
    for process, _ in servers.values():
        process.terminate()
    json.dump(runs, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
