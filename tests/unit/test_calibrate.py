"""Calibration finds the parameters that comparisons were made with, and never turns an order round."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.people.calibrate import (
    INTERVAL_SHARE,
    Rated,
    calibration_error,
    fit,
    fit_comparison,
    interval_coverage,
    out_of_fold,
    outcomes_of,
)

SCALE, BAND = 0.8, 0.5


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def compared(rng: np.random.Generator, n_pairs: int) -> Rated:
    """Pairs, each of a piece of its own, whose outcomes follow Rao and Kupper's model."""
    scores = rng.normal(0, 1.5, (n_pairs, 2))
    gap = scores[:, 0] - scores[:, 1]
    drawn = rng.random(n_pairs)
    win, lose = sigmoid((gap - BAND) / SCALE), sigmoid((-gap - BAND) / SCALE)
    outcome = np.where(drawn < win, 1.0, np.where(drawn < win + lose, -1.0, 0.0))
    ratings = np.stack([3 + outcome, np.full(n_pairs, 3.0)], axis=1)
    pieces = np.repeat(np.arange(n_pairs), 2).astype(str)
    return Rated(scores=scores.ravel(), ratings=ratings.ravel(), pieces=pieces)


def judged(rng: np.random.Generator, noise: float, *, n_pieces: int = 4, per_piece: int = 40) -> Rated:
    """Ratings that follow the score but for noise."""
    scores = rng.uniform(-1.0, 1.0, n_pieces * per_piece)
    ratings = np.clip(3 + scores + noise * rng.standard_normal(len(scores)), 1, 5)
    return Rated(scores=scores, ratings=ratings, pieces=np.repeat(np.arange(n_pieces), per_piece).astype(str))


def test_the_model_of_comparisons_is_recovered_from_simulated_ones(rng: np.random.Generator) -> None:
    scale, band = fit_comparison(compared(rng, 700))
    assert scale == pytest.approx(SCALE, rel=0.15)
    assert band == pytest.approx(BAND, rel=0.15)


def test_a_performance_in_several_recordings_is_not_compared_with_itself(rng: np.random.Generator) -> None:
    """Its recordings differ by chance only, and would pass for ties that people heard."""
    once = compared(rng, 300)
    again = once.scores + 0.01 * rng.standard_normal(len(once.scores))
    twice = Rated(
        scores=np.concatenate([once.scores, again]),
        ratings=np.tile(once.ratings, 2),
        pieces=np.tile(once.pieces, 2),
        names=np.tile(np.arange(len(again)).astype(str), 2),
    )
    np.testing.assert_allclose(fit_comparison(twice), fit_comparison(once), rtol=0.02)


def test_scores_in_another_unit_scale_the_model_and_nothing_else(rng: np.random.Generator) -> None:
    rated = compared(rng, 200)
    tenfold = Rated(scores=10 * rated.scores, ratings=rated.ratings, pieces=rated.pieces)
    np.testing.assert_allclose(fit_comparison(tenfold), 10 * np.array(fit_comparison(rated)), rtol=0.01)


def test_ratings_that_lie_on_a_logistic_curve_are_given_back() -> None:
    scores = np.linspace(-2, 2, 30)
    rated = Rated(scores=scores, ratings=1 + 4 / (1 + np.exp(-scores)), pieces=np.array(["a", "b"] * 15))
    calibration = fit(rated)
    assert calibration.rating(0.0) == pytest.approx(50.0)
    assert calibration.rating(np.log(3)) == pytest.approx(75.0, abs=0.5)
    assert calibration.rating(4.0) == pytest.approx(98.2, abs=0.1)
    assert calibration.sigma_rating == pytest.approx(0.0, abs=1e-6)


@given(seed=st.integers(0, 100), first=st.floats(-10, 10), second=st.floats(-10, 10))
def test_a_higher_score_is_never_rated_lower(seed: int, first: float, second: float) -> None:
    calibration = fit(judged(np.random.default_rng(seed), 0.5, n_pieces=2, per_piece=6))
    low, high = sorted([first, second])
    assert 0 <= calibration.rating(low) <= calibration.rating(high) <= 100
    assert calibration.p_better(high, low) >= 0.5


