"""What can go wrong, provoked for real and told in people's words; nothing that was played is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, Route, expect

import chromium
from pkai.serve import LocalServer

Opening = Callable[..., Page]


def give(page: Page, recording: Path) -> None:
    page.set_input_files("input[type=file]", recording)


def told(page: Page) -> str:
    """What the page says of an error."""
    page.wait_for_selector(".trouble")
    assert page.evaluate("document.activeElement.classList.contains('trouble')")
    return page.get_by_role("alert").inner_text()


@pytest.mark.parametrize(
    ("name", "english", "japanese"),
    [
        ("letter.txt", "no recording that I can hear", "録音として読み取れません"),
        ("noise.mp3", "no recording that I can hear", "録音として読み取れません"),
        ("short.wav", "at least 8 seconds", "8秒以上"),
        ("silent.wav", "I heard nothing", "音が聞こえませんでした"),
    ],
)
def test_a_file_that_cannot_be_judged_is_told_why(
    name: str, english: str, japanese: str, opened: Opening, recordings: Path
) -> None:
    page = opened()
    give(page, recordings / name)
    assert english in told(page)
    page.get_by_role("button", name="日本語").click()
    assert japanese in page.get_by_role("alert").inner_text()
    expect(page.locator(".takes li")).to_have_count(0)


def test_a_recording_that_ends_at_once_is_told_how_long_to_play(opened: Opening) -> None:
    page = opened()
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Stop and judge").click()
    assert "That was too short" in told(page)


def test_a_refused_microphone_is_told_how_to_allow_it(opened: Opening) -> None:
    page = opened(listening=False)
    page.get_by_role("button", name="Record", exact=True).click()
    assert "Allow it for this page" in told(page)


def test_a_machine_without_a_microphone_is_told_of_files(playwright: Playwright, service: LocalServer) -> None:
    browser = chromium.launch(playwright, "--disable-audio-input")
    context = browser.new_context(locale="en-GB", permissions=["microphone"])
    page = context.new_page()
    page.goto(service.url)
    page.get_by_role("button", name="Record", exact=True).click()
    assert "No microphone found" in told(page)
    browser.close()


def test_without_a_network_the_recording_is_kept_and_sent_again_after_a_reload(
    opened: Opening, recordings: Path
) -> None:
    page = opened()
    page.context.set_offline(True)
    give(page, recordings / "good.mp3")
    said = told(page)
    assert "No connection" in said and "nothing is lost" in said
    expect(page.locator(".takes li")).to_contain_text("not judged yet")
    page.context.set_offline(False)
    page.reload()
    page.get_by_role("button", name="Send again").click()
    page.wait_for_selector(".answer .dial")


def test_a_busy_service_is_asked_again_and_then_left_to_people(opened: Opening, recordings: Path) -> None:
    page = opened()
    n_asked = 0

    def turn_away(route: Route) -> None:
        nonlocal n_asked
        n_asked += 1
        route.fulfill(status=503, headers={"retry-after": "0"}, json={"error": {"code": "storage_error"}})

    page.route("**/v1/assessments", turn_away)
    give(page, recordings / "good.mp3")
    assert "Many are playing" in told(page)
    assert n_asked == 3
    page.unroute("**/v1/assessments")
    page.get_by_role("alert").get_by_role("button", name="Send again").click()
    page.wait_for_selector(".answer .dial")


def test_sending_can_be_cancelled_and_the_take_is_kept(opened: Opening, recordings: Path) -> None:
    page = opened()
    page.route("**/v1/assessments", lambda _: None)  # never answered
    give(page, recordings / "good.mp3")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".takes li")).to_contain_text("not judged yet")
    expect(page.locator(".trouble")).to_have_count(0)
