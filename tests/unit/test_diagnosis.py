"""A scale turns what the network tells into severities and words, and never against its order."""

from typing import Any

import numpy as np
import pytest

from pkai.diagnosis import FamilyScale

KNOTS: dict[str, Any] = {"told_knots": (0.1, 0.3, 0.5), "severity_knots": (0.0, 0.2, 1.0)}


def scale(**changes: Any) -> FamilyScale:
    return FamilyScale(**{**KNOTS, "some_from": 0.2, "much_from": 0.6, **changes})


def test_severity_is_linear_between_knots_and_level_outside() -> None:
    told = np.array([[0.0, 0.1, 0.2], [0.4, 0.5, 9.0]])
    np.testing.assert_allclose(scale().severity(told), [[0, 0, 0.1], [0.6, 1, 1]])


@pytest.mark.parametrize(
    ("severity", "word"), [(0.0, "none"), (0.19, "none"), (0.2, "some"), (0.6, "much"), (5, "much")]
)
def test_a_severity_is_told_in_a_word(severity: float, word: str) -> None:
    assert scale().extent(severity) == word


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"told_knots": (0.1,), "severity_knots": (0.0,)}, "two or more"),
        ({"told_knots": (0.1, 0.2)}, "equal length"),
        ({"told_knots": (0.1, 0.1, 0.2)}, "told_knots must ascend"),
        ({"severity_knots": (0.0, 0.5, 0.4)}, "never fall"),
        ({"some_from": 0.0}, "some_from must be positive"),
        ({"much_from": 0.2}, "much_from above it"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scale(**changes)
