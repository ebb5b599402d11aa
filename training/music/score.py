"""Piano scores that we entered ourselves: what is to be played, in a text form that a pianist can check by eye.

A file begins with `title:`, `composer:`, `piece:`, `time: 3/8` and `tempo: 8 = 140` (eighth notes a minute). After that
each line is one bar of one hand, `BAR right|left SIGN SIGN ...`, with signs

====================  ==================================================================================================
`/16` `/8.` `/4`      the length of what follows, until the next such sign; a dot adds half
`e5` `d#5` `bb3` `r`  a note (c4 is middle C), a rest
`c3+g3`               a chord
`e4~`                 tied to the same note at the next place of this hand
`!e4`                 carries the melody, which otherwise is all of the right hand and nothing of the left
`(` `)`               slur: legato from the first to the last note between
`,`                   breath: one phrase ends and the next begins
`pp` ... `ff`         loudness of both hands from here
`<` `>`               louder, softer, evenly until the next loudness
`_` `*`               the sustain pedal goes down, or is changed if it is down; the pedal goes up
====================  ==================================================================================================

Bars are numbered from 1; bar 0 is an upbeat, shorter than a bar. `#` after a space, or at the start, begins a comment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

SCORES = Path(__file__).parents[1] / "scores"

Hand = Literal["right", "left"]
LOUDNESS = ("pp", "p", "mp", "mf", "f", "ff")
MARKS = (*LOUDNESS, "<", ">", ",", "_", "*")

_HEADER = ("title", "composer", "piece", "time", "tempo")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_NOTE = re.compile(r"(?P<melody>!?)(?P<step>[a-g])(?P<accidental>[#b]?)(?P<octave>[0-8])(?P<tie>~?)")
_LENGTH = re.compile(r"/(?P<part>1|2|4|8|16|32)(?P<dot>\.?)")
_COMMENT = re.compile(r"(^|\s)#.*")


class ScoreError(ValueError):
    """A score file breaks the rules of its form; the message names file, line and bar."""


@dataclass(frozen=True)
class ScoreNote:
    """One written note; times in quarter notes from the start of the score.

    Attributes
    ----------
    pitch : MIDI number
    melody : whether it belongs to the tune rather than to the accompaniment
    legato : whether a slur joins it to the next note of its hand
    """

    onset: Fraction
    duration: Fraction
    pitch: int
    hand: Hand
    bar: int
    melody: bool
    legato: bool

    @property
    def stop(self) -> Fraction:
        """Where the written length ends."""
        return self.onset + self.duration


@dataclass(frozen=True)
class Mark:
    """A sign other than a note, one of `MARKS`, at a place in quarter notes from the start."""

    onset: Fraction
    sign: str


@dataclass(frozen=True)
class Score:
    """A piece as written.

    Attributes
    ----------
    time_signature : (3, 8) is three eighth notes a bar
    tempo : quarter notes a minute
    upbeat : quarter notes before bar 1
    notes, marks : ordered by onset
    """

    title: str
    composer: str
    piece: str
    time_signature: tuple[int, int]
    tempo: float
    upbeat: Fraction
    notes: tuple[ScoreNote, ...]
    marks: tuple[Mark, ...]

    @property
    def bar_length(self) -> Fraction:
        """Quarter notes in a full bar."""
        beats, unit = self.time_signature
        return Fraction(4 * beats, unit)

    @property
    def length(self) -> Fraction:
        """Quarter notes from the start to the end of the last bar."""
        return self.upbeat + self.bar_length * max(note.bar for note in self.notes)

    @property
    def phrases(self) -> tuple[tuple[Fraction, Fraction], ...]:
        """Start and stop of each phrase: the piece cut at its breaths."""
        inner = {mark.onset for mark in self.marks if mark.sign == ","}
        cuts = sorted({Fraction(0), self.length} | inner)
        return tuple(pairwise(cuts))

    def first_phrases(self, n: int) -> "Score":
        """The same piece broken off after `n` >= 1 phrases, where the pedal goes up."""
        stop = self.phrases[:n][-1][1]
        return replace(
            self,
            notes=tuple(note for note in self.notes if note.onset < stop),
            marks=(*(mark for mark in self.marks if mark.onset < stop), Mark(stop, "*")),
        )


def available() -> tuple[str, ...]:
    """Names of the scores that come with the package."""
    return tuple(sorted(path.stem for path in SCORES.glob("*.txt")))


def read_score(path: Path) -> Score:
    """Read a score file.

    Raises
    ------
    ScoreError
        If a header is missing or unreadable, a sign is unknown, a bar is missing or has the wrong length in one hand,
        or a slur or tie leads nowhere.
    """
    header: dict[str, str] = {}
    bars: list[_BarLine] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = _COMMENT.sub("", text).strip()
        key, colon, value = line.partition(":")
        if colon and key in _HEADER and key not in header and not bars:
            header[key] = value.strip()
        elif line:
            bars.append(_bar_line(line, f"{path.name}, line {number}"))
    if missing := [key for key in _HEADER if key not in header]:
        raise ScoreError(f"{path.name}: {missing[0]!r} is missing before the first bar")
    return _assemble(header, bars, path.name)


@dataclass(frozen=True)
class _BarLine:
    bar: int
    hand: Hand
    signs: tuple[str, ...]
    where: str


def _bar_line(line: str, where: str) -> _BarLine:
    bar, _, rest = line.partition(" ")
    hand, *signs = rest.split() or [""]
    for known in get_args(Hand):
        if hand == known and bar.isdecimal():
            return _BarLine(int(bar), known, tuple(signs), f"{where}, bar {bar}, {hand} hand")
    raise ScoreError(f"{where}: a line of music begins with the bar and the hand, as in '3 left'; this is {line!r}")


def _assemble(header: dict[str, str], lines: list[_BarLine], name: str) -> Score:
    time_signature = _time_signature(header["time"], name)
    bar_length = Fraction(4 * time_signature[0], time_signature[1])
    hands = [_Hand(line_hand) for line_hand in get_args(Hand)]
    for hand in hands:
        own = [line for line in lines if line.hand == hand.hand]
        _check_numbering(own, hand.hand, name)
        for line in own:
            hand.play(line, bar_length)
        hand.finish(name)
    right, left = hands
    if (right.onset, right.upbeat) != (left.onset, left.upbeat):
        raise ScoreError(f"{name}: the hands differ in length: {right.onset} and {left.onset} quarter notes")
    return Score(
        title=header["title"],
        composer=header["composer"],
        piece=header["piece"],
        time_signature=time_signature,
        tempo=_tempo(header["tempo"], name),
        upbeat=right.upbeat,
        notes=tuple(sorted(right.notes + left.notes, key=lambda note: (note.onset, note.pitch))),
        marks=tuple(sorted(right.marks + left.marks, key=lambda mark: mark.onset)),
    )


def _time_signature(text: str, name: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d?)/(2|4|8|16)", text)
    if not match:
        raise ScoreError(f"{name}: time must be like 3/8, and is {text!r}")
    return int(match[1]), int(match[2])


def _tempo(text: str, name: str) -> float:
    unit, _, rate = (part.strip() for part in text.partition("="))
    if not (match := _LENGTH.fullmatch(f"/{unit}")) or not rate.isdecimal() or int(rate) == 0:
        raise ScoreError(f"{name}: tempo must be like 8 = 140, and is {text!r}")
    return float(_length(match) * int(rate))


def _check_numbering(lines: list[_BarLine], hand: Hand, name: str) -> None:
    first = lines[0].bar if lines else 1
    for expected, line in enumerate(lines, start=min(first, 1)):
        if line.bar != expected:
            raise ScoreError(f"{line.where}: bar {expected} should stand here")
    if not lines or lines[-1].bar == 0:
        raise ScoreError(f"{name}: the {hand} hand has no full bar")


def _length(match: re.Match[str]) -> Fraction:
    plain = Fraction(4, int(match["part"]))
    return plain * Fraction(3, 2) if match["dot"] else plain


class _Hand:
    """One hand being read: where it stands, and what it has open."""

    def __init__(self, hand: Hand) -> None:
        self.hand: Hand = hand
        self.onset = Fraction(0)
        self.upbeat = Fraction(0)
        self.notes: list[ScoreNote] = []
        self.marks: list[Mark] = []
        self._length: Fraction | None = None
        self._slur = False
        self._ties: dict[int, int] = {}  # pitch -> index of the note that waits to be prolonged

    def play(self, line: _BarLine, bar_length: Fraction) -> None:
        """Take one bar."""
        start, self._length = self.onset, None
        for sign in line.signs:
            self._take(sign, line)
        lasted = self.onset - start
        if line.bar == 0:
            self.upbeat = lasted
        right = 0 < lasted < bar_length if line.bar == 0 else lasted == bar_length
        if not right:
            need = f"less than {bar_length}" if line.bar == 0 else str(bar_length)
            raise ScoreError(f"{line.where}: lasts {lasted} quarter notes; {need} is right")

    def finish(self, name: str) -> None:
        """Check that nothing is left open at the end."""
        if self._slur or self._ties:
            raise ScoreError(f"{name}: a {'slur' if self._slur else 'tie'} of the {self.hand} hand never ends")

    def _take(self, sign: str, line: _BarLine) -> None:
        if match := _LENGTH.fullmatch(sign):
            self._length = _length(match)
        elif sign in MARKS:
            self.marks.append(Mark(self.onset, sign))
        elif sign in ("(", ")"):
            self._take_slur(sign == "(", line)
        else:
            self._take_chord(sign, line)

    def _take_slur(self, opens: bool, line: _BarLine) -> None:
        if opens == self._slur or not (opens or self.notes):
            raise ScoreError(f"{line.where}: a slur {'opens inside another' if opens else 'closes that never opened'}")
        self._slur = opens
        if not opens:
            last = self.notes[-1].onset
            self.notes = [replace(note, legato=False) if note.onset == last else note for note in self.notes]

    def _take_chord(self, sign: str, line: _BarLine) -> None:
        if self._length is None:
            raise ScoreError(f"{line.where}: {sign!r} stands before any length of this bar, such as /8")
        ties, self._ties = self._ties, {}
        for match in () if sign == "r" else _chord(sign, line):
            self._take_note(match, line.bar, self._length, ties)
        if ties:
            raise ScoreError(f"{line.where}: {sign!r} does not prolong the note tied to it")
        self.onset += self._length

    def _take_note(self, match: re.Match[str], bar: int, length: Fraction, ties: dict[int, int]) -> None:
        pitch = 12 * (int(match["octave"]) + 1) + _SEMITONES[match["step"]] + _ACCIDENTALS[match["accidental"]]
        index = ties.pop(pitch, None)
        if index is None:
            index = len(self.notes)
            melody = self.hand == "right" or match["melody"] == "!"
            self.notes.append(ScoreNote(self.onset, length, pitch, self.hand, bar, melody, self._slur))
        else:
            held = self.notes[index]
            self.notes[index] = replace(held, duration=held.duration + length, legato=self._slur)
        if match["tie"]:
            self._ties[pitch] = index


def _chord(sign: str, line: _BarLine) -> Iterator[re.Match[str]]:
    for part in sign.split("+"):
        match = _NOTE.fullmatch(part)
        if not match:
            raise ScoreError(f"{line.where}: {part!r} is no sign of a score")
        yield match
