# SPDX-License-Identifier: MIT
"""A real Slurm of three nodes on this host, in the case's directory, at ports that are free.

    cluster = Cluster(case)      skips the test where Slurm is not installed
    Cluster(case, cpus=4, hidden={"n2": [folder]})    node n2 sees that folder empty
    cluster.job_states(array)    {task of the array: (state, node)}
    cluster.run("scancel", "4_1")

The daemons belong to the case, as everything that it starts does, and end with `close`.
"""

import contextlib
import getpass
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess

COMMANDS = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol", "scancel", "sinfo")
NODES = ("n1", "n2", "n3")

CONF = """
ClusterName=fanfold
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={at}/munge/socket
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool.%n
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd.%n.pid
SlurmctldLogFile={at}/slurmctld.log
SlurmdLogFile={at}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
KillWait=3
MinJobAge=300
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
PropagateResourceLimits=NONE
NodeName=n[1-3] NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]},{ports[2]},{ports[3]} CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=300 PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP DefMemPerCPU=300 PriorityTier=9
"""


def missing():
    """What Debian's packages would bring, and is not here."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return [name for name in COMMANDS if not shutil.which(name, path=path)]


def free_ports(count):
    """Ports of this moment; below the ephemeral ones, as nodes connect to each other."""
    found, sockets = [], []
    for port in range(20000 + os.getpid() % 10000, 32000):
        probe = socket.socket()
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        sockets.append(probe)
        if len(found) == count:
            break
    for probe in sockets:
        probe.close()
    return found


class Cluster:
    def __init__(self, case, cpus=2, hidden=None):
        lacking = missing()
        if lacking:
            case.skip(f"no {', '.join(lacking)} here: deploy/dependencies test installs Slurm")
        if hidden and case.run("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").status != 0:
            case.skip("this user may not mount: no node can lack a folder here")
        self.case = case
        self.hidden = hidden or {}
        self.at = case.path("slurm")
        for name in ("munge", "state", "spool.n1", "spool.n2", "spool.n3"):
            (self.at / name).mkdir(parents=True, mode=0o700)
        key = self.at / "munge/key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o600)
        conf = self.at / "slurm.conf"
        words = {"at": self.at, "host": socket.gethostname(), "user": getpass.getuser(), "cpus": cpus}
        conf.write_text(CONF.format(ports=free_ports(4), **words))
        (self.at / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        case.env["SLURM_CONF"] = str(conf)
        case.env["PATH"] = os.pathsep.join([case.env["PATH"], "/usr/sbin", "/sbin"])
        self.daemons = []
        self.start_daemons()

    def daemon(self, program, *words):
        path = shutil.which(program, path=self.case.env["PATH"])
        process = self.case.start(path, *words, name=program)
        self.daemons.append(process)
        return process

    def slurmd(self, node):
        if node not in self.hidden:
            return self.daemon("slurmd", "-D", "-N", node)
        path = shutil.which("slurmd", path=self.case.env["PATH"])
        mounts = [f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in self.hidden[node]]
        script = " && ".join([*mounts, f"exec {path} -D -N {node}"])
        return self.daemon("unshare", "-m", "sh", "-c", script)

    def start_daemons(self):
        munge = self.at / "munge"
        files = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "log", "seed")]
        self.daemon("munged", "--force", "-F", f"--socket={munge}/socket", *files)
        self.case.wait_for((munge / "socket").exists, "munged to listen")
        self.daemon("slurmctld", "-D", "-i")
        self.nodes = {name: self.slurmd(name) for name in NODES}
        self.case.wait_for(self.are_idle, "the nodes to be idle")

    def are_idle(self):
        found = self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%T")
        return found.split() == ["idle"] * len(NODES)

    def ask(self, *words):
        """What the command prints; "" where it fails."""
        done = subprocess.run(words, env=self.case.env, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout if done.returncode == 0 else ""

    def run(self, *words):
        done = subprocess.run(words, env=self.case.env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def jobs(self, array=None):
        """{task: {field: value}} of the array, or {job: ...} of all jobs."""
        text = self.ask("scontrol", "-o", "show", "job", *([str(array)] if array else []))
        rows = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines() if line.startswith("JobId=")]
        return {row.get("ArrayTaskId", row["JobId"]): row for row in rows}

    def state(self, array, task):
        return self.jobs(array).get(str(task), {}).get("JobState")

    def alive(self):
        """Jobs that run, or will."""
        return self.ask("squeue", "-h", "-o", "%i").split()

    def close(self):
        self.ask("scancel", "--user", getpass.getuser())
        with contextlib.suppress(AssertionError):
            self.case.wait_for(lambda: not self.alive(), "the jobs to end")
        for process in reversed(self.daemons):
            with contextlib.suppress(ProcessLookupError):
                process.signal(signal.SIGTERM)
        for process in self.daemons:
            process.wait()
