"""Folds: nobody on both sides, everything held out once, labels in balance."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.labels.folds import Fold, split, write_folds
from training.labels.pairs import Pair, read_column, read_pairs, recordings_of
from training.labels.scale import pairs_from_ratings

NAMES = [f"r{i}" for i in range(9)]
some_labels = st.lists(st.sampled_from([1, 0, -1, None]), min_size=36, max_size=36)
some_groups = st.lists(st.sampled_from("xyzw"), min_size=9, max_size=9).filter(lambda groups: len(set(groups)) >= 2)


def table(labels: list[int | None]) -> list[Pair]:
    return [Pair(a, b, label) for (a, b), label in zip(combinations(NAMES, 2), labels, strict=True)]


def assert_no_leak(pairs: list[Pair], folds: list[Fold], groups: dict[str, str]) -> None:
    labelled = {pair.key for pair in pairs if pair.label is not None}
    held: list[str] = []
    for fold in folds:
        sides = [{groups[name] for name in recordings_of(side)} for side in (fold.train, fold.held_out)]
        assert sides[0].isdisjoint(sides[1])
        assert {pair.key for side in (fold.train, fold.held_out, fold.crossing) for pair in side} == labelled
        assert len(fold.train) + len(fold.held_out) + len(fold.crossing) == len(labelled)
        held += sides[1]
    assert len(held) == len(set(held))


@given(labels=some_labels, k=st.integers(2, 5), seed=st.integers(0, 3))
def test_no_recording_is_on_both_sides_and_each_is_held_out_at_most_once(
    labels: list[int | None], k: int, seed: int
) -> None:
    pairs = table(labels)
    assert_no_leak(pairs, split(pairs, k, seed=seed), {name: name for name in NAMES})


@given(labels=some_labels, groups=some_groups)
def test_no_piece_or_player_is_on_both_sides(labels: list[int | None], groups: list[str]) -> None:
    pairs, group_of = table(labels), dict(zip(NAMES, groups, strict=True))
    folds = split(pairs, len(set(groups)), groups=group_of)
    assert_no_leak(pairs, folds, group_of)


@given(labels=some_labels, data=st.data())
def test_folds_depend_on_the_seed_and_not_on_the_order_of_the_rows(
    labels: list[int | None], data: st.DataObject
) -> None:
    pairs = table(labels)
    shuffled = data.draw(st.permutations(pairs))
    for first, second in zip(split(pairs, 3, seed=7), split(shuffled, 3, seed=7), strict=True):
        assert {pair.key for pair in first.held_out} == {pair.key for pair in second.held_out}


def test_another_seed_gives_other_folds() -> None:
    pairs = table([1, 0, -1] * 12)
    assert split(pairs, 3, seed=1) != split(pairs, 3, seed=2)


@pytest.mark.parametrize(("k", "why"), [(1, r"k has to lie in 2\.\.9"), (10, r"k has to lie in 2\.\.9")])
def test_folds_that_cannot_be_are_refused(k: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        split(table([1] * 36), k)


def test_a_recording_without_group_is_refused() -> None:
    with pytest.raises(ValueError, match="no group is given for r0, r1, r2, r3, r4 and others"):
        split(table([1] * 36), 2, groups={"r8": "x"})


@pytest.mark.parametrize("name", ["elise_pairs.csv", "psa_pairs.csv"])
def test_the_originals_sets_fall_into_balanced_folds_without_leak(shared_data: Path, name: str) -> None:
    pairs = read_pairs(shared_data / "p-kai" / name)
    folds = split(pairs, 5, seed=0)
    assert_no_leak(pairs, folds, {recording: recording for recording in recordings_of(pairs)})
    sizes = {len(recordings_of(fold.held_out)) for fold in folds}
    assert max(sizes) - min(sizes) <= 1
    shares = [Counter(pair.label for pair in fold.held_out)[0] / len(fold.held_out) for fold in folds]
    assert max(shares) - min(shares) <= 0.1


@pytest.mark.parametrize("by", ["piece", "player"])
def test_rated_performances_fall_into_folds_by_piece_and_by_player(shared_data: Path, by: str) -> None:
    listed = shared_data / "expert-novice" / "ratings.csv"
    groups = read_column(listed, by)
    ratings = {name: float(value) for name, value in read_column(listed, "instructor1").items()}
    pairs = pairs_from_ratings(ratings, tie_below=0.5, within=read_column(listed, "piece"))
    assert_no_leak(pairs, split(pairs, 5, groups=groups), groups)


def test_folds_are_written_under_the_originals_names(tmp_path: Path) -> None:
    pairs = table([1, 0, -1] * 12)
    folds = split(pairs, 3)
    write_folds(tmp_path, folds)
    for number, fold in enumerate(folds):
        assert read_pairs(tmp_path / str(number) / "train_pair.csv") == fold.train
        assert read_pairs(tmp_path / str(number) / "test_pair.csv") == fold.held_out
    with pytest.raises(ValueError, match="holds folds of an earlier, larger split"):
        write_folds(tmp_path, split(pairs, 2))
