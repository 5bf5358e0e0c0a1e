# SPDX-License-Identifier: MIT
"""The worker's side of fanfold.map and fanfold.Executor on any host:

    fanfold-worker --keys DIR --tasks tcp://HOST:PORT --mode frames -- python3 -m fanfold.calls [--pickle] MODULE:FUNCTION

It calls the one function that its command line names: the caller sends arguments alone, by msgpack. With --pickle,
which both sides must say, arguments and values are pickles, and whoever can send some can run any code here.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any, Callable, NoReturn

import fanfold

from . import _engine, _work


def _usage(text: str) -> NoReturn:
    sys.exit(f"fanfold.calls: {text}\nusage: python3 -m fanfold.calls [--pickle] MODULE:FUNCTION")


def _find(name: str) -> Callable[..., Any]:
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        _usage(f"expected MODULE:FUNCTION, not {name!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module_name)
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        _usage(f"{name} is no function")
    return found  # type: ignore[no-any-return]


def _answer(function: Callable[..., Any], data: memoryview, with_pickle: bool) -> bytes:
    began = time.perf_counter()
    stop_at_error, items = _engine.unpack_remote(data, with_pickle)
    answer = _work.run(function, (), (stop_at_error, items))
    answer.elapsed = time.perf_counter() - began
    if not with_pickle:
        for index in answer.errors:
            answer.values[index] = _work.flatten(answer.values[index])
    return _work.pack(answer, lambda value: _engine.pack_remote(value, with_pickle), flat=not with_pickle)


def main(arguments: list[str]) -> None:
    with_pickle = "--pickle" in arguments
    names = [argument for argument in arguments if argument != "--pickle"]
    if len(names) != 1:
        _usage("expected one function")
    if with_pickle and os.environ.get("FANFOLD_INSECURE") == "1":
        sys.exit("fanfold.calls: --pickle: refused with --insecure: anyone who reaches the port could run code here")

    def process(chunk: bytes, function: Callable[..., Any]) -> bytes:
        return _answer(function, memoryview(chunk)[_work.FRAME_BYTES :], with_pickle)

    fanfold.serve(process, lambda: _find(names[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
