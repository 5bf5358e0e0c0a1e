# SPDX-License-Identifier: MIT
"""All cases, by the names that tests/bench/run takes. A case gets a Bench and gives an Outcome; its docstring says what it compares."""

from cases.copy import copy_disk, copy_exec, copy_tmpfs
from cases.cost import memory, parts
from cases.stream import latency, start
from cases.tiny import modes, tiny, workers
from cases.work import gzip, prepared, stragglers

CASES = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(copy_tmpfs, copy_disk, copy_exec, tiny, modes, workers, gzip, prepared),
        *(latency, stragglers, memory, start, parts),
    )
}
