"""`pkai-train pairs` on the original P-KAI's own files."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from training.__main__ import main
from training.labels.pairs import Key, Pair, answers_of, read_pairs, write_pairs

ROOT = Path(__file__).resolve().parents[2]
MOST_QUESTIONS = 0.6
LEAST_AGREEMENT = 0.95

Judge = Callable[[str, str], int]


class Conversation:
    """An annotating process, and somebody who answers what it asks."""

    def __init__(self, table: Path, judge: Judge) -> None:
        command = [sys.executable, "-m", "training", "pairs", "annotate", "--pairs", str(table), "--annotator", "ear"]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'lambda'}{os.pathsep}{ROOT}"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.judge = judge
        self.saved: dict[Key, int] = {}

    def run(self, kill_at: int | None = None, kill_after_s: float = 0.0) -> int:
        """Answer until it ends, or is killed that long after an answer; how many questions there were."""
        assert self.process.stdin is not None and self.process.stdout is not None
        # Unbuffered: closing the file would tell again what a killed process left unread.
        answers = self.process.stdin.fileno()
        asked = 0
        with self.process:
            for line in self.process.stdout:
                words = line.removeprefix("> ").split()
                if words[:1] == ["A:"]:
                    asked += 1
                    if asked == kill_at:
                        Timer(kill_after_s, self.process.kill).start()
                    with contextlib.suppress(BrokenPipeError):
                        os.write(answers, f"{self.judge(words[1], words[3])}\n".encode())
                if words[:1] == ["saved"] and len(words) == 4:
                    self.saved |= answers_of([Pair(words[1], words[2], int(words[3]))])
        return asked


@pytest.fixture
def elise(shared_data: Path) -> list[Pair]:
    """The Elise set as its annotators labelled it."""
    return read_pairs(shared_data / "p-kai" / "elise_pairs.csv")


@pytest.fixture
def ear(elise: list[Pair]) -> Judge:
    """Somebody who hears what those annotators heard."""
    labels = {pair.key: pair for pair in elise}
    return lambda first, second: labels[Pair(first, second).key].label_from(first) or 0


@pytest.fixture
def unlabelled(tmp_path: Path, elise: list[Pair]) -> Path:
    """The same pairs without labels."""
    path = tmp_path / "pairs.csv"
    write_pairs(path, [Pair(pair.first, pair.second) for pair in elise])
    return path


def test_the_elise_set_is_annotated_with_three_fifths_of_the_questions(
    elise: list[Pair], ear: Judge, unlabelled: Path
) -> None:
    asked = Conversation(unlabelled, ear).run()
    labelled = {pair.key: pair for pair in read_pairs(unlabelled)}
    assert asked <= MOST_QUESTIONS * len(elise)
    assert sum(pair.source == "ear" for pair in labelled.values()) == asked
    agreeing = sum(labelled[pair.key].label_from(pair.first) == pair.label for pair in elise)
    assert agreeing >= LEAST_AGREEMENT * len(elise)


def test_contradictions_of_the_original_are_listed_and_psa_has_none(
    shared_data: Path, capsys: pytest.CaptureFixture[str], elise: list[Pair]
) -> None:
    assert main(["pairs", "check", "--pairs", str(shared_data / "p-kai" / "elise_pairs.csv")]) == 0
    cycles = capsys.readouterr().out.splitlines()
    answers = answers_of(elise)
    assert cycles
    for cycle in cycles:
        nodes, signs = cycle.split()[::2], cycle.split()[1::2]
        assert nodes[0] == nodes[-1]
        assert signs.count(">") >= max(1, signs.count("="))
        for (first, second), sign in zip(pairwise(nodes), signs, strict=True):
            label = answers[min(first, second), max(first, second)]
            assert {">": 1, "=": 0}[sign] == (label if first < second else -label)
    for rule in ("voted", "transitive"):
        psa = shared_data / "p-kai" / "psa_pairs.csv"
        assert main(["pairs", "check", "--pairs", str(psa), "--rule", rule]) == 0
        assert capsys.readouterr().out == ""


def test_whoever_is_killed_at_any_moment_loses_no_answer_and_leaves_no_half_file(
    elise: list[Pair], ear: Judge, unlabelled: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    known: dict[Key, int] = {}
    for _ in range(6):
        conversation = Conversation(unlabelled, ear)
        conversation.run(kill_at=int(rng.integers(1, 26)), kill_after_s=float(rng.uniform(0.0, 0.02)))
        assert conversation.process.returncode == -signal.SIGKILL
        known |= conversation.saved
        table = read_pairs(unlabelled)
        assert [pair.key for pair in table] == [pair.key for pair in elise]
        answers = answers_of(table)
        assert known.items() <= answers.items()
        assert len(answers) <= len(known) + 1  # one may be saved and not yet told
        assert all(ear(*key) == label for key, label in answers.items())
        known = answers
    assert len(known) > 6
    leftovers = {path.name for path in tmp_path.iterdir()} - {"pairs.csv"}
    assert all(name.startswith(".pairs.csv.") and name.endswith(".part") for name in leftovers)
