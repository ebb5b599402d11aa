"""More flaws make a performance measurably worse, where and as much as the labels say; no flaws change nothing."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performance import etude
from training.ladder.flaws import FAMILIES, KINDS, MOST_OF_ONE_KIND, Flaws, draw_apart, draw_flaws
from training.ladder.skill_ladder import LABEL_STEP_S, Version, degrade
from training.music.performance import PEDAL_DTYPE, Notes, Performance, make_notes

ETUDE = etude()
N_SEEDS = 12


def only(kind: str, amount: float, focus: tuple[float, float] | None = None) -> Flaws:
    """One kind of flaw and no other."""
    return Flaws(dict.fromkeys(KINDS, 0.0) | {kind: amount}, focus)


def by_pitch(performance: Performance) -> Notes:
    """Notes in an order that does not depend on rounding."""
    return np.sort(performance.notes, order=("pitch", "onset_s"))


def assert_same(performance: Performance, other: Performance) -> None:
    for one, two in ((by_pitch(performance), by_pitch(other)), (performance.pedal, other.pedal)):
        assert one.dtype == two.dtype and len(one) == len(two)
        for name in one.dtype.names or ():
            np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-6)


@st.composite
def performances(draw: st.DrawFn) -> Performance:
    """Notes as a piano can play them, from one to thirty, in chords or not."""
    now = 0.0
    rows: list[tuple[float, float, int, int]] = []
    for _ in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.7]))
        rows.append((now, draw(st.floats(0.05, 3.0)), draw(st.integers(21, 108)), draw(st.integers(8, 127))))
    return Performance(make_notes(rows))


@given(performance=performances(), seed=st.integers(0, 2**32))
def test_no_flaws_play_the_same_performance(performance: Performance, seed: int) -> None:
    version = degrade(performance, Flaws(dict.fromkeys(KINDS, 0.0)), np.random.default_rng(seed))
    assert_same(version.performance, performance)
    assert not version.damage.any()


@given(performance=performances(), severity=st.floats(0, 2), seed=st.integers(0, 2**32))
def test_the_music_goes_from_its_beginning_to_its_end_and_never_back(
    performance: Performance, severity: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    places = degrade(performance, draw_flaws(severity, rng), rng).places
    assert places.dtype == np.float32 and places.ndim == 1
    assert (np.diff(places) >= 0).all() and places[0] >= 0 and places[-1] <= 1


def test_how_far_the_music_has_come_is_measured_in_the_time_of_the_flawless_performance() -> None:
    end = max(ETUDE.duration_s, float(ETUDE.notes["onset_s"][-1]) + 0.3)
    for factor in (1.0, 1.5):
        flaws = only("tempo", np.log(factor) / 0.42)
        slower = next(
            version
            for version in (degrade(ETUDE, flaws, np.random.default_rng(seed)) for seed in range(20))
            if version.performance.duration_s >= 0.99 * factor * ETUDE.duration_s
        )
        steps = (np.arange(len(slower.places)) + 0.5) * LABEL_STEP_S
        np.testing.assert_allclose(slower.places, np.minimum(steps / factor / end, 1.0), atol=0.02)


def test_no_flaws_leave_the_pedal_where_it_was() -> None:
    assert len(ETUDE.pedal)
    assert_same(degrade(ETUDE, draw_flaws(0.0, np.random.default_rng(0)), np.random.default_rng(1)).performance, ETUDE)


@settings(max_examples=40)
@given(performance=performances(), severity=st.floats(0.0, 2.0), seed=st.integers(0, 2**32))
def test_however_bad_it_is_two_hands_can_play_it(performance: Performance, severity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    version = degrade(performance, draw_flaws(severity, rng), rng)
    notes, pedal = version.performance.notes, version.performance.pedal
    assert len(notes) > 0
    assert np.all(np.diff(notes["onset_s"]) >= 0) and notes["onset_s"][0] >= 0
    assert notes["duration_s"].min() >= 0.02
    assert 21 <= notes["pitch"].min() and notes["pitch"].max() <= 108
    assert 1 <= notes["velocity"].min() and notes["velocity"].max() <= 127
    assert np.all(np.diff(pedal["time_s"]) >= 0)
    assert version.damage.shape == (len(FAMILIES), max(1, int(np.ceil(version.performance.duration_s / LABEL_STEP_S))))
    assert np.isfinite(version.damage).all() and version.damage.min() >= 0


def test_the_same_seed_makes_the_same_version_and_another_seed_another() -> None:
    def version(seed: int) -> Version:
        rng = np.random.default_rng(seed)
        return degrade(ETUDE, draw_flaws(0.8, rng), rng)

    assert np.array_equal(version(1).performance.notes, version(1).performance.notes)
    assert np.array_equal(version(1).performance.pedal, version(1).performance.pedal)
    assert np.array_equal(version(1).damage, version(1).damage)
    assert not np.array_equal(version(1).performance.notes, version(2).performance.notes)


def gaps(performance: Performance) -> np.ndarray:
    """Seconds between onsets that are no chord."""
    between = np.diff(performance.notes["onset_s"])
    return np.asarray(between[between > 0.1])


def log_lengths(performance: Performance) -> np.ndarray:
    return np.asarray(np.log(by_pitch(performance)["duration_s"] / by_pitch(ETUDE)["duration_s"]))


def tempo_wander(performance: Performance) -> float:
    slow = np.convolve(np.log(gaps(performance)), np.ones(10) / 10, "valid")
    return float(slow.std())


def wrong_pitches(performance: Performance) -> float:
    played, written = (Counter(p.notes["pitch"].tolist()) for p in (performance, ETUDE))
    return sum((played - written).values())


def chord_spread(performance: Performance) -> float:
    """Standard deviation of the onsets of each chord's lower notes."""
    low = performance.notes[performance.notes["pitch"] < 60]["onset_s"]
    return float(low.reshape(-1, 3).std(axis=1).mean())


