"""Fit several networks at once: small ones, each on cores of its own, are done sooner than one after the other."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from training.fitting.config import RunConfig
from training.fitting.fit import fit


def fit_all(runs: Sequence[RunConfig], ladder_folder: Path, outs: Sequence[Path], *, n_threads: int) -> list[Path]:
    """Train networks, resuming those that an earlier call left unfinished.

    On a CPU as many are trained at once as there are threads, and share these; each holds the ladder in memory, some
    4 GB of it. A GPU trains one after the other.

    Parameters
    ----------
    runs : how to train each
    ladder_folder : with the shards
    outs : folder of each, for checkpoints and TensorBoard logs
    n_threads : of all together

    Returns
    -------
    paths of the checkpoints that ranked the validation pieces best, in the order of `runs`

    Raises
    ------
    ValueError, FileNotFoundError
        As `training.fitting.fit.fit` has them.
    BrokenProcessPool
        If one was killed; what the others have reached is kept.
    """
    at_once = 1 if torch.cuda.is_available() else min(n_threads, len(runs))
    if at_once <= 1:
        torch.set_num_threads(n_threads)
        return [fit(run, ladder_folder, out) for run, out in zip(runs, outs, strict=True)]
    with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn")) as pool:
        threads = n_threads // at_once
        fits = [
            pool.submit(_fit, run, ladder_folder, out, threads, index % at_once)
            for index, (run, out) in enumerate(zip(runs, outs, strict=True))
        ]
        return [each.result() for each in fits]


def _fit(run: RunConfig, ladder_folder: Path, out: Path, n_threads: int, line: int) -> Path:
    torch.set_num_threads(n_threads)
    return fit(run, ladder_folder, out, line=line)
