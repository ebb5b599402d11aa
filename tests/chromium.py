"""Debian's Chromium, driven by Playwright, whose own would have to be downloaded."""

import shutil
import time

from playwright.sync_api import Browser, Page, Playwright

from conftest import ROOT, need

# What the page is built from.
SOURCES = ROOT / "page"
# A name of this machine that browsers trust with no microphone, as they do not where a phone beside it looks.
BARE_NAME = "piano.test"
# Nothing is asked of the network but what a page asks.
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
)  # fmt: skip


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start it, headless."""
    path = shutil.which("chromium")
    need(path is not None, "chromium")
    return playwright.chromium.launch(executable_path=path, args=[*_QUIET, *flags])


def until(page: Page, expression: str) -> None:
    """Wait until an expression holds; Playwright's own waiting evaluates text in the page, which its policy forbids."""
    give_up_at = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < give_up_at, f"still not so: {expression}"
        page.wait_for_timeout(50)
