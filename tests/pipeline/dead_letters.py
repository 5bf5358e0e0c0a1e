# SPDX-License-Identifier: MIT
"""For tests of records that fail: input in which some do, and the dead letters of it."""

import json
from pathlib import Path
from typing import NamedTuple

from harness import build_directory

MISBEHAVING = "tests/pipeline/misbehaving_program"


def misbehaving_program():
    """The filter that fails as its records say; misbehaving_program.c has the words."""
    return ["--", build_directory() / MISBEHAVING]


def misbehaving_plugin():
    return ["--plugin", build_directory() / f"{MISBEHAVING}.so"]


class Records:
    """Numbered records, in a file; `bad` are those, counted from 1, that have such a word."""

    def __init__(self, case, count, bad, name="records"):
        self.count = count
        self.bad = bad
        self.path = case.path(name)
        self.good = case.path(f"{name}-good")  # what the others come to
        with open(self.path, "wb") as file, open(self.good, "wb") as good:
            for number in range(1, count + 1):
                record = self.record(number)
                file.write(record)
                if number not in bad:
                    good.write(record.upper())

    def record(self, number):
        word = self.bad.get(number)
        return b"record %d %s\n" % (number, word.encode() if word else b"is as the others are")


class DeadLetter(NamedTuple):
    """A dead letter: the bytes of the input, and what the JSON beside them says."""

    bytes: bytes
    about: dict


def read_dead_letters(directory, header=None):
    """All of them, in the order of their numbers, which have no gap; and the header beside them."""
    directory = Path(directory)
    if not directory.exists():
        return []
    names = sorted(path.name for path in directory.iterdir())
    if header is not None:
        names.remove("header")
        assert (directory / "header").read_bytes() == header
    count = len(names) // 2
    expected = sorted(f"{number:06}.{kind}" for number in range(1, count + 1) for kind in ("input", "json"))
    assert names == expected, f"{directory} has {names}"
    letters = []
    for number in range(1, count + 1):
        about = json.loads((directory / f"{number:06}.json").read_text(encoding="utf-8"))
        letters.append(DeadLetter((directory / f"{number:06}.input").read_bytes(), about))
    return letters


def records_of(letter):
    """The first and the last, counted from 1."""
    about = letter.about
    return (about["record"], about["record"]) if "record" in about else (about["first_record"], about["last_record"])


def check_lone_records(letters, records):
    """Each bad record, and nothing else, is a letter by itself, with its number and place."""
    assert len(letters) == len(records.bad), f"{len(letters)} dead letters, not {len(records.bad)}: {letters}"
    text = records.path.read_bytes()
    for letter, number in zip(letters, sorted(records.bad)):
        record = records.record(number)
        assert letter.bytes == record, f"{letter.bytes!r} is not {record!r}"
        assert records_of(letter) == (number, number), letter.about
        assert letter.about["length"] == len(record), letter.about
        assert letter.about["offset"] == text.index(record), letter.about
