"""A judge held against people: what length alone tells, what one person alone tells, and where length misleads."""

import io
from pathlib import Path

import numpy as np
import pytest

from pkai import audio
from training import evaluate, instruments, playback
from training.evaluate import agreement, human_ceiling, length_baseline, panel_ceiling
from training.performance import Performance, make_notes, write_midi
from training.playback import instrument_named, wav_bytes
from training.rated import RatedPerformance

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


def test_an_instrument_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = instruments.Instrument(name="made", soundfont=tmp_path / "made.sf2")
    monkeypatch.setattr(instruments, "available", lambda cache: (made,))
    playback.instrument_named.cache_clear()
    assert instrument_named(tmp_path, "made") == made
    with pytest.raises(FileNotFoundError, match="no instrument 'tonejs-grand'; there are: made"):
        instrument_named(tmp_path, "tonejs-grand")
