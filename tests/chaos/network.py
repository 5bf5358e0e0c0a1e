# SPDX-License-Identifier: MIT
"""Hosts on one machine: network namespaces on a bridge, with cables that can be pulled.

All of it is in a network and a mount namespace of the test's own process (`unshare_namespaces`), so
that it is gone with it. Where that is not allowed, tcp on loopback goes through proxies.
"""

import contextlib
import ctypes
import os
import socket
import subprocess

from proxy import Proxy

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 1 << 18, 2
NETS = "/run/netns"
NOWHERE = "02:00:00:00:00:01"
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def unshare_namespaces(network=True):
    """Gives this process mounts (and a network) of its own. OSError: not allowed."""
    check(libc.unshare(CLONE_NEWNS | (CLONE_NEWNET if network else 0)), "unshare")
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate")


def mount_tmpfs(path, options=""):
    check(libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, options.encode()), f"mount {path}")


def unmount(path):
    libc.umount2(os.fsencode(path), MNT_DETACH)


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Hosts:
    """Each host reaches all others; `pull` takes its cable away."""

    def __init__(self, names):
        os.makedirs(NETS, exist_ok=True)
        mount_tmpfs(NETS)
        self.names = list(names)
        self.addresses = {name: f"198.18.0.{number}" for number, name in enumerate(names, 2)}
        ip("link", "set", "lo", "up")
        ip("link", "add", "bridge", "type", "bridge")
        ip("link", "set", "bridge", "up")
        for name in names:
            ip("netns", "add", name)
            ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"to-{name}", "master", "bridge", "up")
            ip("-n", name, "addr", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def on(self, name):
        """The words before a command that is to run there."""
        return ["nsenter", f"--net={NETS}/{name}"]

    def tasks(self, _name):
        return f"tcp://{self.addresses['ventilator']}:5557"

    def results(self):
        return ["--results", f"tcp://{self.addresses['sink']}:5558"]

    def bind_tasks(self):
        return self.tasks("ventilator")

    def pull(self, name):
        ip("link", "set", f"to-{name}", "down")

    def plug(self, name):
        ip("link", "set", f"to-{name}", "up")

    def lose(self, name, other):
        """What `name` sends to `other` arrives nowhere; the way back is open."""
        words = [self.addresses[other], "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent"]
        ip("-n", name, "neigh", "replace", *words)

    def find(self, name, other):
        with contextlib.suppress(OSError):
            ip("-n", name, "neigh", "del", self.addresses[other], "dev", "eth0")

    def break_connections(self, name):
        """Resets all of this host's. False: this kernel cannot."""
        words = [*self.on(name), "ss", "-K", "-t", "state", "connected"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode == 0 and done.stdout.count("\n") > 1

    def close(self):
        for name in self.names:
            with contextlib.suppress(OSError):
                ip("netns", "del", name)
        unmount(NETS)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Proxies:
    """The same where there are no namespaces: a proxy a host on the way to the ventilator,
    one for all on the way to the sink."""

    def __init__(self, names):
        self.names = list(names)
        self.ports = free_port(), free_port()
        self.ways = {name: Proxy() for name in names if name != "ventilator"}
        for way in self.ways.values():
            way.target = self.ports[0]
        self.back = Proxy()
        self.back.target = self.ports[1]

    def on(self, _name):
        return []

    def tasks(self, name):
        return f"tcp://127.0.0.1:{self.ways[name].port}"

    def results(self):
        return ["--results", f"tcp://127.0.0.1:{self.ports[1]}", "--advertise", f"127.0.0.1:{self.back.port}"]

    def bind_tasks(self):
        return f"tcp://127.0.0.1:{self.ports[0]}"

    def of(self, name):
        return {"ventilator": list(self.ways.values()), "sink": [self.ways["sink"], self.back]}.get(
            name, [self.ways.get(name)]
        )

    def pull(self, name):
        for way in self.of(name):
            way.stall()

    def plug(self, name):
        for way in self.of(name):
            way.flow()

    def lose(self, name, other):
        (self.back if "sink" in (name, other) and "ventilator" not in (name, other) else self.of(name)[0]).stall()

    def find(self, name, other):
        (self.back if "sink" in (name, other) and "ventilator" not in (name, other) else self.of(name)[0]).flow()

    def break_connections(self, name):
        pairs = 0
        for way in self.of(name):
            pairs += len(way.pairs)
            way.cut()
            way.flow()
        return pairs > 0

    def close(self):
        pass
