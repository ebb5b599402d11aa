"""A performance survives MIDI to a millisecond, and is cut and stretched without losing what the hands did."""

from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.music.performance import PEDAL_DTYPE, Notes, Performance, make_notes, read_midi, write_midi

MILLISECOND = 1e-3


def pedal(*rows: tuple[float, int]) -> Notes:
    """Pedal events from (time_s, value) rows."""
    return np.array(list(rows), PEDAL_DTYPE)


@st.composite
def performances(draw: st.DrawFn) -> Performance:
    """Notes that may overlap and repeat, but no key is struck again while it is down."""
    rows: list[tuple[float, float, int, int]] = []
    for pitch in draw(st.lists(st.integers(21, 108), min_size=1, max_size=6, unique=True)):
        now = 0.0
        for _ in range(draw(st.integers(1, 5))):
            now += draw(st.floats(0.004, 3.0))
            duration_s = draw(st.floats(0.004, 4.0))
            rows.append((now, duration_s, pitch, draw(st.integers(1, 127))))
            now += duration_s
    times = sorted(draw(st.lists(st.floats(0, 30), max_size=8)))
    return Performance(make_notes(rows), pedal(*((time_s, draw(st.integers(0, 127))) for time_s in times)))


@given(performance=performances())
def test_a_round_trip_through_midi_keeps_everything_to_a_millisecond(
    performance: Performance, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("midi") / "performance.mid"
    write_midi(performance, path)
    back = read_midi(path)
    # Onsets a rounding apart may change places between pitches: by pitch, the order is certain.
    expected = np.sort(performance.notes, order=("pitch", "onset_s"))
    got = np.sort(back.notes, order=("pitch", "onset_s"))
    np.testing.assert_array_equal(got["pitch"], expected["pitch"])
    np.testing.assert_array_equal(got["velocity"], expected["velocity"])
    np.testing.assert_allclose(got["onset_s"], expected["onset_s"], rtol=0, atol=MILLISECOND)
    np.testing.assert_allclose(
        got["onset_s"] + got["duration_s"], expected["onset_s"] + expected["duration_s"], rtol=0, atol=MILLISECOND
    )
    np.testing.assert_array_equal(back.pedal["value"], performance.pedal["value"])
    np.testing.assert_allclose(back.pedal["time_s"], performance.pedal["time_s"], rtol=0, atol=MILLISECOND)


def test_no_error_adds_up_over_half_an_hour(tmp_path: Path) -> None:
    onsets = np.arange(0, 1800, 0.7317)
    performance = Performance(make_notes([(float(onset), 0.1234, 60, 64) for onset in onsets]))
    write_midi(performance, tmp_path / "long.mid")
    np.testing.assert_allclose(read_midi(tmp_path / "long.mid").notes["onset_s"], onsets, rtol=0, atol=MILLISECOND)


def test_a_key_struck_again_at_the_moment_of_its_release_stays_two_notes(tmp_path: Path) -> None:
    write_midi(Performance(make_notes([(0.0, 1.0, 60, 50), (1.0, 1.0, 60, 90)])), tmp_path / "again.mid")
    notes = read_midi(tmp_path / "again.mid").notes
    assert notes["velocity"].tolist() == [50, 90]
    np.testing.assert_allclose(notes["duration_s"], [1.0, 1.0], atol=MILLISECOND)


def midi_file(path: Path, *messages: mido.Message, tempo: int | None = None) -> Path:
    """Write messages as a MIDI file with 480 ticks per beat."""
    track = mido.MidiTrack()
    if tempo is not None:
        track.append(mido.MetaMessage("set_tempo", tempo=tempo))
    track.extend(messages)
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(path)
    return path


def test_the_tempo_of_the_file_is_heard(tmp_path: Path) -> None:
    path = midi_file(
        tmp_path / "slow.mid",
        mido.Message("note_on", note=60, velocity=64, time=480),
        mido.Message("note_off", note=60, time=480),
        tempo=1_000_000,
    )
    notes = read_midi(path).notes
    assert notes["onset_s"].tolist() == pytest.approx([1.0])
    assert notes["duration_s"].tolist() == pytest.approx([1.0])


def test_a_note_on_without_velocity_is_a_release(tmp_path: Path) -> None:
    path = midi_file(
        tmp_path / "running.mid",
        mido.Message("note_on", note=60, velocity=64, time=0),
        mido.Message("note_on", note=60, velocity=0, time=960),
    )
    assert read_midi(path).notes["duration_s"].tolist() == pytest.approx([1.0])


def test_a_note_never_released_sounds_until_the_end(tmp_path: Path) -> None:
    path = midi_file(
        tmp_path / "held.mid",
        mido.Message("note_on", note=60, velocity=64, time=0),
        mido.Message("note_on", note=62, velocity=64, time=960),
        mido.Message("note_off", note=62, time=960),
    )
    notes = read_midi(path).notes
    assert notes["duration_s"].tolist() == pytest.approx([2.0, 1.0])


def test_only_the_sustain_pedal_is_read(tmp_path: Path) -> None:
    path = midi_file(
        tmp_path / "pedals.mid",
        mido.Message("note_on", note=60, velocity=64, time=0),
        mido.Message("control_change", control=64, value=127, time=480),
        mido.Message("control_change", control=67, value=127, time=0),
        mido.Message("note_off", note=60, time=480),
    )
    assert read_midi(path).pedal.tolist() == [(0.5, 127)]


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF....WAVE", b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\x10\0\x90"])
def test_a_file_that_is_no_midi_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.mid"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"noise\.mid (is not a MIDI file that can be read|holds no note)"):
        read_midi(path)


