"""Ratings rise with the score, intervals narrow with more to hear, and a swapped pair mirrors its odds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkai.calibration import LEVELS, Calibration

VALUES: dict[str, Any] = {
    "score_knots": (-2.0, 0.0, 1.0),
    "rating_knots": (10.0, 50.0, 90.0),
    "level_ratings": (20.0, 40.0, 60.0, 80.0),
    "scale": 0.5,
    "tie_band": 0.2,
    "sigma_rating": 4.0,
}
CALIBRATION = Calibration(**VALUES)
SCORES = st.floats(-10, 10)


@pytest.mark.parametrize(
    ("score", "rating"),
    [(-2.0, 10.0), (-1.0, 30.0), (0.0, 50.0), (0.5, 70.0), (1.0, 90.0), (-2.25, 5.0), (1.1, 94.0)],
)
def test_the_rating_is_linear_between_knots_and_goes_on_beyond_them(score: float, rating: float) -> None:
    assert CALIBRATION.rating(score) == pytest.approx(rating)


@pytest.mark.parametrize(("score", "rating"), [(-1e6, 0.0), (1e6, 100.0)])
def test_the_rating_stays_within_0_and_100(score: float, rating: float) -> None:
    assert CALIBRATION.rating(score) == rating


@given(score=SCORES, more=st.floats(0, 10))
def test_a_higher_score_is_never_a_lower_rating(score: float, more: float) -> None:
    assert CALIBRATION.rating(score + more) >= CALIBRATION.rating(score) - 1e-9


@given(scores=st.lists(SCORES, min_size=1, max_size=20))
def test_the_interval_holds_the_rating(scores: list[float]) -> None:
    score = float(np.mean(scores))
    low, high = CALIBRATION.rating_interval(np.array(scores), score)
    assert 0 <= low <= CALIBRATION.rating(score) <= high <= 100


def test_passages_all_alike_leave_only_the_spread_of_human_ratings() -> None:
    low, high = CALIBRATION.rating_interval(np.full(10, -0.5), -0.5)
    assert (high - low) / 2 == pytest.approx(1.28 * 4.0)


def test_passages_and_people_widen_the_interval_as_independent_errors_do() -> None:
    """Passages at -1.15 and -0.85 leave a standard error of 0.15, which is 3 points of rating there; people 4."""
    low, high = CALIBRATION.rating_interval(np.array([-1.15, -0.85]), -1.0)
    assert (low, high) == pytest.approx((30 - 1.28 * 5, 30 + 1.28 * 5))


def test_the_interval_narrows_as_more_is_heard() -> None:
    unlike = np.array([-0.9, -0.1])
    widths = [np.diff(CALIBRATION.rating_interval(np.tile(unlike, n), -0.5))[0] for n in (1, 4, 16)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[2] + 1


def test_one_passage_alone_is_no_proof_of_evenness() -> None:
    one = np.diff(CALIBRATION.rating_interval(np.array([-0.5]), -0.5))[0]
    many_alike = np.diff(CALIBRATION.rating_interval(np.full(10, -0.5), -0.5))[0]
    assert one > many_alike + 5


@pytest.mark.parametrize(
    ("rating", "level"),
    [
        (0.0, "beginner"),
        (19.9, "beginner"),
        (20.0, "early-intermediate"),
        (40.0, "intermediate"),
        (60.0, "advanced"),
        (79.9, "advanced"),
        (80.0, "expert"),
        (100.0, "expert"),
    ],
)
def test_a_level_begins_at_its_rating(rating: float, level: str) -> None:
    assert CALIBRATION.level(rating) == level
    assert level in LEVELS


@given(score=SCORES, other=SCORES)
def test_swapping_a_pair_mirrors_its_odds_and_its_outcome(score: float, other: float) -> None:
    assert CALIBRATION.p_better(score, other) + CALIBRATION.p_better(other, score) == pytest.approx(1.0)
    mirror = {"better": "worse", "worse": "better", "equivalent": "equivalent"}
    assert CALIBRATION.outcome(other, score) == mirror[CALIBRATION.outcome(score, other)]


def test_one_scale_of_difference_makes_odds_of_e_to_1_where_nothing_ties() -> None:
    p = Calibration(**VALUES | {"tie_band": 0.0}).p_better(VALUES["scale"], 0.0)
    assert p / (1 - p) == pytest.approx(np.e)


@given(score=SCORES)
def test_the_odds_are_those_of_winning_against_losing_ties_left_out(score: float) -> None:
    scale, band = CALIBRATION.scale, CALIBRATION.tie_band
    won, lost = (1 / (1 + np.exp(-(gap - band) / scale)) for gap in (score, -score))
    assert CALIBRATION.p_better(score, 0.0) == pytest.approx(won / (won + lost))


@pytest.mark.parametrize(("score", "p"), [(1e9, 1.0), (-1e9, 0.0)])
def test_absurd_differences_do_not_overflow(score: float, p: float) -> None:
    assert CALIBRATION.p_better(score, 0.0) == pytest.approx(p)


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [(0.0, "equivalent"), (0.19, "equivalent"), (-0.19, "equivalent"), (0.21, "better"), (-0.21, "worse")],
)
def test_differences_within_the_tie_band_are_equivalent(difference: float, outcome: str) -> None:
    assert CALIBRATION.outcome(difference, 0.0) == outcome


def test_without_a_tie_band_any_difference_decides() -> None:
    strict = Calibration(**VALUES | {"tie_band": 0.0})
    assert strict.outcome(1e-9, 0.0) == "better"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_knots": (0.0, 1.0)}, "score_knots and rating_knots must be of equal length, two or more"),
        ({"score_knots": (0.0,), "rating_knots": (1.0,)}, "of equal length, two or more"),
        ({"score_knots": (0.0, 0.0, 1.0)}, "must both ascend"),
        ({"rating_knots": (50.0, 40.0, 90.0)}, "must both ascend"),
        ({"level_ratings": (20.0, 40.0, 60.0)}, "level_ratings must be 4 ascending ratings"),
        ({"level_ratings": (20.0, 60.0, 40.0, 80.0)}, "level_ratings must be 4 ascending ratings"),
        ({"scale": 0.0}, "scale and interval_z must be positive"),
        ({"tie_band": -0.1}, "tie_band and sigma_rating not negative"),
        ({"sigma_rating": -1.0}, "tie_band and sigma_rating not negative"),
        ({"interval_z": 0.0}, "scale and interval_z must be positive"),
    ],
)
def test_an_impossible_calibration_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Calibration(**VALUES | changes)
