"""Answers that cannot all be right, and the cycle that shows it.

A cycle of answers a > b = c > a comes back to where it began. Under "transitive" any cycle with one "better" in it is
a contradiction. Under "voted", equal only means nearer than some just noticeable difference and better means further,
so a cycle contradicts itself where it has at least as many betters as equals [1]_: a > b > c = a does, a > b = c = a
does not.

References
----------
.. [1] Scott and Suppes, Foundational aspects of theories of measurement, J. Symbolic Logic 23 (1958) 113-128.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.labels.annotation import Answers, Rule, chain_text
from training.labels.pairs import Key

_TIE_WEIGHT = {"voted": -1.0, "transitive": 0.0}  # a better weighs 1
_CONTRADICTS_FROM = {"voted": 0.0, "transitive": 1.0}  # the weight of a cycle


@dataclass(frozen=True)
class Contradiction:
    """An answer at odds with earlier ones.

    Attributes
    ----------
    pair, label : the later answer
    cycle : `a > b > c = a`, the shortest that shows it
    """

    pair: Key
    label: int
    cycle: str


def find_contradictions(
    names: Sequence[str], labels: Iterable[tuple[Key, int]], rule: Rule
) -> tuple[list[Contradiction], Answers]:
    """Every answer that contradicts those before it, and the answers that agree with each other.

    Parameters
    ----------
    labels : in the order in which they were given; an answer that contradicts is not held against later ones
    """
    agreeing = Answers(names)
    found: list[Contradiction] = []
    for (first, second), label in labels:
        contradiction = contradiction_of(agreeing, first, second, label, rule)
        if contradiction is None:
            agreeing.put(first, second, label)
        else:
            found.append(contradiction)
    return found, agreeing


def contradiction_of(agreeing: Answers, first: str, second: str, label: int, rule: Rule) -> Contradiction | None:
    """Whether one more answer contradicts answers that agree with each other, and how."""
    i, j = agreeing.index[first], agreeing.index[second]
    steps = [(i, j), (j, i)] if label == 0 else [(i, j)] if label > 0 else [(j, i)]
    weight = 1.0 if label else _TIE_WEIGHT[rule]
    weights = np.where(agreeing.better, 1.0, np.where(agreeing.equal, _TIE_WEIGHT[rule], -np.inf))
    walks = [_fewest_steps(weights, end, start, _CONTRADICTS_FROM[rule] - weight) for start, end in steps]
    shortest = min((walk for walk in walks if walk is not None), key=len, default=None)
    if shortest is None:
        return None
    sign = "=" if label == 0 else ">"
    return Contradiction(
        (first, second), label, f"{chain_text(agreeing, shortest)} {sign} {agreeing.names[shortest[0]]}"
    )


def _fewest_steps(weights: npt.NDArray[np.float64], start: int, end: int, at_least: float) -> list[int] | None:
    """The walk of fewest steps from start to end that weighs enough; there is no cycle to gain weight on."""
    best = np.full(len(weights), -np.inf)
    best[start] = 0.0
    record = best.copy()
    came: list[npt.NDArray[np.intp]] = []
    while best.max() > -np.inf and len(came) < len(weights):
        reached = best[:, None] + weights
        came.append(reached.argmax(axis=0))
        best = reached.max(axis=0)
        if best[end] >= at_least:
            return _walk(came, end)
        best[best <= record] = -np.inf  # a shorter walk was as heavy
        record = np.maximum(record, best)
    return None


def _walk(came: Sequence[npt.NDArray[np.intp]], end: int) -> list[int]:
    nodes = [end]
    for layer in reversed(came):
        nodes.append(int(layer[nodes[-1]]))
    return nodes[::-1]
