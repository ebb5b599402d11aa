"""Fine-tuning: who is trained on, that it learns, that a stopped run ends as an unbroken one, what scores then mean."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from training.fine_tuning import fine_tune, own_model
from training.fine_tuning.fine_tune import Division, FineTuning, Listening
from training.fitting.losses import preference_loss, similarity_loss
from training.labels.folds import Fold
from training.labels.pairs import INFERRED, Pair, recordings_of
from training.model import weights
from training.model.export import MeanOfNetworks
from training.networks.pairwise import PairwiseRanker
from training.networks.ranker import NetworkConfig
from training.people import calibrate

SMALL = NetworkConfig(channels=(2, 3, 4, 5, 6), hidden=8)
N_MELS, SNIPPET_FRAMES = 16, 40
LISTENING = Listening(snippet_frames=SNIPPET_FRAMES, scale=0.5, tie_band=0.1)
FEATURES = {
    f"r{skill:02}": np.random.default_rng(skill).normal(0.04 * skill - 1, 0.3, (70, N_MELS)).astype(np.float16)
    for skill in range(16)
}


def all_pairs(names: list[str]) -> list[Pair]:
    """The better recording has the higher number; neighbours are equal."""
    return [Pair(a, b, 0 if int(b[1:]) - int(a[1:]) == 1 else -1) for a, b in itertools.combinations(names, 2)]


PAIRS = all_pairs(sorted(FEATURES))
SOME = {"r00", "r03", "r07", "r12"}


def fresh() -> MeanOfNetworks:
    torch.manual_seed(1)
    return MeanOfNetworks([PairwiseRanker(3, SMALL).eval() for _ in range(2)], [0.0, 0.1], [1.0, 2.0])


def run(checkpoint: Path, *, n_steps: int, learning_rate: float = 1e-3) -> tuple[MeanOfNetworks, fine_tune.Course]:
    how = FineTuning(n_steps=n_steps, learning_rate=learning_rate, validate_every=4, patience=100)
    division = fine_tune.divide(PAIRS, None, seed=0)
    mean = fresh()
    return mean, fine_tune.fine_tune(mean, FEATURES, division, how, LISTENING, checkpoint)


def test_no_recording_is_in_two_parts_and_every_pair_is_in_one_at_most() -> None:
    division = fine_tune.divide(PAIRS, None, seed=3)
    parts = [set(recordings_of(part)) for part in vars(division).values()]
    assert set.union(*parts) == set(FEATURES)
    assert sum(map(len, parts)) == len(FEATURES)
    assert {pair.key for part in vars(division).values() for pair in part} <= {pair.key for pair in PAIRS}


def test_a_fold_made_earlier_is_held_out_and_nothing_of_it_trained_on() -> None:
    fold = fold_of(PAIRS)
    division = fine_tune.divide(PAIRS, fold, seed=0)
    assert division.held_out == fold.held_out == all_pairs(sorted(SOME))
    trained = set(recordings_of([*division.train, *division.validation]))
    assert trained == set(FEATURES) - SOME


def test_what_a_held_out_player_plays_is_not_trained_on_where_only_crossing_pairs_tell_of_it() -> None:
    fold = fold_of(PAIRS)
    few = dataclasses.replace(fold, held_out=[pair for pair in fold.held_out if "r12" not in pair.key])
    division = fine_tune.divide(PAIRS, few, seed=0)
    assert "r12" not in recordings_of(pair for part in vars(division).values() for pair in part)


def fold_of(pairs: list[Pair]) -> Fold:
    """Some recordings held out."""
    sides: dict[int, list[Pair]] = {0: [], 1: [], 2: []}
    for pair in pairs:
        sides[len({pair.first, pair.second} & SOME)].append(pair)
    return Fold(train=sides[0], crossing=sides[1], held_out=sides[2])


def test_what_nobody_said_teaches_but_is_no_measure() -> None:
    inferred = [dataclasses.replace(pair, source=INFERRED) if n % 2 else pair for n, pair in enumerate(PAIRS)]
    drawn = fine_tune.divide(inferred, None, seed=0)
    given = fine_tune.divide(inferred, fold_of(inferred), seed=0)
    for division in (drawn, given):
        assert len(division.held_out) > 2 and all(pair.answered for pair in division.held_out)
        assert not all(pair.answered for pair in division.train)


def test_unlabelled_and_too_few_pairs_are_refused_with_what_would_help() -> None:
    with pytest.raises(ValueError, match=r"none of the 1 pairs has a label; .*annotate"):
        fine_tune.divide([Pair("a", "b")], None, seed=0)
    with pytest.raises(ValueError, match="2 recordings cannot be parted"):
        fine_tune.divide([Pair("a", "b", 1)], None, seed=0)
    with pytest.raises(ValueError, match="leave none that says which is better"):
        fine_tune.divide([Pair(a, b, 0) for a, b in itertools.combinations("abcdefghijkl", 2)], None, seed=0)


def test_it_learns_what_the_pairs_say(tmp_path: Path) -> None:
    _, course = run(tmp_path / "a.ckpt", n_steps=60, learning_rate=1e-2)
    assert course.steps == list(range(0, 61, 4))
    assert course.best_step == course.steps[1 + int(np.argmin(course.losses[1:]))]
    assert min(course.losses) < 0.7 * course.losses[0]


def test_a_stopped_run_goes_on_and_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    unbroken, course = run(tmp_path / "a.ckpt", n_steps=12)
    run(tmp_path / "b.ckpt", n_steps=8)
    resumed, course_again = run(tmp_path / "b.ckpt", n_steps=12)
    assert course_again == course
    assert weights.pack(resumed, SMALL) == weights.pack(unbroken, SMALL)


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "a.ckpt", n_steps=8)
    _, course = run(tmp_path / "a.ckpt", n_steps=4, learning_rate=2e-3)
    assert course.steps == [0, 4]
    assert "starting anew" in caplog.text


def test_patience_ends_what_brings_nothing(tmp_path: Path) -> None:
    how = FineTuning(n_steps=400, learning_rate=1e-12, validate_every=1, patience=3)
    division = Division(train=PAIRS[:5], validation=PAIRS[5:20], held_out=[])
    course = fine_tune.fine_tune(fresh(), FEATURES, division, how, LISTENING, tmp_path / "a.ckpt")
    assert len(course.steps) < 100
    assert course.best_step > 0


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="n_steps is 0; it must be 1 or more"):
        FineTuning(n_steps=0)
    with pytest.raises(ValueError, match="learning_rate is -1; it must be positive"):
        FineTuning(learning_rate=-1)


def test_losses_of_pairs_have_their_closed_forms() -> None:
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.3])
    loss = preference_loss(one, other, scale=0.5)
    assert loss.item() == pytest.approx(np.log1p(np.exp(-2.0)) + np.log1p(np.exp(0.6)))
    assert similarity_loss(one, other, scale=0.5, tie_band=0.4).item() == pytest.approx(0.6 / 0.5)
    assert similarity_loss(one, other, scale=0.5, tie_band=0.4) == similarity_loss(other, one, scale=0.5, tie_band=0.4)
    empty = torch.zeros(0, requires_grad=True)
    for loss in (preference_loss(empty, empty, scale=1.0), similarity_loss(empty, empty, scale=1.0, tie_band=0.1)):
        assert loss.item() == 0.0
        loss.backward()  # type: ignore[no-untyped-call]


CALIBRATION = Calibration(
    score_knots=(-1.0, 2.0),
    rating_knots=(0.0, 100.0),
    level_ratings=(20.0, 40.0, 60.0, 80.0),
    scale=0.3,
    tie_band=0.1,
    sigma_rating=6.0,
)


def test_scores_on_another_scale_keep_their_ratings_and_odds() -> None:
    before = {f"r{i}": 0.1 * i for i in range(8)}
    after = {name: 3 * score - 5 for name, score in before.items()}
    new = own_model.recalibrated(CALIBRATION, before, after, [Pair("r0", "r1", 1)])
    for name in before:
        assert new.rating(after[name]) == pytest.approx(CALIBRATION.rating(before[name]))
        assert new.p_better(after[name], after["r0"]) == pytest.approx(CALIBRATION.p_better(before[name], before["r0"]))
    assert new.tie_band == pytest.approx(0.3)
    scale = FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.0), some_from=0.2, much_from=0.5, cost=0.1)
    costing = own_model.costing({"timing": scale}, CALIBRATION, new)["timing"]
    assert costing.cost == pytest.approx(0.3) and dataclasses.replace(costing, cost=0.1) == scale


def test_many_pairs_decide_the_odds_but_never_make_them_certain() -> None:
    rng = np.random.default_rng(5)
    before = {f"r{i}": float(score) for i, score in enumerate(rng.normal(size=40))}
    two = list(itertools.combinations(before, 2))
    always_right = [Pair(a, b, 1 if before[a] > before[b] else -1) for a, b in two]
    assert own_model.recalibrated(CALIBRATION, before, before, always_right).scale == pytest.approx(0.15)
    drawn = [Pair(a, b, 1 if rng.random() < 1 / (1 + np.exp(before[b] - before[a])) else -1) for a, b in two]
    found = own_model.recalibrated(CALIBRATION, before, before, drawn)
    gaps = np.array([before[pair.first] - before[pair.second] for pair in drawn])
    outcomes = np.array([pair.label for pair in drawn])
    assert found.scale == pytest.approx(calibrate.fit_odds(gaps, outcomes, tie_band=0.1, spread=1.0), rel=0.01)
    said = np.array([found.p_better(abs(gap), 0.0) for gap in gaps])
    right = float(np.average(gaps * outcomes > 0, weights=np.abs(gaps)))
    assert np.average(said, weights=np.abs(gaps)) == pytest.approx(right, abs=0.005), "as sure as it is right"
    followed = [Pair(a, b, 1 if before[a] > before[b] else -1, INFERRED) for a, b in two]
    assert own_model.recalibrated(CALIBRATION, before, before, [*drawn, *followed]) == found, "only answers tell odds"
    assert found.tie_band == pytest.approx(0.1), "without an equal pair nothing is learnt about them"
