# SPDX-License-Identifier: MIT
"""fanfold.Executor: CPython's own tests, and what they do not have; joblib and scikit-learn; the package by pip."""

import re
import shutil
from pathlib import Path

import pytest
from harness import ROOT, Skip
from test_map import PYTHON, environment, run

CPYTHON = Path("/usr/lib/python3.11/test/test_concurrent_futures.py")


@pytest.mark.deadline(400)
def test_cpythons_own_tests_of_executors_pass(case):
    if not CPYTHON.exists():
        raise Skip("libpython3.11-testsuite is not installed")
    process = case.start(PYTHON, ROOT / "tests/pipeline/cpython_executor.py", env=environment())
    process.expect(0, 380)
    told = process.stderr()
    ran, skipped = map(int, re.search(r"Ran (\d+) tests.*skipped=(\d+)", told, re.S).groups())
    assert ran - skipped >= 38, told


def test_calls_are_done_before_the_interpreter_ends(case):
    script = """
executor = fanfold.Executor(2)
def late():
    while os.getppid() and not os.path.exists(sys.argv[1]):
        pass
    print("late", flush=True)
executor.submit(late)
import atexit, threading
threading._register_atexit(lambda: open(sys.argv[1], "w").close())
"""
    assert run(case, script, case.path("ending")) == "late\n"


def test_a_killed_process_costs_an_attempt_and_a_deadly_call_itself_alone(case):
    script = """
def once(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "again"
    os.kill(os.getpid(), signal.SIGKILL)
with fanfold.Executor(2) as executor:
    good = [executor.submit(abs, -x) for x in range(100)]
    dead = executor.submit(os._exit, 3)
    print(executor.submit(once, sys.argv[1]).result())
    print(type(dead.exception()).__name__, [future.result() for future in good] == list(range(100)))
    print(executor.submit(pow, 2, 3).result())
"""
    assert run(case, script, case.path("once")) == "again\nWorkerLost True\n8\n"


def test_an_exception_has_the_remote_traceback_as_its_cause(case):
    script = """
def fails_here():
    raise ValueError("five")
with fanfold.Executor(1) as executor:
    error = executor.submit(fails_here).exception()
print(repr(error), "in fails_here" in str(error.__cause__))
"""
    assert run(case, script) == "ValueError('five') True\n"


def test_what_cannot_be_pickled_fails_the_one_call(case):
    script = """
with fanfold.Executor(2) as executor:
    futures = [executor.submit(abs, -1), executor.submit(lambda: 0), executor.submit(abs, -2)]
    print(futures[0].result(), "pickle" in str(futures[1].exception()), futures[2].result())
"""
    assert run(case, script) == "1 True 2\n"


def test_a_fork_of_the_caller_is_refused_and_may_have_an_executor_of_its_own(case):
    script = """
with fanfold.Executor(1) as executor:
    print(executor.submit(abs, -1).result(), flush=True)
    child = os.fork()
    if child == 0:
        try:
            executor.submit(abs, -2)
        except RuntimeError as error:
            print(str(error).replace(str(os.getppid()), "PARENT"))
        executor.shutdown()
        with fanfold.Executor(1) as own:
            print(own.submit(abs, -3).result(), flush=True)
        os._exit(0)
    print(os.waitpid(child, 0)[1], executor.submit(abs, -4).result())
"""
    refused = "this process was forked from process PARENT, which started the executor: make an executor here"
    assert run(case, script) == f"1\n{refused}\n3\n0 4\n"


def test_a_collected_executor_ends(case):
    script = """
import gc, threading
executor = fanfold.Executor(2)
future = executor.submit(pow, 2, 3)
del executor
gc.collect()
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
print(future.result())
"""
    assert run(case, script) == "8\n"


def need_module(name, package):
    if not any((Path(folder) / name).exists() for folder in ("/usr/lib/python3/dist-packages",)):
        raise Skip(f"{package} is not installed")


def test_joblib_has_it_as_a_backend(case):
    need_module("joblib", "python3-joblib")
    script = """
import math
import joblib, fanfold
fanfold.joblib.register()
with joblib.parallel_backend("fanfold", n_jobs=2):
    print(joblib.Parallel()(joblib.delayed(math.factorial)(n) for n in range(50)) == [math.factorial(n) for n in range(50)])
    try:
        joblib.Parallel()(joblib.delayed(math.sqrt)(-n) for n in range(50))
    except ValueError as error:
        print(error)
"""
    assert run(case, script) == "True\nmath domain error\n"


@pytest.mark.deadline(300)
def test_cross_validation_of_scikit_learn_gives_the_same_scores(case):
    need_module("sklearn", "python3-sklearn")
    script = """
import joblib, fanfold.joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
fanfold.joblib.register()
x, y = load_digits(return_X_y=True)
model = LogisticRegression(max_iter=50, tol=0.1)
alone = cross_val_score(model, x[:400], y[:400], cv=4)
with joblib.parallel_backend("fanfold", n_jobs=2):
    shared = cross_val_score(model, x[:400], y[:400], cv=4)
print(list(alone) == list(shared))
"""
    assert run(case, script) == "True\n"


@pytest.mark.deadline(300)
def test_pip_installs_the_package_from_the_tree(case):
    source = case.path("sdk")
    shutil.copytree(ROOT / "worker/sdk", source, ignore=shutil.ignore_patterns("*.c", "*.R", "meson.build"))
    made = case.run(PYTHON, "-m", "venv", "--system-site-packages", case.path("venv"))
    made.expect(0)
    python = case.path("venv") / "bin/python3"
    pip = [python, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-deps", "-q", source]
    case.run(*pip, env={"PIP_DISABLE_PIP_VERSION_CHECK": "1", "HOME": str(case.directory)}, cwd=case.directory).expect(0, 200)
    script = "import fanfold, fanfold.connector; print(fanfold.__file__, list(fanfold.map(abs, [-1, 2])))"
    told = case.run(python, "-c", script, env={"PYTHONPATH": ""})
    told.expect(0)
    assert told.stdout.read_text() == f"{next(case.path('venv').glob('lib/*'))}/site-packages/fanfold/__init__.py [1, 2]\n"


def test_every_file_of_the_package_is_typed_for_python_3_9(case):
    import ast

    for path in sorted((ROOT / "worker/sdk/fanfold").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            untyped = [argument.arg for argument in arguments if not argument.annotation and argument.arg not in ("self", "cls")]
            assert function.returns is not None and not untyped, f"{path.name}: {function.name}: {untyped or 'result'}"