def left_over_right(performance: Performance) -> float:
    left = performance.notes["pitch"] < 60
    return float(performance.notes["velocity"][left].mean() - performance.notes["velocity"][~left].mean())


def velocity_change(performance: Performance) -> float:
    change = by_pitch(performance)["velocity"].astype(float) - by_pitch(ETUDE)["velocity"]
    return float(np.abs(change).mean())


def phrase_shape(performance: Performance) -> float:
    """Spread of the loudness of phrases."""
    return float(np.convolve(performance.notes["velocity"].astype(float), np.ones(12) / 12, "valid").std())


MEASURES: dict[str, Callable[[Performance], float]] = {
    "tempo": lambda p: p.duration_s,
    "drift": tempo_wander,
    "unevenness": lambda p: float(np.log(gaps(p)).std()),
    "jitter": lambda p: float(gaps(p).std()),
    "chord_spread": chord_spread,
    "rhythm": lambda p: float((np.abs(np.log(gaps(p) / 0.4)) > 0.2).sum()),
    "hesitation": lambda p: float(gaps(p).max()),
    "stumble": lambda p: len(p.notes),
    "wrong": wrong_pitches,
    "missed": lambda p: -len(p.notes),
    "extra": lambda p: len(p.notes),
    "loudness": velocity_change,
    "flatness": lambda p: -phrase_shape(p),
    "balance": left_over_right,
    "articulation": lambda p: float(np.abs(log_lengths(p)).mean()),
    "pedal": lambda p: -len(p.pedal),
}


@pytest.mark.parametrize("kind", KINDS)
def test_more_of_a_kind_is_more_of_what_it_stands_for(kind: str) -> None:
    measured = [
        np.mean(
            [
                MEASURES[kind](degrade(ETUDE, only(kind, amount), np.random.default_rng(seed)).performance)
                for seed in range(N_SEEDS)
            ]
        )
        for amount in (0.0, 0.5, 1.0, 2.0)
    ]
    assert all(more > less for less, more in itertools.pairwise(measured)), measured


