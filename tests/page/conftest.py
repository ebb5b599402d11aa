"""The page in a real Chromium, against the real service here, with a microphone that plays a bundled recording."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

import chromium
import piano_tone
import recording_files
from conftest import ROOT, need
from local_server import serving
from pkai.serve import LocalServer

BUNDLED = ROOT / "events" / "audio" / "fur-elise-1-expert-grand.mp3"
Opening = Callable[..., Page]
# The machine may be busy otherwise.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def service(model_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """`pkai serve` on a free port."""
    yield from serving(model_root, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundled recording as the WAV file that Chromium takes for a microphone."""
    with av.open(str(BUNDLED)) as file:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        heard = [resampled for frame in file.decode(audio=0) for resampled in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in heard])
    return recording_files.write(tmp_path_factory.mktemp("microphone") / "playing.wav", samples, rate=48_000)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings to drop: one that is judged, and one for each thing that can be wrong."""
    folder = tmp_path_factory.mktemp("recordings")
    recording_files.write(folder / "good.mp3")
    recording_files.write(folder / "short.wav", np.full(66_150, 0.1, np.float32))
    recording_files.write_silence(folder / "silent.wav")
    (folder / "noise.mp3").write_bytes(bytes(range(256)) * 40)
    (folder / "letter.txt").write_text("Dear Elise")
    playing = piano_tone.notes(12.0, 48_000)
    recording_files.write(folder / "large.wav", np.tile(playing, 4), rate=48_000)
    return folder


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, microphone: Path) -> Iterator[Browser]:
    """A browser with a microphone; whether a page may use it is left to each context."""
    started = chromium.launch(
        playwright,
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        f"--host-resolver-rules=MAP {chromium.BARE_NAME} 127.0.0.1",
    )
    yield started
    started.close()


@pytest.fixture
def opened(browser: Browser, service: LocalServer) -> Iterator[Opening]:
    """Open the page in a context of its own, by a name of this machine, and with a script that runs before it."""
    contexts: list[BrowserContext] = []

    def open_page(*, listening: bool = True, name: str = "127.0.0.1", first: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", **options})
        contexts.append(context)
        if listening:
            context.grant_permissions(["microphone"])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(first)
        page.goto(service.url.replace("127.0.0.1", name))
        page.wait_for_selector(".record")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """What the page is built and checked with, installed from its lock."""
    installed, lock = chromium.SOURCES / "node_modules" / ".package-lock.json", chromium.SOURCES / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm = shutil.which("npm")
        need(npm is not None, "npm")
        subprocess.run(
            [cast(str, npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=chromium.SOURCES,
            check=True,
            timeout=300,
        )
    return chromium.SOURCES / "node_modules"
