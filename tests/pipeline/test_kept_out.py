# SPDX-License-Identifier: MIT
"""What a worker, a sink and `fanfold-worker --check` say where they are not let in: each cause by its own sentence, and status 5.

The programs run in a network of their own, where some addresses are without a route and some without an answer.
"""

import contextlib
import re
import socket
import threading

import pytest
from keyed import make_keys, start_ventilator

# A program that takes connections, and what it does with them.
DOES = {
    "closes": lambda peer: None,
    "speaks another protocol": lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "says nothing": lambda peer: peer.recv(1 << 16) and peer.recv(1 << 16),
}


class Service:
    """A program at a port that is no ventilator."""

    def __init__(self, does):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.server.getsockname()[1]}"
        self.peers = []
        self.thread = threading.Thread(target=self.serve, args=(DOES[does], does == "says nothing"), daemon=True)
        self.thread.start()

    def serve(self, do, keep):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.server.accept()
                if keep:
                    self.peers.append(peer)
                    continue
                with contextlib.closing(peer), contextlib.suppress(OSError):
                    do(peer)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
        for peer in self.peers:
            peer.close()


NOT_IN = "it does not let this key in: unknown or revoked"
NO_SERVICE = "the program that listens there is no fanfold-ventilator"


def all_say(case, tasks, sentence, *options, patience="2s", inside=(), roles=("check", "fanfold-worker", "fanfold-sink")):
    """Each of them ends with status 5 and the sentence."""
    started = []
    for role in roles:
        words = {
            "check": ["fanfold-worker", "--check", tasks],
            "fanfold-worker": ["fanfold-worker", "--tasks", tasks, "--patience", patience, "-j1"],
            "fanfold-sink": ["fanfold-sink", "--tasks", tasks, "--patience", patience, "--results", "tcp://127.0.0.1:*"],
        }[role]
        command = ["--", "cat"] if role == "fanfold-worker" else []
        program, *arguments = [*inside, *words]
        started.append(case.start(program, *arguments, *options, *command, name=role))
    for process in started:
        process.expect(5)
        last = process.stderr().splitlines()[-1]
        assert re.search(sentence, last), f"{process.name} said {last!r}"
        if not process.name.endswith("check") and "your key is" not in sentence:
            assert f"no word from a ventilator for {patience[:-1]} s" in last, last
        assert "your key is" not in sentence or last.endswith(sentence), last


def test_a_port_where_nobody_listens(case):
    keys = make_keys(case)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        tasks = f"tcp://127.0.0.1:{held.getsockname()[1]}"
        all_say(case, tasks, "refused: no program listens there", "--keys", keys)
        all_say(case, tasks, "refused: no program listens there", "--insecure")


@pytest.mark.parametrize("does", DOES)
def test_a_port_where_another_program_listens(case, does):
    keys = make_keys(case)
    with contextlib.closing(Service(does)) as service:
        silent = "a program takes the connection there, and does not answer"
        sentence = silent if does == "says nothing" else NO_SERVICE
        all_say(case, service.endpoint, sentence, "--keys", keys)


# What is sent to 10.9.0.2 arrives nowhere.
NETWORK = """
ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up &&
ip link set v1 up && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent && exec "$@"
"""


@pytest.mark.parametrize(
    "address, sentence",
    [
        ("10.8.0.1", "no route leads there"),
        ("10.9.0.2", "no answer: it is switched off, or a firewall is between"),
    ],
)
def test_an_address_that_is_not_reached(case, address, sentence):
    if case.run("unshare", "--net", "sh", "-c", NETWORK, "sh", "true").status != 0:
        case.skip("network namespaces are not allowed here")
    inside = ["unshare", "--net", "sh", "-c", NETWORK, "sh"]
    all_say(case, f"tcp://{address}:20557", sentence, "--keys", make_keys(case), patience="6s", inside=inside)


@pytest.mark.parametrize("port", [":20557", ""])
def test_a_name_that_nobody_knows(case, port):
    all_say(case, f"tcp://no-such-host.invalid{port}", 'cannot resolve "no-such-host.invalid"', "--keys", make_keys(case))


# ---- at a ventilator ----


@pytest.fixture(name="door")
def door_of(case):
    """The keys and the endpoint of a ventilator that lets in whoever has one of them."""
    keys = make_keys(case)
    ventilator, tasks = start_ventilator(case, "--keys", keys)
    yield keys, tasks
    ventilator.signal(9)
    ventilator.wait()


def test_a_key_that_was_revoked(case, door):
    """It comes in to be told so, whether its certificate lies in revoked/ or is just gone."""
    keys, tasks = door
    (keys / "worker.key").unlink()
    secret = (keys / "sink.key_secret").read_text()
    case.run("fanfold-keygen", keys, "--revoke", "sink").expect(0)
    (keys / "sink.key_secret").touch(mode=0o600)
    (keys / "sink.key_secret").write_text(secret)
    case.wait_for(lambda: case.run("fanfold-worker", "--check", tasks, "--keys", keys).status == 5, "the key to be gone")
    all_say(case, tasks, "your key is revoked", "--keys", keys, patience="2s")


def test_a_key_that_was_never_known(case, door):
    keys, tasks = door
    text = (keys / "ventilator.key").read_text()
    public = re.search(r'public-key = "(.{40})"', text)[1]
    other = make_keys(case, "other")
    for role in ("worker", "sink"):
        path = other / f"{role}.key_secret"
        path.write_text(re.sub(r'(ventilator-key = )".{40}"', lambda match: f'{match[1]}"{public}"', path.read_text()))
    all_say(case, tasks, NOT_IN, "--keys", other)


def test_keys_that_were_made_for_another_ventilator(case, door):
    _, tasks = door
    all_say(case, tasks, "it has another key than the one that ours was made for", "--keys", make_keys(case, "other"))


def test_no_key_where_one_is_wanted(case, door):
    _, tasks = door
    all_say(case, tasks, "it lets nobody in without a key: give --keys", "--insecure")


def test_a_key_where_none_is_taken(case):
    ventilator, tasks = start_ventilator(case, "--insecure")
    all_say(case, tasks, "it takes no keys: it was started with --insecure", "--keys", make_keys(case))
    ventilator.signal(9)
    ventilator.wait()


def test_a_key_of_another_role(case, door):
    keys, tasks = door
    for role, other in {"worker": "sink", "sink": "worker"}.items():
        text = (keys / f"{other}.key_secret").read_text()
        case.path(role).mkdir(mode=0o700)
        path = case.path(role) / f"{role}.key_secret"
        path.touch(mode=0o600)
        path.write_text(text.replace(f'role = "{other}"', f'role = "{role}"'))
    all_say(case, tasks, "your key is a sink's, and no worker's", "--keys", case.path("worker"), roles=["fanfold-worker"])
    all_say(case, tasks, "your key is a worker's, and no sink's", "--keys", case.path("sink"), roles=["fanfold-sink"])


def test_check_says_that_a_ventilator_answers(case, door):
    keys, tasks = door
    good = case.run("fanfold-worker", "--check", tasks, "--keys", keys)
    good.expect(0)
    assert good.output() == f"{tasks}: a ventilator answers, and lets this key in\n".encode() and not good.stderr()
