"""A performance as notes and pedal, and its reading from and writing to MIDI."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

NOTE_DTYPE = np.dtype([("onset_s", "f8"), ("duration_s", "f8"), ("pitch", "i2"), ("velocity", "i2")])
PEDAL_DTYPE = np.dtype([("time_s", "f8"), ("value", "i2")])
Notes = npt.NDArray[np.void]

_TICKS_PER_BEAT = 480
_TICKS_PER_S = 960  # at the 120 beats a minute that a MIDI file without a tempo has


def _no_pedal() -> Notes:
    return np.empty(0, PEDAL_DTYPE)


@dataclass(frozen=True)
class Performance:
    """What the fingers and the right foot did.

    Attributes
    ----------
    notes : (N,) of NOTE_DTYPE, ordered by onset; seconds, MIDI pitch, velocity 1..127
    pedal : (P,) of PEDAL_DTYPE, ordered by time; value 0..127 of the sustain pedal, 64 and above is down
    """

    notes: Notes
    pedal: Notes = field(default_factory=_no_pedal)

    def __post_init__(self) -> None:
        if self.notes.dtype != NOTE_DTYPE or self.pedal.dtype != PEDAL_DTYPE:
            raise ValueError("notes and pedal must be arrays of NOTE_DTYPE and PEDAL_DTYPE")

    @property
    def duration_s(self) -> float:
        """Seconds from 0 to the release of the last key."""
        return float((self.notes["onset_s"] + self.notes["duration_s"]).max(initial=0.0))

    @property
    def span_s(self) -> float:
        """Seconds from the first key pressed to the last one: how long the playing takes; 0 of one onset or none.

        Neither the wait before the first key nor how long the last chord is held belongs to the tempo.
        """
        return float(np.ptp(self.notes["onset_s"])) if len(self.notes) else 0.0

    def excerpt(self, start_s: float, stop_s: float) -> "Performance":
        """Notes whose onset lies in start_s..stop_s, moved to begin at 0; the pedal keeps its state at the start."""
        onsets = self.notes["onset_s"]
        notes = self.notes[(onsets >= start_s) & (onsets < stop_s)].copy()
        notes["onset_s"] -= start_s
        notes["duration_s"] = np.minimum(notes["duration_s"], stop_s - start_s - notes["onset_s"])
        before = self.pedal[self.pedal["time_s"] < start_s]
        pedal = self.pedal[(self.pedal["time_s"] >= start_s) & (self.pedal["time_s"] < stop_s)].copy()
        pedal["time_s"] -= start_s
        if len(before):
            state = before[-1:].copy()
            state["time_s"] = 0.0
            pedal = np.concatenate([state, pedal])
        return Performance(notes, pedal)

    def stretched(self, factor: float) -> "Performance":
        """The same, `factor` times as slow."""
        notes, pedal = self.notes.copy(), self.pedal.copy()
        notes["onset_s"] *= factor
        notes["duration_s"] *= factor
        pedal["time_s"] *= factor
        return replace(self, notes=notes, pedal=pedal)

    def spanning(self, span_s: float) -> "Performance":
        """The same from its first key on, at the tempo at which the last key follows `span_s` seconds later.

        What has no tempo, for it has one onset, is not stretched.

        Parameters
        ----------
        span_s : > 0
        """
        begun = self.excerpt(float(self.notes["onset_s"].min(initial=np.inf)), np.inf)
        return begun.stretched(span_s / self.span_s) if self.span_s > 0 else begun


def make_notes(rows: list[tuple[float, float, int, int]]) -> Notes:
    """Notes from (onset_s, duration_s, pitch, velocity) rows, in order of onset."""
    notes = np.array(rows, NOTE_DTYPE)
    return notes[np.lexsort((notes["pitch"], notes["onset_s"]))]


def read_midi(path: Path) -> Performance:
    """Read every note and the sustain pedal of a MIDI file, all tracks and channels together.

    Raises
    ------
    ValueError
        If the file is no MIDI, or holds no note.
    """
    try:
        messages = list(mido.MidiFile(path, clip=True))
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, mido.KeySignatureError) as err:
        raise ValueError(f"{path.name} is not a MIDI file that can be read: {err}") from err
    rows: list[tuple[float, float, int, int]] = []
    pedal: list[tuple[float, int]] = []
    down: dict[tuple[int, int], list[tuple[float, int]]] = {}
    now = 0.0
    for message in messages:
        now += message.time
        if message.type == "note_on" and message.velocity > 0:
            down.setdefault((message.channel, message.note), []).append((now, message.velocity))
        elif message.type in ("note_on", "note_off"):
            started = down.get((message.channel, message.note))
            if started:
                onset, velocity = started.pop(0)
                rows.append((onset, now - onset, message.note, velocity))
        elif message.type == "control_change" and message.control == 64:
            pedal.append((now, message.value))
    for (_, pitch), started in down.items():  # never released: until the end
        rows.extend((onset, now - onset, pitch, velocity) for onset, velocity in started)
    if not rows:
        raise ValueError(f"{path.name} holds no note")
    return Performance(make_notes(rows), np.array(pedal, PEDAL_DTYPE))


def write_midi(performance: Performance, path: Path) -> None:
    """Write a performance as a one-track MIDI file at 120 beats a minute, to a millisecond."""
    events: list[tuple[float, int, mido.Message]] = []
    for onset_s, duration_s, pitch, velocity in performance.notes.tolist():
        events.append((onset_s, 2, mido.Message("note_on", note=pitch, velocity=velocity)))
        events.append((onset_s + duration_s, 1, mido.Message("note_off", note=pitch)))
    for time_s, value in performance.pedal.tolist():
        events.append((time_s, 0, mido.Message("control_change", control=64, value=value)))
    track = mido.MidiTrack()
    last = 0
    for time_s, _, message in sorted(events, key=lambda event: event[:2]):
        tick = max(last, round(time_s * _TICKS_PER_S))
        track.append(message.copy(time=tick - last))
        last = tick
    file = mido.MidiFile(ticks_per_beat=_TICKS_PER_BEAT)
    file.tracks.append(track)
    file.save(path)