def test_tracks_that_are_not_played_together_are_refused_by_name(tmp_path: Path) -> None:
    path = midi_file(tmp_path / "apart.mid", mido.Message("note_on", note=60, velocity=64))
    header = b"MThd\0\0\0\6\0"
    path.write_bytes(path.read_bytes().replace(header + b"\1", header + b"\2"))
    with pytest.raises(ValueError, match=r"apart\.mid is not a MIDI file that can be read: can't merge tracks"):
        read_midi(path)


def test_a_key_signature_that_there_is_not_is_refused_by_name(tmp_path: Path) -> None:
    path = midi_file(tmp_path / "key.mid", mido.MetaMessage("key_signature", key="C"))
    path.write_bytes(path.read_bytes().replace(b"\xff\x59\x02\0", b"\xff\x59\x02\x7f"))
    with pytest.raises(ValueError, match=r"key\.mid is not a MIDI file that can be read: Could not decode key"):
        read_midi(path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent\.mid is not a MIDI file that can be read"):
        read_midi(tmp_path / "absent.mid")


def test_a_file_without_notes_is_refused(tmp_path: Path) -> None:
    path = midi_file(tmp_path / "still.mid", mido.Message("control_change", control=64, value=127, time=0))
    with pytest.raises(ValueError, match=r"still\.mid holds no note"):
        read_midi(path)


def test_an_excerpt_begins_at_zero_and_ends_at_its_edge() -> None:
    whole = Performance(make_notes([(0.0, 1.0, 60, 64), (1.0, 0.5, 62, 64), (1.8, 5.0, 64, 64), (3.0, 1.0, 65, 64)]))
    notes = whole.excerpt(1.0, 2.0).notes
    assert notes["pitch"].tolist() == [62, 64]
    np.testing.assert_allclose(notes["onset_s"], [0.0, 0.8])
    np.testing.assert_allclose(notes["duration_s"], [0.5, 0.2])


def test_an_excerpt_begins_with_the_pedal_as_it_was() -> None:
    whole = Performance(make_notes([(2.0, 1.0, 60, 64)]), pedal((0.5, 0), (0.9, 100), (2.5, 0), (9.0, 127)))
    assert whole.excerpt(1.0, 4.0).pedal.tolist() == [(0.0, 100), (1.5, 0)]


def test_an_excerpt_leaves_the_whole_untouched() -> None:
    whole = Performance(make_notes([(2.0, 1.0, 60, 64)]), pedal((2.5, 64)))
    whole.excerpt(1.0, 2.2)
    assert whole.notes.tolist() == [(2.0, 1.0, 60, 64)]
    assert whole.pedal.tolist() == [(2.5, 64)]


def test_stretching_scales_every_time_and_nothing_else() -> None:
    whole = Performance(make_notes([(1.0, 0.5, 60, 64)]), pedal((2.0, 64)))
    slow = whole.stretched(2.0)
    assert slow.notes.tolist() == [(2.0, 1.0, 60, 64)]
    assert slow.pedal.tolist() == [(4.0, 64)]
    assert whole.notes.tolist() == [(1.0, 0.5, 60, 64)]


def test_the_duration_runs_to_the_last_release() -> None:
    assert Performance(make_notes([(0.0, 9.0, 60, 64), (5.0, 1.0, 62, 64)])).duration_s == 9.0
    assert Performance(make_notes([])).duration_s == 0.0


def test_the_span_runs_from_the_first_key_to_the_last() -> None:
    waited_and_held = [(3.0, 1.0, 60, 64), (4.0, 20.0, 62, 64), (8.0, 9.0, 64, 64)]
    assert Performance(make_notes(waited_and_held)).span_s == 5.0
    assert Performance(make_notes([(3.0, 9.0, 60, 64), (3.0, 1.0, 64, 64)])).span_s == 0.0
    assert Performance(make_notes([])).span_s == 0.0


@given(performance=performances(), span_s=st.floats(0.5, 60.0))
def test_spanning_begins_with_the_first_key_and_ends_with_the_last_when_told(
    performance: Performance, span_s: float
) -> None:
    spanning = performance.spanning(span_s)
    assert spanning.notes["onset_s"].min() == 0.0
    np.testing.assert_array_equal(spanning.notes["pitch"], performance.notes["pitch"])
    if performance.span_s > 0:
        assert spanning.span_s == pytest.approx(span_s)
        shares = spanning.notes["onset_s"] / span_s
        began = performance.notes["onset_s"] - performance.notes["onset_s"].min()
        np.testing.assert_allclose(shares, began / performance.span_s, atol=1e-9)


def test_what_has_one_onset_spans_nothing_and_is_not_stretched() -> None:
    spanning = Performance(make_notes([(3.0, 2.0, 60, 64), (3.0, 1.0, 64, 64)]), pedal((1.0, 127))).spanning(10.0)
    assert spanning.notes.tolist() == [(0.0, 2.0, 60, 64), (0.0, 1.0, 64, 64)]
    assert spanning.pedal.tolist() == [(0.0, 127)]


def test_notes_are_put_in_order_of_onset_then_pitch() -> None:
    notes = make_notes([(1.0, 1.0, 60, 64), (0.0, 1.0, 72, 64), (0.0, 1.0, 48, 64)])
    assert notes["pitch"].tolist() == [48, 72, 60]


def test_arrays_of_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="notes and pedal must be arrays of NOTE_DTYPE and PEDAL_DTYPE"):
        Performance(np.zeros((3, 4)))  # type: ignore[arg-type]  # wrong on purpose
