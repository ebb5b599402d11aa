"""The README's pictures: the page on a phone and on a desk, light and dark, a plot, a comparison and a report.

`make pictures` runs it, after the shipped model, the bundled recordings, the page or the plots have changed. It needs
Debian's chromium and fonts-noto-cjk, and the environment of development.
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lambda"), str(ROOT / "tests"), str(ROOT)]

import chromium  # noqa: E402  # the paths come first
import recording_files  # noqa: E402
from pkai import audio, commands  # noqa: E402
from pkai.__main__ import main as pkai  # noqa: E402

OUT = ROOT / "docs"
BUNDLED = ROOT / "events" / "audio"
# From the first take to the last, as somebody who practises.
TAKES = sorted(BUNDLED.glob("fur-elise-*-grand.*"), reverse=True)
SHOWN = next(BUNDLED.glob("fur-elise-3-*-grand.*"))
OTHER = next(BUNDLED.glob("fur-elise-1-*-grand.*"))
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 860}
_N_COLOURS = 256


@contextmanager
def served() -> Iterator[str]:
    """The page with the shipped model; gives its address."""
    arguments = argparse.Namespace(host="127.0.0.1", port=0, workers=1, model=None, model_dir=ROOT / "model")
    with tempfile.TemporaryDirectory() as folder, commands.local_server(arguments, Path(folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def judge(page: Page, recording: Path) -> None:
    """Have a recording judged, and wait for its waveform."""
    page.set_input_files("input[type=file]", recording)
    page.wait_for_selector(".answer .waveform-frame canvas", timeout=120_000)


def shoot(page: Page, name: str) -> None:
    """Keep what is seen."""
    page.wait_for_timeout(700)  # charts are drawn
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    shrink(path)


def shrink(path: Path) -> None:
    """A picture in as few colours as a page needs."""
    Image.open(path).convert("RGB").quantize(_N_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stderr.write(f"{path}\n")


def opened(browser: Browser, url: str, *, size: dict[str, int], colours: str, language: str) -> Page:
    """The page in a fresh browser."""
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        device_scale_factor=2 if size is PHONE else 1,
        color_scheme="dark" if colours == "dark" else "light",
        locale=language,
        permissions=["microphone"],
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".record")
    return page


def photograph(browser: Browser, url: str, *, size: dict[str, int], colours: str, language: str) -> None:
    """The page at one size and in one scheme: where one begins, while one plays, the answer, takes, a comparison."""
    page = opened(browser, url, size=size, colours=colours, language=language)
    name = f"page-{size['width']}-{colours}"
    shoot(page, f"{name}-begin")
    page.locator(".record").click()
    page.wait_for_timeout(4200)
    shoot(page, f"{name}-recording")
    page.locator(".listening .quiet").click()
    page.locator(".piece select").select_option("fur-elise")
    for take in TAKES:
        judge(page, take)
        if take == SHOWN:
            shoot(page, f"{name}-answer")
        page.locator(".back").click()
    page.wait_for_selector(".curve canvas")
    page.locator(".shelf").scroll_into_view_if_needed()
    shoot(page, f"{name}-takes")
    for box in (page.get_by_role("checkbox").nth(0), page.get_by_role("checkbox").nth(2)):
        box.check()
    page.locator(".compare .action").click()
    page.locator(".pair .waveform-frame canvas").nth(1).wait_for(timeout=120_000)
    shoot(page, f"{name}-pair")
    page.context.close()


def microphone(folder: Path) -> Path:
    """The best bundled recording as what the browser's microphone hears."""
    path = folder / "microphone.wav"
    heard = np.concatenate(list(audio.stream(OTHER, sample_rate=48_000, decoding=audio.Decoding())))
    return recording_files.write(path, heard, rate=48_000)


def main() -> int:
    """Make every picture anew."""
    pkai(["score", str(SHOWN), "--piece", "fur-elise", "--plot", str(OUT / "score.png")])
    pkai(["compare", str(OTHER), str(SHOWN), "--plot", str(OUT / "compare.png")])
    for name in ("score", "compare"):
        shrink(OUT / f"{name}.png")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, served() as url:
        browser = chromium.launch(
            playwright,
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone(Path(folder))}",
        )
        photograph(browser, url, size=PHONE, colours="light", language="en-GB")
        photograph(browser, url, size=PHONE, colours="dark", language="ja-JP")
        photograph(browser, url, size=DESK, colours="light", language="en-GB")
        photograph(browser, url, size=DESK, colours="dark", language="ja-JP")
        report = Path(folder) / "report.html"
        pkai(["report", str(SHOWN), "-o", str(report), "--piece", "fur-elise", "--with-audio"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(report.as_uri())
        shoot(page, "report")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
