"""How far several annotators agree about the same pairs, and what they say together.

Conventions
-----------
Only answers count, never what follows from them: inferences would agree by construction. An answer that stands in
several tables with one source is one person's, copied, and counts in the first of them. A coefficient is 1 at full
agreement and 0 where people agree as often as by chance; it is nan where it is not defined, for one where everybody
always gave the same label.

Metrics
-------
`cohen_kappa` of two annotators [1]_, `fleiss_kappa` of any number who all answered the same pairs [2]_,
`krippendorff_alpha` of any number with gaps, by kind of label and by order [3]_.

References
----------
.. [1] Cohen, A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20 (1960) 37-46.
.. [2] Fleiss, Measuring nominal scale agreement among many raters, Psychol. Bull. 76 (1971) 378-382.
.. [3] Krippendorff, Content Analysis (4th ed., 2018), ch. 12.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import krippendorff
import numpy as np
import numpy.typing as npt

from training.labels.pairs import Key, Pair, answers_of

LABELS = (-1, 0, 1)
Ratings = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Agreement of A annotators.

    Attributes
    ----------
    shared : pairs that at least two answered
    cohen : (annotator, annotator) -> kappa over the pairs that both answered
    fleiss : over the pairs that all answered
    alpha_nominal, alpha_ordinal : over all shared pairs; ordinal takes better against worse as further apart
    """

    shared: int
    cohen: dict[tuple[str, str], float]
    fleiss: float
    alpha_nominal: float
    alpha_ordinal: float


def agreement(tables: Mapping[str, Sequence[Pair]]) -> Agreement:
    """Agreement between two or more annotators' tables.

    Raises
    ------
    ValueError
        If there are fewer than two tables, or no pair was answered in two of them.
    """
    if len(tables) < 2:
        raise ValueError("agreement is between two annotators or more")
    ratings = _ratings(tables)
    shared = int((np.isfinite(ratings).sum(axis=0) >= 2).sum())
    if shared == 0:
        raise ValueError(
            "no pair has answers by two people; let the annotators share some (pairs annotate --common 0.1), each "
            "under a name of their own (--annotator)"
        )
    two = combinations(zip(tables, ratings, strict=True), 2)
    return Agreement(
        shared=shared,
        cohen={(a, b): cohen_kappa(x, y) for (a, x), (b, y) in two},
        fleiss=fleiss_kappa(ratings),
        alpha_nominal=krippendorff_alpha(ratings, "nominal"),
        alpha_ordinal=krippendorff_alpha(ratings, "ordinal"),
    )


def _ratings(tables: Mapping[str, Sequence[Pair]]) -> Ratings:
    """(A, P) labels from the name that sorts first, nan where there is no answer."""
    answers = _answers(tables)
    keys = sorted({key for given in answers for key in given})
    return np.array([[given.get(key, np.nan) for key in keys] for given in answers]).reshape(len(answers), -1)


def _answers(tables: Mapping[str, Sequence[Pair]]) -> list[dict[Key, int]]:
    """What each table's annotator answered."""
    counted: set[tuple[Key, str]] = set()
    found = []
    for pairs in tables.values():
        own = [pair for pair in pairs if pair.answered and (pair.key, pair.source) not in counted]
        counted |= {(pair.key, pair.source) for pair in own if pair.source}
        found.append(answers_of(own))
    return found


def cohen_kappa(first: Ratings, second: Ratings) -> float:
    """Cohen's kappa of two annotators' (P,) labels, over the pairs that both answered; nan where undefined."""
    both = np.isfinite(first) & np.isfinite(second)
    counts = np.array([[((first == a) & (second == b) & both).sum() for b in LABELS] for a in LABELS], float)
    total = counts.sum()
    if total == 0:
        return math.nan
    observed = np.trace(counts) / total
    expected = counts.sum(axis=1) @ counts.sum(axis=0) / total**2
    return _above_chance(observed, expected)


def fleiss_kappa(ratings: Ratings) -> float:
    """Fleiss' kappa of (A, P) labels, over the pairs that all A answered; nan where undefined."""
    complete = ratings[:, np.isfinite(ratings).all(axis=0)]
    raters, pairs = complete.shape
    if pairs == 0:
        return math.nan
    counts = np.array([(complete == label).sum(axis=0) for label in LABELS])  # (3, P)
    observed = float(((counts**2).sum(axis=0) - raters).mean() / (raters * (raters - 1)))
    expected = float(((counts.sum(axis=1) / (raters * pairs)) ** 2).sum())
    return _above_chance(observed, expected)


def _above_chance(observed: float, expected: float) -> float:
    return math.nan if math.isclose(expected, 1.0) else float((observed - expected) / (1.0 - expected))


def krippendorff_alpha(ratings: Ratings, level: Literal["nominal", "ordinal"]) -> float:
    """Krippendorff's alpha of (A, P) labels with gaps; nan where undefined."""
    paired = ratings[:, np.isfinite(ratings).sum(axis=0) >= 2]
    if len(np.unique(paired[np.isfinite(paired)])) < 2:
        return math.nan
    return float(krippendorff.alpha(reliability_data=paired, level_of_measurement=level))


def consensus(tables: Mapping[str, Sequence[Pair]]) -> tuple[list[Pair], list[Key]]:
    """What more than half of a pair's annotators say.

    Returns
    -------
    Every pair of any table, in the order of the first that has it, unlabelled where no label has more than half of
    its answers; the pairs that were answered and are unlabelled for that reason.
    """
    answers = _answers(tables)
    together: dict[Key, Pair] = {}
    for pair in (pair for pairs in tables.values() for pair in pairs):
        together.setdefault(pair.key, pair)
    merged: list[Pair] = []
    disputed: list[Key] = []
    for key, pair in together.items():
        votes = Counter(given[key] for given in answers if key in given)
        label, most = votes.most_common(1)[0] if votes else (0, 0)
        if 2 * most > votes.total():
            merged.append(Pair(pair.first, pair.second, label if pair.first == key[0] else -label))
        else:
            merged.append(Pair(pair.first, pair.second))
            disputed.extend([key] if votes else [])
    return merged, disputed
