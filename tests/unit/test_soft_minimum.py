"""A recording's score is a soft minimum over its snippets: weak moments count more, and none decides alone."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkai import consensus, segments

Floats = npt.NDArray[np.float64]
SCORES = st.lists(st.floats(-5, 5), min_size=1, max_size=12).map(np.array)
TEMPERATURES = st.floats(0.05, 20)


def even(n: int) -> Floats:
    return np.full(n, 1 / n)


@given(SCORES, TEMPERATURES)
def test_it_lies_between_the_weakest_and_the_mean(scores: Floats, temperature: float) -> None:
    found = consensus.score(scores, even(len(scores)), temperature=temperature)
    assert scores.min() - 1e-9 <= found <= scores.mean() + 1e-9


def test_it_goes_from_the_weakest_to_the_mean_as_the_temperature_rises() -> None:
    scores, share = np.array([-1.0, 0.5, 2.0]), np.array([0.2, 0.5, 0.3])
    cold, hot = (consensus.score(scores, share, temperature=each) for each in (1e-3, 1e4))
    assert cold == pytest.approx(-1.0, abs=0.01)
    assert hot == pytest.approx(float(scores @ share), abs=1e-3)


@given(SCORES, st.integers(0, 11), st.floats(0, 3), TEMPERATURES)
def test_playing_one_passage_better_never_lowers_it(
    scores: Floats, place: int, gain: float, temperature: float
) -> None:
    better = scores.copy()
    better[place % len(scores)] += gain
    share = even(len(scores))
    before, after = (consensus.score(each, share, temperature=temperature) for each in (scores, better))
    assert after >= before - 1e-9


@given(SCORES, st.floats(0.1, 10), st.floats(-5, 5))
def test_another_unit_of_scores_and_temperature_is_another_unit_of_it(
    scores: Floats, factor: float, offset: float
) -> None:
    share = even(len(scores))
    wanted = factor * consensus.score(scores, share, temperature=1.0) + offset
    assert consensus.score(factor * scores + offset, share, temperature=factor) == pytest.approx(wanted, abs=1e-7)


def test_a_snippet_counts_as_much_as_its_score_moves_the_whole() -> None:
    scores, share, step = np.array([-1.0, 0.5, 2.0]), np.array([0.2, 0.5, 0.3]), 1e-6
    counted = consensus.weights(scores, share, temperature=0.7)
    assert counted.sum() == pytest.approx(1.0)
    for k in range(3):
        moved = scores + step * (np.arange(3) == k)
        slope = (
            consensus.score(moved, share, temperature=0.7) - consensus.score(scores, share, temperature=0.7)
        ) / step
        assert slope == pytest.approx(counted[k], abs=1e-4)


def test_snippets_that_share_frames_share_what_they_stand_for() -> None:
    # Frames 0..9 and 5..14 of fifteen: five frames are heard by both.
    np.testing.assert_allclose(consensus.shares(np.array([0, 5]), 10, 15), [0.5, 0.5])
    np.testing.assert_allclose(consensus.shares(np.array([0, 1, 11]), 10, 21), np.array([5.5, 5.5, 10]) / 21)


@given(n_frames=st.integers(50, 400), snippet_frames=st.integers(15, 50), hop_share=st.floats(0.2, 1.0))
def test_every_played_frame_counts_once(n_frames: int, snippet_frames: int, hop_share: float) -> None:
    starts = segments.dense_starts(n_frames, snippet_frames, max(1, round(hop_share * snippet_frames)))
    share = consensus.shares(starts, snippet_frames, n_frames)
    assert share.sum() == pytest.approx(1.0)
    assert share.min() > 0
