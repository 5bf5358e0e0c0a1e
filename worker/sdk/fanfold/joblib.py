# SPDX-License-Identifier: MIT
"""fanfold as a backend of joblib, and by that of scikit-learn:

    import fanfold.joblib
    fanfold.joblib.register()
    with joblib.parallel_backend("fanfold", n_jobs=4):
        cross_val_score(...)

Functions and arguments are pickled: a lambda or a function inside a function is refused.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Callable, Optional

from joblib._parallel_backends import AutoBatchingMixin, ParallelBackendBase, SequentialBackend
from joblib.parallel import register_parallel_backend

from . import _executor, _map


class _Result:
    """A future as joblib reads results."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def get(self, timeout: Optional[float] = None) -> Any:
        return self._future.result(timeout)


class FanfoldBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Forks of this process: what was loaded before the first call is shared with them."""

    supports_timeout = True
    supports_sharedmem = False
    supports_retrieve_callback = True  # of joblib 1.3 and later
    uses_threads = False

    def __init__(self, nesting_level: Optional[int] = None, inner_max_num_threads: Optional[int] = None, **options: Any) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self._options = options
        self._executor: Optional[_executor.Executor] = None

    def effective_n_jobs(self, n_jobs: Optional[int]) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        processors = _map.slots_here(None)
        if n_jobs is None:
            return 1
        return int(n_jobs) if n_jobs > 0 else max(1, processors + 1 + int(n_jobs))

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        self.parallel = parallel
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs > 1:
            self._executor = _executor.Executor(n_jobs, **self._options)
        return n_jobs

    def get_nested_backend(self) -> tuple[Any, Optional[int]]:
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None

    def apply_async(self, func: Callable[[], Any], callback: Optional[Callable[[Any], None]] = None) -> _Result:
        future = self.submit(func, callback)
        return _Result(future)

    def submit(self, func: Callable[[], Any], callback: Optional[Callable[[Any], None]] = None) -> Future[Any]:
        if self._executor is None:
            self._executor = _executor.Executor(self.effective_n_jobs(-1), **self._options)
        future = self._executor.submit(func)
        if callback:
            future.add_done_callback(lambda done: None if done.exception() else callback(_Result(done)))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        return out.get() if isinstance(out, _Result) else out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self.terminate(cancel=True)
        if ensure_ready and self.parallel is not None:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def terminate(self, cancel: bool = False) -> None:
        executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(cancel_futures=cancel)
        self.reset_batch_stats()


def register(**arguments: Any) -> None:
    """joblib then knows the backend "fanfold"."""
    register_parallel_backend("fanfold", FanfoldBackend, **arguments)
