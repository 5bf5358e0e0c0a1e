#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""common/PROTOCOL.md says each message three times: in a table, in the ABNF, and in bytes. They must say the same.

The bytes are the golden ones of tests/unit/common/protocol (a unit test holds that), so the code is bound to both.
"""

import re
import struct

from tree import ROOT, claim

TEXT = (ROOT / "common/PROTOCOL.md").read_text(encoding="utf-8")
MESSAGES = TEXT.partition("\n## Messages\n")[2].partition("\n## ABNF\n")[0]
RULES = TEXT.partition("\n## ABNF\n")[2].partition("```abnf\n")[2].partition("\n```")[0]
BYTES = TEXT.partition("\n## A session in bytes\n")[2]


class Wrong(Exception):
    """Bytes that a rule does not describe."""


# ---- msgpack, as far as messages have it ----


def sized(data, at, form):
    width = struct.calcsize(form)
    return struct.unpack_from(form, data, at)[0], at + width


def token(data, at):
    """(kind, value, next place): value is a number, bytes, or the elements of an array."""
    head, at = data[at], at + 1
    if head < 0x80:
        return "number", head, at
    if 0x90 <= head < 0xA0:
        return "array", head & 15, at
    if 0xA0 <= head < 0xC0:
        return "str", data[at : at + (head & 31)], at + (head & 31)
    if head in (0xC2, 0xC3):
        return "bool", head == 0xC3, at
    forms = {
        0xC4: ("bin", ">B"), 0xC5: ("bin", ">H"), 0xC6: ("bin", ">I"), 0xD9: ("str", ">B"), 0xDA: ("str", ">H"),
        0xDB: ("str", ">I"), 0xCC: ("number", ">B"), 0xCD: ("number", ">H"), 0xCE: ("number", ">I"),
        0xCF: ("number", ">Q"), 0xDC: ("array", ">H"), 0xDD: ("array", ">I"),
    }  # fmt: skip
    if head not in forms:
        raise Wrong(f"byte {head:02x}")
    kind, form = forms[head]
    value, at = sized(data, at, form)
    if kind in ("bin", "str"):
        return kind, data[at : at + value], at + value
    return kind, value, at


# ---- the grammar ----


def read_rules():
    rules, name = {}, None
    for line in RULES.splitlines():
        line = re.sub(r"(?<!\d)\s;.*", "", line)
        match = re.match(r"([a-z][\w-]*)\s*=\s*(.*)", line)
        if match:
            name = match[1]
            rules[name] = match[2].strip()
        elif line.strip():
            rules[name] += " " + line.strip()
    return rules


GRAMMAR = read_rules()


def terminal(text, data, at):
    """A terminal in angle brackets; returns the next place."""
    kind, value, end = token(data, at)
    if text == "true or false":
        good = kind == "bool"
    elif match := re.fullmatch(r"bin of 16 bytes(, not all zero)?", text):
        good = kind == "bin" and len(value) == 16 and not (match[1] and not any(value))
    elif match := re.fullmatch(r"(bin|str) of (\d+)\.\.(\d+) bytes", text):
        good = kind == match[1] and int(match[2]) <= len(value) <= int(match[3])
    elif match := re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text):
        good = kind == "number" and int(match[1]) <= value <= int(match[2] or match[1])
    elif match := re.fullmatch(r"unsigned integer below 2\^(\d+)", text):
        good = kind == "number" and value < 2 ** int(match[1])
    elif match := re.fullmatch(r"u32 other than (\d+)", text):
        good = kind == "number" and value < 2**32 and value != int(match[1])
    else:
        raise Wrong(f"no such terminal: <{text}>")
    if not good:
        raise Wrong(f"{kind} {value!r} is no <{text}>")
    return end


def elements(rule):
    """The parts of a rule that is a sequence: names, terminals, repetitions."""
    return re.findall(r"<[^>]*>|\d*\*\d*\([^)]*\)|\[[\w-]+\]|\*?[\w-]+", rule)


def repeat(part, left, data, at):
    low, high, inner = re.fullmatch(r"(\d*)\*(\d*)\(\s*(.*?)\s*\)", part).groups()
    names = inner.split()
    count, rest = divmod(left, len(names))
    if rest or count < int(low or 0) or count > int(high):
        raise Wrong(f"{left} elements where {part} belongs")
    for _ in range(count):
        for name in names:
            at = parse(name, data, at)
    return at


def parse(name, data, at):
    rule = GRAMMAR.get(name)
    if rule is None:
        raise Wrong(f"no rule {name}")
    if re.fullmatch(r"<[^>]*>", rule) and not rule.startswith("<array"):
        return terminal(rule[1:-1], data, at)
    if re.fullmatch(r"[\w-]+", rule):
        return parse(rule, data, at)
    head, *parts = elements(rule)
    kind, left, at = token(data, at)
    size = head[len("<array ") : -1]
    if kind != "array" or (size.isdigit() and left < int(size)):
        raise Wrong(f"{kind} {left} where {head} of {name} belongs")
    for part in parts:
        if part == "*later":
            if left:
                raise Wrong(f"{left} elements more than {name} has")
        elif part.startswith("["):
            if left:
                at, left = parse(part[1:-1], data, at), left - 1
        elif "(" in part:
            at, left = repeat(part, left, data, at), 0
        else:
            at = terminal(part[1:-1], data, at) if part.startswith("<") else parse(part, data, at)
            left -= 1
    if left:
        raise Wrong(f"{left} elements more than {name} has")
    return at


def message_rules():
    """{type: [rule names]}, those of other versions apart."""
    found = {}
    for name, rule in GRAMMAR.items():
        match = re.match(r"<array (\w+)>\s+<(\d+)>", rule)
        if match and match[1].isdigit():
            found[int(match[2])] = name
    return found


BY_TYPE = message_rules()

# ---- the tables ----

# What a field is called in the ABNF where its rule is one of several for that name.
ALIASES = {
    "welcome-nonce": "nonce", "begun-epoch": "epoch", "result-uuid": "uuid",
    "failed-how": "how", "refused-how": "how", "result-compression": "compression",
    "failed-tasks": "failed", "some-records": "records", "tried": "attempts",
    "bad-text": "text", "bad-count": "bad", "doubted": "attempts", "welcome-endpoints": "endpoints",
    "attempts": "entries", "task-entries": "entries", "result-entries": "entries", "done-entries": "entries",
}  # fmt: skip


def section(number):
    return re.search(rf"\n### {number} [^\n]*\n(.*?)(?=\n### |\Z)", MESSAGES, re.S)[1]


def table_fields(number):
    """Names of the fields of a message, as its section lists them."""
    text = section(number)
    rows = re.findall(r"^\| (\d+) \| ([\w]+) \|", text, re.M)
    if not rows:
        paragraph = text.split("\n\n*")[0]
        rows = re.findall(r"(?:^|· |\n)(\d+) (\w+):", paragraph)
    if [int(place) for place, _ in rows] != list(range(1, len(rows) + 1)):
        raise Wrong(f"{number}: fields are numbered {[place for place, _ in rows]}")
    return [name.replace("_", "-") for _, name in rows]


def rule_fields(name):
    """Names of the fields in the ABNF."""
    _, _, *parts = elements(GRAMMAR[name])
    return [part.strip("[]") for part in parts if part != "*later"]


def same(table, rule):
    return table == rule or ALIASES.get(rule) == table


def check_tables():
    wrong = []
    for number, name in sorted(BY_TYPE.items()):
        table, rule = table_fields(number), rule_fields(name)
        head = int(re.match(r"<array (\d+)>", GRAMMAR[name])[1]) + GRAMMAR[name].count("[")
        if len(table) != len(rule) or not all(map(same, table, rule)):
            wrong.append(f"{number} {name}: the table has {table}, the ABNF {rule}")
        if head != len(table) + 1:
            wrong.append(f"{number} {name}: an array of {head}, with {len(table)} fields")
    return wrong


def check_names():
    """Every rule that is used is there, every rule is used, every type has a heading, and the other way round."""
    used = {"message"}
    for rule in GRAMMAR.values():
        used |= set(re.findall(r"(?<![<\w-])[a-z][\w-]*", re.sub(r"<[^>]*>", " ", rule)))
    wrong = [f"no rule {name}" for name in sorted(used - set(GRAMMAR) - {"m", "n"})]
    wrong += [f"nothing uses {name}" for name in sorted(set(GRAMMAR) - used)]
    headings = {int(number) for number in re.findall(r"^### (\d+) [A-Z_]+,", MESSAGES, re.M)}
    wrong += [f"type {number} is in one of ABNF and Messages" for number in sorted(headings ^ set(BY_TYPE))]
    return wrong


def check_bytes():
    wrong, seen = [], set()
    for block in re.findall(r"(?:^    [0-9a-f]+\n)+", BYTES, re.M):
        data = bytes.fromhex(block.replace("\n", "").replace(" ", ""))
        kind = token(data, token(data, 0)[2])[1]
        try:
            other = len(data) < 8 and kind in (1, 2, 3)
            if other:
                continue
            if parse(BY_TYPE[kind], data, 0) != len(data):
                raise Wrong("bytes follow it")
            seen.add(kind)
        except (Wrong, IndexError, struct.error) as error:
            wrong.append(f"{BY_TYPE[kind]} {data.hex()[:40]}...: {error}")
    return wrong + [f"no bytes of {BY_TYPE[kind]}" for kind in sorted(set(BY_TYPE) - seen)]


claim(
    "the tables, the ABNF and the bytes of PROTOCOL.md say the same of each message",
    [*check_tables(), *check_names(), *check_bytes()],
    len(BY_TYPE),
)
