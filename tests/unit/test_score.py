"""The score form, the scores that come with the package, and the expert who plays them."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from training.music.expression import perform
from training.music.score import SCORES, Score, ScoreError, available, read_score

HEADER = "title: A tune\ncomposer: Nobody\npiece: tune\ntime: 2/4\ntempo: 4 = 60\n"
TUNE = HEADER + "1 right ( /4 c4 e4 )\n1 left /2 c3\n2 right /2 g4\n2 left /2 c3\n"
PITCH_CLASSES = {
    "fur_elise": {"a", "b", "c", "d", "d#", "e", "f", "g", "g#"},
    "minuet_in_g": {"g", "a", "b", "c", "d", "e", "f#"},
    "ode_to_joy": {"c", "d", "e", "f", "f#", "g", "g#", "a", "b"},
}
NAMES = ("c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b")


def packaged(name: str) -> Score:
    return read_score(SCORES / f"{name}.txt")


def parse(tmp_path: Path, text: str) -> Score:
    path = tmp_path / "tune.txt"
    path.write_text(text, encoding="utf-8")
    return read_score(path)


def pitches(score: Score, bar: int, hand: str) -> list[str]:
    chosen = [note.pitch for note in score.notes if note.bar == bar and note.hand == hand]
    return [f"{NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in chosen]


@pytest.mark.parametrize("name", available())
def test_every_bar_of_both_hands_has_its_length_and_is_numbered_in_order(name: str) -> None:
    score = packaged(name)
    last_bar = max(note.bar for note in score.notes)
    assert {note.bar for note in score.notes} == set(range(0 if score.upbeat else 1, last_bar + 1))
    for note in score.notes:
        start = score.upbeat + (note.bar - 1) * score.bar_length if note.bar else 0
        assert start <= note.onset < start + score.bar_length
        assert note.stop <= score.length
    for hand in ("right", "left"):
        assert max(note.stop for note in score.notes if note.hand == hand) == score.length


@pytest.mark.parametrize("name", available())
def test_the_notes_are_those_of_the_key_and_within_reach(name: str) -> None:
    score = packaged(name)
    assert {NAMES[note.pitch % 12] for note in score.notes} == PITCH_CLASSES[name]
    for hand, low, high in (("right", "g3", "e6"), ("left", "e2", "e5")):
        own = [note.pitch for note in score.notes if note.hand == hand]
        assert min(own) >= 12 * (int(low[1]) + 1) + NAMES.index(low[0])
        assert max(own) <= 12 * (int(high[1]) + 1) + NAMES.index(high[0])


@pytest.mark.parametrize("name", available())
def test_no_key_is_asked_for_while_it_is_held(name: str) -> None:
    score = packaged(name)
    for pitch in {note.pitch for note in score.notes}:
        own = [note for note in score.notes if note.pitch == pitch]
        assert all(now.stop <= following.onset for now, following in pairwise(own))


def test_fur_elise_has_the_notes_that_everybody_knows() -> None:
    score = packaged("fur_elise")
    assert (score.time_signature, score.upbeat, score.length) == ((3, 8), Fraction(1, 2), Fraction(67, 2))
    theme = "e5 d#5 e5 b4 d5 c5"
    assert pitches(score, 0, "right") == ["e5", "d#5"]
    assert [pitches(score, bar, "right") for bar in (1, 5, 15, 19)] == 4 * [theme.split()]
    assert pitches(score, 2, "right") == ["a4", "c4", "e4", "a4"]
    assert pitches(score, 3, "right") == ["b4", "e4", "g#4", "b4"]
    assert [pitches(score, bar, "left") for bar in (2, 3)] == [["a2", "e3", "a3"], ["e2", "e3", "g#3"]]
    assert pitches(score, 9, "right") == ["e5", "g4", "f5", "e5"]
    both = [note.pitch for note in score.notes if 13 <= note.bar <= 14]
    assert both == [76, 76, 88] + [75, 76] * 4 + [75]


def test_fur_elise_repeats_its_theme_to_the_note() -> None:
    score = packaged("fur_elise")
    for hand in ("right", "left"):
        for bar, again in ((1, 15), (2, 16), (3, 17), (4, 18), (5, 19), (6, 20), (7, 21)):
            assert pitches(score, bar, hand) == pitches(score, again, hand)


def test_the_minuet_and_the_ode_return_where_they_should() -> None:
    minuet, ode = packaged("minuet_in_g"), packaged("ode_to_joy")
    assert all(pitches(minuet, bar, "right") == pitches(minuet, bar + 8, "right") for bar in range(1, 7))
    assert pitches(ode, 1, "right") == ["e4", "e4", "f4", "g4"]
    assert all(pitches(ode, bar, "right") == pitches(ode, bar + 4, "right") for bar in (1, 2, 3))
    assert all(pitches(ode, bar, "right") == pitches(ode, bar + 8, "right") for bar in (6, 7, 8))


def test_a_tie_prolongs_a_note_over_the_bar_line() -> None:
    held = [note for note in packaged("ode_to_joy").notes if note.bar == 12 and note.hand == "right"][-1]
    assert (held.onset, held.duration, held.pitch) == (Fraction(47), Fraction(2), 64)


def test_slurs_join_all_notes_but_the_last(tmp_path: Path) -> None:
    joined = {(note.bar, note.pitch): note.legato for note in parse(tmp_path, TUNE).notes}
    assert joined == {(1, 60): True, (1, 64): False, (1, 48): False, (2, 67): False, (2, 48): False}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("/4 c4 e4", "/4 c4", r"tune.txt, line 6, bar 1, right hand: lasts 1 quarter notes; 2 is right"),
        ("2 right /2 g4", "2 right /2 h4", r"line 8, bar 2, right hand: 'h4' is no sign of a score"),
        ("2 right /2 g4", "2 right g4", r"line 8, bar 2, right hand: 'g4' stands before any length"),
        ("2 right /2 g4", "2 right ) /2 g4", r"line 8, bar 2, right hand: a slur closes that never opened"),
        ("2 right /2 g4", "2 right ( /2 g4", r"tune.txt: a slur of the right hand never ends"),
        (
            "c3\n2 right /2 g4\n2 left /2 c3",
            "c3~\n2 right /2 g4\n2 left /2 d3",
            r"line 9, bar 2, left hand: 'd3'",
        ),
        ("2 right /2 g4", "3 right /2 g4", r"line 8, bar 3, right hand: bar 2 should stand here"),
        ("2 left /2 c3\n", "", r"tune.txt: the hands differ in length: 4 and 2 quarter notes"),
        ("2 left", "2 middle", r"line 9: a line of music begins with the bar and the hand"),
        ("time: 2/4", "time: waltz", r"tune.txt: time must be like 3/8, and is 'waltz'"),
        ("tempo: 4 = 60", "tempo: slow", r"tune.txt: tempo must be like 8 = 140, and is 'slow'"),
        ("piece: tune\n", "", r"tune.txt: 'piece' is missing before the first bar"),
        ("1 right", "0 right /2 r\n1 right", r"line 6, bar 0, right hand: lasts 2 quarter notes; less than 2 is right"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_bar(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TUNE
    with pytest.raises(ScoreError, match=message):
        parse(tmp_path, TUNE.replace(old, new, 1))


@pytest.mark.parametrize("name", available())
def test_an_expert_plays_every_note_in_order_in_half_a_minute(name: str, rng: np.random.Generator) -> None:
    score = packaged(name)
    performance = perform(score, rng=rng)
    assert sorted(performance.notes["pitch"]) == sorted(note.pitch for note in score.notes)
    assert performance.notes["onset_s"][0] == 0
    assert 24 < performance.duration_s < 32
    assert 30 < performance.notes["velocity"].min() < performance.notes["velocity"].max() < 105


@pytest.mark.parametrize("name", available())
def test_the_tune_sings_above_the_accompaniment_and_a_little_ahead_of_it(name: str, rng: np.random.Generator) -> None:
    score = packaged(name)
    notes = perform(score, rng=rng).notes
    by_pitch: dict[int, list[tuple[float, int]]] = {}
    for onset_s, _, pitch, velocity in notes.tolist():
        by_pitch.setdefault(pitch, []).append((onset_s, velocity))
    played = [(note, *by_pitch[note.pitch].pop(0)) for note in score.notes]
    tune = {note.onset: (onset_s, velocity) for note, onset_s, velocity in played if note.melody}
    below = [(*tune[note.onset], *rest) for note, *rest in played if not note.melody and note.onset in tune]
    leads, differences = np.array([(late - early, loud - soft) for early, loud, late, soft in below]).T
    assert leads.mean() == pytest.approx(0.018, abs=0.006)
    assert (differences > 0).mean() > 0.9


def test_the_tempo_arches_over_each_phrase_and_yields_at_the_end(rng: np.random.Generator) -> None:
    onsets = perform(packaged("fur_elise"), rng=rng).notes["onset_s"]
    sixteenths = np.diff(onsets)
    sixteenths = sixteenths[sixteenths > 0.1]
    into_the_peak, into_the_breath = sixteenths[6:12].mean(), sixteenths[20:23].mean()
    assert 1.02 < into_the_breath / into_the_peak < 1.2
    assert 1.2 < sixteenths[-2:].mean() / np.median(sixteenths) < 1.6


def test_no_key_is_struck_while_it_is_down(rng: np.random.Generator) -> None:
    for name in available():
        notes = perform(packaged(name), rng=rng).notes
        for pitch in np.unique(notes["pitch"]):
            own = notes[notes["pitch"] == pitch]
            assert np.all(own["onset_s"][1:] - (own["onset_s"] + own["duration_s"])[:-1] > 0.02)


def test_a_pedal_change_lets_go_just_after_the_new_harmony_and_catches_it(rng: np.random.Generator) -> None:
    score = packaged("fur_elise")
    performance = perform(score, rng=rng)
    down = performance.pedal["value"] >= 64
    assert np.all(down[:-1] != down[1:])
    assert not down[-1]
    changes = np.flatnonzero(~down[:-1])
    held = performance.pedal["time_s"]
    short = [held[i + 1] - held[i] for i in changes if held[i + 1] - held[i] < 0.2]
    assert len(short) == 11
    assert short == pytest.approx([0.09] * 11)


def test_the_same_seed_plays_the_same_and_another_otherwise() -> None:
    score = packaged("fur_elise")
    first, second, other = (perform(score, rng=np.random.default_rng(seed)).notes for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_score_can_be_broken_off_after_a_phrase(rng: np.random.Generator) -> None:
    whole = packaged("fur_elise")
    part = whole.first_phrases(3)
    assert part.notes == whole.notes[: len(part.notes)]
    assert max(note.onset for note in part.notes) < whole.phrases[2][1]
    assert perform(part, rng=rng).duration_s < 18
    assert whole.first_phrases(len(whole.phrases)) == whole
