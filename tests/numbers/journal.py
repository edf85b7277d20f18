"""The journal of a run, read by another program than prony. Its form is told in `host/src/record/journal/mod.rs`."""

import pathlib
import struct


def unpack(data, at=0):
    """One value of MessagePack, and where the next one begins."""
    kind = data[at]
    at += 1

    def number(form, at):
        size = struct.calcsize(form)
        return struct.unpack_from(form, data, at)[0], at + size

    def text(size, at):
        return data[at:at + size].decode(), at + size

    def several(count, at):
        values = []
        for _ in range(count):
            value, at = unpack(data, at)
            values.append(value)
        return values, at

    def pairs(count, at):
        values, at = several(2 * count, at)
        return dict(zip(values[::2], values[1::2])), at

    if kind < 0x80:
        return kind, at
    if kind < 0x90:
        return pairs(kind & 0x0F, at)
    if kind < 0xA0:
        return several(kind & 0x0F, at)
    if kind < 0xC0:
        return text(kind & 0x1F, at)
    if kind >= 0xE0:
        return kind - 0x100, at
    if kind in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[kind], at
    if kind in (0xC4, 0xC5, 0xC6):
        size, at = number({0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}[kind], at)
        return data[at:at + size], at + size
    numbers = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
               0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    if kind in numbers:
        return number(numbers[kind], at)
    lengths = {0xD9: (">B", text), 0xDA: (">H", text), 0xDB: (">I", text), 0xDC: (">H", several),
               0xDD: (">I", several), 0xDE: (">H", pairs), 0xDF: (">I", pairs)}
    form, read = lengths[kind]
    size, at = number(form, at)
    return read(size, at)


def frames(data):
    """The frames of an undamaged journal: number, tag, payload."""
    assert data.startswith(b"PRONYJ\x03\n"), "no journal of version 3"
    at = 24
    while at < len(data):
        marker, tag, count, length = struct.unpack_from("<4sHQI", data, at)
        assert marker == b"\xffPJF", f"no frame at {at}"
        at += 26
        yield count, tag, unpack(data[at:at + length])[0]
        at += length


class Run:
    """What a journal says."""

    def __init__(self, path):
        self.header, self.starts, self.records, waiting = None, {}, [], {}
        for number, tag, payload in frames(pathlib.Path(path).read_bytes()):
            if tag == 1 and self.header is None:
                self.header = payload
            elif tag == 2:
                self.starts[payload["index"]] = payload["at_ns"]
            elif tag == 4:
                self.records.append(payload)
            elif tag == 5:
                waiting[number] = payload
            elif tag == 6:
                for of, counted in payload:
                    record = waiting.pop(of)
                    own = record.get("counted", {})
                    record["counted"] = {**counted, "input": own.get("input", counted.get("input"))}
                    self.records.append(record)
        self.records += waiting.values()
        self.settings = self.header["settings"]
        self.can = self.header["capabilities"]
        phases = self.settings["phases"]
        measured = [place for place, phase in enumerate(phases) if phase["kind"] == "profiling"]
        self.open = {place for place in measured if phases[place]["is_open_loop"]}
        self.is_replay = any(phases[place]["law"] == "replay" for place in measured)
        self.measured = [record for record in self.records if record.get("phase", 0) in measured]
        ends = {}
        for record in self.measured:
            phase = record.get("phase", 0)
            ends[phase] = max(ends.get(phase, 0), record["instants"]["end"])
        self.windows = union([(self.starts[phase], ends[phase]) for phase in ends])
        self.only_server_counts = self.settings["use_server_token_count"]


def union(stretches):
    """The same time, each moment of it once."""
    found = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
