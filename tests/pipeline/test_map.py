# SPDX-License-Identifier: MIT
"""fanfold.map, by scripts that use it as people do."""

import os
import re
import signal

import pytest
from harness import build_directory

HEAD = "import itertools, os, signal, sys, time\nimport fanfold\n"
PYTHON = "/usr/bin/python3"


def environment(**more):
    return {"PYTHONPATH": str(build_directory() / "worker/sdk"), **more}


def start(case, script, *arguments, **more):
    path = case.file("script.py", (HEAD + script).encode())
    return case.start(PYTHON, path, *arguments, env=environment(), **more)


def run(case, script, *arguments, status=0, **more):
    process = start(case, script, *arguments, **more)
    process.expect(status)
    return process.stdout.read_text()


def test_a_closure_is_mapped_in_order(case):
    told = run(case, "k = 3\nprint(list(fanfold.map(lambda x: x * k, range(1000), jobs=2)) == [x * 3 for x in range(1000)])")
    assert told == "True\n"


def test_no_items_are_no_values(case):
    assert run(case, "print(list(fanfold.map(abs, [])))") == "[]\n"


def test_an_endless_generator_is_read_a_little_ahead(case):
    script = """
read = 0
def numbers():
    global read
    for read in itertools.count():
        yield read
values = fanfold.map(lambda x: -x, numbers(), jobs=2, buffer=100)
print(list(itertools.islice(values, 1000)) == [-x for x in range(1000)], 1000 <= read <= 1101)
values.close()
"""
    assert run(case, script) == "True True\n"


def test_nothing_is_read_or_started_before_the_first_value_is_asked_for(case):
    script = """
fanfold.map(abs, (print("read") for _ in "x"))
print(os.path.exists(f"/proc/self/task/{os.getpid()}/children") and open(f"/proc/self/task/{os.getpid()}/children").read())
"""
    assert run(case, script) == "\n"


def test_an_exception_has_the_remote_traceback_as_its_cause(case):
    script = """
def fails_here(x):
    if x == 5:
        raise ValueError("five")
    return x
values = fanfold.map(fails_here, range(10), jobs=2)
try:
    for value in values:
        print(value)
except ValueError as error:
    print(error, type(error.__cause__) is fanfold.RemoteTraceback, "in fails_here" in str(error.__cause__))
print(list(values))
"""
    assert run(case, script) == "0\n1\n2\n3\n4\nfive True True\n[]\n"


@pytest.mark.parametrize(("on_error", "told"), [("return", "[0, ValueError(1), 2]"), ("skip", "[0, 2]")])
def test_exceptions_are_left_out_or_returned(case, on_error, told):
    script = f"""
def odd(x):
    if x % 2:
        raise ValueError(x)
    return x
print(list(fanfold.map(odd, range(3), on_error={on_error!r}, chunksize=2)))
"""
    assert run(case, script) == f"{told}\n"


def test_the_end_of_an_iteration_in_the_function_is_an_exception_as_any(case):
    script = """
def first(items):
    return next(iter(items))
print(list(fanfold.map(first, [[1], [], [2], [], []], on_error="return", jobs=2, chunksize=5)))
try:
    print(list(fanfold.map(first, [[1], []], jobs=1)))
except RuntimeError as error:
    print(repr(error.__cause__))
with fanfold.Executor(1) as executor:
    print(repr(executor.submit(first, []).exception()))
"""
    assert run(case, script) == "[1, StopIteration(), 2, StopIteration(), StopIteration()]\nStopIteration()\nStopIteration()\n"


def test_a_killed_process_costs_an_attempt(case):
    script = """
def dies_once(x):
    if x == 70:
        try:
            os.open(sys.argv[1], os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return x
        os.kill(os.getpid(), signal.SIGKILL)
    return x
print(list(fanfold.map(dies_once, range(100), jobs=2, chunksize=10)) == list(range(100)))
"""
    assert run(case, script, case.path("once")) == "True\n"


def test_an_item_that_always_kills_its_process_is_named_and_its_neighbours_are_not_lost(case):
    script = """
def dies(x):
    if x == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    return x
values = list(fanfold.map(dies, range(20), jobs=2, chunksize=5, on_error="return", retries=2))
print([x for x in values if type(x) is int] == [x for x in range(20) if x != 7])
print(repr(values[7]))
"""
    told = run(case, script)
    assert told.startswith("True\nWorkerLost('signal 11 (SEGV), 2 times")


