"""Ratings to pairs, and pairs to a scale that knows how sure it is."""

import math
from itertools import combinations

import numpy as np
import pytest

from training.labels.pairs import INFERRED, Pair
from training.labels.scale import fit_scale, mean_ratings, pairs_from_ratings


def test_what_follows_from_answers_is_no_evidence() -> None:
    answers = [Pair("a", "b", 1), Pair("b", "c", 1), Pair("c", "d", 0)]
    followed = [Pair("a", "c", 1, INFERRED), Pair("a", "d", 1, INFERRED), Pair("b", "d", 1, INFERRED)]
    assert fit_scale(answers + followed) == fit_scale(answers)


def test_means_come_with_their_standard_errors() -> None:
    means = mean_ratings({"a": [1, 2, 3, 4], "b": [5]})
    assert means["a"].value == 2.5
    assert means["a"].standard_error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    assert means["b"].value == 5
    assert math.isnan(means["b"].standard_error)
    with pytest.raises(ValueError, match="c has no rating"):
        mean_ratings({"c": []})


@pytest.mark.parametrize(
    ("tie_below", "labels"), [(0.0, [-1, 0, -1, 1, -1, -1]), (0.5, [0, 0, -1, 0, -1, -1]), (9.0, [0] * 6)]
)
def test_ratings_nearer_than_the_threshold_are_equal(tie_below: float, labels: list[int]) -> None:
    pairs = pairs_from_ratings({"a": 2.0, "b": 2.4, "c": 2.0, "d": 4.0}, tie_below=tie_below)
    assert [(pair.first, pair.second) for pair in pairs] == list(combinations("abcd", 2))
    assert [pair.label for pair in pairs] == labels


def test_a_difference_of_the_threshold_is_none_to_overlook() -> None:
    for higher, lower in ((3.0, 2.5), (4.1, 3.6)):
        (pair,) = pairs_from_ratings({"a": higher, "b": lower}, tie_below=0.5)
        assert pair.label == 1
    means = {name: np.mean(ratings) for name, ratings in (("a", [3.3, 3.4, 4.1]), ("b", [4.1, 3.4, 3.3]))}
    assert means["a"] != means["b"], "but for rounding they are the same"
    assert pairs_from_ratings({name: float(mean) for name, mean in means.items()}, tie_below=0)[0].label == 0


def test_only_recordings_of_one_piece_are_compared() -> None:
    pairs = pairs_from_ratings({"a": 1, "b": 2, "c": 3}, tie_below=0, within={"a": "x", "b": "y", "c": "x"})
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "c")]
    with pytest.raises(ValueError, match="c has no group"):
        pairs_from_ratings({"a": 1, "c": 3}, tie_below=0, within={"a": "x"})
    with pytest.raises(ValueError, match="cannot be negative"):
        pairs_from_ratings({"a": 1, "b": 2}, tie_below=-1)


def _draw(rng: np.random.Generator, places: dict[str, float], tie_odds: float, rounds: int) -> list[Pair]:
    """Labels of a table that Davidson's model gives, for one set of recordings per round."""
    pairs = []
    for r in range(rounds):
        for a, b in combinations(places, 2):
            half = (places[a] - places[b]) / 2
            odds = np.array([np.exp(-half), tie_odds, np.exp(half)])
            pairs.append(Pair(f"{a}{r}", f"{b}{r}", int(rng.choice([-1, 0, 1], p=odds / odds.sum()))))
    return pairs


def test_a_scale_is_found_again_within_its_own_standard_errors(rng: np.random.Generator) -> None:
    places = dict(zip("abcdefghijklmnopqrst", np.linspace(-2, 2, 20).tolist(), strict=True))
    errors = []
    ties = []
    for _ in range(40):
        scale = fit_scale(_draw(rng, places, 1.0, 1), prior_sd=30.0)
        ties.append(math.log(scale.tie_odds) / scale.tie_log_error)
        mean = np.mean(list(places.values()))
        errors += [
            (scale.positions[f"{n}0"].value - (v - mean)) / scale.positions[f"{n}0"].standard_error
            for n, v in places.items()
        ]
    assert np.std(errors) == pytest.approx(1.0, abs=0.15)
    assert np.std(ties) == pytest.approx(1.0, abs=0.35)
    assert abs(np.mean(ties)) < 0.6


def test_two_recordings_have_the_odds_that_were_counted() -> None:
    pairs = [Pair("a", "b", label) for label in (1, 0, -1, -1, -1)]
    scale = fit_scale(pairs, prior_sd=1e4)
    difference = scale.positions["a"].value - scale.positions["b"].value
    assert difference == pytest.approx(math.log(1 / 3), abs=1e-4)
    assert scale.tie_odds == pytest.approx(1 / math.sqrt(1 * 3), rel=1e-4)


def test_turning_pairs_around_moves_nothing(rng: np.random.Generator) -> None:
    pairs = _draw(rng, {"a": 0.0, "b": 1.0, "c": 2.0, "d": 0.5}, 0.5, 1)
    turned = [Pair(p.second, p.first, -(p.label or 0)) for p in pairs]
    first, second = fit_scale(pairs), fit_scale(turned)
    for name, position in first.positions.items():
        assert position.value == pytest.approx(second.positions[name].value, abs=1e-9)
        assert position.standard_error == pytest.approx(second.positions[name].standard_error, abs=1e-9)


def test_who_always_loses_lies_at_the_bottom_and_not_at_infinity() -> None:
    scale = fit_scale([Pair("a", "b", 1), Pair("a", "c", 1), Pair("b", "c", 1), Pair("c", "d")])
    assert list(scale.positions) == ["a", "b", "c"]
    values = [position.value for position in scale.positions.values()]
    assert values == sorted(values, reverse=True)
    assert np.isfinite(values).all()
    assert sum(values) == pytest.approx(0.0, abs=1e-9)


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody labelled a pair"):
        fit_scale([Pair("a", "b")])
    with pytest.raises(ValueError, match="has to be positive"):
        fit_scale([Pair("a", "b", 1)], prior_sd=0)
