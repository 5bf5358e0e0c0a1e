# SPDX-License-Identifier: MIT
"""Reads options.ini, the table of all options, and says who has which. README.md has the fields."""

import configparser
import re
from pathlib import Path

TABLE = Path(__file__).resolve().parent / "options.ini"
ROLES = ("ventilator", "worker", "sink")
PROGRAMS = {"launcher": "fanfold", **{role: f"fanfold-{role}" for role in ROLES}}
GROUPS = ("Input", "Chunks", "Failure", "Worker", "Output", "Hosts", "Run")

FIELDS = {"group", "roles", "launcher", "letter", "value", "aliases", "default", "hidden", "help", "manual"}
TEXTS = {f"{program}.{text}" for program in PROGRAMS for text in ("help", "manual")}
DURATIONS = {"": 1000000, "us": 1, "ms": 1000, "s": 1000000, "m": 60000000, "h": 3600000000, "d": 86400000000}
UNITS = {"": 1, **{letter: 1 << 10 * power for power, letter in enumerate("KMGT", 1)}}


class Mistake(Exception):
    """The table says what it may not; the message names the option."""


class Option:
    """One entry. `names` are (letter or None, long name): its own, then its aliases, which the launcher alone has."""

    def __init__(self, name, fields):
        unknown = set(fields) - FIELDS - TEXTS
        if unknown:
            raise Mistake(f"[{name}]: there is no field {', '.join(sorted(unknown))}")
        self.name, self.fields = name, fields
        self.group, self.value, self.default = (fields.get(field) for field in ("group", "value", "default"))
        self.may_lack_value = (self.value or "").startswith("[")
        if self.may_lack_value:
            self.value = self.value[1:-1]
        self.hidden = fields.get("hidden") == "yes"
        roles = fields.get("roles", "")
        self.roles = ROLES if roles == "all" else tuple(roles.split())
        self.launcher = fields.get("launcher", "passes")
        self.names = [(fields.get("letter"), name), *map(read_alias, filter(None, fields.get("aliases", "").split(",")))]
        self.check()

    def check(self):
        right = {
            "group": self.group in GROUPS,
            "roles": set(self.roles) <= set(ROLES),
            "launcher": self.launcher in ("passes", "own", "no") and (self.roles or self.launcher == "own"),
            "help": self.hidden or all(self.text("help", program) for program in self.programs()),
        }
        for field, good in right.items():
            if not good:
                raise Mistake(f"[{self.name}]: {field} is missing or wrong: {self.fields.get(field)!r}")

    def programs(self):
        return [program for program in PROGRAMS if self.is_of(program)]

    def is_of(self, program):
        return self.launcher != "no" if program == "launcher" else program in self.roles

    def passed_to(self):
        """The roles to which the launcher passes it on."""
        return self.roles if self.launcher == "passes" else ()

    def names_in(self, program):
        return self.names if program == "launcher" else self.names[:1]

    def text(self, field, program):
        """None where there is none. The lines of a help text are one."""
        text = self.fields.get(f"{program}.{field}") or self.fields.get(field)
        if text is None:
            return None
        if field == "help":
            text = " ".join(text.split())
            if self.default and "(default" not in text:
                text += f" (default{':' if ' ' in self.default else ''} {{default}})"
        return text.strip().replace("{default}", self.default or "{default}")

    def constant(self):
        """(C name, number) of a default that is a size, a duration or a number; else None."""
        name = "DEFAULT_" + self.name.upper().replace("-", "_")
        number = re.fullmatch(r"(\d+)(\w*)", self.default or "")
        if not number:
            return None
        if "SIZE" in self.value:
            return name + "_BYTES", int(number[1]) * UNITS[number[2]]
        if self.value == "DURATION":
            return name + "_US", int(number[1]) * DURATIONS[number[2]]
        return name, int(number[1])

    def duration(self):
        """What stands for its value where that is a duration, "{}", or has one in it; None: it has nothing of one.

        An option that counts in a unit of its own is a mistake: all know the units of DURATION.
        """
        if re.search(r"\b(MS|US|MILLIS\w*|SECONDS|MINUTES|HOURS|DAYS|TIME)\b", self.value or "") and not (
            "since 1970" in self.fields["help"] or "a duration with a unit" in self.fields.get("manual", "")
        ):
            raise Mistake(f"[{self.name}]: {self.value}: call it DURATION, and read it as one")
        texts = " ".join(text for field, text in self.fields.items() if field.rpartition(".")[2] in ("help", "manual"))
        within = re.search(r"(\w+=)(?:\s*Ns\s+Ar\s+)?DURATION", texts)
        if self.value == "DURATION" or not within and self.value and re.search(r"is\s+a\s+\.Ar DURATION", texts):
            return "{}"
        return within[1] + "{}" if within and self.value else None


def read_alias(text):
    """"--wd" or "-P --max-procs"."""
    *letter, name = text.split()
    if not name.startswith("--") or len(letter) > 1:
        raise Mistake(f"'{text.strip()}' is no alias such as --wd or -P --max-procs")
    return (letter[0][1] if letter else None), name[2:]


def read_table(path=TABLE):
    parser = configparser.ConfigParser(delimiters="=", comment_prefixes="#", interpolation=None)
    parser.read_string(Path(path).read_text(encoding="utf-8"), str(path))
    return [Option(name, dict(parser[name])) for name in parser.sections()]