def test_an_item_beyond_the_time_limit_is_a_timeout(case):
    script = """
def slow(x):
    if x == 3:
        signal.pause()
    return x
print(list(fanfold.map(slow, range(5), jobs=2, timeout=0.3, retries=1, on_error="return")))
"""
    assert run(case, script) == "[0, 1, 2, TimeoutError('it ran longer than 0.3 s'), 4]\n"


def test_prepare_runs_once_and_its_state_is_shared(case):
    script = """
def prepare():
    print("prepared")
    return {"k": 5}
print(set(fanfold.map(lambda x, state: x * state["k"], range(100), jobs=3, prepare=prepare)) == set(range(0, 500, 5)))
"""
    assert run(case, script) == "prepared\nTrue\n"


def test_what_prepare_raises_is_raised(case):
    script = """
try:
    list(fanfold.map(abs, range(3), prepare=lambda: {}["no such key"]))
except KeyError as error:
    print(error, "<lambda>" in str(error.__cause__))
"""
    assert run(case, script) == "'no such key' True\n"


def test_unordered_values_do_not_wait_for_each_other(case):
    gate = case.gate()
    script = """
def wait(x):
    if x == 0:
        open(sys.argv[1]).close()
    return x
values = fanfold.map(wait, range(5), jobs=2, chunksize=1, unordered=True)
for count, value in enumerate(values, 1):
    print(value)
    if count == 4:
        os.open(sys.argv[1], os.O_RDWR)
        os.close(os.open(sys.argv[1], os.O_WRONLY))
"""
    values = run(case, script, gate.path).split()
    assert sorted(values[:4]) == ["1", "2", "3", "4"] and values[4:] == ["0"], values


def test_large_arrays_travel_and_slots_write_to_their_own(case):
    script = """
import numpy
arrays = [numpy.full(1 << 20, x, dtype=numpy.float64) for x in range(6)]
def double(array):
    array *= 2
    return array
for x, array in enumerate(fanfold.map(double, arrays, jobs=2)):
    array += 1
    print(x, array.shape, set(array) == {x * 2 + 1}, set(arrays[x]) == {x})
print(len(os.listdir("/proc/self/fd")) < 20)
"""
    assert run(case, script) == "".join(f"{x} (1048576,) True True\n" for x in range(6)) + "True\n"


def test_arrays_of_a_task_share_memory_files(case):
    """So that descriptors suffice for as many as a chunk has: here the caller may have 128."""
    script = """
import numpy, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
most = 0
def descriptors():
    global most
    paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    most = max(most, sum(os.path.lexists(path) and os.readlink(path).startswith("/memfd:") for path in paths))
def arrays(sizes):
    for x, size in enumerate(sizes):
        descriptors()
        yield numpy.full(size, x, dtype=numpy.int64)
sizes = [(8 << 10) + 1 + x % 3 for x in range(600)] + [1 << 17] * 200  # 64 KiB, and 1 MiB
values = list(fanfold.map(lambda array: array + 1, arrays(sizes), jobs=2, chunksize=100))
print([len(value) for value in values] == sizes, all((value == x + 1).all() for x, value in enumerate(values)))
values[1][:] = 7  # in the same file as its neighbours
print((values[0] == 1).all(), (values[2] == 3).all(), 0 < most <= 80)
"""
    assert run(case, script) == "True True\nTrue True True\n"


def test_more_buffers_than_a_process_may_map_are_copied(case):
    script = """
import mmap, numpy
def refuse(*arguments, **named):
    raise OSError(12, "no more mappings")
values = fanfold.map(lambda x: numpy.full(1 << 16, x), range(4), jobs=1, chunksize=4)
from fanfold import _pickles
first = next(values)
_pickles.mmap = type(mmap)("mmap")
vars(_pickles.mmap).update(vars(mmap), mmap=refuse)
print((first == 0).all())
read, write = os.pipe()
body, files = _pickles.pack_task([numpy.arange(1 << 16), numpy.arange(100_000)])
one, two = _pickles.unpack_task(body, os.getpid())
one[0] = 5
print(len(files.fds), (one[1:] == numpy.arange(1, 1 << 16)).all(), (two == numpy.arange(100_000)).all())
"""
    assert run(case, script) == "True\n2 True True\n"


