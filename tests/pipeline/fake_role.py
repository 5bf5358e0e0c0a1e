#!/usr/bin/python3 -IS
# SPDX-License-Identifier: MIT
"""A role that does what a test says: copied under the name of each role beside fanfold.

It writes what happens to it, a line each ("worker 123 start ..."), to `log` beside itself,
and takes its orders, a line each, from the pipe `NAME.orders`:

    exit N   kill N   alive   socket   streams   child   stubborn   drain (end at a second SIGTERM)
"""

import os
import signal
import sys

name = os.path.basename(sys.argv[0]).removeprefix("fanfold-")
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
options = dict(word[2:].split("=", 1) for word in sys.argv[1:] if word.startswith("--") and "=" in word)
stubborn = False
drains = False


def log(*words):
    line = " ".join([name, str(os.getpid()), *words]) + "\n"
    fd = os.open(f"{folder}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode())
    os.close(fd)


def on_term(*_):
    global drains
    log("term")
    if not stubborn and not drains:
        os._exit(143)
    drains = False


def child():
    """A process that nothing reaches but a subreaper: its own session, its parent gone."""
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            log("child")
            signal.pause()
        os._exit(0)
    os.wait()


def obey(order, number):
    global stubborn, drains
    if order == "exit":
        os._exit(number)
    elif order == "kill":
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        os.kill(os.getpid(), number)
    elif order == "alive":
        os.write(int(options["alive-fd"]), b"!")
    elif order == "socket":
        open(options["tasks"].removeprefix("ipc://"), "w").close()
    elif order == "streams":
        log("streams", *(os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)))
    elif order == "child":
        child()
    elif order == "stubborn":
        stubborn = True
    elif order == "drain":
        drains = True
    log("did", order)


signal.signal(signal.SIGTERM, on_term)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # a ventilator begins with it blocked, until it listens
orders = os.fdopen(os.open(f"{folder}/{name}.orders", os.O_RDWR), "rb", buffering=0)
ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
log("start", "ignores-interrupts" if ignored else "hears-interrupts", *sys.argv[1:])
while True:
    order, _, number = orders.readline().decode().strip().partition(" ")
    obey(order, int(number or 0))
