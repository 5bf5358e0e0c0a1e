# SPDX-License-Identifier: MIT
"""CPython's own tests of executors, on fanfold.Executor: for test_executor.py, as a program of unittest's.

They come from the distribution's test package (libpython3.11-testsuite), unchanged. LEFT_OUT names those that make no
sense here, and why.
"""

import pickle
import unittest

import fanfold
from test import test_concurrent_futures as theirs

LEFT_OUT = {
    "test_hang_gh83386": "names an executor of concurrent.futures in a script of its own",
    "test_interpreter_shutdown": "the same; test_executor.py has this case for fanfold.Executor",
    "test_submit_after_interpreter_shutdown": "the same",
    "test_processes_terminate": "looks into ProcessPoolExecutor's private table of processes",
    "test_context_manager_shutdown": "the same",
    "test_del_shutdown": "the same",
    "test_shutdown_no_wait": "the same",
    "test_saturation": "the same",
    "test_idle_process_reuse_one": "the same",
    "test_idle_process_reuse_multiple": "the same",
    "test_killed_child": "the same; and wants the executor to break, while fanfold.Executor tries again",
    "test_max_workers_too_large": "of Windows",
    "test_max_tasks_per_child": "fanfold.Executor does not replace processes that serve well",
    "test_max_tasks_per_child_defaults_to_spawn_context": "the same",
    "test_max_tasks_early_shutdown": "the same",
    "test_traceback": "wants the private class of the library as the cause; test_executor.py has it with our own",
    "test_shutdown_deadlock_pickle": "looks for the private thread of the library",
    "test_ressources_gced_in_workers": "needs the context of multiprocessing that the executor was made with",
}


class FanfoldMixin(theirs.ExecutorMixin):
    executor_type = fanfold.Executor


class InitializerTest(FanfoldMixin, theirs.InitializerMixin, theirs.BaseTestCase):
    pass


class FailingInitializerTest(FanfoldMixin, theirs.FailingInitializerMixin, theirs.BaseTestCase):
    pass


class ShutdownTest(FanfoldMixin, theirs.ProcessPoolShutdownTest, theirs.BaseTestCase):
    pass


class WaitTest(FanfoldMixin, theirs.WaitTests, theirs.BaseTestCase):
    pass


class AsCompletedTest(FanfoldMixin, theirs.AsCompletedTests, theirs.BaseTestCase):
    pass


class ExecutorTest(FanfoldMixin, theirs.ProcessPoolExecutorTest, theirs.BaseTestCase):
    pass


class CrashTest(FanfoldMixin, theirs.ExecutorDeadlockTest, theirs.BaseTestCase):
    """Where theirs breaks, ours loses the one call, or has the exception itself."""

    @staticmethod
    def executor_type(max_workers, mp_context=None):
        return fanfold.Executor(max_workers)

    def get_context(self):
        return None


theirs.BrokenProcessPool = (fanfold.WorkerLost, pickle.PicklingError, pickle.UnpicklingError, SystemExit)

for case in (InitializerTest, FailingInitializerTest, CrashTest, ShutdownTest, WaitTest, AsCompletedTest, ExecutorTest):
    for name, reason in LEFT_OUT.items():
        if hasattr(case, name):
            setattr(case, name, unittest.skip(reason)(getattr(case, name)))

del case  # or unittest would find it once more


def setUpModule():
    theirs.setUpModule()


def tearDownModule():
    pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