def test_chunks_of_large_items_stay_small(case):
    script = """
def size(text):
    return len(text)
read = 0
def texts():
    global read
    for read in range(3000):
        yield "x" * 100_000
most = 0
for given, value in enumerate(fanfold.map(size, texts(), jobs=2)):
    most = max(most, read - given)
print(given, 0 < most < 400, most)
"""
    told = run(case, script)
    assert told.startswith("2999 True "), told


def test_few_large_arrays_are_read_ahead(case):
    """As many as the processes work on, and one more for each."""
    script = """
import numpy
read = 0
def arrays():
    global read
    for read in range(1, 13):
        yield numpy.full(4 << 20, read, dtype=numpy.float64)
most = 0
for given, value in enumerate(fanfold.map(lambda array: array * 2, arrays(), jobs=1, chunksize=1)):
    assert value[0] == value[-1] == 2 * (given + 1)
    most = max(most, read - given)
print(given, most)
"""
    given, most = run(case, script).split()
    assert given == "11" and int(most) <= 3, most


def test_values_do_not_wait_until_a_slow_iterable_has_filled_all_chunks(case):
    script = """
from fanfold import _engine, _map

class Quick:
    ended, last_size, poll_fds, tasks = False, 0, (), []
    def push(self, stop_at_error, items):
        self.tasks.append(items)
        return len(self.tasks) - 1
    def take(self):
        for seq in [seq for seq, items in enumerate(self.tasks) if items]:
            yield _engine.Answered(seq, self.tasks[seq], {}, 1.0)
            self.tasks[seq] = None
    def finish(self):
        self.ended = True
    def close(self):
        pass

_map._FILL_S = -1.0  # every iterable is slow
source = iter(range(50))
values = _map._Mapping(Quick, source, 2, 10, 4, "auto", None, "raise", False).values()
print(next(values), next(source), list(values) == list(range(2, 50)))
"""
    assert run(case, script) == "0 1 True\n"


def test_values_and_exceptions_that_cannot_be_pickled_are_told(case):
    script = """
class Odd(Exception):
    def __init__(self, a, b):
        super().__init__("odd")
def local(x):
    if x == 1:
        return lambda: 0
    if x == 2:
        raise Odd(1, 2)
    return x
for value in fanfold.map(local, range(4), on_error="return", chunksize=4):
    print(value)
"""
    told = run(case, script).splitlines()
    assert told[0] == "0" and told[3] == "3" and "pickle" in told[1] and told[2] == "Odd: odd", told


@pytest.mark.parametrize("words", ["lambda x: fragile.fail(x), [1], jobs=1", "'fragile:fail', [1], hosts='1/:'"])
def test_an_exception_without_a_text_that_cannot_be_pickled_is_told_by_its_class(case, words):
    """Also by workers that import the function."""
    case.file(
        "fragile.py",
        b"class Fragile(Exception):\n"
        b"    def __str__(self): raise ValueError('no text')\n"
        b"    def __reduce__(self): raise ValueError('no pickle')\n"
        b"def fail(x): raise Fragile\n",
    )
    script = "import fragile\nvalues = list(fanfold.map(%s, on_error='return'))\nprint([repr(value) for value in values])"
    assert run(case, script % words) == "[\"RuntimeError('Fragile')\"]\n"


def test_prints_of_the_function_reach_the_callers_output(case):
    assert sorted(run(case, "list(fanfold.map(print, range(3)))").split()) == ["0", "1", "2"]


def test_two_maps_in_turn_and_one_inside_the_other(case):
    script = """
one, two = fanfold.map(abs, range(50), jobs=2), fanfold.map(float, range(50), jobs=2)
print(list(zip(one, two)) == list(zip(range(50), range(50))))
print(list(fanfold.map(lambda x: sum(fanfold.map(abs, range(x), jobs=1)), range(4), jobs=2)))
"""
    assert run(case, script) == "True\n[0, 0, 1, 3]\n"


def test_an_interrupt_ends_all(case):
    script = "for value in fanfold.map(lambda x: x or signal.pause(), [1, 0, 1], jobs=2, chunksize=1): print(value, flush=True)"
    process = start(case, script)
    case.wait_for(lambda: process.stdout.read_text(), "the first value")
    os.kill(process.pid, signal.SIGINT)
    process.expect(128 + signal.SIGINT)
    assert "KeyboardInterrupt" in process.stderr()


