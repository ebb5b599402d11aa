"""A judge held against people: what length alone tells, what one person alone tells, and where length misleads."""

import io
from pathlib import Path

import numpy as np
import pytest

from pkai import audio
from training.evaluation import evaluate
from training.evaluation.evaluate import agreement, human_ceiling, length_baseline, panel_ceiling
from training.music.performance import Performance, make_notes, write_midi
from training.people import playback
from training.people.playback import SAMPLE_RATE, instrument_named, wav_bytes
from training.people.rated import RatedPerformance
from training.sound import instruments, rendering

# Length in seconds and mean rating; on the whole shorter is better, but the longest is not the worst.
LENGTHS = (10.0, 12.0, 14.0, 16.0)
RATINGS = (4.0, 3.0, 1.0, 2.0)


@pytest.fixture
def rated(tmp_path: Path) -> tuple[RatedPerformance, ...]:
    made = []
    for i, (length_s, rating) in enumerate(zip(LENGTHS, RATINGS, strict=True)):
        path = tmp_path / f"{i}.mid"
        write_midi(Performance(make_notes([(0.0, 1.0, 60, 64), (length_s - 1, 1.0, 62, 64)])), path)
        made.append(RatedPerformance(id=str(i), piece="a", player="p", midi=path, ratings={"instructor1": rating}))
    return tuple(made)


def test_length_alone_is_right_where_the_shorter_is_better(rated: tuple[RatedPerformance, ...]) -> None:
    found = length_baseline(rated)
    assert found.at_half.n == found.at_one.n == 6
    assert found.at_half.value == pytest.approx(5 / 6)
    assert found.spearman == pytest.approx(0.8)


def test_length_alone_is_always_wrong_where_length_misleads(rated: tuple[RatedPerformance, ...]) -> None:
    found = length_baseline(rated).against_length
    assert found is not None and (found.n, found.value) == (1, 0.0)


def test_length_is_that_of_the_playing_and_not_of_the_wait_or_the_last_chord(tmp_path: Path) -> None:
    def performance(name: str, rating: float, *rows: tuple[float, float, int, int]) -> RatedPerformance:
        write_midi(Performance(make_notes(list(rows))), tmp_path / name)
        return RatedPerformance(id=name, piece="a", player="p", midi=tmp_path / name, ratings={"peer": rating})

    brisk = performance("brisk", 5.0, (11.0, 1.0, 60, 64), (15.0, 20.0, 62, 64))
    slow = performance("slow", 1.0, (0.0, 1.0, 60, 64), (6.0, 1.0, 62, 64))
    found = length_baseline((brisk, slow))
    assert found.at_half.value == 1.0 and found.against_length is None


