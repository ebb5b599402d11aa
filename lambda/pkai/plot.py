"""Pictures of what the judge heard, to print and to talk about: spectrogram, attention, rating over time, references.

Needs matplotlib, the `plot` extra. Figures are made without pyplot, so nothing global is touched and no display needed.
"""

import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import FuncFormatter, MultipleLocator

from pkai import features
from pkai.artifact import Manifest
from pkai.assessment import Assessment, Comparison, PairAssessment
from pkai.calibration import LEVELS
from pkai.errors import RequestError
from pkai.explanation import Explanation
from pkai.hearing import Hearing
from pkai.report import Named, advice_sentences, percent, verdict
from pkai.terminal import fit, minutes

# Okabe and Ito's palette: told apart with any colour vision.
_INK, _FAINT = "#222222", "#8a8a8a"
_OWN, _STRONG, _WEAK = "#0072B2", "#009E73", "#D55E00"
_OUTCOME_COLOURS = {"better": _STRONG, "equivalent": _FAINT, "worse": _WEAK}
_A4_LANDSCAPE, _A4_PORTRAIT = (11.69, 8.27), (8.27, 11.69)
_DPI = 150
# Columns of a drawn spectrogram: finer than a print shows.
_MAX_COLUMNS = 2400
_HZ_TICKS = (50, 200, 500, 1000, 2000, 4000, 8000)
_NOTES_HZ = {f"C{octave}": 440 * 2 ** (octave - 4 - 9 / 12) for octave in range(1, 9)}
_MIN_TICK_BANDS = 4
_MAX_RUNGS = 18
# Light enough to be seen on a dark spectrogram.
_RAISED, _LOWERED = "#3fe0a8", "#ff8a4a"
# How much of the spectrogram the strongest tint may cover.
_MOST_TINT = 0.62
# More onsets would run into one another on paper.
_MAX_ONSETS = 400
_ONSET_DEVIATIONS = 4.0
_FAINT_ONSET = 0.2
_ONSET_GAP_S = 0.06
# The severity that is drawn as dark as can be, unless there is worse.
_MUCH = 2.0
_EXTENT_COLOURS = {"none": _FAINT, "some": "#b3641a", "much": _WEAK}
_LABEL_GAP = 5.0
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", "IPAexGothic")
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "pdf.fonttype": 42,
    "text.color": _INK,
    "text.parse_math": False,  # a file name may hold dollar signs
    "xtick.color": _INK,
    "xtick.labelsize": 8,
    "ytick.color": _INK,
    "ytick.labelsize": 8,
}


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Where a picture is drawn to; see `canvas`.

    Attributes
    ----------
    draft : file to write
    kind : "png", "pdf" or "svg", or "html" for a report
    """

    draft: Path
    kind: str

    def draw_recording(
        self, named: Named, hearing: Hearing, manifest: Manifest, explanation: Explanation | None
    ) -> None:
        """Draw one recording."""
        with _style():
            self._save(recording_figure(named, hearing, manifest, explanation))

    def draw_pair(
        self, pair: PairAssessment, named: tuple[Named, Named], hearings: tuple[Hearing, Hearing], manifest: Manifest
    ) -> None:
        """Draw two recordings, one above the other."""
        with _style():
            self._save(pair_figure(pair, named, hearings, manifest))

    def _save(self, figure: Figure) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # a file may be named in any script
            figure.savefig(self.draft, format=self.kind, dpi=_DPI)


def picture(named: Named, hearing: Hearing, manifest: Manifest, explanation: Explanation | None = None) -> bytes:
    """One recording as a PNG."""
    drawn = io.BytesIO()
    with _style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        recording_figure(named, hearing, manifest, explanation).savefig(drawn, format="png", dpi=_DPI)
    return drawn.getvalue()


@contextmanager
def canvas(out: Path) -> Iterator[Canvas]:
    """Open a place to draw `out` to; it appears as a whole once all went well, and nothing else stays behind.

    Raises
    ------
    RequestError
        At once, if the folder of `out` cannot be written to.
    """
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:  # from before the draft is made: an interrupt may come at any moment
        try:
            if out.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            draft.touch(exist_ok=False)
        except OSError as err:
            raise RequestError(f"{out} cannot be written ({err.strerror}); give a file in a folder of yours") from err
        yield Canvas(draft=draft, kind=out.suffix.lower().lstrip("."))
        if draft.stat().st_size:
            draft.replace(out)
    finally:
        with suppress(OSError):
            draft.unlink()


def recording_figure(
    named: Named, hearing: Hearing, manifest: Manifest, explanation: Explanation | None = None
) -> Figure:
    """One page about one recording; with an explanation, the sounds that raised and lowered the rating are tinted."""
    figure = Figure(figsize=_A4_LANDSCAPE)
    figure.text(0.07, 0.945, fit(named.name, 80).rstrip(), size=16, weight="bold")
    figure.text(0.07, 0.905, _summary(named.assessment), size=12, color=_OWN)
    grid = figure.add_gridspec(1, 2, width_ratios=(4.2, 1), left=0.1, right=0.98, top=0.86, bottom=0.2, wspace=0.27)
    lowest = _draw_over_time(figure, grid[0], named.assessment, hearing, manifest, explanation)
    lowest.set_xlabel("time, min:s")
    _draw_ladder(figure.add_subplot(grid[1]), named.assessment)
    _write_advice(figure, named.assessment)
    _footer(figure, manifest)
    return figure


def pair_figure(
    pair: PairAssessment, named: tuple[Named, Named], hearings: tuple[Hearing, Hearing], manifest: Manifest
) -> Figure:
    """One page about two recordings, with the same rating axis for both."""
    figure = Figure(figsize=_A4_PORTRAIT)
    who = verdict("the first", "the second", pair)
    figure.text(0.1, 0.945, who[0].upper() + who[1:], size=14, weight="bold")
    grid = figure.add_gridspec(2, 1, left=0.14, right=0.86, top=0.88, bottom=0.08, hspace=0.22)
    for row, (one, hearing) in enumerate(zip(named, hearings, strict=True)):
        place = grid[row]
        axes = _draw_over_time(figure, place, one.assessment, hearing, manifest)
        corner = place.get_position(figure)
        figure.text(corner.x0, corner.y1 + 0.026, fit(one.name, 40).rstrip(), size=11, weight="bold")
        figure.text(corner.x1, corner.y1 + 0.026, _summary(one.assessment), size=10, color=_OWN, ha="right")
        axes.set_xlabel("time, min:s")
    _footer(figure, manifest)
    return figure


def _summary(assessment: Assessment) -> str:
    low, high = assessment.rating_interval
    return f"{assessment.rating:.0f} of 100, likely {low:.0f} to {high:.0f}  ·  {assessment.level}"


def _footer(figure: Figure, manifest: Manifest) -> None:
    legend = (
        "▲ strongest and ▼ weakest passages, with their ratings  ·  "
        "blue band: where the rating of the whole likely lies\n"
        "attention: what the judge went by most  ·  ticks under the spectrogram: where notes begin"
    )
    figure.text(0.07, 0.015, legend, size=6.5, color=_FAINT)
    figure.text(0.98, 0.97, f"judged by {manifest.name} {manifest.version}", size=6.5, color=_FAINT, ha="right")


def _draw_over_time(
    figure: Figure,
    place: SubplotSpec,
    assessment: Assessment,
    hearing: Hearing,
    manifest: Manifest,
    explanation: Explanation | None = None,
) -> Axes:
    """Spectrogram, attention, rating and flaws, one below the other on one time axis; returns the lowest axes."""
    grid = place.subgridspec(4, 1, height_ratios=(3, 0.22, 2.2, 1.5), hspace=0.1)
    sound = figure.add_subplot(grid[0])
    attention = figure.add_subplot(grid[1], sharex=sound)
    rating = figure.add_subplot(grid[2], sharex=sound)
    flaws = figure.add_subplot(grid[3], sharex=sound)
    _draw_spectrogram(sound, hearing, manifest, tinted=explanation is not None)
    if explanation is not None:
        _tint(sound, explanation, hearing)
    _draw_attention(attention, hearing)
    _draw_rating(rating, assessment, manifest)
    _mark_passages(sound, rating, assessment)
    _draw_flaws(flaws, assessment)
    _time_axis(flaws, hearing)
    _mark_onsets(sound, hearing, manifest)
    for axes in (sound, attention, rating):
        axes.tick_params(labelbottom=False, bottom=False)
    for axes in (attention, rating, flaws):
        axes.tick_params(axis="x", which="minor", bottom=False)
    return flaws


def _draw_spectrogram(axes: Axes, hearing: Hearing, manifest: Manifest, *, tinted: bool) -> None:
    log_mel = _at_most_columns(features.log_mel(hearing.features, manifest.features))
    n_bands = log_mel.shape[1]
    axes.imshow(
        log_mel.T,
        origin="lower",
        aspect="auto",
        cmap="gray" if tinted else "magma",
        extent=(*_span_s(hearing), -0.5, n_bands - 0.5),
        vmin=float(np.percentile(log_mel, 5)),
        vmax=float(np.percentile(log_mel, 99.8)),
    )
    centres_hz = features.mel_centres_hz(manifest.features)
    axes.set_yticks(*_ticks({f"{hz:,}": hz for hz in _HZ_TICKS}, centres_hz))
    axes.set_ylabel("frequency, Hz")
    notes = axes.secondary_yaxis("right")
    notes.set_yticks(*_ticks(_NOTES_HZ, centres_hz))
    notes.tick_params(labelsize=7, colors=_FAINT)


def _tint(axes: Axes, explanation: Explanation, hearing: Hearing) -> None:
    """Lay an explanation over the spectrogram: what raised the rating more in one colour, less in another."""
    heat = explanation.heat[:: -(-len(explanation.heat) // _MAX_COLUMNS)].T
    colours = np.zeros((*heat.shape, 4), np.float32)
    colours[heat > 0, :3] = to_rgb(_RAISED)
    colours[heat < 0, :3] = to_rgb(_LOWERED)
    colours[..., 3] = _MOST_TINT * np.abs(heat) ** 0.7
    axes.imshow(
        colours,
        origin="lower",
        aspect="auto",
        extent=(*_span_s(hearing), -0.5, len(heat) - 0.5),
        interpolation="bilinear",
    )
    axes.annotate(
        "green raised the rating more than the rest, orange less", (1, 1), xycoords="axes fraction", xytext=(-4, -4),
        textcoords="offset points", size=6.5, color="white", ha="right", va="top",
    )  # fmt: skip


def _ticks(frequencies_hz: Mapping[str, float], centres_hz: npt.NDArray[np.float64]) -> tuple[list[float], list[str]]:
    """Bands and labels of ascending frequencies, but for those that are not shown or too near the one before."""
    bands: list[float] = []
    labels: list[str] = []
    for label, hz in frequencies_hz.items():
        band = float(np.interp(hz, centres_hz, np.arange(len(centres_hz))))
        if centres_hz[0] <= hz <= centres_hz[-1] and (not bands or band - bands[-1] >= _MIN_TICK_BANDS):
            bands.append(band)
            labels.append(label)
    return bands, labels


def _at_most_columns(frames: features.Frames) -> features.Frames:
    """Neighbouring frames joined by their loudest, so that no onset is lost in a long recording."""
    stride = -(-len(frames) // _MAX_COLUMNS)
    return np.maximum.reduceat(frames, np.arange(0, len(frames), stride), axis=0)


def _draw_attention(axes: Axes, hearing: Hearing) -> None:
    joined = _at_most_columns(hearing.local_attention[:, None].astype(np.float32))
    most = max(2.0, float(joined.max()))
    axes.imshow(joined.T, aspect="auto", cmap="YlGnBu", extent=(*_span_s(hearing), 0, 1), vmin=0, vmax=most)
    axes.set_yticks([])
    axes.set_ylabel("attention", rotation=0, ha="right", va="center", fontsize=8)


def _mark_onsets(axes: Axes, hearing: Hearing, manifest: Manifest) -> None:
    """A tick under the spectrogram for each onset, where the recording is short enough for them to be told apart."""
    onsets_s = hearing.recording.played_from_s + onsets(hearing, manifest) / hearing.frames_per_s
    if len(onsets_s) <= _MAX_ONSETS:
        axes.set_xticks(onsets_s, minor=True)
        axes.tick_params(axis="x", which="minor", bottom=True, length=4, width=0.6, color=_INK)


def onsets(hearing: Hearing, manifest: Manifest) -> npt.NDArray[np.int64]:
    """Frames at which a note or a chord begins: peaks of the spectral flux, none within 60 ms of a stronger one."""
    log_mel = features.log_mel(hearing.features, manifest.features)
    flux = np.maximum(np.diff(log_mel, axis=0, prepend=log_mel[:1]), 0).mean(axis=1)
    deviation = float(np.median(np.abs(flux - np.median(flux))))
    # In a recording with pauses the median is that of silence, so a strong onset sets a floor, too.
    floor = max(float(np.median(flux)) + _ONSET_DEVIATIONS * deviation, _FAINT_ONSET * float(np.percentile(flux, 99)))
    reach = max(1, round(_ONSET_GAP_S * hearing.frames_per_s))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(flux, reach), 2 * reach + 1)
    return np.flatnonzero((flux >= around.max(axis=1)) & (flux > floor))


def _draw_flaws(axes: Axes, assessment: Assessment) -> None:
    """How bad each family of flaws is along the recording: a row each, the darker the worse."""
    found = assessment.diagnosis
    timeline = assessment.timeline
    edges_s = [timeline[0].start_s, *(point.end_s for point in timeline)]
    most = max(_MUCH, *(max(finding.over_time) for finding in found))
    severity = np.array([finding.over_time for finding in found])
    axes.pcolormesh(edges_s, np.arange(len(found) + 1), severity, cmap="OrRd", vmin=0, vmax=most)
    axes.set_yticks(np.arange(len(found)) + 0.5, [finding.family for finding in found])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    for row, finding in enumerate(found):
        axes.annotate(
            finding.extent, (1.01, row + 0.5), xycoords=axes.get_yaxis_transform(), size=7, va="center",
            color=_EXTENT_COLOURS[finding.extent], weight="bold" if finding.extent == "much" else "normal",
        )  # fmt: skip


def _write_advice(figure: Figure, assessment: Assessment) -> None:
    """What to practise, at the foot of the page."""
    figure.text(0.07, 0.125, "To practise", size=10, weight="bold", va="top")
    for line, sentence in enumerate(advice_sentences(assessment)):
        figure.text(0.16, 0.125 - 0.024 * line, sentence, size=8.5, va="top")


def _draw_rating(axes: Axes, assessment: Assessment, manifest: Manifest) -> None:
    centres_s = [(point.start_s + point.end_s) / 2 for point in assessment.timeline]
    axes.axhspan(*assessment.rating_interval, color=_OWN, alpha=0.13, linewidth=0)
    axes.axhline(assessment.rating, color=_OWN, linewidth=1.2, linestyle=(0, (5, 3)))
    axes.plot(centres_s, [point.rating for point in assessment.timeline], color=_INK, linewidth=1.8)
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("rating")
    _name_levels(axes, manifest.calibration.level_ratings)


def _name_levels(axes: Axes, level_ratings: Sequence[float]) -> None:
    """Where one level ends and the next begins, named at the right edge where there is room for a name."""
    edges = [0.0, *level_ratings, 100.0]
    for level, low, high in zip(LEVELS, edges[:-1], edges[1:], strict=True):
        if low > 0:
            axes.axhline(low, color=_FAINT, linewidth=0.5, alpha=0.6)
        if high - low >= 8:
            label = level.replace("-", "-\n")
            axes.annotate(
                label, (1.01, (low + high) / 2), xycoords=axes.get_yaxis_transform(), size=7, color=_FAINT, va="center"
            )


def _mark_passages(sound: Axes, rating: Axes, assessment: Assessment) -> None:
    """Bars above the spectrogram, each with the rating of its passage, and their stretches of the rating."""
    above = sound.get_xaxis_transform()
    for passages, colour, mark in ((assessment.strongest, _STRONG, "▲"), (assessment.weakest, _WEAK, "▼")):
        for passage in passages:
            start_s, end_s = passage.start_s, passage.end_s
            rating.axvspan(start_s, end_s, color=colour, alpha=0.16, linewidth=0)
            sound.plot(
                (start_s, end_s), (1.02, 1.02), color=colour, linewidth=3.5, transform=above, clip_on=False,
                solid_capstyle="butt",
            )  # fmt: skip
            sound.annotate(
                f"{mark} {passage.rating:.0f}", ((start_s + end_s) / 2, 1.02), xycoords=above, xytext=(0, 4),
                textcoords="offset points", size=7.5, color=colour, weight="bold", ha="center", annotation_clip=False,
            )  # fmt: skip


def _time_axis(axes: Axes, hearing: Hearing) -> None:
    start_s, end_s = _span_s(hearing)
    axes.set_xlim(start_s, end_s)
    step_s = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120) if (end_s - start_s) / step <= 12), 300)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: minutes(time_s)))


def _span_s(hearing: Hearing) -> tuple[float, float]:
    return hearing.recording.played_from_s, hearing.recording.played_to_s


def _draw_ladder(axes: Axes, assessment: Assessment) -> None:
    """The references by their rating, with the recording's own place among them."""
    axes.set_ylim(0, 100)
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.set_yticks(range(0, 101, 20))
    axes.spines["bottom"].set_visible(False)
    axes.set_title("Among the references\nwith the chance to play better", size=8.5, loc="left", pad=12)
    axes.axhspan(*assessment.rating_interval, color=_OWN, alpha=0.13, linewidth=0)
    rungs = [(assessment.rating, "this recording", _OWN)]
    for comparison in _nearest(assessment):
        title = fit(_short(comparison.reference.title), 28).rstrip()
        label = f"{title}\n{comparison.outcome} · {percent(comparison.p_better)}"
        rungs.append((comparison.reference.rating, label, _OUTCOME_COLOURS[comparison.outcome]))
    rungs.sort(key=lambda rung: rung[0])
    for (rating, label, colour), at in zip(rungs, _spread([rung[0] for rung in rungs]), strict=True):
        own = colour == _OWN
        axes.plot((0, 0.06, 0.14), (rating, rating, at), color=colour, linewidth=0.8, clip_on=False)
        axes.plot(0, rating, "o", color=colour, markersize=9 if own else 6, clip_on=False, zorder=3)
        weight = "bold" if own else "normal"
        axes.text(0.17, at, label, size=8.5 if own else 7.5, color=colour, va="center", weight=weight)


def _short(title: str) -> str:
    """A title without its bars: "Für Elise, bars 1-22, expert" is too long for a rung."""
    parts = title.split(", ")
    return ", ".join((parts[0], parts[-1])) if len(parts) > 1 else title


def _nearest(assessment: Assessment) -> list[Comparison]:
    """The references nearest in rating, as many as a page has room for."""
    ladder = sorted(assessment.comparisons, key=lambda c: abs(c.reference.rating - assessment.rating))
    return ladder[:_MAX_RUNGS]


def _spread(ratings: Sequence[float]) -> list[float]:
    """Heights of labels: as near to the ascending ratings as they can be without touching, within 0..100."""
    heights = list(ratings)
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + _LABEL_GAP)
    ceiling = 100.0
    for i in reversed(range(len(heights))):
        heights[i] = min(heights[i], ceiling)
        ceiling = heights[i] - _LABEL_GAP
    return heights


@contextmanager
def _style() -> Iterator[None]:
    """Our looks, and fonts for the names of files as far as this machine has them."""
    installed = set(font_manager.get_font_names())
    with rc_context({**_STYLE, "font.family": [name for name in _FONTS if name in installed]}):
        yield
