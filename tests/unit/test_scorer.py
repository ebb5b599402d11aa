"""A judgement depends on what was played, all of it, and on nothing else."""

import dataclasses
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import piano_tone
import tiny_model
from pkai import artifact, audio, consensus, diagnosis, scorer
from pkai.assessment import Assessment
from pkai.errors import ModelContractError, RecordingTooShort, RequestError, SilentRecording
from pkai.scorer import Judge
from pkai.selection import Selection

SAMPLE_RATE = 22_050
Waveform = npt.NDArray[np.float32]
SAME_SCORE = 1e-5


def playing(duration_s: float, *, seed: int = 7) -> Waveform:
    """The made-up piano at the model's own sample rate."""
    return piano_tone.notes(duration_s, SAMPLE_RATE, seed=seed)


def silence(duration_s: float) -> Waveform:
    """Digital silence."""
    return np.zeros(round(duration_s * SAMPLE_RATE), np.float32)


def recording(*parts: Waveform) -> io.BytesIO:
    """A WAV file in memory of parts joined end to end."""
    file = io.BytesIO()
    soundfile.write(file, np.concatenate(parts), SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return file


@pytest.fixture(scope="module")
def judge(model_root: Path) -> Judge:
    """The tiny model, on one thread."""
    return Judge.load(model_root, "pdr", n_threads=1)


@pytest.fixture(scope="module")
def assessment(judge: Judge) -> Assessment:
    """What the judge says of 31.3 s of playing."""
    return judge.assess(recording(playing(31.3)))


def test_the_score_is_that_of_the_weakest_of_three_frames_drawn_at_random(judge: Judge) -> None:
    hearing = judge.hear(recording(playing(20.0)))
    draws = np.random.default_rng(0).integers(len(hearing.features), size=(20_000, 3))
    snippet = np.abs(hearing.starts[:, None] + hearing.snippet_frames / 2 - draws.ravel()[None, :])
    covering = snippet <= hearing.snippet_frames / 2
    chosen = np.argmax(covering * np.random.default_rng(1).random(covering.shape), axis=0)  # any snippet that has it
    weakest = hearing.snippet_scores[chosen].reshape(-1, 3).min(axis=1)
    assert judge.manifest.segments.moments == 3
    assert hearing.score == pytest.approx(float(weakest.mean()), abs=4 * float(weakest.std()) / np.sqrt(20_000) + 1e-3)


def test_a_model_without_references_hears_and_says_what_it_lacks_when_asked(model_root: Path, tmp_path: Path) -> None:
    (tmp_path / "pdr").symlink_to(model_root / "pdr")
    alone = Judge.load(tmp_path, "pdr", n_threads=1)
    assert alone.assess(recording(playing(20.0)), known=()).comparisons == ()
    with pytest.raises(ModelContractError, match=r"there is no list of references at .*references\.json"):
        alone.assess(recording(playing(20.0)))


def test_minutes_between_two_tones_leave_a_rating(judge: Judge) -> None:
    assessed = judge.assess(recording(playing(3.0), silence(120.0), playing(2.0)), piece="fur-elise")
    assert np.isfinite(assessed.score)
    assert np.isfinite([point.rating for point in assessed.timeline]).all()


@pytest.mark.parametrize("snippets_per_run", [1, 2, 3, 64])
def test_the_batch_size_never_moves_a_score(
    snippets_per_run: int, judge: Judge, assessment: Assessment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer, "SNIPPETS_PER_RUN", snippets_per_run)
    assert judge.assess(recording(playing(31.3))).score == pytest.approx(assessment.score, abs=SAME_SCORE)


@pytest.mark.parametrize("block_samples", [100, 4096, 1_000_000])
def test_the_block_size_never_moves_a_score(
    block_samples: int, judge: Judge, assessment: Assessment, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = audio.stream

    def rechunked(*args: Any, **kwargs: Any) -> list[Waveform]:
        whole = np.concatenate(list(original(*args, **kwargs)))
        return np.split(whole, range(block_samples, len(whole), block_samples))

    monkeypatch.setattr(audio, "stream", rechunked)
    assert judge.assess(recording(playing(31.3))).score == pytest.approx(assessment.score, abs=SAME_SCORE)


def test_the_number_of_threads_never_moves_a_score(model_root: Path, assessment: Assessment) -> None:
    two = Judge.load(model_root, "pdr", n_threads=2)
    assert two.assess(recording(playing(31.3))).score == pytest.approx(assessment.score, abs=SAME_SCORE)


def test_asking_twice_gives_the_same_answer(judge: Judge, assessment: Assessment) -> None:
    assert judge.assess(recording(playing(31.3))) == assessment


@pytest.mark.parametrize(("before_s", "after_s"), [(2.0, 0.0), (0.0, 2.0), (5.0, 9.0)])
def test_silence_around_the_playing_does_not_move_the_score(judge: Judge, before_s: float, after_s: float) -> None:
    tone = (silence(0.2), playing(12.0), silence(0.2))
    bare = judge.assess(recording(*tone))
    padded = judge.assess(recording(silence(before_s), *tone, silence(after_s)))
    assert padded.score == pytest.approx(bare.score, abs=SAME_SCORE)
    assert padded.recording.played_from_s == pytest.approx(bare.recording.played_from_s + before_s, abs=0.03)
    assert padded.recording.played_to_s == pytest.approx(bare.recording.played_to_s + before_s, abs=0.03)


@pytest.mark.parametrize("gain", [0.05, 0.5, 1.2])
def test_the_level_of_the_recording_does_not_move_the_score(judge: Judge, assessment: Assessment, gain: float) -> None:
    louder = judge.assess(recording(playing(31.3) * np.float32(gain)))
    assert louder.score == pytest.approx(assessment.score, abs=1e-4)


@pytest.mark.parametrize("duration_s", [8.1, 11.9, 12.1, 15.7])
def test_the_tail_is_heard(judge: Judge, duration_s: float) -> None:
    usual = playing(duration_s)
    other = usual.copy()
    tail = round(0.5 * SAMPLE_RATE)
    other[-tail:] = playing(0.5, seed=99)[-tail:] * np.float32(0.3)
    heard, heard_other = (judge.hear(recording(y)) for y in (usual, other))
    assert heard.starts[-1] + heard.snippet_frames == len(heard.features)
    assert heard.snippet_scores[-1] != pytest.approx(heard_other.snippet_scores[-1], abs=1e-4)
    assert heard.score != pytest.approx(heard_other.score, abs=1e-5)


def test_the_timeline_runs_without_gaps_from_the_first_note_to_the_last(assessment: Assessment) -> None:
    timeline = assessment.timeline
    assert timeline[0].start_s == pytest.approx(assessment.recording.played_from_s, abs=0.01)
    assert timeline[-1].end_s == pytest.approx(assessment.recording.played_to_s, abs=0.05)
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(timeline))
    assert all(point.start_s < point.end_s for point in timeline)


def test_the_timeline_falls_where_flaws_are_told_and_rises_by_as_much_elsewhere(judge: Judge) -> None:
    quiet = playing(8.0, seed=3) * np.float32(0.05)  # what this model takes for flaws
    heard = judge.hear(recording(playing(12.0), quiet, playing(12.0)))
    told = diagnosis.cost(heard.local_flaws, judge.manifest.diagnosis)
    share = consensus.shares(heard.starts, heard.snippet_frames, len(heard.features))
    np.testing.assert_allclose(heard.local_score, share @ heard.snippet_scores + told.mean() - told)
    timeline = judge.assess(recording(playing(12.0), quiet, playing(12.0))).timeline
    weakest = min(timeline, key=lambda point: point.rating)
    assert 8 < weakest.start_s < weakest.end_s < 24


def test_attention_has_a_mean_of_one(assessment: Assessment) -> None:
    lengths = [point.end_s - point.start_s for point in assessment.timeline]
    attention = [point.attention for point in assessment.timeline]
    assert np.average(attention, weights=lengths) == pytest.approx(1.0, abs=1e-3)


def test_strongest_and_weakest_passages_stand_out_and_do_not_overlap(judge: Judge) -> None:
    heard = judge.hear(recording(playing(60.0)))
    knots = judge.manifest.calibration.score_knots
    heard.local_score[:] = np.mean(knots)
    heard.local_score[500:1000] += 0.2 * np.ptp(knots)
    heard.local_score[1900:2400] -= 0.2 * np.ptp(knots)
    assessment = judge.assessment(heard, Selection(references=()))
    (strongest,), (weakest,) = assessment.strongest, assessment.weakest
    assert strongest.end_s <= weakest.start_s + 0.01
    usual = np.median([point.rating for point in assessment.timeline])
    assert strongest.rating - 5 >= usual >= weakest.rating + 5


def test_in_an_even_recording_no_passage_is_strongest_or_weakest(judge: Judge) -> None:
    heard = judge.hear(recording(playing(60.0)))
    heard.local_score[:] = heard.local_score.mean()
    assessment = judge.assessment(heard, Selection(references=()))
    assert assessment.strongest == assessment.weakest == ()


def test_the_rating_lies_in_its_interval_and_in_its_level(judge: Judge, assessment: Assessment) -> None:
    low, high = assessment.rating_interval
    assert low <= assessment.rating <= high
    assert assessment.level == judge.manifest.calibration.level(assessment.rating)


def test_the_facts_of_the_recording_are_told(assessment: Assessment) -> None:
    facts = assessment.recording
    assert facts.duration_s == pytest.approx(31.3, abs=0.01)
    assert (facts.codec, facts.sample_rate, facts.channels) == ("pcm_f32le", SAMPLE_RATE, 1)


def test_swapping_a_pair_mirrors_p_better(judge: Judge) -> None:
    first, second = playing(9.0), playing(9.0, seed=3) * np.linspace(1, 0.05, 9 * SAMPLE_RATE, dtype=np.float32)
    heard = [judge.assess(recording(one)) for one in (first, second)]
    pair, swapped = judge.pair_assessment(*heard), judge.pair_assessment(*reversed(heard))
    mirror = {"better": "worse", "worse": "better", "equivalent": "equivalent"}
    assert pair.p_better + swapped.p_better == pytest.approx(1.0)
    assert swapped.outcome == mirror[pair.outcome]
    assert (swapped.first, swapped.second) == (pair.second, pair.first)


def test_of_two_the_one_of_the_higher_score_plays_better(judge: Judge) -> None:
    soft = playing(9.0, seed=3) * np.linspace(1, 0.05, 9 * SAMPLE_RATE, dtype=np.float32)
    heard = [judge.assess(recording(one)) for one in (playing(9.0), soft)]
    worse, better = sorted(heard, key=lambda each: each.score)
    assert better.score > worse.score + judge.manifest.calibration.tie_band
    pair = judge.pair_assessment(better, worse)
    assert (pair.outcome, pair.first, pair.second) == ("better", better, worse)
    assert pair.p_better > 0.5


def test_a_recording_is_equivalent_to_itself(judge: Judge) -> None:
    heard = judge.assess(recording(playing(9.0)))
    pair = judge.pair_assessment(heard, heard)
    assert (pair.outcome, pair.p_better) == ("equivalent", 0.5)


def test_a_reference_that_is_equivalent_is_not_outplayed(judge: Judge) -> None:
    heard = judge.hear(recording(playing(9.0)))
    sha256, tie_band = judge.manifest.sha256, judge.manifest.calibration.tie_band
    known = tuple(
        dataclasses.replace(judge.references[0], name=name, scores={sha256: heard.score + gap})
        for name, gap in (("worse", -1.0), ("as good", -tie_band / 2), ("better", 1.0))
    )
    assessed = judge.assessment(heard, Selection(references=known))
    assert [each.outcome for each in assessed.comparisons] == ["better", "equivalent", "worse"]
    assert (assessed.rank.better_than, assessed.rank.of) == (1, 3)


def test_the_rank_counts_the_references_that_are_outplayed(judge: Judge, assessment: Assessment) -> None:
    assert [c.reference.name for c in assessment.comparisons] == [
        "elise-beginner",
        "elise-intermediate",
        "elise-expert",
    ]
    better = [c for c in assessment.comparisons if c.outcome == "better"]
    assert (assessment.rank.better_than, assessment.rank.of) == (len(better), 3)
    for comparison in assessment.comparisons:
        other = next(r for r in judge.references if r.name == comparison.reference.name)
        difference = assessment.score - other.scores[judge.manifest.sha256]
        assert (comparison.p_better > 0.5) == (difference > 0)


def test_references_can_be_chosen_by_name(judge: Judge) -> None:
    chosen = judge.assess(recording(playing(9.0)), reference_names=("elise-expert",))
    assert [c.reference.name for c in chosen.comparisons] == ["elise-expert"]


def test_an_unknown_piece_is_refused_before_anything_is_decoded(judge: Judge) -> None:
    with pytest.raises(RequestError, match="no reference performance of piece 'sonata'"):
        judge.assess(io.BytesIO(b""), piece="sonata")


def test_where_hardly_a_tone_is_heard_it_is_said_so(judge: Judge, rng: np.random.Generator) -> None:
    noise = (0.1 * rng.standard_normal(30 * SAMPLE_RATE)).astype(np.float32)
    assert "no_tones" in [notice.code for notice in judge.assess(recording(noise)).warnings]
    assert "no_tones" not in [notice.code for notice in judge.assess(recording(playing(30.0))).warnings]


def test_a_short_recording_is_rated_with_a_warning(judge: Judge, assessment: Assessment) -> None:
    short = judge.assess(recording(playing(9.0)))
    assert [notice.code for notice in short.warnings] == ["short_recording", "unknown_piece"]
    assert short.warnings[0].message == "only 9 s were played; 20 s or more give a surer rating"
    assert [notice.code for notice in assessment.warnings] == ["unknown_piece"]


def test_a_recording_of_exactly_one_snippet_is_rated(judge: Judge) -> None:
    assert np.isfinite(judge.assess(recording(playing(8.0))).score)


def test_a_recording_shorter_than_one_snippet_is_refused(judge: Judge) -> None:
    with pytest.raises(RecordingTooShort, match=r"recording is 7\.5 s; at least 8\.0 s is needed"):
        judge.assess(recording(playing(7.5)))


def test_too_little_playing_in_long_silence_is_refused(judge: Judge) -> None:
    with pytest.raises(RecordingTooShort, match=r"only 3\.\d s of the recording is playing; at least 8\.0 s is needed"):
        judge.assess(recording(silence(10.0), playing(3.0), silence(10.0)))


def test_silence_is_refused(judge: Judge) -> None:
    with pytest.raises(SilentRecording, match="nothing can be heard in the recording"):
        judge.assess(recording(silence(20.0)))


def test_a_graph_made_for_another_snippet_length_is_refused(judge: Judge, tmp_path: Path) -> None:
    root = tiny_model.write(tmp_path / "model")
    model = artifact.load(root / "pdr")
    longer = dataclasses.replace(model.manifest.segments, snippet_s=10.0)
    changed = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, segments=longer))
    with pytest.raises(ModelContractError, match=r"the graph takes .*400.*the manifest promises .*500"):
        Judge(changed)
