#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the corpus of fuzz_reference: reference_corpus.py DIRECTORY, from PROTOCOL.md with another msgpack than ours."""
import pathlib
import sys

import msgpack

FILE = [812, 5, 0x801, 131, 3000, 1_700_000_000_123_456_789]
NAMED = [b"a/in", 131, 3000, 1_700_000_000_123_456_789]
HUGE = 2**64 - 1


def reference(*pieces, file=FILE, length=None, more=()):
    if length is None:
        length = sum(piece[2] if piece[0] == 0 else len(piece[1]) for piece in pieces)
    return [file, length, [list(piece) for piece in pieces], *more]


def file_with(place, value):
    return [value if i == place else field for i, field in enumerate(FILE)]


EXTENT, LITERAL = (0, 1000, 2000), (1, b"\n")
GOOD = {
    "one_extent": reference(EXTENT),
    "a_seam": reference(EXTENT, LITERAL),
    "only_a_literal": reference(LITERAL),
    "most_pieces": reference(*[EXTENT] * 16),
    "longest_literal": reference((1, bytes(1024))),
    "all_of_the_file": reference((0, 0, 3000)),
    "path": reference(EXTENT, LITERAL, file=NAMED),
    "longest_path": reference(EXTENT, file=[b"a" * 4095, *NAMED[1:]]),
    "path_of_a_later_version": reference(EXTENT, file=[*NAMED, "later", 7]),
    "fields_of_a_later_version": reference((*EXTENT, "later", {"a": [1]}), (1, b"x", None), file=[*FILE, 1.5], more=[[[7]]]),
}
BAD = {
    "nothing": b"",
    "number": 7,
    "fields": [FILE, 2000],
    "file_fields": reference(EXTENT, file=FILE[:-1]),
    "path_fields": reference(EXTENT, file=NAMED[:-1]),
    "text_for_a_path": reference(EXTENT, file=["a/in", *NAMED[1:]]),
    "empty_path": reference(EXTENT, file=[b"", *NAMED[1:]]),
    "long_path": reference(EXTENT, file=[b"a" * 4096, *NAMED[1:]]),
    "nul_in_a_path": reference(EXTENT, file=[b"a\0b", *NAMED[1:]]),
    "piece_fields": reference((0, 1000), length=0),
    "no_pieces": reference(length=0),
    "too_many_pieces": reference(*[EXTENT] * 17),
    "kind_of_a_later_version": reference((2, 1000, 2000), length=2000),
    "empty_extent": reference((0, 1000, 0)),
    "empty_literal": reference((1, b"")),
    "long_literal": reference((1, bytes(1025))),
    "text_for_a_literal": reference((1, "\n")),
    "beyond_the_file": reference((0, 1001, 2000)),
    "offset_beyond_the_file": reference((0, 3001, 1)),
    "extent_overflows": reference((0, 2, HUGE), length=1),
    "another_length": reference(EXTENT, length=1999),
    "descriptor": reference(EXTENT, file=file_with(1, 2**31)),
    "negative": reference(EXTENT, file=file_with(5, -1)),
    "size": reference(EXTENT, file=file_with(4, 2**63)),
    "trailing": msgpack.packb(reference(EXTENT)) + b"\0",
    "cut": msgpack.packb(reference(EXTENT))[:-1],
    "claims_2_to_the_32": b"\x93\x96" + b"\x01" * 6 + b"\x01" + b"\xdd\xff\xff\xff\xff",
    "more_claims_2_to_the_32": b"\xdd\xff\xff\xff\xff" + msgpack.packb(reference(EXTENT))[1:],
    "nested_claims": msgpack.packb(reference(EXTENT, more=[0]))[:-1] + b"\xdd\xff\xff\xff\xff" * 9,
    "longer_than_allowed": msgpack.packb(reference(EXTENT, more=[bytes(21 << 10)])),
}


def main():
    directory = pathlib.Path(sys.argv[1])
    for kind, cases in (("good", GOOD), ("bad", BAD)):
        for name, value in cases.items():
            data = value if isinstance(value, bytes) else msgpack.packb(value, use_bin_type=True)
            (directory / f"{kind}-{name}").write_bytes(data)


if __name__ == "__main__":
    main()
