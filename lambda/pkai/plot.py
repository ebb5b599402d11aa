"""Pictures of what the judge heard, to print and to talk about: spectrogram, attention, rating over time, references.

Needs matplotlib, the `plot` extra. Figures are made without pyplot, so nothing global is touched and no display needed.
"""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from pkai import plot_judgement, plot_sound
from pkai.artifact import Manifest
from pkai.assessment import Assessment, PairAssessment
from pkai.errors import RequestError
from pkai.explanation import Explanation
from pkai.hearing import Hearing
from pkai.palette import FAINT, INK, OWN
from pkai.report import Named, verdict
from pkai.terminal import fit

_A4_LANDSCAPE, _A4_PORTRAIT = (11.69, 8.27), (8.27, 11.69)
_DPI = 150
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", "IPAexGothic")
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "pdf.fonttype": 42,
    "text.color": INK,
    "text.parse_math": False,  # a file name may hold dollar signs
    "xtick.color": INK,
    "xtick.labelsize": 8,
    "ytick.color": INK,
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
            _save(recording_figure(named, hearing, manifest, explanation), self.draft, self.kind)

    def draw_pair(
        self, pair: PairAssessment, named: tuple[Named, Named], hearings: tuple[Hearing, Hearing], manifest: Manifest
    ) -> None:
        """Draw two recordings, one above the other."""
        with _style():
            _save(pair_figure(pair, named, hearings, manifest), self.draft, self.kind)


def picture(named: Named, hearing: Hearing, manifest: Manifest, explanation: Explanation | None = None) -> bytes:
    """One recording as a PNG."""
    drawn = io.BytesIO()
    with _style():
        _save(recording_figure(named, hearing, manifest, explanation), drawn, "png")
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
    figure.text(0.07, 0.905, _summary(named.assessment), size=12, color=OWN)
    grid = figure.add_gridspec(1, 2, width_ratios=(4.2, 1), left=0.1, right=0.98, top=0.86, bottom=0.2, wspace=0.27)
    lowest = _draw_over_time(figure, grid[0], named.assessment, hearing, manifest, explanation)
    lowest.set_xlabel("time, min:s")
    plot_judgement.draw_ladder(figure.add_subplot(grid[1]), named.assessment)
    plot_judgement.write_advice(figure, named.assessment)
    _footer(figure, manifest)
    return figure


def pair_figure(
    pair: PairAssessment, named: tuple[Named, Named], hearings: tuple[Hearing, Hearing], manifest: Manifest
) -> Figure:
    """One page about two recordings, with the same rating axis for both."""
    figure = Figure(figsize=_A4_PORTRAIT)
    who = verdict("the first", "the second", pair)
    figure.text(0.1, 0.945, who[0].upper() + who[1:], size=14, weight="bold")
    grid = figure.add_gridspec(2, 1, left=0.14, right=0.86, top=0.87, bottom=0.08, hspace=0.3)
    for row, (one, hearing) in enumerate(zip(named, hearings, strict=True)):
        place = grid[row]
        axes = _draw_over_time(figure, place, one.assessment, hearing, manifest)
        corner = place.get_position(figure)
        figure.text(corner.x0, corner.y1 + 0.042, fit(one.name, 60).rstrip(), size=11, weight="bold")
        figure.text(corner.x0, corner.y1 + 0.025, _summary(one.assessment), size=10, color=OWN)
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
        "attention: what the judge went by most"
    )
    if any(len(axes.get_xticks(minor=True)) for axes in figure.axes):
        legend += "  ·  ticks under the spectrogram: where notes begin"
    figure.text(0.07, 0.015, legend, size=6.5, color=FAINT)
    figure.text(0.98, 0.97, f"judged by {manifest.name} {manifest.version}", size=6.5, color=FAINT, ha="right")


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
    plot_sound.draw_spectrogram(sound, hearing, manifest, tinted=explanation is not None)
    if explanation is not None:
        plot_sound.tint(sound, explanation, hearing)
    plot_sound.draw_attention(attention, hearing)
    plot_judgement.draw_rating(rating, assessment, manifest)
    plot_judgement.mark_passages(sound, rating, assessment)
    plot_judgement.draw_flaws(flaws, assessment)
    plot_sound.draw_time(flaws, hearing)
    plot_sound.mark_onsets(sound, hearing, manifest)
    for axes in (sound, attention, rating):
        axes.tick_params(labelbottom=False, bottom=False)
    for axes in (attention, rating, flaws):
        axes.tick_params(axis="x", which="minor", bottom=False)
    return flaws


@contextmanager
def _style() -> Iterator[None]:
    """Our looks, and fonts for the names of files as far as this machine has them."""
    installed = set(font_manager.get_font_names())
    with rc_context({**_STYLE, "font.family": [name for name in _FONTS if name in installed]}):
        yield


def _save(figure: Figure, out: Path | io.BytesIO, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a file may be named in any script
        figure.savefig(out, format=kind, dpi=_DPI)
