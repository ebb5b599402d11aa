"""Cross-validation counts what it should, learns from nothing that it is judged by, and goes on where it stopped."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.held_out import cross_validation
from training.held_out.cross_validation import FoldResult, Learnt, Plan, figures
from training.held_out.learners import AsItIs
from training.people.calibrate import Rated, fit_comparison
from training.people.panel import Indices, People
from training.people.rated import RatedPerformance


def people(ratings: list[float], n_pieces: int = 1) -> People:
    """Performances that take turns between pieces."""
    return People.of(
        [
            RatedPerformance(
                id=f"r{i:02}",
                piece=f"piece{i % n_pieces}",
                player=f"p{i}",
                midi=Path("x.mid"),
                ratings={"peer1": rating},
            )
            for i, rating in enumerate(ratings)
        ],
        "recording",
    )


@dataclass
class Noted:
    """A learner that notes what it was given, and knows the truth but for `wrong`."""

    truth: np.ndarray
    seen: list[tuple[list[int], list[int]]] = field(default_factory=list)
    stop_after: int = 1000

    @property
    def identity(self) -> dict[str, Any]:
        """Always the same."""
        return {"learner": "noted"}

    def learn(self, people: People, train: Indices, held_out: Indices, *, seed: int) -> Learnt:
        """Note both sides; stop after so many."""
        if len(self.seen) == self.stop_after:
            raise KeyboardInterrupt
        self.seen.append((train.tolist(), held_out.tolist()))
        return Learnt(scores=self.truth, scale=0.5, tie_band=0.1, about={"seed": seed})


TRUTH = np.arange(24) / 4 - 1


def test_every_fold_of_every_repeat_is_judged_by_a_learner_that_did_not_see_it(tmp_path: Path) -> None:
    learner = Noted(TRUTH)
    found = cross_validation.run(people(TRUTH.tolist()), learner, Plan(repeats=4), tmp_path, data="d")
    assert len(found) == len(learner.seen) == 12
    assert all(not set(train) & set(out) for train, out in learner.seen)
    assert len({tuple(out) for _, out in learner.seen}) > 6  # random splits differ
    perfect = figures(people(TRUTH.tolist()), found)
    assert perfect.at_half.value == perfect.at_one_splits.mean == 1.0
    assert perfect.at_half_splits.sd == 0.0 and perfect.at_half_splits.n == 4
    for found_of in (perfect.kendall, perfect.spearman):
        assert found_of is not None and found_of.mean == pytest.approx(1.0)


def test_a_stopped_run_goes_on_with_the_fold_that_it_was_stopped_in(tmp_path: Path) -> None:
    judged = people(TRUTH.tolist())
    with pytest.raises(KeyboardInterrupt):
        cross_validation.run(judged, Noted(TRUTH, stop_after=5), Plan(repeats=3), tmp_path, data="d")
    again = Noted(TRUTH)
    found = cross_validation.run(judged, again, Plan(repeats=3), tmp_path, data="d")
    assert (len(found), len(again.seen)) == (9, 4)
    more = Noted(TRUTH)
    cross_validation.run(judged, more, Plan(repeats=4), tmp_path, data="d")
    assert len(more.seen) == 3  # a further repeat keeps those there are


def test_folds_learn_side_by_side_as_one_by_one(tmp_path: Path) -> None:
    judged = people(TRUTH.tolist())
    learner = AsItIs(name="length", scores=TRUTH[::-1].copy())
    alone, together = (
        cross_validation.run(judged, learner, Plan(repeats=2), tmp_path / str(n), data="d", n_threads=n) for n in (1, 2)
    )
    assert together == alone
    assert [(each.repeat, each.fold) for each in together] == [(repeat, fold) for repeat in (0, 1) for fold in range(3)]


def test_splits_made_under_a_later_seed_count_as_the_splits_they_are(tmp_path: Path) -> None:
    judged = people(TRUTH.tolist())
    cross_validation.run(judged, Noted(TRUTH), Plan(repeats=1, seed=1), tmp_path, data="d")
    learner = Noted(TRUTH)
    found = cross_validation.run(judged, learner, Plan(repeats=2, seed=0), tmp_path, data="d")
    assert len(learner.seen) == 3
    assert figures(judged, found).at_half_splits.n == 2


@pytest.mark.parametrize("changed", ["data", "plan", "people"])
def test_results_of_other_data_are_never_taken(changed: str, tmp_path: Path) -> None:
    cross_validation.run(people(TRUTH.tolist()), Noted(TRUTH), Plan(repeats=1), tmp_path, data="d")
    learner = Noted(TRUTH)
    ratings = TRUTH + (np.arange(24) == 3) if changed == "people" else TRUTH
    plan = Plan(repeats=1, k=4) if changed == "plan" else Plan(repeats=1)
    cross_validation.run(people(ratings.tolist()), learner, plan, tmp_path, data="e" if changed == "data" else "d")
    assert len(learner.seen) == plan.k


def test_figures_of_known_scores_are_known() -> None:
    # Truth 1, 2, 3 and 3.1; scored 0, 1, 0.5 and 0.5: of five clear pairs, two are wrong; the tie is heard as one.
    judged = people([1.0, 2.0, 3.0, 3.1])
    result = FoldResult(
        repeat=0, fold=0, held_out=list(judged.ids), scores=[0.0, 1.0, 0.5, 0.5], scale=0.5, tie_band=0.2, about={}
    )
    found = figures(judged, [result])
    assert found.at_half.value == pytest.approx(3 / 5)
    assert found.at_half.n == 5
    assert found.at_one.value == pytest.approx(3 / 5)
    assert found.outcomes.mean == pytest.approx(4 / 6)
    assert found.kendall is not None
    assert found.kendall.mean == pytest.approx((3 - 2) / np.sqrt(6 * 5))  # tau-b, of six pairs one tied in score
    gaps = np.array([1.0, 0.5, 0.5, 0.5, 0.5])
    won, lost = (1 / (1 + np.exp(-(signed - 0.2) / 0.5)) for signed in (gaps, -gaps))
    said = won / (won + lost)
    came = np.array([1.0, 1, 1, 0, 0])
    bins = [(said[i], came[i]) for i in range(5)]
    assert found.calibration_error == pytest.approx(np.mean([abs(p - y) for p, y in bins]))


def test_a_piece_counts_as_much_as_another_whichever_folds_they_are_in() -> None:
    """As over the whole set: a piece alone in its fold weighs no more than those that share one."""
    ids, pieces = [f"{piece}{n}" for piece in "abc" for n in range(3)], np.repeat(list("abc"), 3)
    judged = People(ids=np.array(ids), truth=np.tile([1.0, 2.0, 3.0], 3), pieces=pieces, groups=pieces)
    about: dict[str, Any] = {"scale": 1.0, "tie_band": 0.0, "about": {}}
    folds = [
        FoldResult(repeat=0, fold=0, held_out=ids[:3], scores=[0.0, 1.0, 2.0], **about),
        FoldResult(repeat=0, fold=1, held_out=ids[3:], scores=[2.0, 1.0, 0.0] * 2, **about),
    ]
    found = figures(judged, folds)
    assert found.kendall is not None and found.spearman is not None
    assert found.kendall.mean == pytest.approx(-1 / 3)
    assert found.spearman.mean == pytest.approx(-1 / 3)


def test_recordings_rated_alike_count_among_all_pairs() -> None:
    judged = people([2.0, 2.0, 4.0])
    for second, told_alike in ((0.05, True), (0.5, False)):
        result = FoldResult(
            repeat=0, fold=0, held_out=list(judged.ids), scores=[0.0, second, 2.0], scale=0.5, tie_band=0.2, about={}
        )
        found = figures(judged, [result])
        assert found.outcomes.mean == pytest.approx((2 + told_alike) / 3)
        assert found.at_half.n == 2


def test_the_spread_is_over_splits_and_the_interval_over_recordings() -> None:
    judged = people([1.0, 2.0, 3.0])
    right = FoldResult(
        repeat=0, fold=0, held_out=list(judged.ids), scores=[0.0, 1.0, 2.0], scale=1.0, tie_band=0.0, about={}
    )
    wrong = FoldResult(
        repeat=1, fold=0, held_out=list(judged.ids), scores=[2.0, 1.0, 0.0], scale=1.0, tie_band=0.0, about={}
    )
    found = figures(judged, [right, wrong])
    assert (found.at_half_splits.mean, found.at_half_splits.n) == (0.5, 2)
    assert found.at_half_splits.sd == pytest.approx(np.sqrt(0.5))
    assert (found.at_half.value, found.at_half.n) == (0.5, 3)
    assert found.at_half.low == found.at_half.high == 0.5  # every pair is half right, whoever is drawn


def test_what_learns_nothing_still_learns_what_differences_mean(rng: np.random.Generator, tmp_path: Path) -> None:
    ratings = rng.uniform(1, 5, 30)
    judged = people(ratings.tolist(), n_pieces=2)
    scores = ratings + rng.standard_normal(30)
    learnt = AsItIs(name="x", scores=scores).learn(judged, np.arange(20), np.arange(20, 30), seed=0)
    np.testing.assert_array_equal(learnt.scores, scores)
    part = Rated(scores=scores[:20], ratings=ratings[:20], pieces=judged.pieces[:20])
    assert (learnt.scale, learnt.tie_band) == fit_comparison(part)


def test_a_plan_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 1; it must be 2 or more"):
        Plan(k=1)
    with pytest.raises(ValueError, match="repeats is 0"):
        Plan(repeats=0)


def test_a_fold_on_the_disk_says_all_that_is_needed(tmp_path: Path) -> None:
    cross_validation.run(people(TRUTH.tolist()), Noted(TRUTH), Plan(repeats=1, seed=4), tmp_path, data="d")
    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["4-0.json", "4-1.json", "4-2.json"]
    kept = json.loads((folder / "4-1.json").read_text())
    assert set(kept) == {"repeat", "fold", "held_out", "scores", "scale", "tie_band", "about"}
    assert kept["about"] == {"seed": 4001}
