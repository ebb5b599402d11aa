"""Figures of what was planted and what was found: right where the answer is known, fitted to other pieces."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkai.scorer import Judge
from training.evaluation import card_tables, results
from training.fitting.snippets import FAMILY_WEIGHTS
from training.ladder.flaws import FAMILIES, KINDS
from training.ladder.shards import Shard
from training.planted import diagnose, ladder_figures, one_place
from training.planted.diagnose import MUCH_PLANTED, SOME_PLANTED, Told
from training.planted.one_place import OnePlace

N_POINTS = 6


def versions(rng: np.random.Generator, *, n_excerpts: int = 60, heard: bool = True) -> list[Told]:
    """Versions whose told flaws follow the planted ones, or have nothing to do with them."""
    found = []
    for excerpt in range(n_excerpts):
        for _ in range(5):
            planted = rng.exponential(0.4, len(FAMILIES))[:, None] * np.ones(N_POINTS)
            source = planted if heard else rng.exponential(0.4, len(FAMILIES))[:, None] * np.ones(N_POINTS)
            told = np.log1p(source) * 0.3 + rng.normal(0, 0.01, source.shape)
            severity = float(planted.sum())
            found.append(
                Told(
                    piece=f"piece {excerpt % 20}", excerpt=excerpt, score=-severity, severity=severity, told=told,
                    planted=planted,
                )
            )  # fmt: skip
    return found


def planted_alone(row: int, rng: np.random.Generator, *, heard: bool = True) -> list[Told]:
    """Twelve excerpts with one family alone in five amounts, heard or not."""
    found = []
    for excerpt in range(12):
        for amount in (0.0, 0.375, 0.75, 1.125, 1.5):
            planted = np.zeros((len(FAMILIES), N_POINTS))
            planted[row] = amount
            told = 0.3 * np.log1p(planted if heard else 0 * planted) + rng.normal(0, 0.01, planted.shape)
            found.append(
                Told(piece="a", excerpt=excerpt, score=-amount, severity=amount, told=told, planted=planted)
            )  # fmt: skip
    return found


def test_the_halves_share_no_piece_and_lose_no_version(rng: np.random.Generator) -> None:
    told = versions(rng)
    fitted, measured = diagnose.halves(told)
    assert len(fitted) + len(measured) == len(told)
    assert {each.piece for each in fitted}.isdisjoint({each.piece for each in measured})
    assert fitted and measured


def test_a_scale_gives_back_what_was_planted(rng: np.random.Generator) -> None:
    fitted, measured = diagnose.halves(versions(rng))
    scales = diagnose.fit(fitted)
    assert list(scales) == list(FAMILIES)
    for row, scale in enumerate(scales.values()):
        said = diagnose.recording_severities(measured, scale, row)
        planted = diagnose.planted_severities(measured, row)
        assert np.corrcoef(said, planted)[0, 1] > 0.9
        assert np.abs(said - planted)[planted < 1].mean() < 0.1
        assert 0 < scale.some_from < scale.much_from
    assert min(diagnose.recovery(measured, scales).values()) > 0.9


def test_a_severity_costs_what_scores_fall_by(rng: np.random.Generator) -> None:
    fitted, _ = diagnose.halves(versions(rng))
    of_piece = {each.piece: rng.normal() for each in fitted}  # some pieces score higher, however they are played
    told = [replace(each, score=of_piece[each.piece] - 2.0 * each.severity / N_POINTS) for each in fitted]
    costs = np.array([scale.cost for scale in diagnose.fit(told).values()])
    np.testing.assert_allclose(costs / costs.sum(), FAMILY_WEIGHTS / FAMILY_WEIGHTS.sum(), rtol=1e-6)
    severity = np.array([diagnose.planted_severities(told, row) for row in range(len(FAMILIES))]).sum(axis=0)
    said = sum(
        scale.cost * diagnose.recording_severities(told, scale, row)
        for row, scale in enumerate(diagnose.fit(told).values())
    )
    assert np.corrcoef(said, severity)[0, 1] > 0.8
    rising = [replace(each, score=each.severity) for each in fitted]
    assert {scale.cost for scale in diagnose.fit(rising).values()} == {0.0}


def test_a_word_is_said_where_it_is_more_likely_right_than_not(rng: np.random.Generator) -> None:
    fitted, _ = diagnose.halves(versions(rng))
    for row, scale in enumerate(diagnose.fit(fitted).values()):
        said, planted = diagnose.recording_severities(fitted, scale, row), diagnose.planted_severities(fitted, row)
        for least, so in ((scale.some_from, SOME_PLANTED), (scale.much_from, MUCH_PLANTED)):
            assert (planted[said >= least] >= so).mean() > 0.8
            assert (planted[said < least] < so).mean() > 0.8


def test_what_was_not_heard_is_never_called_much(rng: np.random.Generator) -> None:
    told = versions(rng, heard=False)
    for each in told:
        each.planted[:] = 0.0
    for scale in diagnose.fit(told).values():
        assert scale.extent(1e6) == "much" and scale.extent(50.0) == "none", "the word is never said"


def test_flaws_that_come_alone_stretch_the_severities_and_change_no_word_s_chance(rng: np.random.Generator) -> None:
    mixtures, _ = diagnose.halves(versions(rng))
    unheard = [each for row in range(len(FAMILIES)) for each in planted_alone(row, rng, heard=False)]
    heard = [each for row in range(len(FAMILIES)) for each in planted_alone(row, rng)]
    few = [each for each in mixtures if each.planted.max() < 1.0]
    for row, (alone, with_apart) in enumerate(
        zip(diagnose.fit(few).values(), diagnose.fit(few, heard).values(), strict=True)
    ):
        assert with_apart.severity_knots[-1] > alone.severity_knots[-1]  # nothing in the mixtures was as bad
        # Words stay right in mixtures, though all that comes alone goes unheard.
        scale = diagnose.fit(mixtures, unheard)[FAMILIES[row]]
        said, planted = diagnose.recording_severities(mixtures, scale, row), diagnose.planted_severities(mixtures, row)
        assert (planted[said >= scale.some_from] >= SOME_PLANTED).mean() > 0.8
        assert (planted[said < scale.some_from] < SOME_PLANTED).mean() > 0.6


def test_figures_of_a_judge_that_hears_all_and_of_one_that_hears_nothing(rng: np.random.Generator) -> None:
    told = versions(rng)
    scales = diagnose.fit(diagnose.halves(told)[0])
    alone = {family: planted_alone(row, rng) for row, family in enumerate(FAMILIES)}
    good = ladder_figures.figures(told, scales, alone, np.array([1.0, 0.8, 0.2, 0.5]))
    assert good.accuracy.value == 1.0 and good.accuracy.n == 60 * 10
    assert good.placed.value == 0.75 and good.placed.n == 4
    assert all(each.spearman.value > 0.9 and each.same_word > 0.8 for each in good.families.values())
    n_excerpts = good.n_pieces * 3  # of which chance leaves a few alike
    assert all(0.8 * n_excerpts <= each.within.n <= n_excerpts for each in good.families.values())
    assert all(each.within.value > 0.8 for each in good.families.values())
    assert all(each.spearman.value > 0.9 and each.spearman.n == 60 for each in good.alone.values())
    assert all(each.within.value > 0.9 and each.told_most.value == 1.0 for each in good.alone.values())
    unheard = {family: planted_alone(row, rng, heard=False) for row, family in enumerate(FAMILIES)}
    deaf = ladder_figures.figures(versions(rng, heard=False), scales, unheard, np.zeros(4))
    assert all(abs(each.spearman.value) < 0.3 for each in deaf.families.values())
    assert all(abs(each.spearman.value) < 0.5 and each.told_most.value < 0.6 for each in deaf.alone.values())
    assert deaf.placed.value == 0.0


def test_a_rank_correlation_has_an_interval_that_holds_it(rng: np.random.Generator) -> None:
    x = rng.normal(size=80)
    found = ladder_figures.spearman_estimate(x, x + rng.normal(size=80))
    assert found.low < found.value < found.high and found.n == 80
    assert ladder_figures.spearman_estimate(x, np.exp(x)).value == pytest.approx(1.0)


def test_what_stands_in_an_excerpts_own_order_is_recovered_within_it() -> None:
    planted, excerpts = np.array([0.0, 1.0, 2.0] * 2), np.array([0, 0, 0, 1, 1, 1])
    told = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
    found = ladder_figures.within_estimate(told, planted, excerpts)
    assert found.value == found.low == found.high == pytest.approx(1.0) and found.n == 2
    turned = ladder_figures.within_estimate(np.array([0.0, 1.0, 2.0, 2.0, 1.0, 0.0]), planted, excerpts)
    assert turned.value == pytest.approx(0.0) and turned.low == pytest.approx(-1.0)
    assert ladder_figures.within_estimate(np.zeros(6), planted, excerpts).value == 0.0  # says nothing
    with pytest.raises(ValueError, match="no excerpt has three recordings in which what was planted differs"):
        ladder_figures.within_estimate(told, np.zeros(6), excerpts)


def test_an_excerpt_in_which_nothing_planted_can_be_heard_does_not_count() -> None:
    audible, hardly = [0.0, 1.0, 2.0], [0.0, 0.01, 0.02]
    found = ladder_figures.within_estimate(
        np.array([0.0, 1.0, 2.0, 2.0, 1.0, 0.0]), np.array(audible + hardly), np.repeat([0, 1], 3)
    )
    assert found.value == pytest.approx(1.0) and found.n == 1


def test_resampling_excerpts_widens_the_interval_where_their_recordings_are_alike(rng: np.random.Generator) -> None:
    excerpts = np.repeat(np.arange(8), 10)
    x, y = np.repeat(rng.normal(size=8), 10), np.repeat(rng.normal(size=8), 10)
    narrow, wide = (ladder_figures.spearman_estimate(x, y, drawn) for drawn in (None, excerpts))
    assert wide.value == narrow.value and wide.n == narrow.n == 80
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_the_weakest_third_is_a_third() -> None:
    assert one_place.weakest_third(np.array([5.0, 1.0, 4.0, 2.0, 3.0, 6.0])).tolist() == [
        False,
        True,
        False,
        True,
        False,
        False,
    ]
    assert one_place.weakest_third(np.array([3.0])).tolist() == [True]
    assert one_place.weakest_third(np.arange(11.0)).sum() == 4


def test_flaws_in_one_place_leave_tempo_alone(rng: np.random.Generator) -> None:
    drawn = [one_place._in_one_place(OnePlace(), rng) for _ in range(20)]
    assert all(set(flaws.amounts) == set(KINDS) and flaws.amounts["tempo"] == 0 for flaws in drawn)
    for flaws in drawn:
        assert flaws.focus is not None
        assert flaws.focus[0] >= 0 and flaws.focus[1] <= 1
        assert flaws.focus[1] - flaws.focus[0] == pytest.approx(0.25)


def test_the_judge_listens_to_every_version_that_is_long_enough(model_root: Path) -> None:
    lengths, labels = np.array([600, 399, 1000]), np.array([24, 16, 40])
    damage = np.zeros((80, len(FAMILIES)), np.float16)
    damage[40:60, 3] = 0.5 * FAMILY_WEIGHTS[3]
    shard = Shard(
        frames=np.full((lengths.sum(), 96), -0.25, np.float16), damage=damage,
        places=np.zeros(80, np.float32), lengths=lengths, label_lengths=labels,
        excerpt=np.array([0, 0, 1]), pieces=np.array(["a", "a", "b"]),
        severity=np.array([0.1, 0.2, 0.3], np.float32),
    )  # fmt: skip
    told = diagnose.listen(Judge.load(model_root, "pdr", n_threads=1), [shard, shard])
    assert [(each.piece, each.excerpt) for each in told] == [("a", 0), ("b", 1), ("a", 2), ("b", 3)]
    assert told[1].planted.shape == told[1].told.shape == (7, 5)
    np.testing.assert_allclose(told[1].planted[3], [0.5, 0.5, 0.25, 0, 0], atol=1e-3)
    np.testing.assert_allclose(told[1].told, np.arange(7.0)[:, None] * 0.25 * np.ones(5), rtol=1e-3)


def test_the_card_tells_the_figures_with_their_command(rng: np.random.Generator, tmp_path: Path) -> None:
    told = versions(rng)
    scales = diagnose.fit(diagnose.halves(told)[0])
    alone = {family: planted_alone(row, rng) for row, family in enumerate(FAMILIES)}
    figures = ladder_figures.figures(told, scales, alone, np.array([1.0, 0.0]))
    found = {"judges": {"pdr": figures}, "n_recordings": 2, "n_excerpts": 12, "seed": 0}
    results.write(tmp_path / "ladder.json", "ladder", "pkai-train evaluate-ladder LADDER", found)
    section = card_tables.SECTIONS["ladder"](json.loads((tmp_path / "ladder.json").read_text()))
    assert "| all pairs ranked right | 100.0% (100% to 100%, n=600) |" in section
    assert "| damage in one place lies in the weakest third | 50.0%" in section
    assert "in 12 excerpts" in section and section.count("| pdr | ") == len(FAMILIES)
    rho = figures.alone["pedal"].spearman
    assert f"{rho.value:.2f} ({rho.low:.2f} to {rho.high:.2f}, n=60)" in section
    assert "Again: `pkai-train evaluate-ladder LADDER`" in section
