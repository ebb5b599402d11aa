"""The page is light, closed to others, and open to everybody."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from conftest import ROOT
from pkai.serve import LocalServer

Opening = Callable[..., Page]
MAX_FIRST_LOAD_BYTES = 200_000
MAX_INTERACTIVE_MS = 1000
WHEN_READY = """
new MutationObserver((_, watching) => {
    if (!document.querySelector(".record")) return;
    window.readyAt = performance.now();
    watching.disconnect();
}).observe(document, { childList: true, subtree: true });
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


def judged(page: Page, recording: Path) -> None:
    page.set_input_files("input[type=file]", recording)
    page.wait_for_selector(".answer .dial")


def test_the_first_load_is_small_and_soon_ready(browser: Browser, service: LocalServer) -> None:
    ready_ms = []
    for _ in range(3):  # the machine may be busy otherwise; the page is as fast as its fastest load
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(WHEN_READY)
        n_bytes = 0

        def count(request: Any) -> None:
            nonlocal n_bytes
            sizes = request.sizes()
            n_bytes += sizes["responseBodySize"] + sizes["responseHeadersSize"]

        page.on("requestfinished", count)
        page.goto(service.url, wait_until="networkidle")
        ready_ms.append(page.evaluate("window.readyAt"))
        assert 0 < n_bytes < MAX_FIRST_LOAD_BYTES
        context.close()
    assert min(ready_ms) < MAX_INTERACTIVE_MS


def test_nothing_is_loaded_from_elsewhere_and_the_policy_holds(
    browser: Browser, service: LocalServer, recordings: Path
) -> None:
    context = browser.new_context(permissions=["microphone"])
    page = context.new_page()
    page.add_init_script(WHEN_READY)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(service.url)
    judged(page, recordings / "good.mp3")
    page.get_by_role("button", name="Back").click()
    judged(page, ROOT / "events" / "audio" / "fur-elise-2-advanced-bright.webm")
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Back").click()
    page.wait_for_selector(".curve canvas")
    assert all(url.startswith((service.url, "blob:", "data:")) for url in asked)
    assert page.evaluate("window.violations") == []
    assert said == []
    context.close()


@pytest.mark.parametrize("options", [{"color_scheme": "light"}, {"color_scheme": "dark", "locale": "ja-JP"}], ids=str)
def test_axe_finds_nothing_serious(
    options: dict[str, Any], opened: Opening, recordings: Path, node_modules: Path
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page = opened(viewport={"width": 390, "height": 844}, reduced_motion="reduce", **options)

    def check(where: str) -> None:
        page.evaluate(axe)
        found = page.evaluate("axe.run()")["violations"]
        serious = [
            (one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], where

    check("the stage")
    page.locator(".record").click()
    page.wait_for_selector(".clock")
    check("while it records")
    page.locator(".listening .quiet").click()
    page.set_input_files("input[type=file]", recordings / "silent.wav")
    page.wait_for_selector(".trouble")
    check("an error")
    for _ in range(2):
        judged(page, recordings / "good.mp3")
        check("an answer")
        page.locator(".back").click()
    page.wait_for_selector(".curve canvas")
    check("past takes")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.locator(".compare .action").click()
    page.wait_for_selector(".pair")
    check("a comparison")


def test_everything_can_be_done_by_keyboard(opened: Opening, recordings: Path) -> None:
    page = opened()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('record')"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Play. I’m listening.")
    judged(page, recordings / "good.mp3")
    expect(page.get_by_role("heading", level=1)).to_be_focused()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(width: int, opened: Opening, recordings: Path) -> None:
    page = opened(viewport={"width": width, "height": 800})
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    assert len(set(page.evaluate(widths))) == 1
    judged(page, recordings / "good.mp3")
    assert len(set(page.evaluate(widths))) == 1
    page.locator(".back").click()
    page.context.set_offline(True)
    page.set_input_files("input[type=file]", recordings / "good.mp3")
    page.wait_for_selector(".trouble")
    assert len(set(page.evaluate(widths))) == 1
    for name in page.locator(".take-name").all():
        box = name.bounding_box()
        assert box is not None and box["width"] > 100
