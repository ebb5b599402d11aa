"""`python -m pkai score` on broken files, as a user runs it: each told by its own line, the others still scored."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piano_tone
import recording_files
from conftest import ROOT

GOOD = "good.wav"
# File -> (code, what its message says).
BROKEN = {
    "text.mp3": ("unsupported_audio", "the file is not audio that can be read; send MP3"),
    "empty.mp3": ("empty_recording", "the file is empty (0 bytes)"),
    "cut.wav": ("truncated_recording", "only 6.0 s of the 12.0 s that the header promises can be read"),
    "cut.flac": ("truncated_recording", "of the 12.0 s that the header promises can be read"),
    "cut.m4a": ("truncated_recording", "the file breaks off before its index"),
    "silent.wav": ("silent_recording", "nothing can be heard in the recording"),
    "short.wav": ("recording_too_short", "recording is 3.0 s; at least 8.0 s is needed"),
    "long.wav": ("recording_too_long", "recording is longer than 20 min; send at most 20 min"),
    "film.mp4": ("no_audio_stream", "the file holds no sound"),
    "missing.mp3": ("recording_not_found", "there is no file missing.mp3"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good recording and one of each broken kind."""
    folder = tmp_path_factory.mktemp("recordings")
    recording_files.write(folder / GOOD)
    (folder / "text.mp3").write_text("this is a song\n" * 500)
    (folder / "empty.mp3").touch()
    for suffix in ("wav", "flac", "m4a"):
        recording_files.cut(recording_files.write(folder / f"cut.{suffix}"))
    recording_files.write_silence(folder / "silent.wav")
    recording_files.write(folder / "short.wav", piano_tone.notes(3.0, 22_050))
    rate = 1000  # 20 minutes in 2 MB
    recording_files.write(folder / "long.wav", np.tile(piano_tone.notes(10.0, rate), 121), rate=rate)
    recording_files.write_silent_film(folder / "film.mp4")
    return folder


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the process would put temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def environment(model_root: Path, temporary: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "lambda"),
        "PKAI_MODEL_DIR": str(model_root),
        "PKAI_THREADS": "1",
        "TMPDIR": str(temporary),
        "PYTHONIOENCODING": "utf-8",
    }


