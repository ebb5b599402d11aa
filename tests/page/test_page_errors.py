"""What can go wrong, provoked for real and told in people's words; nothing that was played is lost."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, Request, Route, expect

import chromium
from pkai.serve import LocalServer

Opening = Callable[..., Page]
# Where the file itself is sent; /v1/uploads only tells this address.
UPLOADS = re.compile(r"//[^/]+/uploads$")


# No memory of words, and no room for recordings.
FORGETFUL = """
    for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });
    IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
"""


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


def test_by_an_address_that_is_not_secure_a_file_is_judged_and_the_microphone_told_of(
    opened: Opening, recordings: Path
) -> None:
    page = opened(name=chromium.BARE_NAME, listening=False)
    page.get_by_role("button", name="Record", exact=True).click()
    assert "begin with https" in told(page)
    give(page, recordings / "good.mp3")
    expect(page.locator(".answer .dial")).to_be_visible()


def test_a_browser_that_keeps_nothing_has_the_page_and_is_told_so(opened: Opening, recordings: Path) -> None:
    page = opened(first=FORGETFUL)
    page.context.set_offline(True)
    give(page, recordings / "good.mp3")
    said = told(page)
    assert "your takes are gone once you leave" in said and "nothing is lost" not in said
    page.get_by_role("button", name="Close").click()
    expect(page.locator("main")).to_be_focused()
    expect(page.locator(".shelf header")).to_contain_text("This browser keeps nothing")


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


def test_a_line_that_breaks_while_the_answer_is_awaited_costs_no_second_upload(
    opened: Opening, recordings: Path
) -> None:
    page = opened()
    n_asked = n_uploads = 0

    def broken(route: Route) -> None:
        nonlocal n_asked
        n_asked += 1
        if n_asked < 3:
            route.abort()
        else:
            route.continue_()

    def count(request: Request) -> None:
        nonlocal n_uploads
        n_uploads += UPLOADS.search(request.url) is not None

    page.on("request", count)
    page.route("**/v1/assessments/*", broken)
    give(page, recordings / "large.wav")
    page.wait_for_selector(".answer .dial")
    assert (n_asked, n_uploads) == (3, 1)


def test_a_bucket_that_refuses_an_upload_signs_nobody_out(opened: Opening, recordings: Path) -> None:
    page = opened()
    page.route(UPLOADS, lambda route: route.fulfill(status=403, body="<Error><Code>AccessDenied</Code></Error>"))
    give(page, recordings / "large.wav")
    assert "Something went wrong" in told(page)


def test_a_file_that_cannot_be_read_is_told(opened: Opening, recordings: Path) -> None:
    page = opened(
        first='Blob.prototype.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotReadableError"));'
    )
    give(page, recordings / "good.mp3")
    said = told(page)
    assert "could not be read" in said and "in a cloud" in said


def test_a_file_that_takes_long_to_read_can_be_given_up(opened: Opening, recordings: Path) -> None:
    page = opened(first="Blob.prototype.arrayBuffer = () => new Promise(() => {});")
    give(page, recordings / "good.mp3")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".record")).to_be_visible()
    expect(page.locator(".trouble")).to_have_count(0)


def test_a_film_is_refused_before_it_is_read(opened: Opening, tmp_path: Path) -> None:
    film = tmp_path / "film.mov"
    with film.open("wb") as file:
        file.truncate(60_000_000)
    page = opened(first="window.asked = 0; Blob.prototype.arrayBuffer = () => { window.asked += 1; };")
    give(page, film)
    assert "too large" in told(page)
    assert page.evaluate("window.asked") == 0


# The connection to the database is lost, as on a phone that was short of memory; a new one is good.
LOST_ONCE = """
    const transaction = IDBDatabase.prototype.transaction;
    let first = null;
    IDBDatabase.prototype.transaction = function (...what) {
        first ??= this;
        if (this === first && window.isLost) throw new DOMException("lost", "InvalidStateError");
        return transaction.apply(this, what);
    };
"""


def test_a_lost_database_is_found_again(opened: Opening, recordings: Path) -> None:
    page = opened(first=LOST_ONCE)
    page.evaluate("window.isLost = true")
    give(page, recordings / "noise.mp3")
    assert "no recording that I can hear" in told(page)
    give(page, recordings / "good.mp3")
    page.wait_for_selector(".answer .dial")
    page.reload()
    expect(page.locator(".takes li")).to_have_count(1)


# Time in the page runs 60 times as fast, and its requests give up as much sooner.
HASTE = """
const later = window.setTimeout.bind(window);
window.setTimeout = (then, ms, ...rest) => later(then, ms / 60, ...rest);
const { get, set } = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, "timeout");
Object.defineProperty(XMLHttpRequest.prototype, "timeout", { get, set(ms) { set.call(this, ms / 60); } });
"""


def test_an_upload_may_take_as_long_as_it_moves(opened: Opening, recordings: Path) -> None:
    page = opened()
    page.add_init_script(HASTE)
    page.reload()
    line = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", slow)
    began_at = time.monotonic()
    with page.expect_request_finished(lambda request: UPLOADS.search(request.url) is not None):
        give(page, recordings / "large.wav")
    assert time.monotonic() - began_at > 3  # as 180 s to the page
    page.wait_for_selector(".answer .dial")


def test_an_upload_that_no_longer_moves_is_given_up_and_the_take_is_kept(opened: Opening, recordings: Path) -> None:
    page = opened()
    page.clock.install()
    page.route(UPLOADS, lambda _: None)  # takes nothing and says nothing
    with page.expect_request(UPLOADS):
        give(page, recordings / "large.wav")
    page.clock.run_for(30_000)
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.clock.run_for(30_000)
    assert "No connection" in told(page)
    expect(page.locator(".takes li")).to_contain_text("not judged yet")


def test_an_answer_that_does_not_come_is_asked_for_less_and_less_often_and_not_for_ever(
    opened: Opening, recordings: Path
) -> None:
    page = opened()
    page.clock.install()
    n_asked = 0

    def not_yet(route: Route) -> None:
        nonlocal n_asked
        n_asked += 1
        route.fulfill(status=202, headers={"retry-after": "4"}, json={"status": "pending"})

    page.route("**/v1/assessments/*", not_yet)
    with page.expect_response("**/v1/assessments/*"):
        give(page, recordings / "large.wav")
    page.wait_for_timeout(200)
    page.clock.run_for(3_000)
    assert n_asked == 1, "asked before the pause that the service named was over"
    for _ in range(310):
        page.clock.run_for(1_000)
        page.evaluate("new Promise((then) => requestIdleCallback(then))")
    said = told(page)
    assert "unusually long" in said and "was received" in said and "Send again" in said
    assert 15 < n_asked < 40


def test_sending_can_be_cancelled_and_the_take_is_kept(opened: Opening, recordings: Path) -> None:
    page = opened()
    page.route("**/v1/assessments", lambda _: None)  # never answered
    give(page, recordings / "good.mp3")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".takes li")).to_contain_text("not judged yet")
    expect(page.locator(".trouble")).to_have_count(0)
