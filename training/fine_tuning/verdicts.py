"""How a model's scores agree with labelled pairs of recordings.

Conventions: accuracy is of the pairs that are not labelled equal, a tie in score counting half, as in
`training.metrics`; equal pairs are counted on their own, by how many of them lie within the model's tie band.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training import metrics
from training.labels.pairs import Pair, recordings_of
from training.metrics import Estimate


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Agreement with labelled pairs.

    Attributes
    ----------
    accuracy : of pairs of which one is better
    n_equal : pairs labelled equal
    equal_heard : share of them that the model calls equivalent; None without any
    """

    accuracy: Estimate
    n_equal: int
    equal_heard: float | None

    def as_plain(self) -> dict[str, Any]:
        """Rounded plain values."""
        return {
            "accuracy": {key: round(value, 4) for key, value in vars(self.accuracy).items()},
            "n_equal": self.n_equal,
            "equal_heard": None if self.equal_heard is None else round(self.equal_heard, 4),
        }

    def __str__(self) -> str:
        """One line for people."""
        found = self.accuracy
        line = f"{found.value:.1%} ({found.low:.0%}..{found.high:.0%}) of {found.n} pairs"
        equal = (
            "" if self.equal_heard is None else f", {self.equal_heard:.0%} of {self.n_equal} equal ones heard as such"
        )
        return line + equal


def against(pairs: Sequence[Pair], scores: Mapping[str, float], *, tie_band: float) -> Verdicts:
    """Hold scores against labelled pairs; unlabelled ones are passed over.

    Raises
    ------
    ValueError
        If no pair says which recording is better.
    """
    names = recordings_of(pairs)
    index = {name: i for i, name in enumerate(names)}
    ordered = [(index[pair.first], index[pair.second])[:: pair.label] for pair in pairs if pair.label in (1, -1)]
    gaps = [abs(scores[pair.first] - scores[pair.second]) for pair in pairs if pair.label == 0]
    if not ordered:
        raise ValueError("no pair is labelled 1 or -1; accuracy needs some")
    return Verdicts(
        accuracy=metrics.accuracy_estimate(np.array([scores[name] for name in names]), np.array(ordered)),
        n_equal=len(gaps),
        equal_heard=float(np.mean([gap < tie_band for gap in gaps])) if gaps else None,
    )
