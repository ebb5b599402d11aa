"""A judge held against people: what length alone tells, what one person alone tells, and where length misleads."""

import io
from pathlib import Path

import numpy as np
import pytest

from pkai import audio
from training import evaluate, instruments
from training.evaluate import agreement, human_ceiling, length_baseline, wav_bytes
from training.performance import Performance, make_notes, write_midi
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
    found = length_baseline(rated)
    assert (found.against_length.n, found.against_length.value) == (1, 0.0)


def test_a_judge_that_says_what_people_say_is_always_right(rated: tuple[RatedPerformance, ...]) -> None:
    found = agreement(rated, np.array(RATINGS))
    assert found.at_half.value == found.at_one.value == found.against_length.value == 1.0
    assert found.spearman == pytest.approx(1.0)


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


def test_what_is_judged_is_the_sound_itself_to_sixteen_bits(rng: np.random.Generator) -> None:
    sound = rng.uniform(-0.9, 0.9, 44_100).astype(np.float32)
    back = audio.decode(io.BytesIO(wav_bytes(sound, 44_100)), sample_rate=44_100)
    np.testing.assert_allclose(back, sound, rtol=0, atol=1 / 32768 + 1e-6)


def test_an_instrument_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = instruments.Instrument(name="made", soundfont=tmp_path / "made.sf2")
    monkeypatch.setattr(instruments, "available", lambda cache: (made,))
    assert evaluate._instrument(tmp_path, "made") == made
    with pytest.raises(FileNotFoundError, match="no instrument 'tonejs-grand'; there are: made"):
        evaluate._instrument(tmp_path, "tonejs-grand")
