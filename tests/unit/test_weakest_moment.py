"""A recording scores what the weakest of a few of its moments does on average."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkai import consensus, segments

Floats = npt.NDArray[np.float64]
SCORES = st.lists(st.floats(-5, 5), min_size=1, max_size=12).map(np.array)
MOMENTS = st.integers(1, 5)


def even(n: int) -> Floats:
    return np.full(n, 1 / n)


def test_of_equal_shares_it_is_the_mean_of_the_least_of_all_draws() -> None:
    scores = np.random.default_rng(0).standard_normal(7)
    least = np.minimum(np.minimum(scores[:, None, None], scores[None, :, None]), scores[None, None, :])
    assert consensus.score(scores, even(7), moments=3) == pytest.approx(float(least.mean()))


def test_of_one_moment_it_is_the_mean() -> None:
    scores, share = np.array([2.0, -1.0, 0.5]), np.array([0.2, 0.5, 0.3])
    assert consensus.score(scores, share, moments=1) == pytest.approx(float(scores @ share))


@given(SCORES, MOMENTS)
def test_it_lies_between_the_weakest_and_the_mean(scores: Floats, moments: int) -> None:
    found = consensus.score(scores, even(len(scores)), moments=moments)
    assert scores.min() - 1e-9 <= found <= scores.mean() + 1e-9


@given(SCORES, st.integers(0, 11), st.floats(0, 3), MOMENTS)
def test_playing_one_passage_better_never_lowers_it(scores: Floats, place: int, gain: float, moments: int) -> None:
    better = scores.copy()
    better[place % len(scores)] += gain
    before, after = (consensus.score(each, even(len(scores)), moments=moments) for each in (scores, better))
    assert after >= before - 1e-9


@given(SCORES, st.floats(0.1, 10), st.floats(-5, 5))
def test_another_unit_of_scores_is_another_unit_of_it(scores: Floats, factor: float, offset: float) -> None:
    share = even(len(scores))
    wanted = factor * consensus.score(scores, share, moments=3) + offset
    assert consensus.score(factor * scores + offset, share, moments=3) == pytest.approx(wanted, abs=1e-7)


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
    counted = consensus.weights(np.arange(len(starts), dtype=float), share, moments=3)
    assert counted.sum() == pytest.approx(1.0)
