"""One family of flaws planted alone: nothing else is damaged, and every judge hears the same recordings."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import piano_tone
from pkai.scorer import Judge
from training.ladder.excerpts import Source
from training.ladder.flaws import FAMILIES, KINDS
from training.ladder.skill_ladder import LABEL_STEP_S, Version, degrade
from training.music.performance import Performance, make_notes
from training.people.playback import SAMPLE_RATE, wav_bytes
from training.planted import one_family, recordings
from training.planted.one_family import OneFamily, flaws_of
from training.planted.recordings import Planted


def excerpt_of(n: int = 60) -> Performance:
    return Performance(make_notes([(0.3 * i, 0.3, 48 + 7 * i % 30, 64) for i in range(n)]))


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_planted_family_is_damaged(family: str, rng: np.random.Generator) -> None:
    flaws = flaws_of(family, 1.5)
    assert {KINDS[kind].family for kind, amount in flaws.amounts.items() if amount} == {family}
    damaged = degrade(excerpt_of(), flaws, rng).damage.sum(axis=1) > 0
    assert [name for name, hit in zip(FAMILIES, damaged, strict=True) if hit] == [family]


def test_damage_is_told_where_it_was_heard(model_root: Path, tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(2 * SAMPLE_RATE, np.float32), piano_tone.notes(12.0, SAMPLE_RATE)])
    (tmp_path / "two-seconds-late.wav").write_bytes(wav_bytes(sound, SAMPLE_RATE))
    heard = Judge.load(model_root, "pdr", n_threads=1).hear(tmp_path / "two-seconds-late.wav")
    damage = np.zeros((len(FAMILIES), 28))
    damage[2, round(2 / LABEL_STEP_S) : round(6 / LABEL_STEP_S)] = 0.5  # from the first key on, four seconds long
    found = Planted(sound=b"", damage=damage).on_timeline(heard)
    assert found.shape == (len(FAMILIES), 3)
    np.testing.assert_allclose(found[2], [0.5, 0.0, 0.0], atol=0.02)
    assert not np.delete(found, 2, axis=0).any()


class Silence(recordings.Studio):
    """A studio without a piano: the sound has nothing to do with the version."""

    recorded: list[Version] = []  # noqa: RUF012 - of one test

    def __init__(self, *ignored: object) -> None:
        pass

    def excerpt(self) -> tuple[str, Performance]:
        """The same each time."""
        return "a piece", excerpt_of()

    def record(self, version: Version) -> Planted:
        """Twelve seconds of some notes."""
        self.recorded.append(version)
        sound = wav_bytes(piano_tone.notes(12.0, SAMPLE_RATE), SAMPLE_RATE)
        return Planted(sound=sound, damage=version.damage.astype(np.float64))


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Version]]:
    monkeypatch.setattr(one_family, "Studio", Silence)
    yield Silence.recorded
    Silence.recorded.clear()


def test_every_judge_hears_each_recording_once_and_the_flawless_one_for_every_family(
    model_root: Path, tmp_path: Path, studio: list[Version]
) -> None:
    judge = Judge.load(model_root, "pdr", n_threads=1)
    how = OneFamily(n_excerpts=2, amounts=(1.5,))
    sources: tuple[Source, ...] = ()
    told = one_family.listen({"one": judge, "other": judge}, sources, tmp_path, how)
    assert len(studio) == how.n == 2 * (1 + len(FAMILIES))
    assert list(told) == ["one", "other"] and list(told["one"]) == list(FAMILIES)
    for family, versions in told["one"].items():
        row = FAMILIES.index(family)
        assert [each.excerpt for each in versions] == [0, 0, 1, 1]
        assert [bool(each.planted.any()) for each in versions[::2]] == [False, False]
        assert not any(np.delete(each.planted, row, axis=0).any() for each in versions)
    assert dataclasses.astuple(told["one"]["tempo"][1])[:4] == dataclasses.astuple(told["other"]["tempo"][1])[:4]
    assert max(version.performance.duration_s for version in studio) <= 34.0
