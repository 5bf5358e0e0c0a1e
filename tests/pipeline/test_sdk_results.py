# SPDX-License-Identifier: MIT
"""What functions in Python and R return, judged byte by byte: kinds, buffers that change later, locales.

Each test serves random chunks by one program. `pytest test_sdk_results.py --runs 2000` takes more of them.
"""

import random
import subprocess

import pytest
from frames import PYTHON, Program, R
from harness import option

RUNS = option("runs", 25)  # chunks a test
LOCALES = ("C", "POSIX", "C.UTF-8", "en_US.ISO-8859-1")

try:
    import numpy
except ImportError:
    numpy = None


def environment(case, locale):
    """The variables of this locale, which is made where the system has only the source of it."""
    if not locale.endswith("ISO-8859-1"):
        return {"LC_ALL": locale}
    made = case.path("locales")
    made.mkdir()
    arguments = ["localedef", "-f", "ISO-8859-1", "-i", "en_US", made / locale]
    try:
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        case.skip(f"localedef cannot make {locale}")
    return {"LC_ALL": locale, "LOCPATH": str(made)}


# ---- Python ----

# A chunk of `serve`, or a record of serve_records, is `KIND:BYTES`. Each object that was returned is spoilt before the
# next one is made, and each that was yielded as soon as it was taken.
KINDS = """
import array, collections, ctypes, mmap
try:
    import numpy
except ImportError:
    numpy = None
buffer, numbers, kept, returned = bytearray(), array.array("B"), {}, []
class Own(bytes):
    pass
def spoil(value):
    if not memoryview(value).readonly:
        for index in range(len(value)):
            value[index] = 35
def reused(data):
    buffer[:] = data
    return buffer
def view_of_reused(data):
    room = kept.setdefault(len(data), bytearray(len(data)))
    room[:] = data
    return memoryview(room)
def mapped(data):
    area = mmap.mmap(-1, max(1, len(data)))
    area[: len(data)] = data
    return memoryview(area)[: len(data)]
def added(data):
    out = numpy.empty(len(data), "u1")
    numpy.add(numpy.frombuffer(data, "u1"), 1, out=out)
    numpy.subtract(out, 1, out=out)
    return out
def filled(data):
    numbers[:] = array.array("B", data)
    return numbers
def doubled(data):
    twice = bytearray(2 * len(data))
    twice[::2] = data
    return memoryview(twice)[::2]
def piecewise(data):
    one = bytearray(1)
    for byte in data:
        one[0] = byte
        yield one
        spoil(one)
def released(data):
    with memoryview(bytearray(data)) as view:
        yield view
        spoil(view)
def views(data):
    whole = bytearray(data)
    yield memoryview(whole)[: len(whole) // 2]
    yield memoryview(whole)[len(whole) // 2 :]
    spoil(whole)
good = {
    "bytes": bytes, "own": Own, "bytearray": bytearray, "reused": reused, "view": memoryview, "filled": filled,
    "part": lambda data: memoryview(b"<" + data + b">")[1:-1], "reused view": view_of_reused,
    "mapped": mapped, "doubled": doubled, "square": lambda data: memoryview(data * 4).cast("B", (4, len(data)))[:1],
    "c": lambda data: (ctypes.c_char * len(data)).from_buffer_copy(data), "added": lambda data: added(data),
    "column": lambda data: numpy.frombuffer(data * 2, "u1").reshape(2, -1).T[:, 0],
    "signed": lambda data: numpy.frombuffer(data, "i1").copy(),
    "numpy bytes": lambda data: numpy.array([data, data])[:1].tolist()[0],
    # Several, of a byte each, save the last three.
    "list": lambda data: [data[i : i + 1] for i in range(len(data))], "piecewise": piecewise,
    "tuple": lambda data: tuple(bytearray([byte]) for byte in data),
    "deque": lambda data: collections.deque(array.array("B", [byte]) for byte in data),
    "map": lambda data: map(reused, (data[i : i + 1] for i in range(len(data)))),
    "objects": lambda data: numpy.array([data[i : i + 1] for i in range(len(data))], object),
    "halves": views, "released": released, "one": lambda data: [reused(data)],
}
bad = {
    "int": lambda data: len(data), "float": lambda data: 1.5, "bool": lambda data: True, "str": lambda data: "text",
    "dict": lambda data: {data: data}, "set": lambda data: {data}, "object": lambda data: object(),
    "nested": lambda data: [[data]], "hole": lambda data: [data, None], "ints": lambda data: [data, 5],
    "strs": lambda data: iter(["a"]), "c int": lambda data: ctypes.c_int(7), "text": lambda data: array.array("u", "ab"),
    "float64": lambda data: numpy.float64(1.5), "int8": lambda data: numpy.int8(65), "bool_": lambda data: numpy.bool_(True),
    "str_": lambda data: numpy.str_("ab"), "day": lambda data: numpy.datetime64("2026-11-29"),
    "void": lambda data: numpy.void(b"ab"), "point": lambda data: numpy.array(1.5), "sum": lambda data: numpy.ones(3).sum(),
    "scores": lambda data: [numpy.float32(1), numpy.float32(2)], "labels": lambda data: numpy.array(["a", "b"]),
    "days": lambda data: numpy.array(["2026-11-29"], "M8[D]"), "pointers": lambda data: numpy.array([data, 1], object),
}
CHANGEABLE = (b"bytearray", b"reused", b"reused view", b"filled", b"mapped", b"doubled", b"added", b"signed")
wide = {
    "doubles": lambda data: array.array("d", [1.5]), "predicted": lambda data: numpy.array([0.5]),
    "mask": lambda data: numpy.array([True]), "c ints": lambda data: (ctypes.c_int * 2)(1, 2),
}
def process(record, state):
    for value in returned:
        spoil(value)
    returned.clear()
    kind, _, data = record.partition(b":")
    value = {**good, **bad, **wide}[kind.decode()](data)
    if kind in CHANGEABLE:
        returned.append(value)
    return value
"""
WHOLE = ["bytes", "own", "bytearray", "reused", "view", "part", "filled", "reused view", "mapped", "doubled", "square", "c"]
NUMPY_WHOLE = ["added", "column", "signed", "numpy bytes"]
BYTEWISE, NUMPY_BYTEWISE = ["list", "piecewise", "tuple", "deque", "map"], ["objects"]
BAD = {
    "int": "int", "float": "float", "bool": "bool", "str": "str, not bytes: .encode() it", "dict": "dict", "set": "set",
    "object": "object", "nested": "item 0 is list", "hole": "item 1 is NoneType", "ints": "item 1 is int", "strs": "item 0 is str",
    "c int": "ctypes.c_int", "text": "item 0 is str",
}  # fmt: skip
NUMPY_BAD = {
    "float64": "numpy.float64", "int8": "numpy.int8", "bool_": "numpy.bool_", "str_": "numpy.str_", "day": "numpy.datetime64",
    "void": "numpy.void", "point": "numpy.ndarray", "sum": "numpy.float64", "scores": "item 0 is numpy.float32",
    "labels": "item 0 is numpy.str_", "days": "item 0 is numpy.datetime64", "pointers": "item 1 is int",
}  # fmt: skip
WIDE = {"doubles": "array.array of d", "c ints": "c_int_Array_2 of <i"}
NUMPY_WIDE = {"predicted": "numpy.ndarray of float64", "mask": "numpy.ndarray of bool"}
if numpy:
    WHOLE += NUMPY_WHOLE
    BYTEWISE += NUMPY_BYTEWISE
    BAD |= NUMPY_BAD
    WIDE |= NUMPY_WIDE


