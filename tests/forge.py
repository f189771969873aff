"""What somebody can do to a journal who can write its files and knows their format (crates/store/FORMAT.md), but has no keys."""

import dataclasses
import hashlib
import struct

SEGMENT_HEADER_BYTES = 96
FRAME = struct.Struct("<4sIIIQQQ32s")


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@dataclasses.dataclass
class Frame:
    previous: int
    link: bytes
    version: int
    time: int
    payload: bytes
    proof: bytes

    @property
    def next_link(self):
        numbers = struct.pack("<QQQ", self.previous, self.version, self.time)
        return hashlib.sha256(self.link + numbers + self.payload).digest()

    def encode(self, salt):
        fields = (b"FGRP", len(self.payload), 0, len(self.proof), self.previous, self.version, self.time, self.link)
        frame = FRAME.pack(*fields) + self.payload + self.proof
        checksum = crc32c(salt + frame[:8] + frame[12:])
        frame = frame[:8] + struct.pack("<I", checksum) + frame[12:]
        return frame + bytes(-len(frame) % 8)

    def records(self):
        """Of each record: log, position, and where in the payload it begins and ends."""
        at, found = 0, []
        while at < len(self.payload):
            start, kind = at, self.payload[at]
            at += 1
            if kind == 3:
                found.append((*struct.unpack_from("<IQ", self.payload, at), start))
                at += 12
            for _ in range({1: 2, 2: 1, 3: 1, 4: 0}[kind]):
                at += 4 + struct.unpack_from("<I", self.payload, at)[0]
            at += 12 if kind == 4 else 0
            if kind == 3:
                found[-1] += (at,)
        return found


class Segment:
    """A complete segment, taken apart, to be put together with all checksums and the index right."""

    def __init__(self, path):
        self.path = path
        data = path.read_bytes()
        assert data[-8:] == b"FASTSEAL"
        end = struct.unpack_from("<Q", data, len(data) - 16)[0]
        self.header, self.frames, at = data[:SEGMENT_HEADER_BYTES], [], SEGMENT_HEADER_BYTES
        while at < end:
            _, length, _, proof, previous, version, time, link = FRAME.unpack_from(data, at)
            body = at + FRAME.size
            payload, code = data[body : body + length], data[body + length : body + length + proof]
            self.frames.append(Frame(previous, link, version, time, payload, code))
            at = body + length + proof + (-(length + proof) % 8)

    def write(self):
        salt, out, logs = self.header[24:32], bytearray(self.header), {}
        for frame in self.frames:
            for log, position, *_ in frame.records():
                first, _, marks = logs.get(log, (position, 0, []))
                if not marks or marks[-1][1] + 65536 <= len(out):
                    marks.append((position, len(out)))
                logs[log] = (first, position + 1, marks)
            out += frame.encode(salt)
        end, last = len(out), self.frames[-1]
        index = struct.pack("<Q", last.version) + last.next_link
        for log, (first, following, marks) in sorted(logs.items()):
            index += struct.pack("<IIQQ", log, len(marks), first, following)
            index += b"".join(struct.pack("<QQ", *mark) for mark in marks)
        checksum = crc32c(salt + struct.pack("<Q", end) + index)
        self.path.write_bytes(out + index + struct.pack("<IIQ8s", len(index), checksum, end, b"FASTSEAL"))
