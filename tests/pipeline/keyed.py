# SPDX-License-Identifier: MIT
"""Runs by hand whose tcp links have keys."""

import json
import re

LINES = b"".join(b"the line of number %d\n" % number for number in range(5000))


def make_keys(case, name="keys"):
    """A directory of keys."""
    directory = case.path(name)
    case.run("fanfold-keygen", directory).expect(0)
    return directory


def secret_of(path):
    """The secret key in a certificate."""
    return re.search(r'secret-key = "(.{40})"', path.read_text())[1]


def start_ventilator(case, *options, stdin=LINES, before=()):
    """A ventilator with a port that is free, and its endpoint. `before`: the words of a program that starts it."""
    told = case.path(f"endpoints-{len(case.processes)}")
    words = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", told, *options]
    program, *words = [*before, "fanfold-ventilator", *words]
    ventilator = case.start(program, *words, stdin=stdin)
    case.wait_for(lambda: told.exists() or not ventilator.running(), "the ventilator to be bound")
    return ventilator, json.loads(told.read_text())["tasks"][0]


def start_sink(case, tasks, *options):
    return case.start("fanfold-sink", "--tasks", tasks, "--results", "tcp://127.0.0.1:*", *options)


def start_worker(case, tasks, *words, **more):
    return case.start("fanfold-worker", "--tasks", tasks, "-j1", *words, **more)


def secrets_in(case, secrets):
    """Where in /proc the secrets are: in words or variables of processes of this case."""
    found = []
    for pid in case.leftovers():
        for what in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{what}", "rb") as file:
                    text = file.read().decode(errors="replace")
            except OSError:
                continue
            found += [f"/proc/{pid}/{what}" for secret in secrets if secret in text]
    return found