# What each kind may touch of: when notes begin, which keys, how loudly, how long, and the pedal.
TOUCHES = {
    "tempo": {"onset_s", "duration_s", "pedal"},
    "drift": {"onset_s", "duration_s", "pedal"},
    "unevenness": {"onset_s", "duration_s", "pedal"},
    "jitter": {"onset_s"},
    "chord_spread": {"onset_s"},
    "rhythm": {"onset_s", "duration_s", "pedal"},
    "loudness": {"velocity"},
    "flatness": {"velocity"},
    "balance": {"velocity"},
    "articulation": {"duration_s"},
    "pedal": {"pedal"},
}


@pytest.mark.parametrize("kind", TOUCHES)
def test_a_kind_alone_leaves_everything_else_as_it_was(kind: str) -> None:
    played = degrade(ETUDE, only(kind, 1.0), np.random.default_rng(5)).performance
    before, after = (np.sort(p.notes, order="pitch", kind="stable") for p in (ETUDE, played))
    np.testing.assert_array_equal(after["pitch"], before["pitch"])
    for name in {"onset_s", "duration_s", "velocity"} - TOUCHES[kind]:
        np.testing.assert_allclose(np.sort(after[name]), np.sort(before[name]), atol=1e-6)
    if "pedal" not in TOUCHES[kind]:
        np.testing.assert_array_equal(played.pedal["value"], ETUDE.pedal["value"])
        np.testing.assert_allclose(played.pedal["time_s"], ETUDE.pedal["time_s"], atol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tempo"])
def test_damage_lies_inside_the_focus(kind: str) -> None:
    start_s, near_s = 0.4 * ETUDE.duration_s, 2.5
    for seed in range(4):
        version = degrade(ETUDE, only(kind, 2.0, focus=(0.4, 0.6)), np.random.default_rng(seed))
        told = version.damage.sum(axis=0)
        assert told[: int((start_s - near_s) / LABEL_STEP_S)].max() == 0
        assert told[int(0.8 * len(told)) :].max() == 0
        before = [by_pitch(p.excerpt(0.0, start_s - near_s)) for p in (ETUDE, version.performance)]
        np.testing.assert_array_equal(before[1]["pitch"], before[0]["pitch"])
        np.testing.assert_array_equal(before[1]["velocity"], before[0]["velocity"])
        np.testing.assert_allclose(before[1]["onset_s"], before[0]["onset_s"], atol=0.02)  # steady hands tremble too


def test_tempo_has_no_place_and_is_told_everywhere() -> None:
    version = degrade(ETUDE, only("tempo", 1.0, focus=(0.4, 0.6)), np.random.default_rng(0))
    np.testing.assert_allclose(version.damage.sum(axis=0), KINDS["tempo"].weight, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_to_the_family_of_its_kind_alone(kind: str) -> None:
    told = sum(degrade(ETUDE, only(kind, 1.5), np.random.default_rng(s)).damage.sum(axis=1) for s in range(N_SEEDS))
    assert isinstance(told, np.ndarray)
    assert [FAMILIES[row] for row in np.flatnonzero(told)] == [KINDS[kind].family]


def told(version: Version, family: str) -> float:
    """Severity of a family on average over the performance."""
    return float(version.damage[FAMILIES.index(family)].mean())


def under_one_pedal(performance: Performance) -> Performance:
    """The same keys under a pedal that is held to the end."""
    return Performance(performance.notes, np.array([(0.0, 127)], PEDAL_DTYPE))


def without_pedal(performance: Performance) -> Performance:
    return Performance(performance.notes)


def test_what_fingers_do_under_a_held_pedal_is_not_told() -> None:
    dry, held = (
        [
            told(degrade(played, only("articulation", 1.5), np.random.default_rng(seed)), "articulation")
            for seed in range(4)
        ]
        for played in (without_pedal(ETUDE), under_one_pedal(ETUDE))
    )
    assert min(dry) > 0.01
    assert max(held) < 0.1 * min(dry)


def test_a_pedal_that_is_lifted_where_nothing_rings_may_as_well_not_be() -> None:
    # The pedal is down in rests alone, after every key is up.
    rows = [(2.0 * i, 0.5, 60 + i, 64) for i in range(20)]
    pedal = [(2.0 * i + lag, value) for i in range(20) for lag, value in ((1.0, 127), (1.5, 0))]
    played = Performance(make_notes(rows), np.array(pedal, PEDAL_DTYPE))
    versions = [degrade(played, only("pedal", 2.0), np.random.default_rng(seed)) for seed in range(8)]
    # Of the others changes were left out, and their tones ring on.
    fewer_presses = [version for version in versions if (version.performance.pedal["value"] == 0).sum() == 20]
    assert 0 < len(fewer_presses) < len(versions)
    assert all(told(version, "pedal") == 0 for version in fewer_presses)


def test_a_foot_that_moves_gradually_moves_or_does_not() -> None:
    """Movements of many values each are left out as a whole: what stays is as it was, or gone."""
    down, up = (0, 30, 70, 100, 127), (127, 90, 50, 20, 0)
    gradual = [
        (1.6 * i + lag + 0.02 * k, value)
        for i in range(29)
        for lag, values in ((0.1, down), (1.5, up))
        for k, value in enumerate(values)
    ]
    played = Performance(ETUDE.notes, np.array(gradual, PEDAL_DTYPE))
    stays = played.pedal["value"] >= 64
    runs = np.split(np.arange(len(stays)), np.flatnonzero(np.diff(stays)) + 1)
    kept_in_part = 0
    left_out = 0
    for seed in range(8):
        version = degrade(played, only("pedal", 1.0), np.random.default_rng(seed))
        kept = np.isin(played.pedal["time_s"].round(6), version.performance.pedal["time_s"].round(6))
        left_out += sum(not kept[run].any() for run in runs)
        kept_in_part += sum(bool(kept[run].any() and not kept[run].all()) for run in runs)
    assert left_out > 0 and kept_in_part == 0


def test_longer_pauses_are_told_as_more() -> None:
    pauses_s, severities = [], []
    for seed in range(60):
        version = degrade(ETUDE, only("hesitation", 0.4), np.random.default_rng(seed))
        pauses_s.append(version.performance.duration_s - ETUDE.duration_s)
        severities.append(float(version.damage.sum() * LABEL_STEP_S))
    assert np.corrcoef(pauses_s, severities)[0, 1] > 0.8


def test_nobody_hesitates_before_the_first_note() -> None:
    for seed in range(40):
        version = degrade(ETUDE, only("hesitation", 1.0), np.random.default_rng(seed))
        assert version.performance.notes["onset_s"][0] == ETUDE.notes["onset_s"][0]


def test_a_key_that_has_to_be_struck_again_is_held_no_longer() -> None:
    """Repeated notes leave no room to be smeared, and are told to be; a scale's are not."""
    repeated = Performance(make_notes([(0.5 * n, 0.5, 60, 64) for n in range(40)]))
    scale = Performance(make_notes([(0.5 * n, 0.5, 48 + n, 64) for n in range(40)]))
    smeared = next(
        seed
        for seed in range(20)
        if degrade(scale, only("articulation", 1.0), np.random.default_rng(seed)).performance.notes["duration_s"].mean()
        > 0.6
    )
    of_repeated, of_scale = (
        told(degrade(played, only("articulation", 1.0), np.random.default_rng(smeared)), "articulation")
        for played in (repeated, scale)
    )
    assert of_repeated < 0.6 * of_scale


def test_what_is_cut_off_is_told_no_more() -> None:
    version = degrade(ETUDE, only("wrong", 1.0), np.random.default_rng(0))
    cut = version.until(3.2)
    assert cut.performance.duration_s <= 3.2 < version.performance.duration_s
    np.testing.assert_array_equal(cut.damage, version.damage[:, :7])
    np.testing.assert_array_equal(cut.places, version.places[:7])


def test_where_there_was_no_shape_none_is_flattened() -> None:
    even = Performance(ETUDE.notes.copy(), ETUDE.pedal)
    even.notes["velocity"] = 64
    shaped, flat = (
        told(degrade(played, only("flatness", 1.0), np.random.default_rng(0)), "dynamics") for played in (ETUDE, even)
    )
    assert shaped > 0.01
    assert flat == 0


def test_the_shares_of_the_kinds_add_up_to_one_and_every_family_has_one() -> None:
    assert sum(kind.weight for kind in KINDS.values()) == pytest.approx(1.0)
    assert {kind.family for kind in KINDS.values()} == set(FAMILIES)


@given(severity=st.floats(0.0, 2.5), seed=st.integers(0, 2**32))
def test_the_shares_of_what_is_drawn_add_up_to_the_severity(severity: float, seed: int) -> None:
    flaws = draw_flaws(severity, np.random.default_rng(seed))
    assert list(flaws.amounts) == list(KINDS)
    alone = {kind: amount / KINDS[kind].among_others for kind, amount in flaws.amounts.items()}
    assert all(0 <= amount <= MOST_OF_ONE_KIND + 1e-9 for amount in alone.values())
    total = sum(KINDS[kind].weight * amount for kind, amount in alone.items())
    capped = max(alone.values()) == pytest.approx(MOST_OF_ONE_KIND)
    assert total <= severity + 1e-9
    assert capped or total == pytest.approx(severity)
    if flaws.focus is not None:
        assert 0 <= flaws.focus[0] < flaws.focus[1] <= 1


@pytest.mark.parametrize("severity", [0.3, 0.6, 1.0])
def test_the_damage_told_is_about_the_severity_drawn(severity: float) -> None:
    drawn, told = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        flaws = dataclasses.replace(draw_flaws(severity, rng), focus=None)
        drawn.append(sum(KINDS[kind].weight * amount for kind, amount in flaws.amounts.items()))
        told.append(float(degrade(ETUDE, flaws, rng).damage.sum(axis=0).mean()))
    assert np.mean(told) == pytest.approx(np.mean(drawn), rel=0.15)
    assert np.corrcoef(drawn, told)[0, 1] > 0 or np.std(drawn) < 1e-6


def test_a_performance_of_which_every_note_is_missed_is_not_empty() -> None:
    one = Performance(make_notes([(0.0, 0.5, 60, 64)]))
    for seed in range(200):
        assert len(degrade(one, only("missed", 25.0), np.random.default_rng(seed)).performance.notes) == 1


def families_of(flaws: Flaws) -> set[str]:
    return {KINDS[name].family for name, amount in flaws.amounts.items() if amount > 0}


@given(seed=st.integers(0, 2**32))
def test_flaws_drawn_apart_are_of_one_to_three_families(seed: int) -> None:
    flaws = draw_apart(np.random.default_rng(seed))
    assert set(flaws.amounts) == set(KINDS)
    assert 1 <= len(families_of(flaws)) <= 3
    assert max(flaws.amounts.values()) <= MOST_OF_ONE_KIND


def test_every_family_is_drawn_alone_about_as_often() -> None:
    rng = np.random.default_rng(0)
    alone = Counter(
        min(families) for families in (families_of(draw_apart(rng)) for _ in range(2000)) if len(families) == 1
    )
    assert set(alone) == set(FAMILIES)
    assert sum(alone.values()) == pytest.approx(1200, abs=100)
    assert max(alone.values()) < 1.4 * min(alone.values())
