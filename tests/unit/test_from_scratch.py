"""Training on rated recordings alone: the losses of a run's configuration, on what people said."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.fitting.config import RunConfig
from training.fitting.losses import LossConfig
from training.fitting.snippets import SamplingConfig
from training.held_out import from_scratch
from training.held_out.from_scratch import FromScratch
from training.networks.ranker import NetworkConfig
from training.people.panel import People
from training.people.rated import RatedPerformance

TINY = RunConfig(
    learning_rate=1e-2,
    segments=SegmentConfig(snippet_s=0.5, hop_s=0.5),
    network=NetworkConfig(base="tiny"),
    sampling=SamplingConfig(kind="sparse", n_snippets=2),
)
RATINGS = np.tile([1.0, 2.0, 3.0, 4.0, 5.0, 3.5], 2)
PEOPLE = People.of(
    [
        RatedPerformance(id=f"r{i:02}", piece=f"{i // 6}", player=f"{i}", midi=Path("x.mid"), ratings={"peer1": rating})
        for i, rating in enumerate(RATINGS.tolist())
    ],
    "recording",
)


def recordings(rng: np.random.Generator, n_features: int = 96) -> list[np.ndarray]:
    """The better, the louder."""
    return [rng.normal(-1 + rating / 5, 0.2, (60, n_features)).astype(np.float32) for rating in RATINGS]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("kind", ["pdr", "apr"])
def test_it_learns_what_people_said(kind: str, rng: np.random.Generator) -> None:
    run = dataclasses.replace(TINY, network=NetworkConfig(kind=kind, base="tiny"))  # type: ignore[arg-type]
    learner = FromScratch(run=run, n_steps=40, recordings=recordings(rng))
    train, held_out = np.array([0, 1, 2, 3, 4, 6, 7, 8, 9, 10]), np.array([5, 11])
    learnt = learner.learn(PEOPLE, train, held_out, seed=1)
    assert np.corrcoef(learnt.scores[train], RATINGS[train])[0, 1] > 0.8
    assert np.isfinite(learnt.scores).all() and learnt.scale > 0 and learnt.about == {"steps": 40}


def test_the_original_design_can_be_trained_the_same_way(rng: np.random.Generator) -> None:
    run = dataclasses.replace(
        TINY,
        features=FeatureConfig(kind="mfcc", n_mfcc=40),
        loss=LossConfig(kind="margin", disparity=0.0),
        network=NetworkConfig(base="resnet18", channels=(2, 2, 3, 3)),
    )
    learner = FromScratch(run=run, n_steps=2, recordings=recordings(rng, 40))
    learnt = learner.learn(PEOPLE, np.arange(10), np.array([10, 11]), seed=0)
    assert np.isfinite(learnt.scores).all()


def test_the_same_seed_learns_the_same_from_recordings_it_may_hear(rng: np.random.Generator) -> None:
    first = recordings(rng)
    other = [*first[:10], *recordings(rng)[10:]]
    scores = [
        FromScratch(run=TINY, n_steps=3, recordings=heard)
        .learn(PEOPLE, np.arange(10), np.array([10, 11]), seed=2)
        .scores[:10]
        for heard in (first, first, other)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])  # what is held out changes nothing


def test_a_batch_is_of_the_training_side_with_severities_that_fall_with_the_rating(rng: np.random.Generator) -> None:
    run = dataclasses.replace(TINY, n_excerpts=2, n_versions=3)
    batch = from_scratch._batch(run, recordings(rng), PEOPLE, np.arange(8), rng)
    assert batch.snippets.shape == (5 * 2, 25, 96)  # three of the first piece, both of the second, two snippets each
    assert sorted(np.bincount(batch.excerpt.numpy())) == [2, 3]
    said = {round((5 - rating) / 4, 4) for rating in RATINGS[:8]}
    assert {round(value, 4) for value in batch.severity.tolist()} <= said


def test_pieces_with_one_recording_alone_teach_nothing(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="none of the 2 recordings to train on has another of its piece"):
        from_scratch._batch(TINY, recordings(rng), PEOPLE, np.array([0, 6]), rng)


def test_scores_are_of_32_bits_whatever_it_trains_in(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 16 bits near scores would be equal."""
    monkeypatch.setattr(from_scratch, "native_precision", lambda: "bf16-mixed")
    learner = FromScratch(run=TINY, n_steps=1, recordings=recordings(rng))
    scores = learner.learn(PEOPLE, np.arange(10), np.array([10, 11]), seed=0).scores
    assert len(set(scores.tolist())) == len(scores)
    assert (scores != torch.from_numpy(scores).bfloat16().double().numpy()).any()
