# SPDX-License-Identifier: MIT
"""A real sshd on loopback, in a test's own directory, and hosts that are all behind it.

Each host is a name for ssh; what follows its first dash says what is odd with it: `a-banner`
prints lines first, `a-far` is told a wrong address of this host, `a-alien` is another machine without fanfold-worker, `a-bare` has no fanfold-worker, `a-away` cannot be reached.
"""

import os
import random
import shlex
import shutil
import socket
import subprocess
from pathlib import Path

from harness import MARK, build_directory, wait_for

SSHD = Path("/usr/sbin/sshd")

# A user's key each, because sshd looks there for what an odd host does in place of the command.
ODD = {
    "banner": r"echo Welcome.; echo 'fanfold-0 found'; cat /etc/hostname >&2; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"",
    "bare": r"PATH=/usr/bin:/bin; export PATH; exec /bin/sh -c \"$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed 's,BUILD,/nowhere,g')\"",
    "far": r"SSH_CONNECTION='203.0.113.77 1 2 3'; export SSH_CONNECTION; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"",
    "alien": r"PATH=HOME/machine:/usr/bin:/bin; export PATH; exec /bin/sh -c \"$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed 's,BUILD,/nowhere,g')\"",
    "plain": "",
}


class Sshd:
    """`ssh` is the command for --ssh."""

    def __init__(self, case, **options):
        if not SSHD.exists() or not shutil.which("ssh-keygen"):
            case.skip("there is no sshd")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.case = case
        self.home = case.path("ssh")
        self.home.mkdir(mode=0o700)
        (self.home / "there").mkdir()
        self.options = options
        self.ssh = f"ssh -F {shlex.quote(str(self.home / 'client'))}"
        self.make_keys()
        self.process = None
        while self.process is None:
            self.start(random.randrange(12000, 30000))

    def put_in_path(self):
        """What is called `ssh` in PATH knows the hosts, as a person's does by ~/.ssh/config."""
        folder = self.case.path("bin")
        folder.mkdir(exist_ok=True)
        command = folder / "ssh"
        command.write_text(f'#!/bin/sh\nexec {shutil.which("ssh", path=os.defpath)} -F {self.home / "client"} "$@"\n')
        command.chmod(0o755)
        if str(folder) not in self.case.env["PATH"]:
            self.case.env["PATH"] = f"{folder}{os.pathsep}{self.case.env['PATH']}"

    def make_key(self, name):
        path = self.home / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path.with_name(f"{name}.pub").read_text()

    def make_keys(self):
        self.make_key("host")
        (self.home / "machine").mkdir()
        self.case.file("ssh/machine/uname", b"#!/bin/sh\necho Other machine\n").chmod(0o755)
        with open(self.home / "authorized", "w", encoding="utf-8") as file:
            for name, command in ODD.items():
                command = command.replace("BUILD", str(build_directory())).replace("HOME", str(self.home))
                forced = f'command="{command}" ' if command else ""
                file.write(forced + self.make_key(name))

    def start(self, port):
        """Tries this port."""
        lines = {
            "Port": port,
            "ListenAddress": "127.0.0.1",
            "HostKey": self.home / "host",
            "PidFile": "none",
            "AuthorizedKeysFile": self.home / "authorized",
            "UsePAM": "no",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            # A home of their own: what the user's shells start at a login is not for tests to run, and to kill.
            "SetEnv": f"{MARK}={self.case.id} PATH={self.case.env['PATH']} HOME={self.home / 'there'}",
            **self.options,
        }
        config = self.case.file("ssh/server", "".join(f"{key} {value}\n" for key, value in lines.items()).encode())
        client = "Host *-away\n Port 1\n"
        for odd in ODD:
            client += f"Host *-{odd}\n IdentityFile {self.home / odd}\n"
        client += (
            f"Host *\n HostName 127.0.0.1\n Port {port}\n IdentityFile {self.home / 'plain'}\n IdentitiesOnly yes\n"
            " StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
        )
        self.case.file("ssh/client", client.encode())
        self.put_in_path()
        process = self.case.start(SSHD, "-D", "-e", "-f", config, name="sshd")

        def listens():
            with socket.socket() as sock:
                return not process.running() or sock.connect_ex(("127.0.0.1", port)) == 0

        wait_for(listens, "sshd to listen")
        if process.running():
            self.process = process
        else:
            self.case.processes.remove(process)
