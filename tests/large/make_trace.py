#!/usr/bin/env python3
"""Writes a large trace in the `mooncake-trace` format: make_trace.py FILE [--megabytes 1000] [--turns 1] [--blocks 100]

Prompts have about so many blocks, half of which they share with others. With --turns above 1, requests are those of
sessions, which stand among each other as they would in a recording: a session's requests are 500 lines apart. The same
arguments give the same file.
"""

import argparse
import random


def rows(turns, blocks, rng):
    """One line after the other, without end. Ten requests a second."""
    at_ms, next_block, number = 0, 1_000_000, 0
    shared = [list(range(start, start + blocks // 2)) for start in range(0, 64 * blocks, blocks)]
    waiting = [[] for _ in range(500)]
    while True:
        at_ms += rng.randrange(50, 151)
        count = rng.randrange(max(blocks // 2, 1), blocks * 3 // 2 + 1)
        own = range(next_block, next_block + max(count - blocks // 2, 0))
        next_block += len(own)
        ids = rng.choice(shared)[:count] + list(own)
        session = ""
        if turns > 1:
            slot = waiting[number % 500]
            if not slot:
                slot.extend([f"session-{number}"] * turns)
            session = f'"session_id": "{slot.pop()}", '
        tokens = len(ids) * 512 - rng.randrange(512)
        lengths = f'"input_length": {tokens}, "output_length": {rng.randrange(1, 400)}'
        yield f'{{{session}"timestamp": {at_ms}, {lengths}, "hash_ids": {ids}}}\n'
        number += 1


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("file")
    words.add_argument("--megabytes", type=int, default=1000)
    words.add_argument("--turns", type=int, default=1)
    words.add_argument("--blocks", type=int, default=100)
    words = words.parse_args()
    left = words.megabytes * 1_000_000
    with open(words.file, "w", encoding="ascii") as file:
        for row in rows(words.turns, words.blocks, random.Random(1)):
            left -= file.write(row)
            if left <= 0:
                break


if __name__ == "__main__":
    main()
