"""What the judge heard, drawn over time: spectrogram, what raised the rating and what lowered it, attention, onsets."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, MultipleLocator

from pkai import features
from pkai.artifact import Manifest
from pkai.explanation import Explanation
from pkai.hearing import Hearing
from pkai.palette import FAINT, INK
from pkai.terminal import minutes

# Columns of a drawn spectrogram: finer than a print shows.
_MAX_COLUMNS = 2400
_HZ_TICKS = (50, 200, 500, 1000, 2000, 4000, 8000)
_NOTES_HZ = {f"C{octave}": 440 * 2 ** (octave - 4 - 9 / 12) for octave in range(1, 9)}
_MIN_TICK_BANDS = 4
# Light enough to be seen on a dark spectrogram.
_RAISED, _LOWERED = "#3fe0a8", "#ff8a4a"
# How much of the spectrogram the strongest tint may cover.
_MOST_TINT = 0.62
# More onsets would run into one another on paper.
_MAX_ONSETS = 400
_ONSET_DEVIATIONS = 4.0
_FAINT_ONSET = 0.2
_ONSET_GAP_S = 0.06


def draw_spectrogram(axes: Axes, hearing: Hearing, manifest: Manifest, *, tinted: bool) -> None:
    """Mel spectrogram with its frequencies and notes; in grey if it is to be tinted."""
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
    notes.tick_params(labelsize=7, colors=FAINT)


def tint(axes: Axes, explanation: Explanation, hearing: Hearing) -> None:
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


def draw_attention(axes: Axes, hearing: Hearing) -> None:
    """A strip, the darker the more the judge went by what was played there."""
    joined = _at_most_columns(hearing.local_attention[:, None].astype(np.float32))
    most = max(2.0, float(joined.max()))
    axes.imshow(joined.T, aspect="auto", cmap="YlGnBu", extent=(*_span_s(hearing), 0, 1), vmin=0, vmax=most)
    axes.set_yticks([])
    axes.set_ylabel("attention", rotation=0, ha="right", va="center", fontsize=8)


def mark_onsets(axes: Axes, hearing: Hearing, manifest: Manifest) -> None:
    """A tick under the spectrogram for each onset, where the recording is short enough for them to be told apart."""
    onsets_s = hearing.recording.played_from_s + onsets(hearing, manifest) / hearing.frames_per_s
    if len(onsets_s) <= _MAX_ONSETS:
        axes.set_xticks(onsets_s, minor=True)
        axes.tick_params(axis="x", which="minor", bottom=True, length=4, width=0.6, color=INK)


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


def draw_time(axes: Axes, hearing: Hearing) -> None:
    """Time of what was played, in minutes and seconds."""
    start_s, end_s = _span_s(hearing)
    axes.set_xlim(start_s, end_s)
    step_s = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120) if (end_s - start_s) / step <= 12), 300)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: minutes(time_s)))


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


def _span_s(hearing: Hearing) -> tuple[float, float]:
    return hearing.recording.played_from_s, hearing.recording.played_to_s
