"""Train several networks at once: small ones, each on cores of its own, are done sooner than one after the other."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")
# Lines of progress that Lightning gives each network: one of training, one of validation.
_BARS = 2


def train_all(train: Callable[..., Result], jobs: Sequence[tuple[Any, ...]], *, n_threads: int) -> list[Result]:
    """Train networks; on a CPU as many at once as there are threads, which share these, on a GPU one after the other.

    Parameters
    ----------
    train : a function of a module, that takes a job's arguments and `line`, that of the terminal for its progress
    jobs : arguments for each network
    n_threads : of all together; each process holds the ladder in memory, some 4 GB of it

    Returns
    -------
    what `train` returned, in the order of `jobs`

    Raises
    ------
    Whatever `train` raises.
    BrokenProcessPool
        If a process was killed.
    """
    at_once = 1 if torch.cuda.is_available() else min(n_threads, len(jobs))
    if at_once <= 1:
        torch.set_num_threads(n_threads)
        return [train(*job, line=0) for job in jobs]
    with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        running = [
            pool.submit(_alone, train, job, n_threads // at_once, index % at_once) for index, job in enumerate(jobs)
        ]
        try:
            results = [each.result() for each in running]
        except BrokenProcessPool as err:
            raise BrokenProcessPool(
                "a process was killed, perhaps for want of memory; with fewer --threads fewer run at once"
            ) from err
    sys.stderr.write("\n" * (_BARS * at_once))  # what comes next, comes below the progress
    return results


def _end_with_parent() -> None:
    """Whoever kills the command means its processes too; what they have reached is kept."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - only called in a child

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _alone(train: Callable[..., Result], job: tuple[Any, ...], n_threads: int, line: int) -> Result:
    torch.set_num_threads(n_threads)
    return train(*job, line=line)
