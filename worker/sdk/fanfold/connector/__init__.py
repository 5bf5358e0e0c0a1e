# SPDX-License-Identifier: MIT
r"""Connectors for fanfold, in Python 3.9 or later; nothing else is needed.

A connector brings records from another system into a run (-i 'exec:CMD'), or takes its
results to one (-o 'exec:CMD'). It is a process over two pipes; this module speaks
CONNECTOR/1 for it. Here the lines of a file come in, and a cursor is where a line ends:

    from fanfold import connector

    class Lines(connector.Input):
        def open(self, start):                 # None: from the beginning
            self.file = open("log", "rb")
            self.file.seek(int(start or 0))

        def read(self, wait_s):                # [] if nothing came within wait_s, None at the end
            line = self.file.readline()
            return [(str(self.file.tell()), line.rstrip(b"\n"))] if line else None

        def commit(self, cursor):              # safe in the output: what acknowledges it upstream goes here
            print("safe", cursor)

    connector.run_input(Lines())

And out. `store` returns once the records are durable; `open` tells the number of the run's
first record that is not, or None if there is no way to tell:

    import os
    from fanfold import connector

    class Log(connector.Output):
        def open(self, run, number):           # the records before this one are stored: fanfold knows
            self.file = open(f"{run}.log", "a+b")
            self.file.seek(0)
            text = self.file.read()
            self.file.truncate(text.rfind(b"\n") + 1)  # a kill may have torn the last line
            return text.count(b"\n")

        def store(self, number, records):      # `number` is that of the first
            self.file.write(b"".join(record + b"\n" for record in records))
            self.file.flush()
            os.fsync(self.file.fileno())

    connector.run_output(Log())

A method that finds its server away raises Lost: the connector is then opened again, with
growing pauses, where it was. Failure, with a sentence for people, ends it. `print` writes to
standard error; standard input is empty.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any, Callable, NoReturn, Optional

from ._ends import Failure, Input, Lost, Output
from ._feed import Feed
from ._patience import end_with, misuse
from ._pipes import Link
from ._store import Store

__all__ = ["Failure", "Input", "Lost", "Output", "misuse", "need", "run_input", "run_output", "secret"]

_STATUS_OUTPUT_CLOSED = 141


def run_input(source: Input, patience_s: float = 60.0) -> NoReturn:
    """Serves fanfold until it closes standard input, or `source` is at its end."""
    _run(lambda link: Feed(source, link, patience_s).run())


def run_output(target: Output, patience_s: float = 60.0) -> NoReturn:
    """Serves fanfold until it closes standard input; patience_s: how long a server may be away."""
    _run(lambda link: Store(target, link, patience_s).run())


def need(module: str, package: str) -> Any:
    """Imports a module; where it is missing, says which of Debian's packages has it, and ends."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        misuse(f"this needs the Python module {module}: install Debian's package {package}")


def secret(variable: str, path: Optional[str]) -> Optional[str]:
    """A password: the first line of a file, else what the environment has; the command line is for all to read."""
    if path is None:
        return os.environ.get(variable)
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:
        misuse(f"cannot read the password in {path}: {getattr(error, 'strerror', error)}")


def _run(serve: Callable[[Link], None]) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is fanfold's, which then ends this
    try:
        serve(Link())
        sys.exit(0)
    except BrokenPipeError:
        sys.exit(_STATUS_OUTPUT_CLOSED)
    except Failure as failure:
        end_with(str(failure))