def test_a_killed_caller_leaves_nothing_behind(case):
    script = "for value in fanfold.map(lambda x: x or signal.pause(), [1, 0, 1], jobs=2, chunksize=1): print(value, flush=True)"
    process = start(case, script)
    case.wait_for(lambda: process.stdout.read_text(), "the first value")
    os.kill(process.pid, signal.SIGKILL)
    process.expect(128 + signal.SIGKILL)
    case.wait_for(lambda: not case.leftovers(), "the end of all processes")


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGTERM)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_caller_that_ends_without_a_word_leaves_no_directory(case, end):
    script = f"""
for value in fanfold.map(lambda x: x and 1 / 0, itertools.count(), jobs=1, chunksize=1, on_error="return"):
    if isinstance(value, ZeroDivisionError):
        {end}
"""
    process = start(case, script)
    assert process.wait() != 0
    case.wait_for(lambda: not list(case.directory.glob("**/fanfold-*")), "the directories of the run to be removed")


def test_progress_is_told_to_a_function_and_to_a_person(case):
    script = """
told = []
values = fanfold.map(abs, range(-50, 0), jobs=2, progress=lambda done, total: told.append((done, total)))
assert sum(values) == 1275 and told[-1] == (50, 50) and told == sorted(told), told
slow = fanfold.map(lambda x: time.sleep(0.2) or x, iter(range(4)), jobs=1, chunksize=1, progress=True)
print(list(slow))
"""
    process = start(case, script)
    process.expect(0)
    assert process.stdout.read_text() == "[0, 1, 2, 3]\n"
    lines = process.stderr().replace("\r", "\n").splitlines()
    assert re.fullmatch(r"(1 value|2 values), [\d.]+/s *", lines[1]), lines
    assert re.fullmatch(r"4 values, [\d.]+/s *", lines[-1]), lines


def test_a_slot_and_its_relay_may_end_together(case):
    """The template sees both ends at once, since it stands still when they come."""
    script = """
def dies_once(x):
    if x == 2 and not os.path.exists(sys.argv[1]):
        open(sys.argv[1], "w").close()
        slot, template, relay = os.getpid(), os.getppid(), os.getpgid(0)
        os.kill(template, signal.SIGSTOP)
        if os.fork() == 0:
            os.setsid()
            ends = [os.pidfd_open(pid) for pid in (slot, relay)]
            os.kill(relay, signal.SIGKILL)
            os.kill(slot, signal.SIGKILL)
            for end in ends:
                select.select([end], [], [])
            os.kill(template, signal.SIGCONT)
            os._exit(0)
        signal.pause()
    return x
import select
print(list(fanfold.map(dies_once, range(5), jobs=1)))
"""
    assert run(case, script, case.path("died")) == "[0, 1, 2, 3, 4]\n"


def test_a_relay_ends_with_the_process_that_it_belongs_to(case):
    """And its slot with it."""
    script = """
def parent_of(pid):
    return int(open(f"/proc/{pid}/stat").read().split()[3])
def orphans_its_relay(x):
    print(os.getpid(), os.getpgid(0), flush=True)
    os.kill(parent_of(os.getpgid(0)), signal.SIGKILL)
    signal.pause()
try:
    list(fanfold.map(orphans_its_relay, [1], jobs=1, retries=1))
except Exception:
    pass
"""
    slot, relay = run(case, script).split()[:2]
    case.wait_for(lambda: not (os.path.exists(f"/proc/{slot}") or os.path.exists(f"/proc/{relay}")), "the end of both")


@pytest.mark.parametrize("prepare", ["None", "lambda: 1"])
def test_garbage_of_the_caller_is_finalized_once(case, prepare):
    script = f"""
import gc
class Finalized:
    def __del__(self):
        os.write(1, b"here\\n" if os.getpid() == caller else b"elsewhere\\n")
gc.disable()
caller, garbage = os.getpid(), Finalized()
garbage.itself = garbage
del garbage
print(list(fanfold.map(lambda x, state=None: x, range(3), jobs=1, prepare={prepare})), flush=True)
gc.collect()
"""
    assert run(case, script) == "[0, 1, 2]\nhere\n"


CHUNKS = """
from fanfold import _map
def cut(source, size):
    chunks, sizes = _map._Chunks(iter(source), "auto", 1 << 16, 2), []
    chunks.size = size
    while items := chunks.next():
        sizes.append(len(items))
    return sizes
"""


