"""What the judge says, drawn: rating and levels over time, passages, flaws, the references, what to practise."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pkai.artifact import Manifest
from pkai.assessment import Assessment, Comparison
from pkai.calibration import LEVELS
from pkai.palette import FAINT, INK, OWN, STRONG, WEAK
from pkai.report import advice_sentences, percent
from pkai.terminal import fit

_OUTCOME_COLOURS = {"better": STRONG, "equivalent": FAINT, "worse": WEAK}
_EXTENT_COLOURS = {"none": FAINT, "some": "#b3641a", "much": WEAK}
# The severity that is drawn as dark as can be, unless there is worse.
_MUCH = 2.0
_MAX_RUNGS = 18
_LABEL_GAP = 5.0
_LETTERS_IN_LINE = 165


def draw_rating(axes: Axes, assessment: Assessment, manifest: Manifest) -> None:
    """Rating along the recording, that of the whole with its likely range, and the levels."""
    centres_s = [(point.start_s + point.end_s) / 2 for point in assessment.timeline]
    axes.axhspan(*assessment.rating_interval, color=OWN, alpha=0.13, linewidth=0)
    axes.axhline(assessment.rating, color=OWN, linewidth=1.2, linestyle=(0, (5, 3)))
    axes.plot(centres_s, [point.rating for point in assessment.timeline], color=INK, linewidth=1.8)
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("rating")
    _name_levels(axes, manifest.calibration.level_ratings)


def mark_passages(sound: Axes, rating: Axes, assessment: Assessment) -> None:
    """Bars above the spectrogram, each with the rating of its passage, and their stretches of the rating."""
    above = sound.get_xaxis_transform()
    for passages, colour, mark in ((assessment.strongest, STRONG, "▲"), (assessment.weakest, WEAK, "▼")):
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


def draw_flaws(axes: Axes, assessment: Assessment) -> None:
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
        said = finding.extent if finding.judged else "–"
        axes.annotate(
            said, (1.01, row + 0.5), xycoords=axes.get_yaxis_transform(), size=7, va="center",
            color=_EXTENT_COLOURS[finding.extent], weight="bold" if finding.extent == "much" else "normal",
        )  # fmt: skip


def draw_ladder(axes: Axes, assessment: Assessment) -> None:
    """The references by their rating, with the recording's own place among them."""
    axes.set_ylim(0, 100)
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.set_yticks(range(0, 101, 20))
    axes.spines["bottom"].set_visible(False)
    axes.set_title("Among the references,\nwith your chance to beat each", size=8.5, loc="left", pad=20)
    axes.axhspan(*assessment.rating_interval, color=OWN, alpha=0.13, linewidth=0)
    rungs = [(assessment.rating, "this recording", OWN)]
    nearest = _nearest(assessment)
    one_piece = len({comparison.reference.piece for comparison in nearest}) == 1
    for comparison in nearest:
        title = fit(_short(comparison.reference.title, one_piece=one_piece), 28).rstrip()
        label = f"{title}\n{percent(comparison.p_better)}"
        rungs.append((comparison.reference.rating, label, _OUTCOME_COLOURS[comparison.outcome]))
    rungs.sort(key=lambda rung: rung[0])
    for (rating, label, colour), at in zip(rungs, _spread([rung[0] for rung in rungs]), strict=True):
        own = colour == OWN
        axes.plot((0, 0.06, 0.14), (rating, rating, at), color=colour, linewidth=0.8, clip_on=False)
        axes.plot(0, rating, "o", color=colour, markersize=9 if own else 6, clip_on=False, zorder=3)
        weight = "bold" if own else "normal"
        axes.text(0.17, at, label, size=8.5 if own else 7.5, color=colour, va="center", weight=weight)


def write_advice(figure: Figure, assessment: Assessment) -> None:
    """What to practise, at the foot of the page."""
    figure.text(0.07, 0.135, "To practise", size=10, weight="bold", va="top")
    sentences = "\n".join(textwrap.fill(one, _LETTERS_IN_LINE) for one in advice_sentences(assessment))
    figure.text(0.16, 0.135, sentences, size=7.5, va="top", linespacing=1.35)


def _name_levels(axes: Axes, level_ratings: Sequence[float]) -> None:
    """Where one level ends and the next begins, named at the right edge where there is room for a name."""
    edges = [0.0, *level_ratings, 100.0]
    for level, low, high in zip(LEVELS, edges[:-1], edges[1:], strict=True):
        if low > 0:
            axes.axhline(low, color=FAINT, linewidth=0.5, alpha=0.6)
        if high - low >= 8:
            label = level.replace("-", "-\n")
            axes.annotate(
                label, (1.01, (low + high) / 2), xycoords=axes.get_yaxis_transform(), size=7, color=FAINT, va="center"
            )


def _short(title: str, *, one_piece: bool) -> str:
    """Of "Für Elise, bars 1-22, expert" the end alone where all rungs are of one piece, else the piece as well."""
    parts = title.split(", ")
    if len(parts) == 1:
        return title
    return parts[-1] if one_piece else f"{parts[0]}, {parts[-1]}"


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
