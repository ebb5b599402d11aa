"""A sound font of ours plays, through FluidSynth, the right recording at the right pitch."""

from pathlib import Path

import numpy as np
import pytest

from training.music.performance import Performance, make_notes
from training.sound import soundfont
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer
from training.sound.soundfont import SampledNote

SAMPLE_RATE = 44_100
# A soft recording is a pure tone, a loud one the octave above it, so that one can hear which one plays.
SOFT, LOUD = 1, 2


def hz_of(pitch: float) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def sampled(pitch: int, layer: int, pitches: tuple[int, int], velocities: tuple[int, int]) -> SampledNote:
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    pcm = (20_000 * np.sin(2 * np.pi * layer * hz_of(pitch) * t)).astype(np.int16)
    return SampledNote(
        pcm=pcm,
        sample_rate=SAMPLE_RATE,
        pitch=pitch,
        lowest_pitch=pitches[0],
        highest_pitch=pitches[1],
        lowest_velocity=velocities[0],
        highest_velocity=velocities[1],
        release_s=0.1,
    )


@pytest.fixture(scope="module")
def piano(tmp_path_factory: pytest.TempPathFactory) -> Instrument:
    """Two recorded pitches in two velocity layers, split in the middle."""
    path = tmp_path_factory.mktemp("fonts") / "made.sf2"
    notes = [
        sampled(pitch, layer, pitches, velocities)
        for layer, velocities in ((SOFT, (0, 63)), (LOUD, (64, 127)))
        for pitch, pitches in ((48, (0, 53)), (60, (54, 127)))
    ]
    soundfont.write(path, "a grand with a name too long for its field", notes)
    return Instrument(name="made", soundfont=path)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(SAMPLE_RATE)


def played(pitch: int, velocity: int, duration_s: float = 0.8) -> Performance:
    return Performance(make_notes([(0.0, duration_s, pitch, velocity)]))


def test_a_key_struck_again_while_it_is_held_sounds_as_long_as_it_is_held_again(
    piano: Instrument, renderer: Renderer
) -> None:
    again = [(0.5, 1.0, 60, 50)]
    held, let_go = (
        renderer.render(Performance(make_notes([(0.0, first_s, 60, 50), *again])), piano) for first_s in (0.6, 0.4)
    )
    at = slice(round(0.8 * SAMPLE_RATE), round(1.0 * SAMPLE_RATE))
    assert np.abs(held[at]).max() > 0.5 * np.abs(let_go[at]).max() > 0


def heard_hz(sound: np.ndarray) -> float:
    """Strongest frequency of the first 0.5 s, between bins."""
    spectrum = np.abs(
        np.fft.rfft(sound[2000 : 2000 + SAMPLE_RATE // 2] * np.hanning(SAMPLE_RATE // 2), 4 * SAMPLE_RATE)
    )
    return float(np.argmax(spectrum) / 4)


@pytest.mark.parametrize("pitch", [45, 48, 53, 54, 60, 67])
def test_every_key_sounds_at_its_own_pitch_from_the_nearest_recording(
    piano: Instrument, renderer: Renderer, pitch: int
) -> None:
    assert heard_hz(renderer.render(played(pitch, 50), piano)) == pytest.approx(hz_of(pitch), rel=0.005)


@pytest.mark.parametrize(("velocity", "layer"), [(1, SOFT), (63, SOFT), (64, LOUD), (127, LOUD)])
def test_the_velocity_chooses_the_recording(piano: Instrument, renderer: Renderer, velocity: int, layer: int) -> None:
    assert heard_hz(renderer.render(played(60, velocity), piano)) == pytest.approx(layer * hz_of(60), rel=0.005)


@pytest.mark.parametrize("cents", [-50.0, 25.0])
def test_an_instrument_out_of_tune_is_so_by_the_cents_asked_for(
    piano: Instrument, renderer: Renderer, cents: float
) -> None:
    sound = renderer.render(played(60, 50), piano, tuning_cents=cents)
    assert 1200 * np.log2(heard_hz(sound) / hz_of(60)) == pytest.approx(cents, abs=3)
    assert heard_hz(renderer.render(played(60, 50), piano)) == pytest.approx(hz_of(60), rel=0.001)


def test_a_key_sounds_from_its_onset_until_shortly_after_its_release(piano: Instrument, renderer: Renderer) -> None:
    performance = Performance(make_notes([(0.3, 0.3, 60, 50)]))
    loud = np.abs(renderer.render(performance, piano)) > 0.02  # above the dither
    assert np.argmax(loud) / SAMPLE_RATE == pytest.approx(0.3, abs=0.01)
    last = (len(loud) - np.argmax(loud[::-1])) / SAMPLE_RATE
    assert 0.6 < last < 0.85


def test_what_was_played_before_does_not_change_how_a_performance_sounds(piano: Instrument, renderer: Renderer) -> None:
    """Nor by FluidSynth's dither, nor by how loud a voice last was."""
    performance, before = played(50, 80), Performance(make_notes([(0.0, 0.7123, 70, 90), (0.1001, 1.0, 49, 20)]))
    first = renderer.render(performance, piano)
    renderer.render(before, piano)
    np.testing.assert_array_equal(renderer.render(performance, piano), first)


def test_a_sound_font_that_is_not_there_is_named(renderer: Renderer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot load the sound font .*nothing\.sf2"):
        renderer.render(played(60, 64), Instrument(name="nothing", soundfont=tmp_path / "nothing.sf2"))


def test_a_sound_font_without_notes_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="empty has no notes to make a SoundFont of"):
        soundfont.write(tmp_path / "empty.sf2", "empty", [])
    assert not list(tmp_path.iterdir())
