"""Lists of videos to cut recordings from, in the original P-KAI's form.

Columns: `filename` (the recording's name), `ID` (of a YouTube video, or the address of any page or file that yt-dlp
knows), `start_time` and `end_time` (`mm:ss` or `hh:mm:ss`) and, for people only, `title`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training import tables

COLUMNS = ("filename", "ID", "start_time", "end_time")

_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NAME = re.compile(r"[\w-][\w .-]*")
_NO_CORRECTIONS: Mapping[str, Mapping[str, str]] = {}


@dataclass(frozen=True)
class Clip:
    """A part of a video that becomes one recording.

    Attributes
    ----------
    name : of the recording
    url : of the video
    start_s, end_s : seconds into it, start before end
    """

    name: str
    url: str
    start_s: float
    end_s: float


def parse_time(text: str) -> float:
    """Seconds of `ss`, `mm:ss` or `hh:mm:ss`; leading zeros as in `010:01` do no harm.

    Raises
    ------
    ValueError
        If it is none of these, or a part after the first is 60 or more, as in `010:100`: nobody knows what was meant.
    """
    parts = text.strip().split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d+", part) for part in parts[:-1]):
        raise ValueError(f"time {text!r} cannot be read; write mm:ss or hh:mm:ss")
    if not re.fullmatch(r"\d+(\.\d+)?", parts[-1]):
        raise ValueError(f"time {text!r} cannot be read; write mm:ss or hh:mm:ss")
    for part in parts[1:]:
        if float(part) >= 60:
            raise ValueError(f"time {text!r} has {part} where less than 60 is right; write mm:ss or hh:mm:ss")
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + float(part)
    return seconds


def read_clips(
    path: Path, *, prefix: str = "", corrections: Mapping[str, Mapping[str, str]] = _NO_CORRECTIONS
) -> tuple[list[Clip], list[str]]:
    """Read a list of clips; lines that cannot be read do not hold back the others.

    Parameters
    ----------
    prefix : only clips whose names begin so are read
    corrections : name -> column -> what should stand there

    Returns
    -------
    Clips in the list's order; what is wrong with the other lines, each with its number.

    Raises
    ------
    ValueError
        If a column is missing, or a correction is for a name that is not there.
    """
    clips: dict[str, Clip] = {}
    problems: list[str] = []
    unused = dict(corrections)
    for line, row in tables.records(path, COLUMNS):
        name = row["filename"].strip()
        if not name.startswith(prefix):
            continue
        try:
            clip = _clip(name, {**row, **unused.pop(name, {})})
            if name in clips:
                raise ValueError(f"{name} is on an earlier line already; each name once")
            clips[name] = clip
        except ValueError as err:
            problems.append(f"{path.name} line {line}: {err}")
    if unused:
        raise ValueError(f"{path.name} has no {', '.join(unused)} to correct")
    return list(clips.values()), problems


def _clip(name: str, row: Mapping[str, str]) -> Clip:
    cells = {column: row[column].strip() for column in COLUMNS}
    if not _NAME.fullmatch(name):
        raise ValueError(f"filename {name!r} is no name for a file; use letters, digits, - and _")
    if _VIDEO_ID.fullmatch(cells["ID"]):
        url = f"https://www.youtube.com/watch?v={cells['ID']}"
    elif cells["ID"].startswith(("http://", "https://")):
        url = cells["ID"]
    else:
        raise ValueError(f"ID {cells['ID']!r} is neither a YouTube video's nor an http address")
    start_s, end_s = parse_time(cells["start_time"]), parse_time(cells["end_time"])
    if not start_s < end_s:
        raise ValueError(f"{name} starts at {cells['start_time']} and ends at {cells['end_time']}; the end comes later")
    return Clip(name, url, start_s, end_s)
