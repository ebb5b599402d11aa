"""Pictures: what is drawn stands where it belongs, and a file appears as a whole or not at all."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

import made_assessment
import recording_files
from pkai import features, plot, plot_judgement, plot_sound, segments
from pkai.artifact import Manifest
from pkai.calibration import Calibration
from pkai.errors import RequestError
from pkai.explanation import Explanation
from pkai.features import FeatureConfig
from pkai.hearing import Hearing
from pkai.report import Named, percent
from pkai.scorer import Judge
from pkai.selection import Selection

SIGNATURES = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.fixture(scope="module")
def heard(model_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Named, Hearing, Manifest]:
    """A recording as the judge heard it, its assessment, and the model."""
    judge = Judge.load(model_root, "pdr", n_threads=1)
    hearing = judge.hear(recording_files.write(tmp_path_factory.mktemp("recording") / "me.wav"))
    assessment = judge.assessment(hearing, Selection(references=judge.references))
    return Named(name="me.wav", assessment=assessment), hearing, judge.manifest


def texts(figure: Figure) -> list[str]:
    return [artist.get_text() for artist in figure.findobj(Text) if isinstance(artist, Text)]


def test_the_page_of_a_recording_tells_its_name_rating_level_and_references(
    heard: tuple[Named, Hearing, Manifest],
) -> None:
    named, _, _ = heard
    figure = plot.recording_figure(*heard)
    shown = "\n".join(texts(figure))
    assert "me.wav" in shown
    assert f"{named.assessment.rating:.0f} of 100" in shown
    assert named.assessment.level in shown
    for comparison in named.assessment.comparisons:
        name = comparison.reference.title.rpartition(", ")[2]  # all are of one piece
        assert f"{name}\n{percent(comparison.p_better)}" in shown


def test_long_advice_stays_on_the_page(heard: tuple[Named, Hearing, Manifest]) -> None:
    named, hearing, manifest = heard
    long = dataclasses.replace(named.assessment.diagnosis[0], extent="much", cost=99.0, sentence="practise it, " * 16)
    assessment = dataclasses.replace(named.assessment, diagnosis=(long, *named.assessment.diagnosis[1:]))
    figure = plot.recording_figure(Named(name="me.wav", assessment=assessment), hearing, manifest)
    (advice,) = (one for one in figure.texts if "practise it" in one.get_text())
    box = advice.get_window_extent(FigureCanvasAgg(figure).get_renderer())  # type: ignore[no-untyped-call]
    assert box.x1 < figure.bbox.x1 and box.y0 > 0


def test_ticks_are_explained_where_there_are_any(heard: tuple[Named, Hearing, Manifest]) -> None:
    for most, explained in ((10_000, True), (0, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plot_sound, "_MAX_ONSETS", most)
            assert ("where notes begin" in "\n".join(texts(plot.recording_figure(*heard)))) == explained


def test_spectrogram_attention_and_rating_share_the_time_of_the_playing(
    heard: tuple[Named, Hearing, Manifest],
) -> None:
    _, hearing, _ = heard
    sound, attention, rating, flaws, _ = plot.recording_figure(*heard).axes
    played = (hearing.recording.played_from_s, hearing.recording.played_to_s)
    for axes in (sound, attention, rating, flaws):
        assert axes.get_xlim() == pytest.approx(played)
    assert rating.get_ylim() == (0, 100)
    assert flaws.xaxis.get_major_formatter()(61, 0) == "1:01"


def test_notes_begin_where_the_ticks_under_the_spectrogram_say(model_root: Path, tmp_path: Path) -> None:
    rate, at_s = 22_050, (0.5, 1.25, 3.0, 4.0, 6.5, 7.0, 8.5)
    samples = np.zeros(10 * rate, np.float32)
    for note, start_s in enumerate(at_s):
        t = np.arange(round(1.5 * rate)) / rate
        tone = 0.3 * np.exp(-3 * t) * sum(np.sin(2 * np.pi * k * (262 + 40 * note) * t) / k for k in (1, 2, 3))
        start = round(start_s * rate)
        samples[start : start + len(t)] += tone.astype(np.float32)
    judge = Judge.load(model_root, "pdr", n_threads=1)
    hearing = judge.hear(recording_files.write(tmp_path / "notes.wav", samples))
    found_s = hearing.recording.played_from_s + plot_sound.onsets(hearing, judge.manifest) / hearing.frames_per_s
    assert len(found_s) <= len(at_s) + 1
    for start_s in at_s[1:]:
        assert np.abs(found_s - start_s).min() < 0.06


def test_sounds_that_raised_and_lowered_the_rating_are_tinted_apart(heard: tuple[Named, Hearing, Manifest]) -> None:
    _, hearing, _ = heard
    heat = np.zeros((len(hearing.features), FeatureConfig().n_mels), np.float32)
    half = len(heat) // 2
    heat[:half], heat[half:] = 1.0, -1.0
    sound = plot.recording_figure(*heard, Explanation(heat=heat)).axes[0]
    tint = sound.findobj(AxesImage)[1]
    assert isinstance(tint, AxesImage)
    colours = tint.get_array()
    assert colours is not None
    assert tuple(colours[0, 0, :3]) != tuple(colours[0, -1, :3])
    assert 0.5 < colours[..., 3].min() <= colours[..., 3].max() < 0.8  # what is under it still shows


def test_each_family_of_flaws_has_its_row_and_what_to_practise_is_told(
    heard: tuple[Named, Hearing, Manifest],
) -> None:
    named, _, _ = heard
    figure = plot.recording_figure(*heard)
    rows = [label.get_text() for label in figure.axes[3].get_yticklabels()]
    assert rows == [finding.family for finding in named.assessment.diagnosis]
    assert "To practise" in texts(figure)


def test_the_frequency_axis_names_the_band_in_which_a_tone_shows(heard: tuple[Named, Hearing, Manifest]) -> None:
    config = FeatureConfig()
    seconds = np.arange(config.sample_rate) / config.sample_rate
    tone = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)
    loudest = int(features.mel_frames([tone], config).mean(axis=0).argmax())
    sound = plot.recording_figure(*heard).axes[0]
    ticks = dict(zip([t.get_text() for t in sound.get_yticklabels()], sound.get_yticks(), strict=True))
    assert ticks["1,000"] == pytest.approx(loudest, abs=0.6)


def test_a_long_recording_is_drawn_in_no_more_columns_than_a_print_shows_and_no_onset_is_lost() -> None:
    frames = np.zeros((60_001, 4), np.float32)
    frames[31_337, 2] = 1
    config = FeatureConfig(n_mels=4, n_mfcc=4)
    manifest = Manifest(
        name="pdr", version="1", sha256="", features=config, segments=segments.SegmentConfig(), families=(),
        diagnosis=(), metrics={},
        calibration=Calibration(
            score_knots=(-2, 0), rating_knots=(0, 100), level_ratings=(20, 40, 60, 80), scale=1, tie_band=0,
            sigma_rating=5,
        ),
    )  # fmt: skip
    assessment = made_assessment.assessment(comparisons=())
    hearing = Hearing(
        recording=assessment.recording, features=frames, frames_per_s=50, starts=np.zeros(1, np.int64),
        snippet_frames=400, moments=3, edges=np.array([0, 60_001]), snippet_scores=np.zeros(1),
        local_score=np.zeros(60_001),
        local_attention=np.ones(60_001), local_flaws=np.zeros((0, 60_001)), damaged_packets=0,
    )  # fmt: skip
    figure = plot.recording_figure(Named(name="long.mp3", assessment=assessment), hearing, manifest)
    image = figure.axes[0].findobj(AxesImage)[0]
    assert isinstance(image, AxesImage)
    drawn = image.get_array()
    assert drawn is not None
    assert drawn.shape[1] <= 2400
    assert drawn.max() == 1


def test_features_of_either_kind_are_drawn_as_a_spectrum() -> None:
    log_mel_config = FeatureConfig()
    mel = np.random.default_rng(0).random((50, log_mel_config.n_mels), np.float32)
    log_mel = features.normalise(mel, log_mel_config)
    assert features.log_mel(log_mel, log_mel_config) is log_mel
    full = FeatureConfig(kind="mfcc", n_mfcc=log_mel_config.n_mels)
    assert features.log_mel(features.normalise(mel, full), full) == pytest.approx(log_mel, abs=1e-4)


def test_a_pair_shares_one_rating_axis(heard: tuple[Named, Hearing, Manifest], model_root: Path) -> None:
    named, hearing, manifest = heard
    pair = Judge.load(model_root, "pdr", n_threads=1).pair_assessment(named.assessment, named.assessment)
    figure = plot.pair_figure(pair, (named, named), (hearing, hearing), manifest)
    assert "The first and the second are played about equally well" in "".join(texts(figure))
    ratings = [axes for axes in figure.axes if axes.get_ylabel() == "rating"]
    assert [axes.get_ylim() for axes in ratings] == [(0, 100), (0, 100)]


def test_labels_of_the_ladder_keep_their_order_and_never_touch() -> None:
    many = tuple(made_assessment.comparison(f"r{i}", 50 + i / 10) for i in range(30))
    figure = Figure()
    axes = figure.add_subplot()
    plot_judgement.draw_ladder(axes, made_assessment.assessment(comparisons=many))
    heights = [text.get_position()[1] for text in axes.texts]
    assert np.all(np.diff(heights) >= 5 - 1e-9)
    assert 0 <= heights[0] and heights[-1] <= 100


@pytest.mark.parametrize(
    ("pieces", "names"), [(("elise",) * 2, ("expert",) * 2), (("elise", "ode"), ("Elise, expert",) * 2)]
)
def test_a_rung_names_its_piece_where_there_are_several(pieces: tuple[str, str], names: tuple[str, str]) -> None:
    compared = [made_assessment.comparison(piece, 40.0, title="Elise, bars 1-22, expert") for piece in pieces]
    compared = [
        dataclasses.replace(each, reference=dataclasses.replace(each.reference, piece=piece))
        for each, piece in zip(compared, pieces, strict=True)
    ]
    axes = Figure().add_subplot()
    plot_judgement.draw_ladder(axes, made_assessment.assessment(comparisons=tuple(compared)))
    told = [text.get_text().partition("\n")[0] for text in axes.texts]
    assert sorted(told) == sorted([*names, "this recording"])


@pytest.mark.parametrize("kind", SIGNATURES)
def test_the_suffix_says_what_is_written(kind: str, heard: tuple[Named, Hearing, Manifest], tmp_path: Path) -> None:
    out = tmp_path / f"out.{kind}"
    with plot.canvas(out) as canvas:
        canvas.draw_recording(*heard, None)
        assert not out.exists()
    assert out.read_bytes().startswith(SIGNATURES[kind])
    assert list(tmp_path.iterdir()) == [out]


def test_a_name_in_any_script_is_drawn_without_a_warning(
    heard: tuple[Named, Hearing, Manifest], tmp_path: Path
) -> None:
    named, hearing, manifest = heard
    other = Named(name="猫ふんじゃった $\\frac$ \x1b.wav", assessment=named.assessment)
    with plot.canvas(tmp_path / "out.png") as canvas:
        canvas.draw_recording(other, hearing, manifest, None)


def test_nothing_is_left_and_nothing_replaced_when_drawing_fails(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"before")
    with pytest.raises(io.UnsupportedOperation), plot.canvas(out):
        raise io.UnsupportedOperation
    with plot.canvas(out):
        pass  # a recording that could not be judged is never drawn
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    for out, reason in (("no/out.png", "No such file or directory"), ("folder.png", "it is a folder")):
        with pytest.raises(RequestError, match=reason), plot.canvas(tmp_path / out):
            pytest.fail("the canvas was opened")
