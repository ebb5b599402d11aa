"""What people said of a set of recordings, as arrays, and its division into folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from training import metrics
from training.labels import folds
from training.labels.pairs import Pair, recordings_of
from training.people.calibrate import Rated, outcomes_of
from training.people.rated import RatedPerformance

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
SplitBy = Literal["recording", "piece", "player"]

# Nearer means are hard to order even for people: such pairs neither teach an order nor count as one.
CLEAR_DIFFERENCE = 0.5


@dataclass(frozen=True, kw_only=True)
class People:
    """Recordings by index, and what people said of them.

    Attributes
    ----------
    ids : (N,) names
    truth : (N,) mean rating
    pieces : (N,)
    groups : (N,) what must stay on one side of a split together
    """

    ids: npt.NDArray[np.str_]
    truth: Floats
    pieces: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    @classmethod
    def of(cls, rated: Sequence[RatedPerformance], split: SplitBy) -> "People":
        """Rated performances, to be divided by recording, piece or player."""
        ids = np.array([each.id for each in rated])
        groups = {"recording": ids, "piece": [each.piece for each in rated], "player": [each.player for each in rated]}
        return cls(
            ids=ids,
            truth=np.array([each.mean_rating for each in rated]),
            pieces=np.array([each.piece for each in rated]),
            groups=np.array(groups[split]),
        )

    def pairs(self, among: Indices, *, min_difference: float = CLEAR_DIFFERENCE) -> Indices:
        """Pairs of some recordings that people clearly order, the better first: (P, 2)."""
        return among[metrics.pair_indices(self.truth[among], self.pieces[among], min_difference=min_difference)]

    def rated(self, scores: Floats, among: Indices) -> Rated:
        """Some recordings with their scores, of (N,) for all, beside what people said."""
        return Rated(scores=scores[among], ratings=self.truth[among], pieces=self.pieces[among])

    def labelled(self, among: Indices) -> list[Pair]:
        """All pairs of a piece among some recordings: ordered if clearly so, equal if people hardly tell them apart."""
        made = []
        for i, j in combinations(among.tolist(), 2):
            gap = self.truth[i] - self.truth[j]
            label = int(outcomes_of(gap))
            if self.pieces[i] == self.pieces[j] and (label == 0 or abs(gap) >= CLEAR_DIFFERENCE - 1e-9):
                made.append(Pair(str(self.ids[i]), str(self.ids[j]), label))
        return made

    def split(self, among: Indices, k: int, *, seed: int) -> list[tuple[Indices, Indices]]:
        """Random folds of some recordings: those to train on, and those held out.

        A group is on one side alone. Fewer folds are made where there are fewer groups.

        Raises
        ------
        ValueError
            If there are not two groups, or no pair.
        """
        group_of = {str(self.ids[i]): str(self.groups[i]) for i in among}
        k = min(k, len(set(group_of.values())))
        index = {str(name): i for i, name in enumerate(self.ids)}
        return [
            (_indices(index, fold.train), _indices(index, fold.held_out))
            for fold in folds.split(self.labelled(among), k, groups=group_of, seed=seed, balanced=False)
        ]


def _indices(index: dict[str, int], pairs: list[Pair]) -> Indices:
    return np.array([index[name] for name in recordings_of(pairs)], np.int64)
