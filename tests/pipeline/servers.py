# SPDX-License-Identifier: MIT
"""Real servers for the connectors' tests, each in the case's directory and in a network namespace of its own.

    with server(case, Redis) as redis:      skips the test where the server is not installed
        redis.url                           how a connector finds it
        redis.restart()                     as an operator does, or a crash: what it acknowledged is there

Without the right to make a namespace a server has a port of this host that is free.
"""

import contextlib
import ctypes
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from slurm_cluster import free_ports

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def own_network():
    """This thread, and all that it starts, in a network of its own; where that is not permitted, where they are."""
    with open("/proc/thread-self/ns/net", "rb") as before:
        alone = LIBC.unshare(CLONE_NEWNET) == 0
        try:
            if alone:
                subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            if alone:
                LIBC.setns(before.fileno(), CLONE_NEWNET)


def may_make_a_network():
    return subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextlib.contextmanager
def server(case, kind):
    lacking = [name for name in kind.NEEDS if not kind.find(name)]
    if lacking:
        case.skip(f"no {', '.join(lacking)} here: deploy/dependencies test installs it")
    module = pytest.importorskip(kind.MODULE, reason=f"no {kind.MODULE} here: deploy/dependencies test installs it")
    with own_network():
        own = kind(case, module)
        own.start()
        with contextlib.closing(own):
            yield own


class Server:
    NEEDS, MODULE = (), ""
    STOP = signal.SIGTERM

    def __init__(self, case, module):
        self.case, self.module = case, module
        self.at = case.path("server")
        self.at.mkdir(exist_ok=True)
        self.process = None
        self.prepare()

    @staticmethod
    def find(name):
        return shutil.which(name, path=f"{os.defpath}:/usr/sbin")

    def prepare(self):
        """What is made once."""

    def start(self):
        self.process = self.run()
        self.case.wait_for(self.answers, f"{type(self).__name__} to answer", 240)

    def answers(self):
        assert self.process.running(), f"the server has ended: {self.process.stderr()[-2000:]}"
        with contextlib.suppress(*self.errors()):
            return self.ping()
        return False

    def stop(self):
        self.process.signal(self.STOP)
        self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        if self.process and self.process.running():
            self.stop()


class Redis(Server):
    NEEDS, MODULE = ("redis-server",), "redis"
    PASSWORD = "a word for Redis"

    def prepare(self):
        self.socket = self.at / "socket"
        self.url = f"unix://{self.socket}"
        (self.at / "redis.conf").write_text(
            f'port 0\nunixsocket {self.socket}\ndir {self.at}\nrequirepass "{self.PASSWORD}"\n'
            'save ""\nappendonly yes\nappendfsync always\nstream-node-max-entries 1000\n'
        )
        self.case.env["FANFOLD_REDIS_PASSWORD"] = self.PASSWORD
        self.client = self.module.Redis.from_url(self.url, password=self.PASSWORD)

    def run(self):
        return self.case.start(self.find("redis-server"), self.at / "redis.conf", stdout=self.at / "log")

    def errors(self):
        return (self.module.exceptions.RedisError,)

    def ping(self):
        return self.client.ping()


class PostgreSQL(Server):
    NEEDS, MODULE = ("postgres", "initdb"), "psycopg2"
    PASSWORD = "a word for PostgreSQL"
    STOP = signal.SIGINT  # which ends sessions

    @staticmethod
    def find(name):
        places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name))
        return shutil.which(name, path=os.pathsep.join([*map(str, places[-1:]), os.defpath]))

    def prepare(self):
        """It never runs as root."""
        self.who, user = {}, "postgres"
        self.data = self.at / "data"
        if os.geteuid() == 0:
            try:
                account = pwd.getpwnam(user)
            except KeyError:
                self.case.skip("there is no user postgres")
            self.case.directory.chmod(0o711)
            os.chown(self.at, account.pw_uid, account.pw_gid)
            self.who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        word = self.case.file("server/word", self.PASSWORD.encode())
        options = ["-D", self.data, "-A", "scram-sha-256", "-U", user, "--pwfile", word, "--no-locale", "-E", "UTF8", "-N"]
        self.case.start(self.find("initdb"), *options, **self.who, cwd=self.at).expect(0)
        self.dsn = f"host={self.at} user={user} dbname=postgres"
        self.case.env["PGPASSWORD"] = self.PASSWORD
        self.client = None

    def run(self):
        options = ["-D", self.data, "-k", self.at, "-c", "listen_addresses="]
        return self.case.start(self.find("postgres"), *options, **self.who, cwd=self.at)

    def errors(self):
        return (self.module.Error,)

    def connect(self):
        client = self.module.connect(self.dsn, password=self.PASSWORD)
        client.autocommit = True
        return client

    def ping(self):
        self.client = self.connect()
        return True

    def query(self, text, *values):
        with self.client.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else None

class RabbitMQ(Server):
    NEEDS, MODULE = ("rabbitmq-server", "epmd"), "pika"

    @staticmethod
    def find(name):
        return shutil.which(name, path=f"/usr/lib/rabbitmq/bin:{os.defpath}:/usr/sbin")

    def prepare(self):
        logging.getLogger("pika").setLevel(logging.CRITICAL)
        self.port, distribution, epmd = free_ports(3)
        self.url = f"amqp://guest@127.0.0.1:{self.port}/%2F"
        self.env = {
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self.at / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.at / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.at / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.at / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",
            "HOME": str(self.at),
            "PATH": f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}",
        }
        self.case.env["FANFOLD_RABBITMQ_PASSWORD"] = "guest"
        # Started here, since one that the server starts is nobody's child.
        self.epmd = self.case.start(self.find("epmd"), env=self.env)

    def run(self):
        return self.case.start(self.find("rabbitmq-server"), env=self.env, cwd=self.at)

    def errors(self):
        return (self.module.exceptions.AMQPError, OSError)

    def connect(self):
        who = self.module.PlainCredentials("guest", "guest")
        return self.module.BlockingConnection(self.module.ConnectionParameters("127.0.0.1", self.port, credentials=who))

    def ping(self):
        with contextlib.closing(self.connect()):
            return True

    def stop(self):
        """The script has become the emulator, or is its parent: all of the group get it."""
        self.process.signal_group(self.STOP)
        self.process.wait()

    def close(self):
        super().close()
        self.epmd.signal(signal.SIGTERM)
        self.epmd.wait()


class Kafka(Server):
    """librdkafka's mock cluster, in a process that puts its broker down and up; it has what it had when it is up again."""

    NEEDS, MODULE = (), "confluent_kafka"

    def prepare(self):
        self.brokers = None

    def run(self):
        program = Path(__file__).with_name("kafka_mock.py")
        return self.case.start("/usr/bin/python3", "-B", program, stdin=subprocess.PIPE, bufsize=0)

    def errors(self):
        return (socket.error,)

    def ping(self):
        lines = self.process.output().decode().splitlines()
        self.brokers = lines[0] if lines else None
        return bool(lines)

    def tell(self, word):
        """Waits until it has done so."""
        said = len(self.process.output())
        self.process.stdin.write(word.encode() + b"\n")
        self.case.wait_for(lambda: len(self.process.output()) > said, f"the broker to be {word}")

    def create(self, topic, partitions):
        self.tell(f"topic {topic} {partitions}")

    def restart(self):
        self.tell("down")
        self.tell("up")
