"""Agreement with people: only pairs of one piece count, ties count half, and the interval is of recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from training.metrics import accuracy_estimate, mean_spearman, pair_indices, pairwise_accuracy

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
    assert pairwise_accuracy(ranked, pairs) == pytest.approx((tau + 1) / 2)
    assert pairwise_accuracy(-ranked, pairs) == pytest.approx((1 - tau) / 2)


def test_a_tie_in_score_counts_half() -> None:
    pairs = np.array([[0, 1], [1, 2], [0, 2]])
    assert pairwise_accuracy(np.array([1.0, 1.0, 0.0]), pairs) == pytest.approx(2.5 / 3)
    assert pairwise_accuracy(np.zeros(3), pairs) == 0.5


@pytest.mark.parametrize("judge", [pairwise_accuracy, accuracy_estimate])
def test_no_pair_is_no_figure(judge: object) -> None:
    assert callable(judge)
    with pytest.raises(ValueError, match="no pair differs enough"):
        judge(np.zeros(3), np.empty((0, 2), np.int64))


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