def test_the_last_chunks_of_a_known_length_are_small(case):
    """So that all processes end at about the same time."""
    script = """
sizes = cut(range(10000), 256)
print(sizes[0], sum(sizes), sizes == sorted(sizes, reverse=True), max(sizes[-2:]), min(sizes[:-1]))
print(cut((x for x in range(600)), 256))
print(set(cut(range(100), 1)))
"""
    assert run(case, CHUNKS + script) == "256 10000 True 16 16\n[256, 256, 88]\n{1}\n"


def test_chunks_grow_fast_and_a_slow_item_makes_them_small(case):
    script = """
chunks, sizes = _map._Chunks(itertools.count(), "auto", 1 << 16, 2), []
for _ in range(7):
    sizes.append(chunks.size)
    chunks.learn(chunks.size, chunks.size * 2.0**-17, 40)
print(sizes)
chunks.learn(1, 1.0, 40)
print(chunks.size)
"""
    told = run(case, CHUNKS + script).splitlines()
    assert told == ["[1, 4, 16, 64, 256, 1024, 2621]", "1"]


def test_chunks_of_a_long_run_are_longer(case):
    script = """
times = iter([100.0, 101.0, 105.0, 300.0])
_map.time.monotonic = lambda: next(times)
chunks = _map._Chunks(itertools.count(), "auto", 1 << 16, 2)
for _ in range(4):
    chunks.learn(2000, 2.0, 40)
    print(chunks.size)
"""
    assert run(case, CHUNKS + script).split() == ["20", "20", "50", "100"]


def loaded_by(case, code, *arguments):
    """The modules that are there after it."""
    process = case.start(PYTHON, "-S", "-c", f"{code}\nimport sys; print(*sys.modules)", *arguments, env=environment())
    process.expect(0)
    return set(process.stdout.read_text().split())


def test_the_first_value_waits_for_no_module_that_only_a_failure_needs(case):
    assert not loaded_by(case, "import fanfold; fanfold.map") & {"glob", "inspect", "secrets", "shutil", "traceback"}


def test_a_relay_loads_little(case):
    """The first value waits for its start."""
    folder = build_directory() / "worker/sdk/fanfold"
    loaded = loaded_by(case, f"import sys; sys.path.insert(0, {str(folder)!r}); import _relay")
    assert not loaded & {"ctypes", "fanfold", "re", "signal", "socket", "typing"}, loaded


def test_a_killed_template_is_a_sentence(case):
    script = """
import subprocess
try:
    for value in fanfold.map(lambda x: os.kill(int(open(f"/proc/{os.getpid()}/stat").read().split()[3]), 9), [1]):
        pass
except fanfold.WorkerLost as error:
    print(error)
"""
    assert run(case, script) == "the process that holds the function was killed by signal 9 (Killed)\n"


def test_a_template_that_exits_is_not_called_killed(case):
    script = """
try:
    list(fanfold.map(lambda x: x, [1], prepare=lambda: os._exit(7)))
except fanfold.WorkerLost as error:
    print(error)
"""
    assert run(case, script) == "the process that holds the function ended with status 7\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("abs, [1], jobs=0", "jobs: expected a number from 1 to 65535, not 0"),
        ("abs, [1], chunksize='many'", "chunksize: expected \"auto\" or a number from 1, not 'many'"),
        ("abs, [1], buffer=0", "buffer: expected a number from 1, not 0"),
        ("abs, [1], retries=0", "retries: expected a number of attempts from 1, not 0"),
        ("abs, [1], timeout=0", "timeout: expected seconds, not 0"),
        ("abs, [1], on_error='stop'", "on_error: expected one of raise, return, skip, not 'stop'"),
        ("'math:sqrt', [1]", "fn: expected a callable, not 'math:sqrt'; a name needs hosts or tasks"),
        ("'math:sqrt', [1], tasks='tcp://*', pickle=True, options=['--insecure']", "pickle: refused with --insecure"),
        ("(lambda x: x), [1], hosts=':'", "fn: workers on other hosts need a function of a module"),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(case, arguments, told):
    process = start(case, f"fanfold.map({arguments})")
    process.expect(1)
    assert told in process.stderr()


