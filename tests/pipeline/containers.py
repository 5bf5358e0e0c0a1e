#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Three containers of an image make a run: containers.py IMAGE DIRECTORY.

    unshare -r -n -m -C -p -f --mount-proc --kill-child containers.py IMAGE DIRECTORY

It runs as any user, in namespaces that make it root of a network of its own: there each container gets a network
namespace, with a cable to the middle. DIRECTORY has `in`, and in `keys/ROLE` what a role gets of the run's keys; the sink's
container writes `out/out`. Prints `open` if a root can be written to, and how each container has ended. Status 7: the machine
cannot do this, and the line says why.
"""

import json
import subprocess
import sys
from pathlib import Path

PLAIN = ("/proc", "/dev", "/dev/shm")
USER = 65532
TMP = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]}
PORTS = {"tasks": 15557, "results": 15558}
ROLES = ["ventilator", "sink", "worker"]
CLOSED = 'touch /closed 2>/dev/null && echo open; echo "uid $(id -u)" "$(grep NoNewPrivs /proc/self/status)" >&2; exec "$@"'


def must(*words, **more):
    subprocess.run(words, check=True, **more)


def can(why, *words):
    run = subprocess.run(words, check=False, capture_output=True, text=True)
    if run.returncode:
        print(f"{why}: {run.stderr.strip().splitlines()[-1]}")
        sys.exit(7)


def address(role):
    return f"10.9.{ROLES.index(role)}.2"


def make_network(role):
    """A process that holds a network namespace with a cable to ours."""
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; read end"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    near, inside = f"to-{role[:8]}", ["nsenter", "-t", str(holder.pid), "-n"]
    gateway = address(role)[:-1] + "1"
    peer = ["peer", "name", "eth0", "netns", str(holder.pid)]
    can("no virtual network cables", "ip", "link", "add", near, "type", "veth", *peer)
    must("ip", "address", "add", f"{gateway}/24", "dev", near)
    must("ip", "link", "set", near, "up")
    must(*inside, "ip", "address", "add", f"{address(role)}/24", "dev", "eth0")
    must(*inside, "ip", "link", "set", "eth0", "up")
    must(*inside, "ip", "link", "set", "lo", "up")
    must(*inside, "ip", "route", "add", "default", "via", gateway)
    return holder, inside


def bind(source, destination, *options):
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["bind", *options]}


def make_bundle(image, directory, role, words, mounts):
    """The image, unpacked, with a root that is read-only and nothing that can be gained."""
    bundle = directory / role
    must("umoci", "unpack", "--rootless", "--image", image, bundle, stdout=subprocess.DEVNULL)
    path = bundle / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    mapping = [{"containerID": USER, "hostID": 0, "size": 1}]
    process = config["process"]
    process.update({"terminal": False, "args": ["sh", "-c", CLOSED, "sh", *words], "user": {"uid": USER, "gid": USER}})
    process.update({"capabilities": {}, "noNewPrivileges": True})
    config["root"]["readonly"] = True
    config["linux"].update({"uidMappings": mapping, "gidMappings": mapping})
    config["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "user")]
    config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] in PLAIN] + [TMP, *mounts]
    path.write_text(json.dumps(config), encoding="utf-8")
    return bundle


def main(image, directory):
    # Where both versions of control groups are mounted, crun asks for one.
    can("no control groups of version 2", "mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    (directory / "out").mkdir()
    tasks = ["--tasks", f"tcp://{address('ventilator')}:{PORTS['tasks']}", "--keys", "/keys"]
    results = f"tcp://{address('sink')}:{PORTS['results']}"
    words = {
        "ventilator": ["fanfold-ventilator", "-N1000", *tasks, "-i", "/in"],
        "sink": ["fanfold-sink", *tasks, "--results", results, "--resume", "-o", "/out/out"],
        "worker": ["fanfold-worker", *tasks, "-j2", "--", "awk", "{ print NR, $1 }"],
    }
    mounts = {role: [bind(directory / "keys" / role, "/keys", "ro")] for role in ROLES}
    mounts["ventilator"].append(bind(directory / "in", "/in", "ro"))
    mounts["sink"].append(bind(directory / "out", "/out"))
    networks = {role: make_network(role) for role in ROLES}
    running = {}
    for role in ROLES:
        bundle = make_bundle(image, directory, role, words[role], mounts[role])
        crun = ["crun", "--root", str(directory / "state"), "--cgroup-manager=disabled", "run", "--bundle", str(bundle), role]
        running[role] = subprocess.Popen([*networks[role][1], *crun], stdin=subprocess.DEVNULL)
    ended = {role: process.wait() for role, process in running.items()}
    for holder, _ in networks.values():
        holder.communicate(b"\n")
    print(json.dumps(ended))
    return int(any(ended.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
