#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker in Python, written from common/PROTOCOL.md alone: pyzmq, msgpack, nothing of fanfold.

    foreign_worker.py [--work cat|upper] TASKS_ENDPOINT

To make it yours, put a function into foreign_slot.py. One task at a time: start as many of
these as there are processors.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass

import msgpack
import zmq
from foreign_slot import WORK, Crashed, Failed, Slot
from zmq.utils.monitor import recv_monitor_message

HELLO_WORKER, WELCOME, REJECT, WHO, TASK, RESULT = 1, 3, 4, 6, 7, 8
DONE, FAILED, RETURNED, FORGET, STOP, GOODBYE, PING, ISOLATE = 9, 10, 11, 12, 17, 18, 19, 21
LINK_SHUT, LINK_OPEN, LINK_UNKNOWN = 0, 1, 2
QUEUED, RUNNING, FINISHED = 0, 1, 2
BY_SIGNAL, BY_TIMEOUT, BY_RULES, BY_SIZE, BY_REPORT, BY_KIND = 1, 2, 4, 5, 6, 7
VERSION = 2


@dataclass
class Task:
    """An entry of the ledger."""

    seq: int
    attempt: int
    limit_ms: int
    mark: bytes
    chunk: bytes
    state: int = QUEUED
    began: float = 0.0
    run_us: int = 0
    came: float = 0.0
    ended: float = 0.0
    result: bytes = b""
    sent: bool = False
    ever_sent: bool = False


