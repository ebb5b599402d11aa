"""The recordings that come with the project, and how they are made."""

from pathlib import Path

import av
import numpy as np
import pytest

from conftest import ROOT
from pkai import audio
from training.commands import bundle
from training.model.repertoire import LONGEST_S, play
from training.music.expression import perform
from training.music.score import SCORES, read_score
from training.sound import encoding

BUNDLED = sorted((ROOT / "events" / "audio").glob("fur-elise-*"))


def tone(rng: np.random.Generator) -> audio.Waveform:
    seconds = np.arange(3 * bundle.SAMPLE_RATE) / bundle.SAMPLE_RATE
    steady = 0.3 * np.sin(2 * np.pi * 440 * seconds)
    return (steady + 0.001 * rng.standard_normal(len(seconds))).astype(np.float32)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".webm"])
def test_a_recording_survives_its_file_format(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    sent = tone(rng)
    path = tmp_path / f"tone{suffix}"
    encoding.write(path, sent, bundle.SAMPLE_RATE, bundle.FORMATS[path.suffix])
    heard = audio.decode(path, sample_rate=bundle.SAMPLE_RATE)
    assert len(heard) == pytest.approx(len(sent), abs=0.15 * bundle.SAMPLE_RATE)
    middle = heard[bundle.SAMPLE_RATE : 2 * bundle.SAMPLE_RATE]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440
    assert float(np.sqrt(np.mean(middle**2))) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".webm"])
def test_the_same_recording_makes_the_same_bytes(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    sent = tone(rng)
    paths = [tmp_path / f"{name}{suffix}" for name in ("first", "second")]
    for path in paths:
        encoding.write(path, sent, bundle.SAMPLE_RATE, bundle.FORMATS[path.suffix])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_severity_zero_is_the_expert_and_more_is_slower_and_less_even() -> None:
    score = read_score(SCORES / "fur_elise.txt")
    played = [play(score, severity, seed=seed) for severity, seed in bundle.LEVELS.values()]
    _, seed = bundle.LEVELS["1-expert"]
    expert = perform(score, rng=np.random.default_rng(seed))
    assert np.array_equal(played[0].notes["onset_s"], expert.notes["onset_s"])
    gaps = [np.diff(performance.notes["onset_s"]) for performance in played]
    slowness = [float(np.median(gap[gap > 0.05])) for gap in gaps]
    unevenness = [float(np.log(gap[gap > 0.05]).std()) for gap in gaps]
    assert slowness == sorted(slowness)
    assert unevenness == sorted(unevenness)
    assert all(20 < performance.duration_s <= LONGEST_S for performance in played)


def test_a_missing_piano_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no sound font for fluid-0, musescore-1"):
        next(bundle.recordings(Path(), {}))


def test_the_bundle_holds_four_levels_on_two_pianos_and_is_small() -> None:
    assert [path.stem for path in BUNDLED] == [
        f"fur-elise-{level}-{piano}" for level in sorted(bundle.LEVELS) for piano in sorted(bundle.SETTINGS)
    ]
    assert {path.suffix for path in BUNDLED} == {".mp3", ".m4a", ".ogg", ".webm"}
    assert sum(path.stat().st_size for path in BUNDLED) < 1_000_000


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_each_bundled_recording_is_half_a_minute_of_sound(path: Path) -> None:
    waveform = audio.decode(path, sample_rate=bundle.SAMPLE_RATE)
    assert 20 < len(waveform) / bundle.SAMPLE_RATE < 34
    assert 0.3 < np.abs(waveform).max() < 1.0
    with av.open(path) as container:
        assert container.streams.audio[0].channels == 1
