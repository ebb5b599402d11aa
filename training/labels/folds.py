"""k folds of a table of pairs in which no recording is on both sides.

Recordings are dealt out in groups: each its own group, or all of a piece, or all of a player together. A pair belongs
to a fold's held-out side if both its recordings do, to its training side if neither does, and to none where it
crosses; the original P-KAI drops those pairs too.

Differences from the original: its folds lose the last recordings where k does not divide their number, and take the
labels as they fall; here every recording is held out once, and folds are exchanged until their labels balance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.labels.pairs import Pair, read_pairs, recordings_of, write_pairs

Counts = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int_]

_TRAIN, _HELD_OUT = "train_pair.csv", "test_pair.csv"  # the original's names
_ROUNDS = 5  # of exchanges; later ones gain next to nothing


@dataclass(frozen=True)
class Fold:
    """One division of the recordings.

    Attributes
    ----------
    train, held_out : labelled pairs with both recordings on that side
    crossing : labelled pairs with one recording on each side, in neither
    """

    train: list[Pair]
    held_out: list[Pair]
    crossing: list[Pair]


def split(
    pairs: Sequence[Pair],
    k: int,
    *,
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
    balanced: bool = True,
) -> list[Fold]:
    """Divide the labelled pairs into k folds with balanced labels.

    Parameters
    ----------
    groups : recording -> what must stay together, such as its piece or its player; each alone without it
    seed : the same seed, pairs and groups give the same folds, whatever the order of the rows
    balanced : else groups are dealt in any order and stay there; with few groups, balancing always ends with the same
        folds, and so does dealing the large ones first

    Raises
    ------
    ValueError
        If k is below 2 or above the number of groups, or a recording has no group.
    """
    names = recordings_of(pairs)
    group_of = {name: name for name in names} if groups is None else groups
    if lost := [name for name in names if not group_of.get(name)]:
        raise ValueError(f"no group is given for {', '.join(lost[:5])}{' and others' if len(lost) > 5 else ''}")
    kinds = sorted({group_of[name] for name in names})
    if not 2 <= k <= len(kinds):
        raise ValueError(f"{k} folds of {len(kinds)} groups: k has to lie in 2..{len(kinds)}")
    index = {kind: i for i, kind in enumerate(kinds)}
    sizes = np.bincount([index[group_of[name]] for name in names], minlength=len(kinds))
    labelled = [pair for pair in pairs if pair.label is not None]
    counts = _label_counts(labelled, group_of, index)
    dealt = _deal(counts, sizes, k, np.random.default_rng(seed), balanced=balanced)
    side = {name: int(dealt[index[group_of[name]]]) for name in names}
    return [_fold(labelled, side, number) for number in range(k)]


def _label_counts(pairs: Sequence[Pair], group_of: Mapping[str, str], index: Mapping[str, int]) -> Counts:
    """(3, G, G) symmetric counts of labels -1, 0 and 1 between groups; the diagonal within one."""
    counts = np.zeros((3, len(index), len(index)))
    for pair in pairs:
        i, j = index[group_of[pair.first]], index[group_of[pair.second]]
        counts[(pair.label or 0) + 1, i, j] += 1
        if i != j:
            counts[(pair.label or 0) + 1, j, i] += 1
    return counts


def _deal(counts: Counts, sizes: Whole, k: int, rng: np.random.Generator, *, balanced: bool) -> Whole:
    """(G,) fold of each group: each goes to the fold that has fewest recordings, in an order of chance.

    Balanced, large groups go first, and groups are then exchanged while that balances the held-out labels. Only those
    of one size change places, so the folds stay as large as they were dealt.
    """
    order = rng.permutation(len(sizes))
    if balanced:
        order = order[np.argsort(-sizes[order], kind="stable")]
    dealt = np.zeros(len(sizes), int)
    loads = np.zeros(k)
    for group in order:
        dealt[group] = int(loads.argmin())
        loads[dealt[group]] += sizes[group]
    for _ in range(_ROUNDS if balanced else 0):
        if not sum(_exchange(counts, sizes, dealt, k, group) for group in order):
            break
    return dealt


def _exchange(counts: Counts, sizes: Whole, dealt: Whole, k: int, group: int) -> bool:
    """Let `group` change places with the one that balances the labels best, if any does better than none."""
    home = dealt[group]
    rivals = np.flatnonzero((dealt != home) & (sizes == sizes[group]))
    if not len(rivals):
        return False
    own = np.einsum("lgg->lg", counts)
    member = np.eye(k)[dealt]  # (G, k)
    toward = counts @ member - own[:, :, None] * member  # (3, G, k) pairs of a group with the others of a fold
    held = np.einsum("lgk,gk->lk", toward / 2 + own[:, :, None], member)
    gain_home = own[:, rivals] - own[:, [group]]  # of the home fold, a rival for the group
    gain_home += toward[:, rivals, home] - counts[:, group, rivals] - toward[:, [group], home]
    away = dealt[rivals]
    gain_away = own[:, [group]] - own[:, rivals]
    gain_away += toward[:, group, :][:, away] - counts[:, group, rivals] - toward[:, rivals, away]
    changed = np.repeat(held[:, :, None], len(rivals), axis=2)  # (3, k, R)
    changed[:, home, :] += gain_home
    changed[:, away, np.arange(len(rivals))] += gain_away
    costs = changed.var(axis=1).sum(axis=0)
    best = int(costs.argmin())
    if costs[best] > held.var(axis=1).sum() - 1e-9:
        return False
    dealt[[group, rivals[best]]] = dealt[rivals[best]], home
    return True


def _fold(pairs: Sequence[Pair], side: Mapping[str, int], number: int) -> Fold:
    fold = Fold([], [], [])
    for pair in pairs:
        inside = (side[pair.first] == number) + (side[pair.second] == number)
        (fold.train, fold.crossing, fold.held_out)[inside].append(pair)
    return fold


def write_folds(folder: Path, folds: Sequence[Fold]) -> None:
    """Write `0/train_pair.csv`, `0/test_pair.csv` and so on.

    Raises
    ------
    ValueError
        If the folder holds more folds than these, of another time: they would be mistaken for one split.
    """
    if (folder / str(len(folds))).exists():
        raise ValueError(f"{folder} holds folds of an earlier, larger split; remove it or name another folder")
    for number, fold in enumerate(folds):
        write_pairs(folder / str(number) / _TRAIN, fold.train)
        write_pairs(folder / str(number) / _HELD_OUT, fold.held_out)


def read_fold(folder: Path) -> Fold:
    """One of the folds that were written, without its crossing pairs; errors as of `read_pairs`."""
    return Fold(train=read_pairs(folder / _TRAIN), held_out=read_pairs(folder / _HELD_OUT), crossing=[])
