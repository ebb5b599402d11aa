"""Download videos' sound with yt-dlp and cut it into recordings with PyAV."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import yt_dlp
from yt_dlp.utils import GeoRestrictedError, YoutubeDLError

from pkai.audio import Waveform, stream
from pkai.durable import sync
from training.datasets.videos import Clip

_log = logging.getLogger(__name__)

CLIP_SAMPLE_RATE = 44_100
"""Hz of the recordings: what most videos have, and more than the judge listens to."""

_MISSING_END_S = 2.0  # lists round times up, and sound ends before the picture
_BROKEN_OFF = re.compile(r"\.(part|ytdl)")  # yt-dlp's NAME.m4a.part, NAME.m4a.part-Frag3, NAME.m4a.ytdl
_KINDS = (  # the first pattern that the message has tells what became of a video
    ("private", r"private|sign in|members[- ]only|HTTP Error 40[13]"),
    ("geo-blocked", r"available in your (country|location)|geo.?restrict|blocked it in|HTTP Error 451"),
    ("network", r"timed out|connection|resolve|unreachable|HTTP Error 5\d\d|IncompleteRead|TransportError"),
    ("deleted", r"removed|deleted|terminated|no longer available|unavailable|not available|HTTP Error 4(04|10)"),
)


@dataclass(frozen=True)
class Limits:
    """How hard to pull.

    Attributes
    ----------
    jobs : > 0, videos at once
    bytes_per_s : > 0, of each of them, or None for as fast as it goes
    retries : >= 0, of a connection that breaks
    """

    jobs: int = 4
    bytes_per_s: int | None = None
    retries: int = 3

    def __post_init__(self) -> None:
        if self.jobs < 1 or self.retries < 0 or (self.bytes_per_s is not None and self.bytes_per_s < 1):
            raise ValueError("jobs and bytes_per_s must be positive, retries not negative")


def recording_path(folder: Path, clip: Clip) -> Path:
    """Where a clip's recording goes."""
    return folder / f"{clip.name}.flac"


def download(url: str, folder: Path, limits: Limits, on_bytes: Callable[[int], object]) -> Path:
    """Download the sound of a video, or go on where an earlier try broke off.

    Parameters
    ----------
    on_bytes : is told how many bytes more there are, as they come

    Raises
    ------
    yt_dlp.utils.YoutubeDLError
        If the video cannot be had; `kind_of` tells why.
    """
    stem = hashlib.sha256(url.encode()).hexdigest()[:16]
    if ready := [path for path in sorted(folder.glob(f"{stem}.*")) if not _BROKEN_OFF.search(path.name)]:
        return ready[0]
    folder.mkdir(parents=True, exist_ok=True)
    with yt_dlp.YoutubeDL(_options(folder, stem, limits, on_bytes)) as loader:
        info = loader.extract_info(url, download=True)
    return Path(info["requested_downloads"][0]["filepath"])


def _options(folder: Path, stem: str, limits: Limits, on_bytes: Callable[[int], object]) -> dict[str, Any]:
    come = 0

    def on_progress(state: dict[str, Any]) -> None:
        nonlocal come
        now = int(state.get("downloaded_bytes") or come)
        on_bytes(max(0, now - come))
        come = max(come, now)

    return {
        "outtmpl": str(folder / f"{stem}.%(ext)s"),
        "format": "bestaudio/best",
        "continuedl": True,
        "noplaylist": True,
        "ratelimit": limits.bytes_per_s,
        "retries": limits.retries,
        "socket_timeout": 30,
        "fixup": "never",  # would need the ffmpeg program; PyAV reads the file as it is
        "cachedir": False,
        "quiet": True,
        "noprogress": True,
        "progress_hooks": [on_progress],
        "logger": _Quiet(),
    }


class _Quiet:
    """yt-dlp's words go to our log; what fails is reported once, by whoever asked."""

    def debug(self, message: str) -> None:
        _log.debug("%s", message)

    warning = error = info = debug


def kind_of(error: YoutubeDLError) -> str:
    """What became of a video: private, geo-blocked, deleted, network or other."""
    causes = [error, *(getattr(error, "exc_info", None) or ())]
    if any(isinstance(cause, GeoRestrictedError) for cause in causes):
        return "geo-blocked"
    message = reason_of(error)
    return next((kind for kind, pattern in _KINDS if re.search(pattern, message, re.IGNORECASE)), "other")


def reason_of(error: YoutubeDLError) -> str:
    """First line of yt-dlp's own message, without colours and prefix."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return plain.removeprefix("ERROR: ").splitlines()[0] if plain else type(error).__name__


def cut(video: Path, clip: Clip, path: Path) -> None:
    """Cut a clip out of a video into a mono FLAC file, to the sample, whole or not at all.

    Raises
    ------
    pkai.errors.PkaiError
        If the sound cannot be decoded.
    ValueError
        If it ends before the clip does, by more than rounding.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        there_s = clip.start_s + _write(_between(video, clip.start_s, clip.end_s), part)
        if there_s == clip.start_s or there_s < clip.end_s - _MISSING_END_S:
            raise ValueError(f"the video's sound ends before {clip.end_s:g} s, where {clip.name} should")
        sync(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync(path.parent)


def _write(blocks: Iterator[Waveform], path: Path) -> float:
    """Write blocks into a FLAC file; the seconds that they last."""
    samples = 0
    with av.open(str(path), "w", format="flac") as container:
        track = container.add_stream("flac", rate=CLIP_SAMPLE_RATE, layout="mono")
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(_to_int16(block)[None], format="s16", layout="mono")
            frame.sample_rate = CLIP_SAMPLE_RATE
            frame.pts = samples
            samples += len(block)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return samples / CLIP_SAMPLE_RATE


def _between(video: Path, start_s: float, end_s: float) -> Iterator[Waveform]:
    """Blocks of the sound between two times."""
    start, end = round(start_s * CLIP_SAMPLE_RATE), round(end_s * CLIP_SAMPLE_RATE)
    at = 0
    for block in stream(video, sample_rate=CLIP_SAMPLE_RATE, max_duration_s=float("inf")):
        wanted = block[max(0, start - at) : max(0, end - at)]
        at += len(block)
        if len(wanted):
            yield wanted
        if at >= end:
            return


def _to_int16(block: Waveform) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.clip(np.round(block * 32768.0), -32768, 32767).astype(np.int16)


def missing(clips: Sequence[Clip], folder: Path) -> list[Clip]:
    """Clips that have no recording yet."""
    return [clip for clip in clips if not recording_path(folder, clip).exists()]