class Deaf(rendering.Renderer):
    """Renders silence, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Performance] = []

    def render(self, performance: Performance, *how: object, **more: object) -> np.ndarray:
        """Remember the performance, and render a second."""
        self.given.append(performance)
        return np.zeros(SAMPLE_RATE, np.float32)


def test_equalised_tempi_are_equal_whoever_waits_longer_to_begin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rated, waits_s, spans_s = [], (0.0, 5.0, 12.0), (20.0, 25.0, 30.0)
    for i, (wait_s, span_s) in enumerate(zip(waits_s, spans_s, strict=True)):
        rows = [(wait_s, 1.0, 60, 64), (wait_s + span_s / 2, 1.0, 62, 64), (wait_s + span_s, 1.0 + i, 64, 64)]
        write_midi(Performance(make_notes(rows)), tmp_path / f"{i}.mid")
        rated.append(RatedPerformance(id=str(i), piece="a", player="p", midi=tmp_path / f"{i}.mid", ratings={}))
    renderer = Deaf()
    monkeypatch.setattr(playback, "_renderer", lambda: renderer)
    monkeypatch.setattr(playback, "instrument_named", lambda cache, name: None)
    equalised = playback.setting_named("tempo-equalised")
    for each, to_play_s in zip(rated, playback.spans_to_play_s(tuple(rated), equalised), strict=True):
        playback.play(each, equalised, tmp_path, to_play_s)
    for performance in renderer.given:
        np.testing.assert_allclose(performance.notes["onset_s"], [0.0, 12.5, 25.0], atol=2e-3)


def test_other_settings_leave_the_tempo_and_the_wait(rated: tuple[RatedPerformance, ...]) -> None:
    assert playback.spans_to_play_s(rated, playback.setting_named("phone")) == [None] * len(rated)


def test_a_judge_that_says_what_people_say_is_always_right(rated: tuple[RatedPerformance, ...]) -> None:
    found = agreement(rated, np.array(RATINGS))
    assert found.against_length is not None
    assert found.at_half.value == found.at_one.value == found.against_length.value == 1.0
    assert found.spearman == found.kendall == pytest.approx(1.0)
    assert found.outcomes is None and found.calibration_error is None  # one piece alone leaves nothing to fit to


def test_one_instructor_is_held_against_the_mean_of_all_others() -> None:
    def performance(name: str, **ratings: float) -> RatedPerformance:
        return RatedPerformance(id=name, piece="a", player="p", midi=Path(name), ratings=ratings)

    found = human_ceiling(
        (
            performance("best", instructor1=5, instructor2=3, peer1=5),
            performance("middle", instructor1=3, instructor2=3, peer1=3),
            performance("worst", instructor1=1, instructor2=5, peer1=1),
            performance("not heard by the first", instructor2=1, peer1=1),
        )
    )
    assert set(found) == {"instructor1", "instructor2"}  # peers are no ceiling
    # Others of instructor1 say 4, 3 and 3: two pairs, both ranked as the instructor does.
    assert (found["instructor1"].n, found["instructor1"].value) == (2, 1.0)
    # Others of instructor2 say 5, 3, 1 and 1: five pairs; a tie, two wrong, two right.
    assert found["instructor2"].n == 5
    assert found["instructor2"].value == pytest.approx(2.5 / 5)


def test_panels_of_raters_are_held_against_everybody_else() -> None:
    def performance(name: str, *ratings: float) -> RatedPerformance:
        by_rater = {f"peer{i}": rating for i, rating in enumerate(ratings)}
        return RatedPerformance(id=name, piece="a", player="p", midi=Path(name), ratings=by_rater)

    found = panel_ceiling((performance("good", 5, 4, 3), performance("poor", 3, 2, 4)))
    # The first and the second agree with the two others; the third turns the order round.
    assert found[1].n == 1 and found[1].value == pytest.approx(2 / 3)
    # The first two together are against the third, who says 3 and 4; each of them with the third is right.
    assert found[2].n == 1 and found[2].value == pytest.approx(2 / 3)
    assert 3 not in found  # nobody would be left


def test_seeds_are_told_by_their_mean_and_their_sample_standard_deviation(
    rated: tuple[RatedPerformance, ...],
) -> None:
    right = agreement(rated, np.array(RATINGS))
    wrong = agreement(rated, -np.array(RATINGS))
    found = evaluate.over_seeds([right, wrong])
    at_half = found["at_half"]
    assert at_half.mean == 0.5 and at_half.n == 2
    assert at_half.sd == pytest.approx(np.sqrt(0.5))
    assert "calibration_error" not in found  # neither has one
    assert evaluate.over_seeds([right])["at_half"] == evaluate.Spread(mean=1.0, sd=0.0, n=1)


def test_what_is_judged_is_the_sound_itself_to_sixteen_bits(rng: np.random.Generator) -> None:
    sound = rng.uniform(-0.9, 0.9, 44_100).astype(np.float32)
    back = audio.decode(io.BytesIO(wav_bytes(sound, 44_100)), sample_rate=44_100)
    np.testing.assert_allclose(back, sound, rtol=0, atol=1 / 32768 + 1e-6)


def test_a_sampled_grand_is_made_when_it_is_first_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(instruments, "make", lambda grand, cache: (cache / f"{grand.name}.sf2").touch())
    playback.instrument_named.cache_clear()
    assert instrument_named(tmp_path, "tonejs-grand").soundfont == tmp_path / "tonejs-grand.sf2"
    assert not (tmp_path / "salamander.sf2").exists()


def test_an_instrument_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = instruments.Instrument(name="made", soundfont=tmp_path / "made.sf2")
    monkeypatch.setattr(instruments, "available", lambda cache: (made,))
    playback.instrument_named.cache_clear()
    assert instrument_named(tmp_path, "made") == made
    with pytest.raises(FileNotFoundError, match="no instrument 'harpsichord'; there are: made"):
        instrument_named(tmp_path, "harpsichord")
