# SPDX-License-Identifier: MIT
"""A user's program for --mode lines that keeps to the mode or does not, as its argument says: a dict of Python.

It answers line by line with <line>, and counts the lines that it has read from 1.
"""

import ast
import contextlib
import os
import queue
import signal
import sys
import threading
import time

plan = ast.literal_eval(sys.argv[1])
lock = threading.Lock()
held = []


def write(text):
    with lock:
        held.append(text)
        if len(held) >= plan.get("hold", 1):
            flush()


def flush():
    os.write(1, "".join(held).encode())
    held.clear()


def say(text, after, by):
    """Writes something that nobody asked for, so many seconds from now."""
    if by == "main":
        time.sleep(after)
        write(text)
    elif by == "thread":
        timer = threading.Timer(after, write, [text])
        timer.daemon = True
        timer.start()
    elif os.fork() == 0:
        time.sleep(after)
        os.write(1, text.encode())
        os._exit(0)


def die(how):
    with contextlib.suppress(FileExistsError):
        if plan.get("once"):
            os.mkdir(plan["once"])
        if how == "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(how)


def read_ahead(found):
    for line in sys.stdin:
        found.put(line)
    found.put(None)


def lines():
    """Of the input; where the plan says so, another thread reads ahead."""
    if not plan.get("ahead"):
        yield from sys.stdin
        return
    found = queue.SimpleQueue()
    threading.Thread(target=read_ahead, args=[found], daemon=True).start()
    while line := found.get():
        yield line


if "greeting" in plan:
    say(*plan["greeting"])
for number, line in enumerate(lines(), 1):
    time.sleep(plan.get("delay", 0))
    if number in plan.get("before", {}):
        say(*plan["before"][number])
    if number == plan.get("death", [0])[0]:
        die(plan["death"][1])
    if number not in plan.get("dropped", []):
        write("<%s>\n" % line.rstrip("\n"))
    if number in plan.get("after", {}):
        say(*plan["after"][number])
if "farewell" in plan:
    say(*plan["farewell"])
flush()
