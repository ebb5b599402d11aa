"""Bring a data set here: files, archives and clips; what is there is left, what fails is told."""

import gzip
import json
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pooch
import requests
from tqdm import tqdm
from yt_dlp.utils import YoutubeDLError

from pkai.errors import PkaiError
from training.datasets.clips import Limits, cut, download, kind_of, missing, reason_of, recording_path
from training.datasets.recipe import Archive, ClipList, Recipe, RemoteFile
from training.datasets.videos import Clip, read_clips
from training.durable import replace_text

RECORD = "fetched.json"
"""Checksums of what came, by address, in each recipe's folder."""


@dataclass(frozen=True)
class Failure:
    """Something that did not come.

    Attributes
    ----------
    kind : private, deleted, geo-blocked, network, checksum, audio, list or other
    """

    name: str
    kind: str
    reason: str


@dataclass
class Summary:
    """What came of a fetch: names of what came now, of what was there, and what failed."""

    fetched: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def fetch(recipe: Recipe, folder: Path, limits: Limits, *, keep_videos: bool = False) -> Summary:
    """Bring everything of a recipe into `folder`; calling again brings what did not come.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    summary = Summary()
    items: tuple[RemoteFile | Archive, ...] = (*recipe.files, *recipe.archives)
    for item in items:
        _fetch_item(item, folder, summary)
    if recipe.clips is not None and (folder / recipe.clips.list).exists():
        listed = folder / recipe.clips.list
        fetch_clips(listed, folder, limits, summary, recipe.clips, keep_videos=keep_videos)
    return summary


def _fetch_item(item: RemoteFile | Archive, folder: Path, summary: Summary) -> None:
    """Download one file or archive, check it, and write down its checksum, and for an archive what was unpacked."""
    record_path = folder / RECORD
    record: dict[str, Any] = json.loads(record_path.read_text()) if record_path.exists() else {}
    name = item.path if isinstance(item, RemoteFile) else PurePosixPath(item.url).name
    came = record.get(item.url)
    contents_key = f"{item.url} contents"
    expected = item.sha256 or came
    if came == expected is not None and (
        _is_unpacked(record.get(contents_key, {}), item, folder)
        if isinstance(item, Archive)
        else _has_sum(folder / name, expected)
    ):
        summary.present.append(name)
        return
    contents: dict[str, Any] = {}
    try:
        path = _download(item.url, folder / name, expected)
        digest = pooch.file_hash(str(path))
        if isinstance(item, Archive):
            try:
                unpacked = _unpack(path, folder, item.include)
            finally:
                path.unlink()  # else one that is broken would be taken for the download the next time
            contents = {contents_key: {"include": [*item.include], "files": unpacked}}
    except requests.RequestException as err:
        summary.failed.append(Failure(name, "network", str(err)))
    except ValueError as err:  # pooch's word for a wrong checksum
        summary.failed.append(Failure(name, "checksum", str(err)))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as err:
        summary.failed.append(Failure(name, "other", f"is no archive that can be unpacked: {err}"))
    else:
        replace_text(record_path, json.dumps({**record, item.url: digest, **contents}, indent=2, sort_keys=True) + "\n")
        summary.fetched.append(name)


def _is_unpacked(contents: dict[str, Any], archive: Archive, folder: Path) -> bool:
    """Whether all that is wanted of an archive now was unpacked before, and is still there."""
    wanted = contents.get("include") == [*archive.include]
    return wanted and all((folder / file).is_file() for file in contents["files"])


def _has_sum(path: Path, sha256: str) -> bool:
    return path.exists() and pooch.file_hash(str(path)) == sha256


def _download(url: str, path: Path, sha256: str | None) -> Path:
    """Download a file whole or not at all; nothing is downloaded where it lies already.

    Raises
    ------
    requests.RequestException
        If it does not come, or a web page comes in its place that no checksum vouches for.
    ValueError
        If it has another checksum.
    """
    pooch.get_logger().setLevel("WARNING")  # it would explain itself at length for each file
    known = None if sha256 is None else f"sha256:{sha256}"
    came = Path(pooch.retrieve(url, known, fname=path.name, path=path.parent))
    if known is None and _is_web_page(came):
        came.unlink()
        raise requests.RequestException("a web page came in its place; if that is right, the recipe needs its sha256")
    return came


def _is_web_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1000).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _unpack(path: Path, folder: Path, include: Sequence[str]) -> list[str]:
    """Unpack what is wanted of a .tar.gz, without the top folder if all lies in one; returns the names of the files."""
    unpacked = []
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        tops = {PurePosixPath(member.name).parts[0] for member in members}
        depth = 1 if len(tops) == 1 and all(len(PurePosixPath(m.name).parts) > 1 for m in members) else 0
        for member in members:
            inner = PurePosixPath(*PurePosixPath(member.name).parts[depth:])
            if any(inner.match(pattern) for pattern in include):
                archive.extract(member.replace(name=str(inner), deep=False), folder, filter="data")
                unpacked.append(str(inner))
    return unpacked


def fetch_clips(
    listed: Path, folder: Path, limits: Limits, summary: Summary, spec: ClipList, *, keep_videos: bool
) -> None:
    """Download the videos of a list, several at once, and cut them into `folder/recordings`."""
    clips, problems = read_clips(listed, prefix=spec.prefix, corrections=spec.corrections)
    summary.failed.extend(Failure(problem.split(": ")[0], "list", problem.split(": ", 1)[1]) for problem in problems)
    recordings = folder / "recordings"
    to_come = missing(clips, recordings)
    summary.present.extend(clip.name for clip in clips if clip not in to_come)
    videos: dict[str, list[Clip]] = defaultdict(list)
    for clip in to_come:
        videos[clip.url].append(clip)
    with (
        ThreadPoolExecutor(limits.jobs) as pool,
        tqdm(total=len(to_come), unit="clip", disable=None) as clips_bar,
        tqdm(unit="B", unit_scale=True, disable=None) as bytes_bar,
    ):
        work = _Work(folder / "videos", recordings, limits, bytes_bar.update, keep_videos)
        jobs = {pool.submit(work.video, url, wanted): len(wanted) for url, wanted in videos.items()}
        try:
            for job in as_completed(jobs):
                done, failed = job.result()
                summary.fetched.extend(done)
                summary.failed.extend(failed)
                clips_bar.update(jobs[job])
        except BaseException:  # Ctrl-C, a full disk: start no further video
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True)
class _Work:
    """What the downloading threads share."""

    videos: Path
    recordings: Path
    limits: Limits
    on_bytes: Callable[[int], object]
    keep_videos: bool

    def video(self, url: str, clips: Sequence[Clip]) -> tuple[list[str], list[Failure]]:
        """Download one video and cut its clips: names that came, and what failed."""
        try:
            video = download(url, self.videos, self.limits, self.on_bytes)
        except YoutubeDLError as err:
            return [], [Failure(clip.name, kind_of(err), reason_of(err)) for clip in clips]
        done: list[str] = []
        failed: list[Failure] = []
        for clip in clips:
            try:
                cut(video, clip, recording_path(self.recordings, clip))
                done.append(clip.name)
            except (PkaiError, ValueError) as err:
                failed.append(Failure(clip.name, "audio", str(err)))
        if not self.keep_videos:
            video.unlink()
        return done, failed
