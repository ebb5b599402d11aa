"""Excerpts are as slow, as thin and as high as asked for, and nothing in how they are played got worse."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_performance import etude
from training.ladder import excerpts
from training.ladder.excerpts import ExcerptConfig, Source, draw, draw_from, played_plainly, read_sources
from training.music.performance import Performance, make_notes

CHORD_S = 0.035
AS_IT_IS = ExcerptConfig(p_thinned=0.0, most_semitones=0)


def n_onsets(performance: Performance) -> int:
    return 1 + int((np.diff(performance.notes["onset_s"]) > CHORD_S).sum())


def chords(performance: Performance) -> list[np.ndarray]:
    """Notes that begin together."""
    edges = np.flatnonzero(np.diff(performance.notes["onset_s"]) > CHORD_S) + 1
    return np.split(performance.notes, edges)


@given(seed=st.integers(0, 2**32))
def test_an_excerpt_is_as_long_and_as_slow_as_asked_for(seed: int) -> None:
    config = ExcerptConfig(shortest_s=10.0, longest_s=12.0, slowest=2.0, fastest=3.0)
    excerpt = draw(etude(400), config, np.random.default_rng(seed))
    assert excerpt is not None
    onsets = excerpt.notes["onset_s"]
    assert np.all(np.diff(onsets) >= 0) and 0 <= onsets[0] < 0.1
    assert excerpt.duration_s <= config.longest_s + 1e-6
    assert 2.0 * 10.0 - 1 <= n_onsets(excerpt) <= 3.0 * 12.0 + 1
    assert config.slowest * 0.9 <= n_onsets(excerpt) / excerpt.duration_s <= config.fastest * 1.1


@pytest.mark.parametrize(("slowest", "fastest"), [(0.5, 0.6), (5.0, 6.0)])
def test_chords_stay_as_tight_as_they_were_however_far_it_is_stretched(slowest: float, fastest: float) -> None:
    config = ExcerptConfig(p_thinned=0.0, most_semitones=0, slowest=slowest, fastest=fastest)
    excerpt = draw(etude(400, gap_s=0.5, chord_spread_s=0.01), config, np.random.default_rng(3))
    assert excerpt is not None
    spreads = [np.ptp(chord["onset_s"]) for chord in chords(excerpt) if len(chord) == 4]
    assert len(spreads) >= 2
    assert spreads == pytest.approx([0.03] * len(spreads), abs=1e-6)


def test_a_place_with_too_few_notes_gives_none() -> None:
    assert draw(etude(10), ExcerptConfig(), np.random.default_rng(0)) is None


@given(seed=st.integers(0, 2**32))
def test_a_thinned_excerpt_keeps_the_outer_voices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    excerpt = draw(etude(200), ExcerptConfig(p_thinned=1.0, most_semitones=0), rng)
    assert excerpt is not None
    for chord in chords(excerpt):
        assert len(chord) <= 2
        assert chord["pitch"].max() >= 67  # the melody is never dropped
        assert set(chord["pitch"][chord["pitch"] < 67].tolist()) <= {48}  # and of the chord the bass alone is left


@given(seed=st.integers(0, 2**32), low=st.integers(21, 60), high=st.integers(61, 108))
def test_transposing_keeps_every_interval_and_stays_on_the_keyboard(seed: int, low: int, high: int) -> None:
    pitches = [low, high] * 100
    source = Performance(make_notes([(0.5 * i, 0.4, pitch, 64) for i, pitch in enumerate(pitches)]))
    config = ExcerptConfig(p_thinned=0.0, most_semitones=4)
    excerpt = draw(source, config, np.random.default_rng(seed))
    assert excerpt is not None
    found = excerpt.notes["pitch"]
    assert found.min() >= 21 and found.max() <= 108
    assert found.max() - found.min() == high - low
    assert abs(int(found.min()) - low) <= 4


def test_transposing_reaches_both_ways_and_all_in_between() -> None:
    source = Performance(make_notes([(0.5 * i, 0.4, 60, 64) for i in range(200)]))
    found = {
        int(excerpt.notes["pitch"][0]) - 60
        for seed in range(80)
        if (excerpt := draw(source, ExcerptConfig(most_semitones=2), np.random.default_rng(seed)))
    }
    assert found == {-2, -1, 0, 1, 2}


@given(seed=st.integers(0, 2**32))
def test_a_score_played_plainly_keeps_its_notes_and_nearly_its_pulse(seed: int) -> None:
    score = etude(80)
    played = played_plainly(score, np.random.default_rng(seed))
    assert np.all(np.diff(played.notes["onset_s"]) >= 0)
    np.testing.assert_array_equal(np.sort(played.notes["pitch"]), np.sort(score.notes["pitch"]))
    assert n_onsets(played) == n_onsets(score)
    gaps = np.diff([chord["onset_s"].min() for chord in chords(played)])
    assert np.abs(np.log(gaps / 0.4)).max() < 0.25  # phrasing and a steady hand's unevenness, no more
    assert played.notes["duration_s"].min() >= 0.05
    assert 15 <= played.notes["velocity"].min() and played.notes["velocity"].max() <= 120


def test_a_score_played_plainly_sings_on_top() -> None:
    for seed in range(10):
        played = played_plainly(etude(80), np.random.default_rng(seed))
        melody = played.notes["pitch"] >= 67
        chord = np.isin(np.arange(len(melody)), np.flatnonzero(~melody))
        assert played.notes["velocity"][melody].mean() > played.notes["velocity"][chord].mean()


def test_the_pedal_of_a_score_played_plainly_goes_up_before_it_goes_down() -> None:
    pedals = [played_plainly(etude(80), np.random.default_rng(seed)).pedal for seed in range(20)]
    assert any(len(pedal) == 0 for pedal in pedals) and any(len(pedal) > 4 for pedal in pedals)
    for pedal in pedals:
        assert np.all(np.diff(pedal["time_s"]) > 0)
        np.testing.assert_array_equal(pedal["value"], np.tile([0, 127], len(pedal) // 2))


def test_sources_are_read_with_paths_beside_their_table(tmp_path: Path) -> None:
    (tmp_path / "performances.csv").write_text(
        "composer,title,midi,score_midi\nBach,Prelude 1,midi/a.mid,midi/a-score.mid\n", encoding="utf-8"
    )
    assert read_sources(tmp_path) == (
        Source(path=tmp_path / "midi/a.mid", score_path=tmp_path / "midi/a-score.mid", piece="Bach-Prelude 1"),
    )


def test_a_piece_with_its_repeats_is_the_piece_without_them(tmp_path: Path) -> None:
    (tmp_path / "performances.csv").write_text(
        "composer,title,midi,score_midi\nSchumann,Toccata,a.mid,s.mid\nSchumann,Toccata_repeat,b.mid,r.mid\n"
    )
    assert [source.piece for source in read_sources(tmp_path)] == ["Schumann-Toccata"] * 2


def test_a_folder_without_its_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no performances\.csv; fetch the performances first"):
        read_sources(tmp_path)


def sources(counts: dict[str, int]) -> tuple[Source, ...]:
    """So many performances of each piece."""
    return tuple(
        Source(path=Path(f"{piece}-{i}.mid"), score_path=Path(f"{piece}.score.mid"), piece=piece)
        for piece, count in counts.items()
        for i in range(count)
    )


def test_a_piece_is_drawn_as_often_however_many_have_recorded_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpts, "read_midi", lambda path: etude(60))
    rng = np.random.default_rng(1)
    config = ExcerptConfig(shortest_s=8.0, longest_s=9.0, slowest=1.5, fastest=3.0)
    drawn = [draw_from(sources({"much": 9, "little": 1}), config, rng)[0] for _ in range(200)]
    assert 70 < drawn.count("little") < 130


@pytest.mark.parametrize(("p_score", "read"), [(0.0, {"a-0.mid"}), (1.0, {"a.score.mid"})])
def test_scores_and_performances_are_drawn_as_often_as_asked_for(
    monkeypatch: pytest.MonkeyPatch, p_score: float, read: set[str]
) -> None:
    asked: list[str] = []

    def read_midi(path: Path) -> Performance:
        asked.append(path.name)
        return etude(100)

    monkeypatch.setattr(excerpts, "read_midi", read_midi)
    config = ExcerptConfig(p_score=p_score, shortest_s=8.0, longest_s=9.0, slowest=1.5, fastest=3.0)
    for seed in range(5):
        draw_from(sources({"a": 1}), config, np.random.default_rng(seed))
    assert set(asked) == read
