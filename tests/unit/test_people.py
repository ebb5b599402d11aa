"""What people said, in folds: nobody and nothing is on both sides."""

from pathlib import Path

import numpy as np
import pytest

from training.people.panel import People, SplitBy
from training.people.rated import RatedPerformance

PIECES, PLAYERS = ("a", "b", "c", "d"), ("ann", "bob", "cid", "dan", "eve", "fay")


def rated() -> list[RatedPerformance]:
    """Each player plays each piece; the later in the alphabet, the better, by half a point."""
    return [
        RatedPerformance(
            id=f"{piece}-{player}", piece=piece, player=player, midi=Path("x.mid"), ratings={"peer1": 1 + 0.5 * rank}
        )
        for piece in PIECES
        for rank, player in enumerate(PLAYERS)
    ]


@pytest.mark.parametrize("split", ["recording", "piece", "player"])
def test_no_group_is_on_both_sides_and_every_recording_is_held_out_once(split: SplitBy) -> None:
    """But for a recording that chance holds out without another of its piece: nobody can be asked which is better."""
    people = People.of(rated(), split)
    held: list[int] = []
    for train, out in people.split(np.arange(24), 3, seed=5):
        assert not set(people.groups[train]) & set(people.groups[out])
        assert not set(train) & set(out)
        held += out.tolist()
    assert len(set(held)) == len(held)
    assert split == "recording" or sorted(held) == list(range(24))


def test_splits_of_another_seed_are_other_splits() -> None:
    people = People.of(rated(), "recording")
    first, same, other = ([out.tolist() for _, out in people.split(np.arange(24), 3, seed=seed)] for seed in (0, 0, 1))
    assert first == same != other


def test_pieces_of_different_sizes_are_dealt_differently_by_another_seed() -> None:
    uneven = [each for n, each in enumerate(rated()) if n % 6 <= 2 + PIECES.index(each.piece)]
    people = People.of(uneven, "piece")
    everything = np.arange(len(uneven))
    splits = {
        frozenset(frozenset(people.pieces[out]) for _, out in people.split(everything, 3, seed=seed))
        for seed in range(10)
    }
    assert len(splits) > 2


def test_pairs_are_clear_and_name_the_better_first() -> None:
    people = People.of(rated(), "piece")
    assert people.pairs(np.array([0, 1, 8])).tolist() == [[1, 0]]  # 8 is of another piece
    assert len(people.pairs(np.arange(6), min_difference=1.0)) == 10


def test_labels_tell_ties_and_leave_out_what_is_neither_tied_nor_clear() -> None:
    ratings = (3.0, 3.2, 3.45, 3.7)
    close = [
        RatedPerformance(id=str(i), piece="a", player="p", midi=Path("x.mid"), ratings={"peer1": rating})
        for i, rating in enumerate(ratings)
    ]
    found = {(pair.first, pair.second): pair.label for pair in People.of(close, "recording").labelled(np.arange(4))}
    assert found == {("0", "1"): 0, ("0", "3"): -1, ("1", "2"): 0, ("1", "3"): -1, ("2", "3"): 0}


def test_fewer_groups_than_folds_make_fewer_folds() -> None:
    people = People.of(rated(), "piece")
    two_pieces = np.arange(12)
    assert len(people.split(two_pieces, 3, seed=0)) == 2


def test_few_groups_are_split_in_several_ways() -> None:
    people = People.of(rated(), "piece")
    splits = {
        frozenset(frozenset(people.pieces[out].tolist()) for _, out in people.split(np.arange(24), 3, seed=seed))
        for seed in range(12)
    }
    assert len(splits) > 3  # six there are: which two of the four pieces are together
