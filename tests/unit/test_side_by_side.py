"""Training in processes of its own: in order, told of failures, and never outliving the command."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from training.fitting.side_by_side import run_all, train_all


def told(number: int, *, line: int) -> tuple[int, int, int, int]:
    return number, line, torch.get_num_threads(), os.getpid()


def killed(number: int, *, line: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_jobs_share_the_threads_and_come_back_in_order() -> None:
    found = train_all(told, [(number,) for number in range(3)], n_threads=2)
    assert [each[0] for each in found] == [0, 1, 2]
    assert [each[1] for each in found] == [0, 1, 0]
    assert all(each[2] == 1 and each[3] != os.getpid() for each in found)


def test_one_job_has_all_threads_and_needs_no_process() -> None:
    before = torch.get_num_threads()
    try:
        assert train_all(told, [(5,)], n_threads=2) == [(5, 0, 2, os.getpid())]
    finally:
        torch.set_num_threads(before)


def noted(number: int, folder: Path) -> int:
    (folder / str(number)).touch()
    if number == 0:
        raise ValueError("number 0 cannot be done")
    time.sleep(1)
    return number


def test_each_job_that_is_done_is_told_at_once() -> None:
    done: list[bool] = []
    assert run_all(abs, [(-1,), (-2,), (-3,)], n_threads=2, finished=lambda: done.append(True)) == [1, 2, 3]
    assert len(done) == 3


def test_after_a_failure_nothing_more_begins(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="number 0 cannot be done"):
        run_all(noted, [(number, tmp_path) for number in range(20)], n_threads=2)
    assert len(list(tmp_path.iterdir())) < 10


def test_a_process_that_is_killed_is_told() -> None:
    with pytest.raises(BrokenProcessPool):
        train_all(killed, [(0,), (1,)], n_threads=2)


ENDLESS = """
import os, sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from training.fitting.side_by_side import train_all

def train(folder, *, line):
    (folder / str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    train_all(train, [(Path({folder!r}),)] * 2, n_threads=2)
"""


def test_processes_end_with_the_command_that_started_them(tmp_path: Path) -> None:
    started = tmp_path / "started"
    started.mkdir()
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS.format(path=sys.path, folder=str(started)), encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)]) as command:
        _wait_until(lambda: len(list(started.iterdir())) == 2)
        command.kill()
    _wait_until(lambda: not any(Path("/proc", each.name).exists() for each in started.iterdir()))


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "nothing happened for two minutes"
        time.sleep(0.1)
