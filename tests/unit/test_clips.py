"""What became of a video, and cutting it to the sample."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, YoutubeDLError

from pkai.errors import UnsupportedAudio
from training.datasets.clips import CLIP_SAMPLE_RATE, Limits, cut, download, kind_of, reason_of
from training.datasets.videos import Clip


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video", "private"),
        ("ERROR: [youtube] x: Join this channel to get access to members-only content like this video", "private"),
        ("ERROR: [youtube] x: This video has been removed by the uploader", "deleted"),
        ("ERROR: [youtube] x: Video unavailable. The account was terminated", "deleted"),
        ("ERROR: [youtube] x: Video unavailable", "deleted"),
        ("ERROR: [youtube] x: The uploader has not made this video available in your country", "geo-blocked"),
        ("ERROR: [generic] Unable to download webpage: HTTP Error 451: Unavailable For Legal Reasons", "geo-blocked"),
        ("ERROR: Unable to download webpage: The read operation timed out", "network"),
        ("ERROR: Unable to download webpage: HTTP Error 503: Service Unavailable", "network"),
        ("ERROR: Unsupported URL: http://example.org", "other"),
    ],
)  # fmt: skip
def test_what_became_of_a_video_is_told_by_the_downloaders_words(message: str, kind: str) -> None:
    assert kind_of(DownloadError(message)) == kind


def test_a_blocked_country_is_told_by_the_downloaders_own_error() -> None:
    blocked = GeoRestrictedError("not here", countries=["DE"])
    assert kind_of(DownloadError("ERROR: not here", (type(blocked), blocked, None))) == "geo-blocked"
    assert kind_of(ExtractorError("gone", expected=True)) == "other"


def test_a_reason_is_one_plain_line() -> None:
    assert reason_of(DownloadError("\x1b[0;31mERROR:\x1b[0m gone\nmore")) == "gone"
    assert reason_of(DownloadError("")) == "DownloadError"


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """Four seconds in which each sample tells its own place."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(4 * CLIP_SAMPLE_RATE) / (8 * CLIP_SAMPLE_RATE), CLIP_SAMPLE_RATE, subtype="PCM_16")
    return path


def test_a_clip_is_cut_to_the_sample(tmp_path: Path, ramp: Path) -> None:
    path = tmp_path / "out" / "a.flac"
    cut(ramp, Clip("a", "-", 1.25, 3.5), path)
    samples, sample_rate = soundfile.read(path)
    assert sample_rate == CLIP_SAMPLE_RATE
    assert len(samples) == 2.25 * CLIP_SAMPLE_RATE
    assert samples[[0, -1]] * 8 == pytest.approx([1.25, 3.5], abs=8 / 32768)
    assert [p.name for p in path.parent.iterdir()] == ["a.flac"]


def test_a_clip_may_end_a_little_after_the_sound(tmp_path: Path, ramp: Path) -> None:
    cut(ramp, Clip("a", "-", 0.0, 5.0), tmp_path / "a.flac")
    assert soundfile.info(tmp_path / "a.flac").duration == 4.0


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 7.0), (4.0, 5.0), (600.0, 700.0)])
def test_a_clip_past_the_end_of_the_sound_leaves_no_file(
    tmp_path: Path, ramp: Path, start_s: float, end_s: float
) -> None:
    with pytest.raises(ValueError, match="sound ends before"):
        cut(ramp, Clip("a", "-", start_s, end_s), tmp_path / "out" / "a.flac")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_video_that_is_none_leaves_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video at all" * 100)
    with pytest.raises(UnsupportedAudio):
        cut(tmp_path / "a.mp4", Clip("a", "-", 0.0, 5.0), tmp_path / "a.flac")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_recordings_content_is_on_the_disk_before_its_name(
    tmp_path: Path, ramp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out" / "a.flac"
    synced: dict[int, bool] = {}
    monkeypatch.setattr(os, "fsync", lambda file: synced.update({os.fstat(file).st_ino: path.exists()}))
    cut(ramp, Clip("a", "-", 0.0, 1.0), path)
    assert synced == {path.stat().st_ino: False, path.parent.stat().st_ino: True}


def test_what_broke_off_is_not_taken_for_a_video(tmp_path: Path) -> None:
    stem = hashlib.sha256(b"nothing://x").hexdigest()[:16]
    for suffix in ("m4a.part", "m4a.part-Frag3", "m4a.part-Frag3.part", "m4a.ytdl"):
        (tmp_path / f"{stem}.{suffix}").touch()
    with pytest.raises(YoutubeDLError):
        download("nothing://x", tmp_path, Limits(retries=0), lambda _: None)
    (tmp_path / f"{stem}.m4a").touch()
    assert download("nothing://x", tmp_path, Limits(), lambda _: None) == tmp_path / f"{stem}.m4a"


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"bytes_per_s": 0}, {"retries": -1}])
def test_limits_that_are_none_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Limits(**wrong)