def test_the_function_of_a_module_is_called_by_workers_that_import_it(case):
    case.file("sums.py", b"def total(numbers):\n    return {'sum': sum(numbers), 'of': len(numbers)}\n")
    script = """
print(list(fanfold.map("sums:total", [[1, 2], [3.5], []], hosts="2/:")))
print(list(fanfold.map("sums:total", [[1, 2], "x"], hosts="2/:", on_error="return", pickle=True))[1:])
try:
    list(fanfold.map("sums:total", [["x"]], hosts="2/:"))
except TypeError as error:
    print(error, "in total" in str(error.__cause__))
"""
    told = run(case, script).splitlines()
    assert told[0] == "[{'sum': 3, 'of': 2}, {'sum': 3.5, 'of': 1}, {'sum': 0, 'of': 0}]"
    assert re.match(r"\[TypeError\(.*unsupported operand", told[1]), told
    assert told[2] == "unsupported operand type(s) for +: 'int' and 'str' True"


def test_a_worker_of_an_open_port_reads_no_pickles(case):
    where = ["--insecure", "--tasks", "tcp://127.0.0.1:9", "--mode", "frames"]
    worker = case.run("fanfold-worker", *where, "--", PYTHON, "-m", "fanfold.calls", "--pickle", "math:sqrt", env=environment())
    worker.expect(126)
    assert "--pickle: refused with --insecure" in worker.stderr()


# ---- beneath ----


WIRE = ["-N2", "-oout", "-iin", "--format=lines", "--header=1", "--header-out=1", "--frames-out=record", "--dry-run", "cat", "--"]


def test_options_that_say_what_a_record_or_result_is_are_refused(case):
    """The results would be of other records, or none."""
    script = """
from fanfold import _library
import select
for option in sys.argv[1:]:
    run = _library.Run(["cat"], mode="exec", slots=1, options=[option])
    try:
        for number in range(5):
            run.push(b"%d" % number)
        run.finish()
        while not run.ended:
            select.select([run.fd], [], [])
            while run.take():
                print("a result of", option)
    except _library.RunError as error:
        print(str(error).split(": ", 1)[1])
    run.close()
"""
    told = run(case, script, *WIRE).splitlines()
    assert len(told) == len(WIRE), told
    embeds = "is not for a run that a library embeds: the library says what a record and a result are"
    for option, line in zip(WIRE, told):
        if option.startswith("-") and option != "--":
            assert re.fullmatch(rf"fanfold: --[a-z-]+ {embeds}", line), (option, line)
        else:
            assert line.startswith(f"fanfold: '{option}' is no option: "), line


def test_an_answer_that_does_not_fit_its_task_is_an_error(case):
    """As of a worker of another version: its values would be fewer, or another item's."""
    script = """
from fanfold import _engine
for values, errors, stops, items in (
    ([1, 2], {}, False, 2), ([1, 2], {1: ""}, True, 5), ([1], {-1: ""}, False, 3),
    ([1], {}, False, 2), ([1, 2, 3], {}, False, 2), ([1, 2], {1: ""}, False, 5), ([1], {1: ""}, True, 3), ({}, {}, False, 0),
):
    try:
        _engine._check_answer(values, errors, stops, items)
        print("good")
    except ValueError as error:
        print("bad")
"""
    assert run(case, script) == "good\n" * 3 + "bad\n" * 5


def test_an_interrupt_while_a_value_is_read_is_no_value(case):
    script = """
from fanfold import _engine
class Reading(_engine.Engine):
    def __init__(self): self._asked = {0: (False, 1)}
    def _unpack(self, data): raise KeyboardInterrupt
try:
    Reading()._read(0, b"")
    print("swallowed")
except KeyboardInterrupt:
    print("raised")
"""
    assert run(case, script) == "raised\n"


def test_runs_that_are_opened_and_closed_leave_nothing_behind(case):
    """However far each has come; 1,000 of them were tried by hand."""
    script = """
from fanfold import _library
import select
def state():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages, len(os.listdir("/proc/self/fd")), open(f"/proc/self/task/{os.getpid()}/children").read()
def one(far):
    run = _library.Run(["cat"], mode="exec", slots=1)
    if far:
        run.push(b"x" * 1000)
    if far >= 2:
        run.finish()
    while far == 3 and not run.ended:
        select.select([run.fd], [], [])
        while run.take():
            pass
    if far == 3:
        try:
            run.push(b"late")
        except _library.RunError as error:
            late.add(str(error))
        assert run.take() is None and run.finish() is None
    run.close()
late = set()
for number in range(20):
    one(number % 4)
before = state()
for number in range(100):
    one(number % 4)
after = state()
print(after[0] - before[0] < 64, after[1:] == before[1:], after[2] == "", *late)
"""
    assert run(case, script) == "True True True a record came after fanfold_finish, and was not taken\n"
