"""`pkai-train fetch` against a real HTTP server on this machine: download, cut, resume, skip, and tell what failed."""

import contextlib
import gzip
import hashlib
import io
import json
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import soundfile

from training.__main__ import main
from training.datasets.clips import download

SAMPLE_RATE = 44_100
ROOT = Path(__file__).resolve().parents[2]


class Site(ThreadingHTTPServer):
    """Serves bytes by path, with ranges; other paths answer the status in their name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, bytes] = {}
        self.ranges: list[tuple[str, str]] = []
        self.gets: list[str] = []
        self.pause_s = 0.0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self.server.gets.append(self.path)
        with contextlib.suppress(ConnectionError):  # yt-dlp looks at the beginning first, and hangs up
            self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(int(self.path.strip("/")) if self.path.strip("/").isdecimal() else 404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        stop = int(wanted[2]) + 1 if wanted and wanted[2] else len(data)
        if wanted:
            self.server.ranges.append((self.path, wanted[0]))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Type", "audio/wav" if self.path.endswith(".wav") else "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data[start:stop])))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{min(stop, len(data)) - 1}/{len(data)}")
        self.end_headers()
        if with_body:
            for at in range(start, min(stop, len(data)), 65_536):
                self.wfile.write(data[at : min(at + 65_536, stop)])
                time.sleep(self.server.pause_s)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output for the test."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Site() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def wav(seconds: float, frequency_hz: float = 440.0) -> bytes:
    file = io.BytesIO()
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * frequency_hz * t), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def write_list(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "studio.csv"
    path.write_text("filename,ID,start_time,end_time,title\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def fetch(tmp_path: Path, *arguments: str) -> int:
    return main(["fetch", *arguments, "--out", str(tmp_path / "data"), "--retries", "0"])


def test_clips_are_downloaded_once_cut_and_not_downloaded_again(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files["/lesson.wav"] = wav(6.0)
    listed = write_list(
        tmp_path, f"one,{site.url}/lesson.wav,00:01,00:02,a", f"two,{site.url}/lesson.wav,00:02,00:05.5,b"
    )
    assert fetch(tmp_path, str(listed)) == 0
    recordings = tmp_path / "data" / "studio" / "recordings"
    assert soundfile.info(recordings / "one.flac").duration == pytest.approx(1.0, abs=1e-3)
    assert soundfile.info(recordings / "two.flac").duration == pytest.approx(3.5, abs=1e-3)
    assert "studio.csv: 2 fetched, 0 there already" in capsys.readouterr().out
    assert list((tmp_path / "data" / "studio" / "videos").iterdir()) == []

    site.gets.clear()
    assert fetch(tmp_path, str(listed)) == 0
    assert site.gets == []
    assert "studio.csv: 0 fetched, 2 there already" in capsys.readouterr().out


def test_what_cannot_be_had_is_told_and_does_not_hold_back_the_rest(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files["/good.wav"] = wav(3.0)
    site.files["/broken.wav"] = b"RIFF" + bytes(2000)
    listed = write_list(
        tmp_path,
        f"gone,{site.url}/404,00:00,00:02,",
        f"locked,{site.url}/403,00:00,00:02,",
        f"abroad,{site.url}/451,00:00,00:02,",
        f"down,{site.url}/503,00:00,00:02,",
        f"broken,{site.url}/broken.wav,00:00,00:02,",
        f"short,{site.url}/good.wav,00:00,01:00,",
        f"odd,{site.url}/good.wav,00:00,010:100,",
        f"good,{site.url}/good.wav,00:00,00:02,",
    )
    assert fetch(tmp_path, str(listed)) == 1
    told = capsys.readouterr().out.splitlines()
    kinds = {line.split(": ")[1]: line.split(": ")[0] for line in told[:-1]}
    assert kinds == {
        "gone": "deleted",
        "locked": "private",
        "abroad": "geo-blocked",
        "down": "network",
        "broken": "audio",
        "short": "audio",
        "studio.csv line 8": "list",
    }
    assert told[-1].startswith(
        "studio.csv: 1 fetched, 0 there already, 2 audio, 1 deleted, 1 geo-blocked, 1 list, 1 network, 1 private; in "
    )
    recordings = tmp_path / "data" / "studio" / "recordings"
    assert [path.name for path in recordings.iterdir()] == ["good.flac"]


def test_a_killed_download_goes_on_where_it_broke_off(tmp_path: Path, site: Site) -> None:
    site.files["/long.wav"] = wav(30.0)
    site.pause_s = 0.05
    listed = write_list(tmp_path, f"long,{site.url}/long.wav,00:00,00:29,")
    command = [sys.executable, "-m", "training", "fetch", str(listed), "--out", str(tmp_path / "data")]
    videos = tmp_path / "data" / "studio" / "videos"
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, env=_environment()) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 300_000 for path in videos.glob("*.part")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not list((tmp_path / "data").rglob("*.flac"))

    site.pause_s = 0.0
    site.ranges.clear()
    assert fetch(tmp_path, str(listed)) == 0
    resumed = [int(wanted.split("=")[1].split("-")[0]) for _, wanted in site.ranges]
    assert max(resumed) > 250_000
    recording = tmp_path / "data" / "studio" / "recordings" / "long.flac"
    assert soundfile.info(recording).duration == pytest.approx(29.0, abs=1e-3)
    samples, _ = soundfile.read(recording, stop=20 * SAMPLE_RATE)
    expected = 0.5 * np.sin(2 * np.pi * 440.0 * np.arange(len(samples)) / SAMPLE_RATE)
    assert np.abs(samples - expected).max() < 1e-3


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": f"{ROOT / 'lambda'}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_videos_are_downloaded_at_once_as_allowed(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    now = Counter[str]()

    def counted(url: str, *rest: Any) -> Path:
        now.update(["running"])
        now["most"] = max(now["most"], now["running"])
        try:
            return download(url, *rest)
        finally:
            now.subtract(["running"])

    monkeypatch.setattr("training.datasets.fetch.download", counted)
    site.pause_s = 0.03
    for i in range(6):
        site.files[f"/{i}.wav"] = wav(3.0, 300.0 + i)
    lines = [f"take{i},{site.url}/{i}.wav,00:00,00:02," for i in range(6)]
    assert fetch(tmp_path, str(write_list(tmp_path, *lines)), "--jobs", str(jobs)) == 0
    assert now["most"] == jobs
    assert len(list((tmp_path / "data").rglob("*.flac"))) == 6


def write_recipe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nwhat: a test\nsource: here\nlicence: MIT\n" + text, encoding="utf-8")
    return path


def test_a_recipe_brings_files_checked_archives_unpacked_and_clips(tmp_path: Path, site: Site) -> None:
    listed = f"filename,ID,start_time,end_time,title\nmine01,{site.url}/a.wav,0,010:60,\nother,{site.url}/x.wav,0,1,\n"
    site.files |= {"/list.csv": listed.encode(), "/a.wav": wav(2.0), "/set.tar.gz": _archive()}
    digest = hashlib.sha256(listed.encode()).hexdigest()
    recipe = write_recipe(
        tmp_path,
        f"files: [{{url: {site.url}/list.csv, path: list.csv, sha256: {digest}}}]\n"
        f"archives: [{{url: {site.url}/set.tar.gz, sha256: null, include: ['*.mid']}}]\n"
        "clips: {list: list.csv, prefix: mine, corrections: {mine01: {end_time: '0:02'}}}\n",
    )
    assert fetch(tmp_path, str(recipe)) == 0
    folder = tmp_path / "data" / "mine"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == ["fetched.json", "list.csv", "midi/a.mid", "recordings/mine01.flac"]
    assert json.loads((folder / "fetched.json").read_text()) == {
        f"{site.url}/list.csv": digest,
        f"{site.url}/set.tar.gz": hashlib.sha256(site.files["/set.tar.gz"]).hexdigest(),
        f"{site.url}/set.tar.gz contents": {"include": ["*.mid"], "files": ["midi/a.mid"]},
    }
    site.gets.clear()
    assert fetch(tmp_path, str(recipe)) == 0
    assert site.gets == []


def test_an_archive_is_unpacked_again_where_files_are_gone_or_others_are_wanted(tmp_path: Path, site: Site) -> None:
    site.files["/set.tar.gz"] = _archive()

    def downloads(include: str) -> int:
        site.gets.clear()
        archive = f"{{url: {site.url}/set.tar.gz, sha256: null, include: [{include!r}]}}"
        assert fetch(tmp_path, str(write_recipe(tmp_path, f"archives: [{archive}]\n"))) == 0
        return len(site.gets)

    folder = tmp_path / "data" / "mine"
    assert (downloads("*.mid"), downloads("*.mid")) == (1, 0)
    (folder / "midi" / "a.mid").unlink()
    assert (downloads("*.mid"), downloads("*.mid")) == (1, 0)
    assert (folder / "midi" / "a.mid").is_file()
    assert (downloads("*"), downloads("*")) == (1, 0)
    assert (folder / "notes.txt").is_file()


def _archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("set-1/midi/a.mid", "set-1/notes.txt"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"MThd"))
    return file.getvalue()


def test_a_file_that_is_not_what_the_recipe_says_is_refused(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files["/list.csv"] = b"something else"
    recipe = write_recipe(tmp_path, f"files: [{{url: {site.url}/list.csv, path: l.csv, sha256: {'a' * 64}}}]\n")
    assert fetch(tmp_path, str(recipe)) == 1
    assert "checksum: l.csv: " in capsys.readouterr().out
    assert not (tmp_path / "data" / "mine" / "l.csv").exists()


def test_a_changed_file_without_a_published_checksum_is_noticed_the_second_time(tmp_path: Path, site: Site) -> None:
    site.files["/a.mid"] = b"MThd first"
    recipe = write_recipe(tmp_path, f"files: [{{url: {site.url}/a.mid, path: a.mid}}]\n")
    assert fetch(tmp_path, str(recipe)) == 0
    (tmp_path / "data" / "mine" / "a.mid").unlink()
    site.files["/a.mid"] = b"MThd second"
    assert fetch(tmp_path, str(recipe)) == 1


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, site: Site) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("../../evil.mid")
        archive.addfile(member, io.BytesIO())
        archive.addfile(tarfile.TarInfo("good.mid"), io.BytesIO())
    site.files["/set.tar.gz"] = file.getvalue()
    assert fetch(tmp_path, str(write_recipe(tmp_path, f"archives: [{{url: {site.url}/set.tar.gz}}]\n"))) == 1
    assert not list(tmp_path.rglob("evil.mid"))


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: b"no archive",
        lambda archive: archive[: len(archive) // 2],
        lambda archive: gzip.compress(gzip.decompress(archive)[:600]) + b"no second part",
        lambda archive: archive[:60] + bytes(20) + archive[80:],
    ],
)
def test_an_archive_that_came_broken_is_told_and_fetched_again(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], broken: Callable[[bytes], bytes]
) -> None:
    site.files["/set.tar.gz"] = broken(_archive())
    recipe = write_recipe(tmp_path, f"archives: [{{url: {site.url}/set.tar.gz}}]\n")
    assert fetch(tmp_path, str(recipe)) == 1
    assert "other: set.tar.gz: is no archive that can be unpacked: " in capsys.readouterr().out
    site.files["/set.tar.gz"] = _archive()
    assert fetch(tmp_path, str(recipe)) == 0
    assert (tmp_path / "data" / "mine" / "midi" / "a.mid").is_file()
    assert not (tmp_path / "data" / "mine" / "set.tar.gz").exists()


@pytest.mark.parametrize("page", [b"<!DOCTYPE html>\n<p>Sign in", b"\n<html lang=en>Not here"])
def test_a_web_page_in_place_of_a_file_is_not_taken_for_it(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], page: bytes
) -> None:
    site.files["/a.mid"] = page
    recipe = write_recipe(tmp_path, f"files: [{{url: {site.url}/a.mid, path: a.mid}}]\n")
    assert fetch(tmp_path, str(recipe)) == 1
    assert "network: a.mid: a web page came in its place" in capsys.readouterr().out
    site.files["/a.mid"] = b"MThd"
    assert fetch(tmp_path, str(recipe)) == 0
    assert (tmp_path / "data" / "mine" / "a.mid").read_bytes() == b"MThd"


def test_the_recipes_are_listed_and_an_unknown_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["fetch"]) == 0
    assert "asap: Concert-level performances" in capsys.readouterr().out
    assert fetch(tmp_path, "nosuch") == 1
    assert "there is asap, elise, expert-novice, percepiano, psa, or give" in caplog.text
