"""Agreement with people: only pairs of one piece count, ties count half, and the interval is of recordings."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from training.metrics import (
    accuracy_estimate,
    calibration_error,
    calibration_error_by_chance,
    mean_kendall,
    mean_spearman,
    outcome_accuracy,
    pair_indices,
    share_estimate,
)

ONE_PIECE = np.array(["a"] * 12)


def test_pairs_are_of_one_piece_differ_enough_and_name_the_better_first() -> None:
    truth = np.array([1.0, 1.4, 2.0, 5.0])
    pieces = np.array(["a", "a", "a", "b"])
    assert pair_indices(truth, pieces, min_difference=0.5).tolist() == [[2, 0], [2, 1]]
    assert pair_indices(truth, pieces, min_difference=1.0).tolist() == [[2, 0]]
    assert pair_indices(truth, pieces, min_difference=0.0).tolist() == [[1, 0], [2, 0], [2, 1]]


def test_a_difference_that_rounding_made_too_small_still_counts() -> None:
    truth = np.array([2.3, 2.8])  # their difference is just below 0.5 in binary
    assert len(pair_indices(truth, ONE_PIECE[:2], min_difference=0.5)) == 1


def test_equal_ratings_never_make_a_pair() -> None:
    assert len(pair_indices(np.full(5, 3.0), ONE_PIECE[:5], min_difference=0.0)) == 0


@given(scores=st.permutations(range(12)), truth=st.permutations(range(12)))
def test_accuracy_is_kendalls_tau_on_another_scale(scores: list[int], truth: list[int]) -> None:
    ranked = np.array(scores, float)
    pairs = pair_indices(np.array(truth, float), ONE_PIECE, min_difference=0.0)
    tau = stats.kendalltau(scores, truth).statistic
    assert accuracy_estimate(ranked, pairs, n_bootstrap=1).value == pytest.approx((tau + 1) / 2)
    assert accuracy_estimate(-ranked, pairs, n_bootstrap=1).value == pytest.approx((1 - tau) / 2)


def test_a_tie_in_score_counts_half() -> None:
    pairs = np.array([[0, 1], [1, 2], [0, 2]])
    assert accuracy_estimate(np.array([1.0, 1.0, 0.0]), pairs).value == pytest.approx(2.5 / 3)
    assert accuracy_estimate(np.zeros(3), pairs).value == 0.5


def test_no_pair_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no pair differs enough"):
        accuracy_estimate(np.zeros(3), np.empty((0, 2), np.int64))


@given(seed=st.integers(0, 1000))
def test_the_interval_holds_the_value_and_lies_in_its_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(15)
    scores = truth + rng.standard_normal(15)
    pairs = pair_indices(truth, np.array(["a"] * 15), min_difference=0.3)
    found = accuracy_estimate(scores, pairs, n_bootstrap=100)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.n == len(pairs)
    assert found == accuracy_estimate(scores, pairs, n_bootstrap=100)


def test_the_interval_is_wider_than_if_pairs_were_independent(rng: np.random.Generator) -> None:
    truth = rng.standard_normal(20)
    scores = truth + rng.standard_normal(20)
    pairs = pair_indices(truth, np.array(["a"] * 20), min_difference=0.0)
    found = accuracy_estimate(scores, pairs)
    binomial = 1.96 * np.sqrt(found.value * (1 - found.value) / found.n)
    assert (found.high - found.low) / 2 > 1.2 * binomial


def test_a_perfect_judge_has_no_interval() -> None:
    truth = np.arange(8.0)
    found = accuracy_estimate(truth, pair_indices(truth, np.array(["a"] * 8), min_difference=0.0), n_bootstrap=50)
    assert (found.value, found.low, found.high, found.n) == (1.0, 1.0, 1.0, 28)


def test_spearman_is_averaged_over_pieces_of_three_or_more() -> None:
    scores = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0])
    truth = np.array([1.0, 2.0, 3.0, 1.0, 3.0, 2.0, 2.0, 1.0])
    pieces = np.array(["a"] * 3 + ["b"] * 3 + ["two"] * 2)
    assert mean_spearman(scores, truth, pieces) == pytest.approx((1.0 + 0.5) / 2)


@pytest.mark.parametrize("correlation", [mean_spearman, mean_kendall])
def test_equal_scores_correlate_with_nothing_and_equal_performances_do_not_count(
    correlation: Callable[..., float],
) -> None:
    scores = np.array([1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0])
    truth = np.array([1.0, 2.0, 3.0, 1.0, 3.0, 2.0, 4.0, 4.0, 4.0])
    pieces = np.repeat(["a", "equal scores", "equal performances"], 3)
    assert correlation(scores, truth, pieces) == pytest.approx((1.0 + 0.0) / 2)
    assert np.isnan(correlation(scores[6:], truth[6:], pieces[6:]))


def test_kendall_is_twice_the_accuracy_less_one_within_each_piece() -> None:
    scores = np.array([1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 1.0, 2.0])
    truth = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 2.0, 1.0])
    pieces = np.array(["a"] * 3 + ["b"] * 3 + ["two"] * 2)
    # Three of three pairs are right in a, one of three in b: 1 and -1/3; two performances are too few.
    assert mean_kendall(scores, truth, pieces) == pytest.approx((1.0 - 1 / 3) / 2)
    assert np.isnan(mean_kendall(scores[6:], truth[6:], pieces[6:]))


def test_a_pair_that_was_judged_several_times_counts_by_its_share_and_once_in_n() -> None:
    right, judged = np.zeros((3, 3)), np.zeros((3, 3))
    right[0, 1], judged[0, 1] = 1.0, 4.0
    right[1, 0], judged[1, 0] = 1.0, 1.0  # another panel found the other better
    right[0, 2], judged[0, 2] = 5.0, 5.0
    found = share_estimate(right, judged, n_bootstrap=200)
    assert found.value == pytest.approx(7 / 10) and found.n == 2
    assert found.low == pytest.approx(2 / 5) and found.high == 1.0  # only the one pair drawn, or only the other


def test_outcomes_count_ties_told_and_ties_missed() -> None:
    gaps, truth = np.array([0.5, -0.5, 0.05, 0.05, -2.0]), np.array([1, 1, 0, 1, -1])
    assert outcome_accuracy(gaps, truth, tie_band=0.1) == pytest.approx(3 / 5)
    assert outcome_accuracy(gaps, truth, tie_band=0.0) == pytest.approx(3 / 5)
    assert outcome_accuracy(np.zeros(2), np.array([0, 1]), tie_band=0.0) == 0.5  # no gap at all is a tie
    with pytest.raises(ValueError, match="no pair is there"):
        outcome_accuracy(np.array([]), np.array([], np.int64), tie_band=0.1)


def test_few_pairs_are_some_way_off_by_chance_and_many_are_not(rng: np.random.Generator) -> None:
    few, many = calibration_error_by_chance(np.full(40, 0.8)), calibration_error_by_chance(np.full(40_000, 0.8))
    # Bins of 4: the mean distance of a share of four from 0.8 is 0.164 (binomial).
    assert few == pytest.approx(0.164, abs=0.01) and many < 0.01
    assert calibration_error_by_chance(np.ones(40)) == 0.0  # certain, and right


def test_the_calibration_error_is_the_distance_between_said_and_come_true() -> None:
    said = np.array([0.5] * 4 + [0.9] * 4)
    came = np.array([1.0, 0, 1, 0, 1, 1, 1, 0])
    assert calibration_error(said, came, n_bins=2) == pytest.approx((0.0 + 0.15) / 2)
    assert calibration_error(said, came, n_bins=1) == pytest.approx(abs(0.7 - 5 / 8))
    assert calibration_error(np.array([0.6]), np.array([1.0])) == pytest.approx(0.4)  # fewer pairs than bins
    with pytest.raises(ValueError, match="no pair is there"):
        calibration_error(np.array([]), np.array([]))
