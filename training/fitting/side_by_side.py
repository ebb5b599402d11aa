"""Train several networks at once: each on cores of its own, they are done sooner than one after the other."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")
# Lines of progress that Lightning gives each network: one of training, one of validation.
_BARS = 2


def train_all(train: Callable[..., Result], jobs: Sequence[tuple[Any, ...]], *, n_threads: int) -> list[Result]:
    """Train networks that each show their progress on lines of their own.

    Parameters
    ----------
    train : as `work` of `run_all`, which also takes `line`, that of the terminal for its progress
    jobs, n_threads : as of `run_all`; each process holds the ladder in memory, some 4 GB of it

    Returns
    -------
    what `train` returned, in the order of `jobs`

    Raises
    ------
    As `run_all`.
    """
    at_once = _at_once(jobs, n_threads)
    results = run_all(_on_line, [(train, job, index % at_once) for index, job in enumerate(jobs)], n_threads=n_threads)
    if at_once > 1:
        sys.stderr.write("\n" * (_BARS * at_once))  # what comes next, comes below the progress
    return results


def run_all(
    work: Callable[..., Result],
    jobs: Sequence[tuple[Any, ...]],
    *,
    n_threads: int,
    finished: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Do all jobs; on a CPU as many at once as there are threads, which share these, on a GPU one after the other.

    Parameters
    ----------
    work : a function of a module, that takes a job's arguments
    jobs : arguments of each
    n_threads : of all together
    finished : is called after each job

    Returns
    -------
    what `work` returned, in the order of `jobs`

    Raises
    ------
    Whatever `work` raises.
    BrokenProcessPool
        If a process was killed.
    """
    at_once = _at_once(jobs, n_threads)
    if at_once == 1:
        torch.set_num_threads(n_threads)
        results = []
        for job in jobs:
            results.append(work(*job))
            finished()
        return results
    with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        running = [pool.submit(_alone, work, job, n_threads // at_once) for job in jobs]
        try:
            for each in as_completed(running):
                each.result()
                finished()
        except BrokenProcessPool as err:
            raise BrokenProcessPool(
                "a process was killed, perhaps for want of memory; with fewer --threads fewer run at once"
            ) from err
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after a failure what has not begun does not begin
    return [each.result() for each in running]


def _at_once(jobs: Sequence[tuple[Any, ...]], n_threads: int) -> int:
    return 1 if torch.cuda.is_available() else max(min(n_threads, len(jobs)), 1)


def _end_with_parent() -> None:
    """Whoever kills the command means its processes too; what they have reached is kept."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - only called in a child

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _alone(work: Callable[..., Result], job: tuple[Any, ...], n_threads: int) -> Result:
    torch.set_num_threads(n_threads)
    return work(*job)


def _on_line(train: Callable[..., Result], job: tuple[Any, ...], line: int) -> Result:
    return train(*job, line=line)
