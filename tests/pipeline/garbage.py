# SPDX-License-Identifier: MIT
"""Messages that are wrong in every way, made from the right ones of PROTOCOL.md by a seed.

HELLO_SINK and FINISHED are only ever malformed here: who says them well takes the sink's
part, which is another test's matter.
"""

import random
import re
import struct
from pathlib import Path

import msgpack

PROTOCOL = Path(__file__).resolve().parent.parent.parent / "common/PROTOCOL.md"
HELLO_SINK, FINISHED, RESULT, TASK, SKIP, ISOLATE = 2, 16, 8, 7, 14, 21
WITH_PAYLOAD = (RESULT, TASK, SKIP, ISOLATE)


def examples():
    """Frame 0 of at least one message of each type, from *A session in bytes*."""
    text = PROTOCOL.read_text(encoding="utf-8").partition("## A session in bytes")[2]
    blocks = re.findall(r"(?:^    [0-9a-f]+\n)+", text, re.M)
    frames = [bytes.fromhex(block.replace("\n", "").replace(" ", "")) for block in blocks]
    kinds = {msgpack.unpackb(f, unicode_errors="surrogateescape")[0] for f in frames}
    assert kinds == set(range(1, 28)), kinds
    return frames


def kind_of(header):
    """The type that the header says, as far as it can be read."""
    return header[1] if len(header) > 1 and 0x90 <= header[0] <= 0x9F else None


def flip(chance, header):
    data = bytearray(header)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def cut_short(chance, header):
    return header[: chance.randrange(len(header))]


def lengthen(chance, header):
    return header + chance.randbytes(chance.randint(1, 64))


def splice(chance, header):
    at = chance.randrange(len(header))
    return header[:at] + chance.randbytes(chance.randint(1, 32)) + header[at:]


def claim_array(chance, header):
    """An array of up to 2^32 - 1 entries where the header's own was."""
    return b"\xdd" + struct.pack(">I", chance.choice([2**32 - 1, 2**31, 65537])) + header[1:]


def claim_inside(chance, header):
    """A length of 2^32 - 1 somewhere inside."""
    at = chance.randrange(1, len(header) + 1)
    return header[:at] + chance.choice([b"\xdd", b"\xc6", b"\xdb", b"\xdf"]) + b"\xff" * 4 + header[at:]


def nest(chance, header):
    return b"\x91" * chance.randint(2, 4096) + header


def huge(chance, header):
    """A well-formed list that is longer than allowed."""
    entries = list(range(2 * chance.choice([70000, 140000])))
    return msgpack.packb([chance.choice([11, 12, 13, 19]), 1, entries, *range(chance.randint(0, 4))])


def noise(chance, header):
    return chance.randbytes(chance.choice([0, 1, 2, 5, 33, 300, 5000]))


MUTATIONS = [flip] * 6 + [cut_short] * 3 + [lengthen, splice, claim_array, claim_inside, nest, noise]
MALFORMED = [cut_short, lengthen, claim_array]


def payloads_for(chance, kind):
    """Frames behind the header: none, one, or too many."""
    count = chance.choice([0, 0, 1, 1, 1, 2, 40] if kind in WITH_PAYLOAD else [0, 0, 0, 0, 1, 2, 40])
    return [chance.randbytes(chance.choice([0, 4, 11, 1000])) for _ in range(count)]


def messages(seed, count):
    """`count` messages, each a list of frames; the same ones for the same seed."""
    chance = random.Random(seed)
    right = examples()
    made = 0
    while made < count:
        original = chance.choice(right)
        safe = kind_of(original) not in (HELLO_SINK, FINISHED)
        header = chance.choice(MUTATIONS if safe else MALFORMED)(chance, original)
        if chance.random() < 0.002:
            header = huge(chance, header)
        if safe and kind_of(header) in (HELLO_SINK, FINISHED):
            continue
        made += 1
        yield [header, *payloads_for(chance, kind_of(header))]


def noises(seed, count):
    """What is not ZMTP at all, or only begins like it: bytes for a raw connection."""
    chance = random.Random(seed)
    greeting = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
    kinds = [
        lambda: chance.randbytes(chance.randint(1, 4096)),
        lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        lambda: greeting[: chance.randint(1, len(greeting))],
        lambda: greeting + chance.randbytes(chance.randint(1, 256)),
        lambda: greeting.replace(b"NULL\0", b"CURVE") + chance.randbytes(200),
        lambda: greeting[:10] + b"\x01\x00" + chance.randbytes(64),
        lambda: b"\x01\x00" + chance.randbytes(64),
        lambda: b"\x07\x00stolen" + b"\x05\x00\x91\x13\x00\x00",
        lambda: greeting + b"\x04\x05\x05READY" + b"\xff" * 200,
        lambda: greeting + b"\x06" + b"\x00\x00\x00\x00\x7f\xff\xff\xff" + b"\x05READY",
    ]
    for _ in range(count):
        yield chance.choice(kinds)()