class Worker:
    """The session, the ledger, the slot, the socket to the ventilator and the link to the sink."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.uuid, self.nonce, self.serving = os.urandom(16), 0, False
        self.run, self.epoch = bytes(16), 0
        self.ledger: dict[int, Task] = {}
        self.running: Task | None = None
        self.slot = Slot(options.work, options.at_least)
        self.heartbeat_s, self.liveness_s, self.max_result, self.header = 0.25, 10.0, 0, b""
        self.leaving, self.status, self.signals = False, None, []
        self.did = self.sent_again = self.breaks = 0
        self.context = zmq.Context()
        self.dealer = self.push = self.monitor = None
        self.link = LINK_UNKNOWN if options.blind else LINK_SHUT
        self.open_dealer()

    def open_dealer(self) -> None:
        if self.dealer:
            self.dealer.close(0)
        self.dealer = self.context.socket(zmq.DEALER)
        self.dealer.set_hwm(0)
        self.dealer.linger = 1000
        self.dealer.connect(self.options.tasks)
        self.heard = time.monotonic()
        self.say_hello()

    def open_push(self, endpoint: str) -> None:
        if self.push:
            self.push.disable_monitor()
            self.monitor.close()
            self.push.close(0)
        self.push = self.context.socket(zmq.PUSH)
        self.push.set_hwm(0)
        self.push.linger, self.push.immediate = 0, True
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        self.monitor = self.push.get_monitor_socket(events)
        self.push.connect(endpoint)
        self.link = LINK_UNKNOWN if self.options.blind else LINK_SHUT

    # What it says.

    def say(self, *fields: object) -> None:
        self.dealer.send(msgpack.packb(fields, use_bin_type=True), zmq.NOBLOCK)

    def say_hello(self) -> None:
        """The old session is over; nothing is said of attempts until WELCOME opens the next."""
        self.nonce, self.serving, self.greeted = self.nonce + 1, False, time.monotonic()
        command = f"foreign_worker.py --work {self.options.work}".encode()
        program = 0  # not to be compared with workers of another make
        about = [socket.gethostname()[:255], os.getpid(), 1, self.link, program, command]
        ledger = [n for t in self.ledger.values() for n in (t.seq, t.attempt, t.state)]
        self.say(HELLO_WORKER, VERSION, self.uuid, self.nonce, *about, self.run, self.epoch, ledger, [])

    def say_ping(self) -> None:
        running = [self.running.seq, self.running.attempt] if self.running else []
        self.say(PING, self.nonce if self.serving else 0, self.link, self.leaving, running)

    def say_done(self, tasks: list[Task]) -> None:
        if self.serving and tasks:
            self.say(DONE, self.nonce, [self.done_entry(task) for task in tasks])

    def done_entry(self, task: Task) -> list:
        kept_us = int((time.monotonic() - task.ended) * 1e6)
        return [task.seq, task.attempt, self.waited_us(task), task.run_us, kept_us, 0, False]

    def say_failed(self, task: Task, how: int, code: int, text: bytes) -> None:
        """In a session. Without one, a HELLO whose ledger does not name it says as much."""
        self.drop(task)
        if self.serving:
            text = text[-4096:]
            times = self.waited_us(task), self.run_us(task)
            self.say(FAILED, self.nonce, task.seq, task.attempt, *times, how, code, text)
        else:
            self.say_hello()

    def send_results(self) -> None:
        """Those that this link has not taken yet: it takes none while there is no connection."""
        for task in self.ledger.values():
            if task.state == FINISHED and not task.sent and self.push:
                entry = [task.seq, task.attempt, len(task.result), task.run_us, task.mark, []]
                header = msgpack.packb([RESULT, self.run, self.epoch, self.uuid, [entry]], use_bin_type=True)
                try:
                    self.push.send_multipart([header, task.result], zmq.NOBLOCK)
                except zmq.Again:
                    return
                self.sent_again += task.ever_sent
                task.sent = task.ever_sent = True

    def send_all_again(self) -> None:
        for task in self.ledger.values():
            task.sent = False
        self.send_results()

    # What it does.

    def run_us(self, task: Task) -> int:
        return int((time.monotonic() - task.began) * 1e6) if task.began else 0

    def waited_us(self, task: Task) -> int:
        return int((task.began - task.came) * 1e6) if task.began else 0

    def drop(self, task: Task) -> None:
        del self.ledger[task.seq]
        if task is self.running:
            self.running = None
            self.slot.kill()

    def start(self) -> None:
        queued = [task for task in self.ledger.values() if task.state == QUEUED]
        if queued and not self.running:
            self.running = task = min(queued, key=lambda task: task.seq)
            task.state, task.began = RUNNING, time.monotonic()
            self.slot.start(self.header + task.chunk)
            if self.did == 0:
                print("began", file=sys.stderr, flush=True)

    def finish(self) -> None:
        task, self.running = self.running, None
        try:
            task.result = self.slot.finish()
        except Crashed as crash:
            self.say_failed(task, BY_SIGNAL, crash.args[0], b"the slot is gone")
        except Failed as failure:
            self.say_failed(task, BY_REPORT, 1, failure.args[0])
        else:
            if len(task.result) > self.max_result:
                self.say_failed(task, BY_SIZE, 0, b"larger than max_result")
                return
            task.state, task.run_us, task.chunk = FINISHED, self.run_us(task), b""
            task.ended = time.monotonic()
            self.did += 1
            self.send_results()
            self.say_done([task])

    def leave(self) -> None:
        """Hands back what has not begun; what runs is finished, results stay until FORGET."""
        self.leaving = True
        queued = [task for task in self.ledger.values() if task.state == QUEUED]
        for task in queued:
            self.hand_back(task)
        if queued and not self.serving:
            self.say_hello()

    def hand_back(self, task: Task) -> None:
        self.ledger.pop(task.seq, None)
        if self.serving:
            self.say(RETURNED, self.nonce, [task.seq, task.attempt])

    # What it hears.

    def on_message(self, frame: bytes, payload: bytes) -> None:
        kind, *fields = msgpack.unpackb(frame, raw=False, unicode_errors="surrogateescape")
        in_session = self.serving and fields[:1] == [self.nonce]
        if kind == WELCOME and fields[0] != VERSION:
            print(f"the ventilator speaks FANFOLD/{fields[0]}, this worker FANFOLD/{VERSION}", file=sys.stderr)
            self.status = 1
        elif kind == WELCOME and not self.serving and fields[8] == fields[9] == self.nonce:
            self.on_welcome(fields)
        elif kind == TASK and in_session:
            self.on_task(fields[1], payload)
        elif kind == ISOLATE and in_session:
            self.on_isolate(fields, payload)
        elif kind == FORGET and in_session:
            self.on_forget(fields[1], fields[2])
        elif kind == WHO and self.serving:
            self.say_hello()
        elif kind == STOP:
            self.say(GOODBYE, self.nonce if self.serving else 0)
            self.status = 0
        elif kind == REJECT:
            print(f"rejected: {fields[1].decode(errors='replace')}", file=sys.stderr)
            self.status = 1

    def on_welcome(self, fields: list) -> None:
        _, _, heartbeat_ms, liveness_ms, self.max_result, _, _, self.header, *rest = fields
        _, _, run, epoch, endpoints, *_ = rest
        self.heartbeat_s, self.liveness_s = heartbeat_ms / 1000, liveness_ms / 1000
        if (run, epoch) != (self.run, self.epoch):
            for task in list(self.ledger.values()):
                self.drop(task)
        self.run, self.epoch, self.serving = run, epoch, True
        self.open_push(endpoints[(self.nonce - 1) % len(endpoints)][0])
        print("welcome", file=sys.stderr, flush=True)
        finished = [task for task in self.ledger.values() if task.state == FINISHED]
        for first in range(0, len(finished), 4096):
            self.say_done(finished[first : first + 4096])
        self.send_all_again()

    def on_task(self, entries: list, payload: bytes) -> None:
        offset = 0
        for seq, attempt, kind, length, _, limit_ms, mark, *_ in entries:
            task = Task(seq, attempt, limit_ms, mark, payload[offset : offset + length], came=time.monotonic())
            offset += length
            old = self.ledger.get(seq)
            if old and old.attempt >= attempt:
                continue
            if old:
                self.drop(old)
            if self.leaving:
                self.hand_back(task)
            else:
                self.ledger[seq] = task
                if kind > 0:
                    self.say_failed(task, BY_KIND, kind, b"this worker does not know this kind of task")

    def on_isolate(self, fields: list, payload: bytes) -> None:
        """All that is asked of a worker that cannot tell records apart."""
        _, seq, attempt, kind, length, _, limit_ms, mark, _, _, _, probe, excepted, *_ = fields
        self.on_task([[seq, attempt, kind, length, 0, limit_ms, mark]], payload)
        task = self.ledger.get(seq)
        if task and task.state == QUEUED and (probe or excepted):
            self.say_failed(task, BY_RULES, 0, b"this worker cannot isolate")

    def on_forget(self, only_queued: bool, attempts: list) -> None:
        for seq, attempt in zip(*[iter(attempts)] * 2):
            task = self.ledger.get(seq)
            if not task or task.attempt != attempt:
                continue
            if not only_queued:
                self.drop(task)
            elif task.state == QUEUED:
                self.hand_back(task)

    def on_link(self, opened: bool) -> None:
        if self.link == LINK_OPEN and not opened:
            self.breaks += 1
        if not self.options.blind:
            self.link = LINK_OPEN if opened else LINK_SHUT
            if opened:
                self.send_all_again()
            if self.serving:
                self.say_ping()

    def on_time(self) -> None:
        """A heartbeat has passed."""
        now, task = time.monotonic(), self.running
        if now - self.heard > self.liveness_s:
            self.open_dealer()
        elif not self.serving and now - self.greeted > self.liveness_s:
            self.say_hello()
        if task and task.limit_ms and self.run_us(task) > task.limit_ms * 1000:
            self.say_failed(task, BY_TIMEOUT, 0, b"")
        if self.leaving and self.serving and not self.ledger:
            self.say(GOODBYE, self.nonce)
            self.status = 0
        self.say_ping()
        self.send_results()

    # The loop.

    def wait(self, timeout_s: float) -> None:
        """One message of each kind, as they come, or the timeout."""
        poller = zmq.Poller()
        for source in filter(None, [self.dealer, self.monitor, self.running and self.slot]):
            poller.register(source, zmq.POLLIN)
        ready = [source for source, _ in poller.poll(max(0, timeout_s * 1000))]
        if self.monitor in ready:
            event = recv_monitor_message(self.monitor)["event"]
            self.on_link(event == zmq.EVENT_HANDSHAKE_SUCCEEDED)
        if self.dealer in ready:
            self.heard = time.monotonic()
            frame, *payload = self.dealer.recv_multipart()
            self.on_message(frame, b"".join(payload))
        if self.running and self.slot.fileno() in ready:
            self.finish()

    def serve(self) -> int:
        next_time = 0.0
        while self.status is None:
            for _ in range(len(self.signals)):
                self.signals.pop()
                self.leave()
            if time.monotonic() >= next_time:
                self.on_time()
                next_time = time.monotonic() + self.heartbeat_s
            self.start()
            self.wait(next_time - time.monotonic())
        self.context.destroy(linger=1000)
        return self.status


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", help="the ventilator's endpoint")
    parser.add_argument("--work", choices=WORK, default="upper")
    parser.add_argument("--at-least", type=float, default=0.0, help="seconds that a task takes")
    parser.add_argument("--blind", action="store_true", help="do not watch the link to the sink")
    worker = Worker(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda number, _: worker.signals.append(number))
    status = worker.serve()
    print(f"did={worker.did} again={worker.sent_again} breaks={worker.breaks}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
