"""Teaching flaws leaves normalisation as it is, is bound to its ladder, and ends the same if it was stopped."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import made_shards
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from power_cut import PowerCut
from training.fitting import flaw_teaching
from training.fitting.flaw_teaching import FlawTeaching
from training.fitting.snippets import Batch
from training.ladder.flaws import FAMILIES
from training.networks import pairwise
from training.networks.ranker import NetworkConfig, Ranker

# Lightning warns of few workers, of a folder that is not empty, and of its own libraries' ways.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.usefixtures("one_thread"),
]

HOW = FlawTeaching(n_steps=6, n_excerpts=2, n_versions=2, checkpoint_every=2)
PARTS = ("train", "apart")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_shards.write(tmp_path_factory.mktemp("shards"), parts=PARTS)


def untaught() -> Ranker:
    torch.manual_seed(0)
    return pairwise.build(NetworkConfig(kind="apr", base="tiny"), len(FAMILIES)).eval()


def taught(ladder: Path, out: Path) -> Ranker:
    cut = SegmentConfig(snippet_s=1.0, hop_s=0.5)
    return flaw_teaching.teach(untaught(), ladder, out, HOW, FeatureConfig(), cut)


def modes(monkeypatch: pytest.MonkeyPatch, *, at_most: int | None = None) -> list[set[bool]]:
    """Of the network's modules, whether they train, in each step; after some steps the power is cut."""
    found: list[set[bool]] = []
    original = flaw_teaching._Lesson.training_step

    def step(lesson: flaw_teaching._Lesson, batch: Batch, index: int) -> Tensor:
        if len(found) == at_most:
            raise PowerCut
        found.append({module.training for module in lesson.network.modules()})
        return original(lesson, batch, index)

    monkeypatch.setattr(flaw_teaching._Lesson, "training_step", step)
    return found


def test_normalisation_is_that_of_the_service_and_nothing_is_dropped(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = modes(monkeypatch)
    before, after = untaught(), taught(shards, tmp_path)
    assert found == [{False}] * HOW.n_steps
    for one, other in zip(before.buffers(), after.buffers(), strict=True):
        assert torch.equal(one, other)


def test_a_killed_teaching_ends_as_one_that_was_not(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        modes(patch, at_most=5)
        with pytest.raises(PowerCut):
            taught(shards, tmp_path / "killed")
    steps = modes(monkeypatch)
    killed = taught(shards, tmp_path / "killed").state_dict()
    assert len(steps) == 2
    whole = taught(shards, tmp_path / "whole").state_dict()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def test_a_checkpoint_from_another_ladder_is_not_gone_on_from(shards: Path, tmp_path: Path) -> None:
    taught(shards, tmp_path / "out")
    other = made_shards.write(tmp_path, parts=PARTS, pieces=("c", "d"))
    with pytest.raises(ValueError, match=r"is of another teaching: it has ladder '\w+' and not '\w+'; name another"):
        taught(other, tmp_path / "out")
