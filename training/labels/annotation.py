"""What follows from the answers that people gave about pairs of recordings.

Two rules. Under "transitive", equal is as strict as better: from a > b = c follows a > c, from a = b = c follows
a = c, along chains of any length. That is right for labels that were read off a scale. Under "voted", every third
recording c that was compared with both has a vote: a > c > b speaks for a > b, a = c = b for equal. Better follows
where at least as many thirds speak for better as for equal and none for worse; equal never follows. That is right for
ears: "I cannot tell them apart" is not transitive [1]_, and one hasty answer should not spread. On the one set of this
kind that people labelled in full (the original's Elise set) "voted" asks 57 % of the pairs and agrees with 98 % of
their labels; "transitive" asks 12 % and agrees with 75 %.

References
----------
.. [1] Luce, Semiorders and a theory of utility discrimination, Econometrica 24 (1956) 178-191.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from training.labels.pairs import Key, Pair

Rule = Literal["voted", "transitive"]
RULES: tuple[Rule, ...] = get_args(Rule)

Grid = npt.NDArray[np.bool_]


@dataclass
class Answers:
    """Answers over a fixed set of recordings, as grids.

    Attributes
    ----------
    names : (N,) recordings
    better : (N, N) better[i, j] where i was heard as better than j
    equal : (N, N) symmetric, where they were heard as equal
    """

    names: Sequence[str]
    better: Grid = field(init=False)
    equal: Grid = field(init=False)

    def __post_init__(self) -> None:
        self.index = {name: i for i, name in enumerate(self.names)}
        self.better = np.zeros((len(self.names), len(self.names)), bool)
        self.equal = np.zeros_like(self.better)

    @classmethod
    def of(cls, names: Sequence[str], labels: Mapping[Key, int]) -> "Answers":
        """Grids of given labels."""
        answers = cls(names)
        for (first, second), label in labels.items():
            answers.put(first, second, label)
        return answers

    @property
    def given(self) -> Grid:
        """(N, N) symmetric, where there is an answer."""
        return self.better | self.better.T | self.equal

    def put(self, first: str, second: str, label: int) -> None:
        """Take an answer in, in place of an earlier one to the same pair."""
        self.drop(first, second)
        i, j = self.index[first], self.index[second]
        if label == 0:
            self.equal[i, j] = self.equal[j, i] = True
        else:
            self.better[(i, j) if label > 0 else (j, i)] = True

    def drop(self, first: str, second: str) -> None:
        """Take an answer back."""
        i, j = self.index[first], self.index[second]
        for grid in (self.better, self.equal):
            grid[i, j] = grid[j, i] = False

    def label(self, first: str, second: str) -> int | None:
        """The answer to a pair, if there is one."""
        i, j = self.index[first], self.index[second]
        if self.equal[i, j]:
            return 0
        return 1 if self.better[i, j] else -1 if self.better[j, i] else None


@dataclass(frozen=True)
class Closure:
    """What is known: the answers and all that follows from them.

    Attributes
    ----------
    better, equal : (N, N) as in `Answers`; an answer stands as it was given, whatever follows from the others
    """

    better: Grid
    equal: Grid

    @property
    def known(self) -> Grid:
        """(N, N) symmetric, where the outcome is known."""
        return self.better | self.better.T | self.equal


def close(answers: Answers, rule: Rule) -> Closure:
    """Everything that follows from the answers under a rule."""
    better, equal = _voted(answers) if rule == "voted" else _transitive(answers)
    open_ = ~answers.given
    return Closure(answers.better | (better & open_), answers.equal | (equal & open_))


def _voted(answers: Answers) -> tuple[Grid, Grid]:
    steps, ties = answers.better.astype(np.float32), answers.equal.astype(np.float32)
    between = steps @ steps  # (N, N) thirds that lie between i and j
    equal_to_both = ties @ ties
    better = (between > 0) & (between >= equal_to_both) & (between.T == 0)
    np.fill_diagonal(better, False)
    return better, np.zeros_like(better)


def _transitive(answers: Answers) -> tuple[Grid, Grid]:
    reach = answers.better | answers.equal | np.eye(len(answers.names), dtype=bool)
    strict = answers.better.copy()
    for k in range(len(answers.names)):  # Warshall, carrying whether a chain has a strict step
        strict |= (strict[:, k : k + 1] & reach[k]) | (reach[:, k : k + 1] & strict[k])
        reach |= reach[:, k : k + 1] & reach[k]
    cyclic = strict & strict.T  # contradictory answers: nothing follows here
    equal = reach & reach.T & ~strict & ~strict.T
    np.fill_diagonal(equal, False)
    return strict & ~cyclic, equal


def positions(answers: Answers, ridge: float = 0.3) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where each recording lies as far as the answers tell, and how sure differences are.

    Least squares over the answers read as differences of 1, 0 and -1, drawn to 0 by `ridge` answers each.

    Returns
    -------
    (N,) positions, steps of one "better"; (N, N) relative standard errors of their differences
    """
    given = answers.given.astype(float)
    balance = answers.better.sum(axis=1) - answers.better.sum(axis=0)
    system = np.diag(given.sum(axis=1) + ridge) - given
    covariance = np.linalg.inv(system)
    variance = np.diag(covariance)
    error = np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * covariance, 0.0))
    return covariance @ balance, error


def explain(answers: Answers, pair: Pair, rule: Rule) -> str:
    """Why the label of a pair follows, as a chain of answers that says the same: `a > c > b`; "" where none does."""
    start, end = answers.index[pair.first], answers.index[pair.second]
    if pair.label == -1:
        start, end = end, start
    if rule == "transitive":
        chain = _shortest(answers, start, end, strict=pair.label != 0)
    else:
        thirds = np.flatnonzero(answers.better[start] & answers.better[:, end]).tolist()
        chain = [start, thirds[0], end] if thirds else None
    return "" if chain is None else chain_text(answers, chain)


def chain_text(answers: Answers, chain: Iterable[int]) -> str:
    """A chain of recordings as `a > b = c`."""
    nodes = list(chain)
    signs = {1: " > ", 0: " = ", -1: " < ", None: " ? "}
    text = answers.names[nodes[0]]
    for here, there in pairwise(nodes):
        text += signs[answers.label(answers.names[here], answers.names[there])] + answers.names[there]
    return text


def _shortest(answers: Answers, start: int, end: int, *, strict: bool) -> list[int] | None:
    """Breadth first from start down to end; with `strict`, at least one step is a better."""
    steps = answers.better | answers.equal
    came: dict[tuple[int, bool], tuple[int, bool] | None] = {(start, False): None}
    queue = [(start, False)]
    for node, fell in queue:
        for other in np.flatnonzero(steps[node]).tolist():
            state = (other, fell or bool(answers.better[node, other]))
            if state in came or (not strict and state[1]):
                continue
            came[state] = (node, fell)
            if state == (end, strict):
                return _walk_back(came, state)
            queue.append(state)
    return None


def _walk_back(came: Mapping[tuple[int, bool], tuple[int, bool] | None], state: tuple[int, bool]) -> list[int]:
    chain = [state[0]]
    before = came[state]
    while before is not None:
        chain.append(before[0])
        before = came[before]
    return chain[::-1]