def pieces(kind, data):
    """What a result of this kind is, in the pieces that serve_records makes records of."""
    if kind in BYTEWISE:
        return [data[i : i + 1] for i in range(len(data))]
    if kind == "halves":
        return [data[: len(data) // 2], data[len(data) // 2 :]]
    return [data.rstrip(b"\0") if kind == "numpy bytes" else data]  # numpy takes them for padding


def some_bytes(chance, shortest, without=b""):
    return bytes(byte for byte in chance.randbytes(chance.choice([0, 1, 5, 300])) if byte not in without) or b"x" * shortest


def record_of(chance, kind, without=b""):
    # Some of the kinds cannot be empty.
    data = some_bytes(chance, 1, without)
    return kind.encode() + b":" + data, pieces(kind, data)


GOOD = [*WHOLE, *BYTEWISE, "halves", "released", "one"]


@pytest.mark.parametrize("locale", LOCALES)
def test_python_results_of_a_chunk_have_the_bytes_that_were_returned(case, locale):
    program = Program(case, PYTHON, KINDS + "fanfold.serve(process)", **environment(case, locale)).ready()
    chance = random.Random(9)
    for kind in GOOD * max(1, RUNS // 10):
        chunk, expected = record_of(chance, kind)
        assert program.ask(chunk) == ("+", b"".join(expected)), (kind, chunk)
    for kind, words in BAD.items():
        program.expect_failure(kind.encode() + b":", "TypeError: process returned", words)
        program.expect(b"bytes:1", b"1")
    program.expect(b"doubles:", b"\0\0\0\0\0\0\xf8\x3f")  # their memory
    program.end()


@pytest.mark.parametrize("locale", LOCALES)
def test_python_results_of_records_have_the_bytes_that_were_returned(case, locale):
    program = Program(case, PYTHON, KINDS + "fanfold.serve_records(process)", **environment(case, locale)).ready()
    chance = random.Random(7)
    refused = {**BAD, **WIDE}
    for turn in range(max(RUNS, 2 * len(refused))):
        records = [record_of(chance, chance.choice(GOOD), b"\n") for _ in range(chance.randrange(1, 40))]
        wrong = list(refused)[turn // 2 % len(refused)] if turn % 2 else None
        if wrong:
            at = chance.randrange(len(records) + 1)
            records.insert(at, (wrong.encode() + b":", []))
        chunk = b"".join(record + b"\n" for record, _ in records)
        if wrong:
            program.expect_failure(chunk, f"record {at + 1} of the chunk, '{wrong}:'", "TypeError: process returned", refused[wrong])
        else:
            expected = b"".join(piece + b"\n" for _, parts in records for piece in parts)
            assert program.ask(chunk) == ("+", expected), chunk
    program.end()


# ---- R ----

# The first byte of a line says what becomes of it.
R_LINES = r"""
other <- list(U = "\u00fc", C = "\u4e2d", L = "\xfc", N = NA_character_, E = "", A = "ascii", X = "\xff\xfe")
Encoding(other$L) <- "latin1"
Encoding(other$X) <- "bytes"
process <- function(lines, state) {
    kinds <- vapply(lines, function(line) rawToChar(charToRaw(line)[1]), "", USE.NAMES = FALSE)
    if (any(kinds == "!")) return(list(number = 5, factor = factor("a"), none = NULL)[[substring(lines[1], 2)]])
    changed <- kinds %in% names(other)
    lines[changed] <- unlist(other[kinds[changed]])
    lines
}
fanfold_serve(process, text = TRUE)
"""
UTF_8, LATIN_1 = "ü".encode(), "ü".encode("latin1")


def lines_of(locale):
    """What each kind of line becomes; None: itself."""
    latin_1 = locale.endswith("ISO-8859-1")
    letter = LATIN_1 if latin_1 else UTF_8
    texts = {"U": letter, "L": letter, "N": b"NA", "E": b"", "A": b"ascii", "X": b"\xff\xfe", "k": None, "\xe9": None, "r": None}
    return texts if latin_1 else {**texts, "C": "中".encode()}


@pytest.mark.parametrize("locale", LOCALES)
def test_r_lines_that_the_function_did_not_touch_keep_their_bytes(case, locale):
    program = Program(case, R, R_LINES, **environment(case, locale)).ready()
    chance = random.Random(5)
    texts = lines_of(locale)
    for turn in range(RUNS):
        asked, expected = [], []
        for kind in chance.choices(list(texts), k=chance.randrange(1, 60)):
            line = kind.encode("latin1") + chance.choice([b"caf\xe9", "mü".encode(), b"\r", some_bytes(chance, 0, b"\n\0")])
            asked.append(line)
            expected.append(line if texts[kind] is None else texts[kind])
        chunk = b"\n".join(asked) + b"\n" * (turn % 2)
        answer = program.ask(chunk)
        assert answer == ("+", b"".join(line + b"\n" for line in expected)), (chunk, answer)
    if "C" not in texts:
        program.expect_failure(b"k\nC\nk\n", "line 2 of the result has a character that the encoding of the locale lacks")
    program.expect_failure(b"k\nk\nzero \0\nk\n", "line 3 of the chunk has a byte 0")
    program.expect_failure(b"k\0", "line 1 of the chunk has a byte 0")
    for kind, words in (("number", "numeric, not a character vector: as.character() it"), ("factor", "factor"), ("none", "NULL")):
        program.expect_failure(b"!" + kind.encode(), f"process returned {words}")
    program.end()


R_JOINED = r"""
process <- function(lines, state) {
    printed <- grepl("^print", lines, useBytes = TRUE)
    c(paste0(lines[!printed], "\u00fc"), capture.output(cat("\u00e9", lines[printed], "\n")))
}
fanfold_serve(process, text = TRUE)
"""


def test_r_text_that_r_rewrote_in_a_locale_of_ascii_is_no_result(case):
    chunk, printed = "café\n".encode(), b"ascii\nprint\n"
    known = Program(case, R, R_JOINED, LC_ALL="C.UTF-8").ready()
    known.expect(chunk, "caféü\né  \n".encode())
    known.end()
    plain = R_JOINED.replace("c(paste0", "(paste0").replace(", capture.output(cat(\"\\u00e9\", lines[printed], \"\\n\")))", ")")
    program = Program(case, R, plain, LC_ALL="C").ready()
    program.expect(b"ascii\n", "asciiü\n".encode())
    program.expect(b"<c3><U+00E9> <dd>\n", "<c3><U+00E9> <dd>ü\n".encode())
    words = "which R writes for what the locale C does not know: run under a locale of UTF-8"
    program.expect_failure(b"x\n" + chunk, f"line 2 of the result has <c3>, {words}")
    program.expect_failure(b"caf\xe9\n", f"line 1 of the result has <e9>, {words}")
    program.end()
    program = Program(case, R, R_JOINED, LC_ALL="C").ready()
    program.expect_failure(printed, "of the result has <U+00E9>, which R writes")
    program.end()


R_BYTES = """
process <- function(chunk, state) {
    half <- seq_len(length(chunk) %/% 2)
    switch(rawToChar(chunk[1]),
        s = chunk, r = rev(chunk), l = list(chunk[half], raw(), chunk[setdiff(seq_along(chunk), half)]), n = c(name = chunk),
        m = matrix(chunk, 1), e = raw(), o = structure(chunk, class = "own"), t = "text", d = 1.5, i = list(chunk, 1L), z = NULL)
}
fanfold_serve(process)
"""


@pytest.mark.parametrize("locale", LOCALES)
def test_r_bytes_come_back_as_they_were_returned(case, locale):
    program = Program(case, R, R_BYTES, **environment(case, locale)).ready()
    chance = random.Random(3)
    for _ in range(RUNS):
        kind = chance.choice("srlnmeo")
        chunk = kind.encode() + chance.randbytes(chance.choice([0, 1, 7, 5000])) + bytes(2)
        assert program.ask(chunk) == ("+", {"r": chunk[::-1], "e": b""}.get(kind, chunk)), chunk
    for kind, words in (("t", "character, not a raw vector: use text = TRUE"), ("d", "numeric"), ("i", "list"), ("z", "NULL")):
        program.expect_failure(kind.encode(), f"process returned {words}")
    program.end()