def run(
    command: list[str], *, folder: Path, model_root: Path, temporary: Path, **streams: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`."""
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env=environment(model_root, temporary),
        timeout=300,
        **streams,
    )


def pkai(*arguments: str, folder: Path, model_root: Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder`, and see that it leaves nothing behind."""
    before = sorted(folder.iterdir())
    command = [sys.executable, "-m", "pkai", *arguments]
    done = run(command, folder=folder, model_root=model_root, temporary=temporary, capture_output=True)
    assert sorted(folder.iterdir()) == before
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def all_at_once(
    folder: Path, model_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """The good recording in the middle of all the broken ones."""
    names = [*list(BROKEN)[:5], GOOD, *list(BROKEN)[5:]]
    temporary = tmp_path_factory.mktemp("temporary")
    return pkai("score", "--json", *names, folder=folder, model_root=model_root, temporary=temporary)


@pytest.fixture(scope="module")
def records(all_at_once: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """The lines on standard output, by file."""
    lines = [json.loads(line) for line in all_at_once.stdout.splitlines()]
    return {line["file"]: line for line in lines}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_file_gets_its_own_line_with_its_code(
    name: str, all_at_once: subprocess.CompletedProcess[str], records: dict[str, dict[str, Any]]
) -> None:
    code, message = BROKEN[name]
    assert records[name].keys() == {"file", "error"}
    assert records[name]["error"]["code"] == code
    assert message in records[name]["error"]["message"]
    assert f"pkai: {name}: {records[name]['error']['message']}" in all_at_once.stderr.splitlines()


def test_the_good_recording_among_broken_ones_is_scored_and_the_exit_code_tells_of_failures(
    all_at_once: subprocess.CompletedProcess[str], records: dict[str, dict[str, Any]]
) -> None:
    assert all_at_once.returncode == 1
    assert len(all_at_once.stderr.splitlines()) == len(BROKEN)
    assert 0 <= records[GOOD]["rating"] <= 100
    assert records[GOOD]["recording"]["duration_s"] == pytest.approx(12.0, abs=0.01)


def test_a_broken_file_beside_a_good_one_leaves_the_report_of_the_good_one(
    folder: Path, model_root: Path, temporary: Path
) -> None:
    done = pkai("score", "text.mp3", GOOD, folder=folder, model_root=model_root, temporary=temporary)
    assert done.returncode == 1
    assert done.stdout.startswith(GOOD)
    assert "Ranking" not in done.stdout


def test_comparing_with_a_broken_file_tells_which_one(folder: Path, model_root: Path, temporary: Path) -> None:
    done = pkai("compare", GOOD, "silent.wav", folder=folder, model_root=model_root, temporary=temporary)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pkai: silent.wav: nothing can be heard")


def test_no_picture_is_left_of_a_broken_file(folder: Path, model_root: Path, temporary: Path) -> None:
    pytest.importorskip("matplotlib")
    done = pkai("score", "short.wav", "--plot", "out.png", folder=folder, model_root=model_root, temporary=temporary)
    assert done.returncode == 1


def test_a_picture_that_cannot_be_written_is_told_before_anything_is_scored(
    folder: Path, model_root: Path, temporary: Path
) -> None:
    pytest.importorskip("matplotlib")
    done = pkai("score", GOOD, "--plot", "no/out.png", folder=folder, model_root=model_root, temporary=temporary)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pkai: no/out.png cannot be written (No such file or directory)")


def test_a_reader_that_goes_away_ends_it_quietly(folder: Path, model_root: Path, temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pkai", "score", GOOD, GOOD],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(model_root, temporary),
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141


def test_the_result_is_told_where_nothing_else_can_be(
    folder: Path, model_root: Path, temporary: Path, tmp_path: Path
) -> None:
    """As a daemon's start leaves it: without standard error."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"audio": {"base64": "AAAA"}}))
    for arguments, told in ((["score", "--json", GOOD], "rating"), (["invoke", str(event)], "error")):
        command = ["sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-m", "pkai", *arguments]
        done = run(command, folder=folder, model_root=model_root, temporary=temporary, stdout=subprocess.PIPE)
        assert told in json.loads(done.stdout)


def test_an_event_that_is_nested_too_deeply_is_told(
    folder: Path, model_root: Path, temporary: Path, tmp_path: Path
) -> None:
    event = tmp_path / "deep.json"
    event.write_text("[" * 200_000)
    done = pkai("invoke", str(event), folder=folder, model_root=model_root, temporary=temporary)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Path]:
    """A folder for a long recording, so that there is time to interrupt."""
    rate = 8000
    yield recording_files.write(tmp_path / "endless.wav", np.tile(piano_tone.notes(10.0, rate), 110), rate=rate)


def test_an_interrupt_ends_it_quietly_and_leaves_no_draft_of_a_picture(
    endless: Path, model_root: Path, temporary: Path
) -> None:
    pytest.importorskip("matplotlib")
    with subprocess.Popen(
        [sys.executable, "-m", "pkai", "score", endless.name, "--plot", "out.png"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=endless.parent,
        env=environment(model_root, temporary),
        # A shell makes what it starts in the background ignore interrupts, and programs inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while not list(endless.parent.glob(".out.png.*.tmp")) and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=120)
        assert (process.returncode, stderr) == (130, b"")
    assert not list(endless.parent.glob("*out.png*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("asked", [("score", GOOD), ("score", "--json", GOOD), ("references", "list")])
def test_a_full_disk_is_told_in_one_line(
    asked: tuple[str, ...], folder: Path, model_root: Path, temporary: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "pkai", *asked]
        streams = {"stdout": full, "stderr": subprocess.PIPE}
        done = run(command, folder=folder, model_root=model_root, temporary=temporary, **streams)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("pkai: the result could not be written: ")


def test_what_is_no_file_is_told_apart_from_what_is_missing(folder: Path, model_root: Path, temporary: Path) -> None:
    done = pkai("score", "/dev/null", folder=folder, model_root=model_root, temporary=temporary)
    assert done.returncode == 1
    assert "null is a pipe or a device; save the recording to a file first" in done.stderr
