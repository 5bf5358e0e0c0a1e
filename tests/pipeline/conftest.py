# SPDX-License-Identifier: MIT
"""What pytest does for every test here: the fixture `case`, deadlines, long runs, TAP for meson.

A wait's deadline is an assumption on how fast the machine is. A test that waited in vain is tried
once more, and said to be, so that a machine which stands still for a while fails nothing; a test
that finds anything else wrong has failed.

pytest finds this file by itself. tests/README.md has the commands.
"""

import contextlib
import signal

import harness
import pytest
from _pytest.runner import runtestprotocol

DEADLINE_S = 120.0
OUTCOME = pytest.StashKey[str]()  # of the phase of the test that ended last


def size(text):
    return int(text.removesuffix("M")) << 20


def pytest_addoption(parser):
    group = parser.getgroup("fanfold")
    group.addoption("--tap", action="store_true", help="print TAP, as meson test reads it")
    group.addoption("--full", action="store_true", help="also the tests and the cases that take many minutes")
    group.addoption("--runs", type=int, help="test_kills: runs in which workers are killed; test_sdk_results: chunks")
    group.addoption("--programs", type=int, help="test_lines_in_step: random programs")
    group.addoption("--kills", type=int, help="test_restart: kills of the sink and of the ventilator; test_connector*: of fanfold or the connector")
    group.addoption("--restarts", type=int, help="test_connector_*: restarts of the server among the kills")
    group.addoption("--moments", type=int, help="test_resume, test_disk: moments at which a run is cut short")
    group.addoption("--size", type=size, metavar="N[M]", help="test_resume, test_sdk: MiB of input, or of a shared object")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    harness.OPTIONS.update(vars(config.option))
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    if config.getoption("--tap"):
        config.pluginmanager.unregister(name="terminalreporter")
        config.pluginmanager.register(Tap())


def pytest_collection_modifyitems(config, items):
    """A test that is marked `full` runs with --full alone."""
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def vain_wait(reports):
    """What a test waited for in vain, if that is why it failed."""
    for report in reports:
        crash = getattr(report.longrepr, "reprcrash", None) if report.failed else None
        if crash and crash.message.startswith("harness.Overdue: "):
            return crash.message.partition(": ")[2].splitlines()[0]
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    vain = vain_wait(reports)
    if vain:
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        reports[0].tried_again = vain
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    mark = pyfuncitem.get_closest_marker("deadline")
    with harness.deadline_of((mark.args[0] if mark else DEADLINE_S) * harness.slack()):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    item.stash[OUTCOME] = outcome.get_result().outcome


@pytest.fixture
def case(request):
    """A Case of the test's own. A process that is left of it fails a test that passed so far."""
    with contextlib.closing(harness.Case()) as own:
        yield own
        outcome = request.node.stash.get(OUTCOME, "interrupted")
        try:
            if outcome == "passed":
                own.assert_no_leftovers()
        except AssertionError:
            outcome = "failed"
            raise
        finally:
            if outcome == "failed":
                print(*own.report(), sep="\n")


class Tap:
    """One line a test, and below it how long it took and what it printed; or why it failed."""

    def __init__(self):
        self.count = 0
        self.reports = []  # of the phases of the test that runs

    def comment(self, text):
        for line in text.splitlines():
            print(f"# {line}")

    def pytest_collectreport(self, report):
        if report.failed:
            print(f"Bail out! {report.nodeid} cannot be read")
            self.comment(report.longreprtext)

    def pytest_collection_finish(self, session):
        print(f"1..{len(session.items)}", flush=True)

    def pytest_runtest_logreport(self, report):
        self.reports.append(report)
        if report.when == "teardown":
            self.tell(self.reports)
            self.reports = []

    def tell(self, reports):
        self.count += 1
        failed = [report for report in reports if report.failed]
        reason = "".join(f" # SKIP {report.longrepr[2].removeprefix('Skipped: ')}" for report in reports if report.skipped)
        name = reports[0].location[2].removeprefix("test_").replace("_", " ")
        print(f"{'not ' if failed else ''}ok {self.count} - {name}{reason}")
        if vain := getattr(reports[0], "tried_again", None):
            self.comment(f"tried again: {vain}")
        if not failed and not reason:
            self.comment(f"{sum(report.duration for report in reports):.2f} s")
        for report in failed:
            self.comment(report.longreprtext)
        for _, printed in reports[-1].sections:
            self.comment(printed)
        print(end="", flush=True)
