"""Handcrafted features mean what their names say, and judge a piece that they were not fitted to."""

from pathlib import Path

import numpy as np
import pytest

from pkai.features import FeatureConfig, mel_frames, normalise
from training.held_out import handcrafted
from training.people.panel import People
from training.people.rated import RatedPerformance

CONFIG = FeatureConfig()


def clicks(onsets_s: list[float], levels: list[float], duration_s: float) -> np.ndarray:
    """Features of decaying tones at given times."""
    t = np.arange(round(duration_s * CONFIG.sample_rate)) / CONFIG.sample_rate
    sound = np.zeros(len(t))
    for onset_s, level in zip(onsets_s, levels, strict=True):
        since = t - onset_s
        sound += np.where(since >= 0, level * np.sin(2 * np.pi * 440 * since) * np.exp(-6 * np.maximum(since, 0)), 0)
    return normalise(mel_frames([sound.astype(np.float32)], CONFIG), CONFIG)


def described(onsets_s: list[float], levels: list[float] | None = None, duration_s: float = 12.0) -> dict[str, float]:
    found = handcrafted.describe(clicks(onsets_s, levels or [0.5] * len(onsets_s), duration_s), CONFIG)
    assert found.shape == (len(handcrafted.NAMES),) and np.isfinite(found).all()
    return dict(zip(handcrafted.NAMES, found.tolist(), strict=True))


EVEN = [0.2 + 0.5 * i for i in range(23)]


def test_an_even_rhythm_differs_from_an_uneven_one_where_it_should(rng: np.random.Generator) -> None:
    even = described(EVEN)
    uneven = described([onset + rng.uniform(-0.15, 0.15) for onset in EVEN])
    assert even["variation of the time between onsets"] < 0.1 < uneven["variation of the time between onsets"]
    change = "change from one time between onsets to the next"
    assert even[change] < uneven[change]
    assert even["clarity of the pulse"] > uneven["clarity of the pulse"]
    assert even["onsets a second"] == pytest.approx(2.0, abs=0.3)


def test_a_hesitation_is_heard_as_one() -> None:
    even, halting = described(EVEN), described([*EVEN[:10], *[onset + 2 for onset in EVEN[10:19]]])
    assert even["share of the time in hesitations"] == 0.0
    assert halting["share of the time in hesitations"] == pytest.approx(2.5 / 11, abs=0.05)
    assert halting["share of the time in pauses"] > even["share of the time in pauses"]


def test_uneven_loudness_is_heard() -> None:
    even, uneven = described(EVEN), described(EVEN, [0.6 if i % 3 else 0.1 for i in range(len(EVEN))])
    strength = "variation of the strength of onsets"
    assert uneven["spread of loudness"] > even["spread of loudness"]
    assert uneven[strength] > even[strength]


def test_hardly_any_onset_is_no_error() -> None:
    described([0.5])


def test_each_piece_is_judged_by_the_others(rng: np.random.Generator) -> None:
    truth = rng.uniform(1, 5, 40)
    features = rng.normal(size=(40, 12))
    features[:, 3] -= truth
    people = People.of(
        [
            RatedPerformance(id=f"{i:02}", piece=f"{i % 4}", player="p", midi=Path("x.mid"), ratings={"peer1": rating})
            for i, rating in enumerate(truth.tolist())
        ],
        "piece",
    )
    found = handcrafted.left_out(features, people)
    pairs = people.pairs(np.arange(40))
    assert np.mean(found[pairs[:, 0]] > found[pairs[:, 1]]) > 0.75
    inside = people.pieces == "2"
    turned = truth.copy()
    turned[inside] = 6 - turned[inside]
    other = People(ids=people.ids, truth=turned, pieces=people.pieces, groups=people.groups)
    np.testing.assert_array_equal(handcrafted.left_out(features, other)[inside], found[inside])
    one = People(ids=people.ids, truth=truth, pieces=np.array(["a"] * 40), groups=people.groups)
    with pytest.raises(ValueError, match="at least two are needed"):
        handcrafted.left_out(features, one)