def test_good_recordings_are_not_pulled_to_the_middle(rng: np.random.Generator) -> None:
    rated = judged(rng, 0.7)
    calibration = fit(rated)
    found = np.array([calibration.rating(score) for score in rated.scores]) / 100
    people = np.clip((rated.ratings - 1) / 4, 0.02, 0.98)
    log_odds_found, log_odds_people = (np.log(share / (1 - share)) for share in (found, people))
    assert log_odds_found.std() == pytest.approx(log_odds_people.std(), rel=0.05)
    assert log_odds_found.mean() == pytest.approx(log_odds_people.mean(), abs=0.05)


def test_the_interval_covers_what_it_says(rng: np.random.Generator) -> None:
    rated = judged(rng, 0.4)
    assert interval_coverage(rated) == pytest.approx(INTERVAL_SHARE, abs=0.08)


def test_odds_that_come_true_have_a_small_calibration_error(rng: np.random.Generator) -> None:
    rated = judged(rng, 0.5)
    error = calibration_error(rated)
    assert 0 <= error < 0.06
    shuffled = Rated(scores=rated.scores, ratings=rng.permutation(rated.ratings), pieces=rated.pieces)
    assert 0 <= calibration_error(shuffled) <= 0.3  # it learns to say "about even"


def test_outcomes_are_told_as_well_as_their_model_allows(rng: np.random.Generator) -> None:
    sharp = judged(rng, 0.05)
    found = out_of_fold(sharp)
    assert found.n == 4 * 40 * 39 // 2
    assert found.outcome_accuracy > 0.93  # what is wrong lies at the edges of the tie band
    assert found.calibration_error < 0.02
    shuffled = Rated(scores=sharp.scores, ratings=rng.permutation(sharp.ratings), pieces=sharp.pieces)
    assert out_of_fold(shuffled).outcome_accuracy < 0.55


def shifted() -> Rated:
    """Two pieces on one curve each, of which the second asks for a higher score."""
    scores = np.linspace(-1.0, 1.0, 30)
    ratings = 1 + 4 * sigmoid(2 * scores)
    return Rated(
        scores=np.concatenate([scores, scores + 0.6]),
        ratings=np.concatenate([ratings, ratings]),
        pieces=np.repeat(["a", "b"], 30),
    )


def test_no_piece_has_a_say_in_what_is_said_of_it() -> None:
    two = shifted()
    assert interval_coverage(two) == 0.0, "each is held against the other's curve, which fits that one without error"
    calibration = fit(two)
    told = np.array([calibration.rating(float(score)) for score in two.scores])
    within = float(np.std(told - (two.ratings - 1) * 25))
    assert calibration.sigma_rating > 1.6 * within


def test_the_odds_of_a_piece_are_fitted_to_the_others(rng: np.random.Generator) -> None:
    scores = np.linspace(-1.0, 1.0, 12)
    sure = Rated(
        scores=np.tile(scores, 2),
        ratings=np.concatenate([3 + 2 * scores, rng.permutation(3 + 2 * scores)]),
        pieces=np.repeat(["right", "by chance"], 12),
    )
    assert out_of_fold(sure).calibration_error > 0.4


@pytest.mark.parametrize(
    ("scores", "ratings", "message"),
    [
        ([0.5, 0.5, 0.5, 0.5], [1, 2, 3, 4], "all 4 performances are scored 0.5; a calibration needs a spread"),
        ([1, 2, 3, 4], [3, 3, 3, 3], "all 4 performances are rated 3; a calibration needs a spread"),
        ([4, 3, 2, 1], [1, 2, 3, 4], "do not rise with people's ratings"),
        ([1, 2], [1, 2], "2 rated performances cannot be calibrated to; 3 at least are needed"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_with_the_reason(
    scores: list[float], ratings: list[float], message: str
) -> None:
    rated = Rated(
        scores=np.array(scores, float), ratings=np.array(ratings, float), pieces=np.array(["a"] * len(scores))
    )
    with pytest.raises(ValueError, match=message):
        fit(rated)


def test_performances_of_different_pieces_make_no_comparison() -> None:
    rated = Rated(scores=np.arange(4.0), ratings=np.arange(1.0, 5.0), pieces=np.array(list("abcd")))
    with pytest.raises(ValueError, match=r"no two of the 4 performances are of one piece and differ by 0\.3"):
        fit_comparison(rated)


def test_a_difference_of_exactly_the_least_that_counts_counts_however_it_was_summed() -> None:
    differences = np.array([3.3 - 3.0, 2.7 - 3.0, 4.1 - 3.8, 0.29, -0.29, 0.0, 1.0])
    assert (np.abs(differences[:3]) < 0.3).any()
    assert outcomes_of(differences).tolist() == [1, -1, 1, 0, 0, 0, 1]
