"""What people do with the page: drop, record, read, listen, compare, and come back."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

import recording_files
from chromium import until
from conftest import ROOT
from pkai.serve import LocalServer

Opening = Callable[..., Page]
TAKES = ".takes li"
KEEPING_STREAMS = """
    window.streams = [];
    const asking = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wish) =>
        asking(wish).then((stream) => (window.streams.push(stream), stream));
"""

KEEPING_CONTEXTS = """
    window.contexts = [];
    window.AudioContext = class extends window.AudioContext {
        constructor(...how) { super(...how); window.contexts.push(this); }
    };
"""


def give(page: Page, recording: Path) -> None:
    """Choose a file."""
    page.set_input_files("input[type=file]", recording)


def judged(page: Page) -> str:
    """Wait for the answer; returns the rating that is read from the dial."""
    page.wait_for_selector(".answer .dial")
    return page.locator(".dial-rating").text_content() or ""


def drop(page: Page, recording: Path) -> None:
    """Drop a file, as a mouse does."""
    content = list(recording.read_bytes())
    page.evaluate(
        """([name, content]) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(content)], name, { type: "audio/mpeg" }));
            document.body.dispatchEvent(new DragEvent("dragover", { bubbles: true, dataTransfer: files }));
            document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: files }));
        }""",
        [recording.name, content],
    )


def test_a_file_that_is_dropped_is_judged_as_the_service_judges_it(
    opened: Opening, service: LocalServer, recordings: Path
) -> None:
    page = opened()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    drop(page, recordings / "good.mp3")
    told = judged(page)
    answer = requests.post(
        f"{service.url}/v1/assessments",
        data=(recordings / "good.mp3").read_bytes(),
        headers={"Content-Type": "audio/mpeg"},
        timeout=60,
    ).json()
    assert told == str(round(answer["rating"]))
    expect(page.get_by_role("heading", level=1)).to_have_text("good.mp3")
    expect(page.locator(".rung:not(.own)")).to_have_count(len(answer["comparisons"]))
    expect(page.locator(".rung.own")).to_contain_text(told)
    equal = sum(one["outcome"] == "equivalent" for one in answer["comparisons"])
    expect(page.locator(".standing")).to_have_text(
        f"You play better than {answer['rank']['better_than']}{f' and as well as {equal}' if equal else ''} "
        f"of {answer['rank']['of']} reference performances."
    )
    expect(page.locator(".finding")).to_have_count(sum(one["extent"] != "none" for one in answer["diagnosis"]))
    expect(page.get_by_role("status")).to_have_text(f"Judged: {told} of 100.")
    page.wait_for_selector(".waveform-frame canvas")
    assert errors == []


def test_what_is_played_into_the_microphone_is_recorded_shown_and_judged(opened: Opening) -> None:
    page = opened()
    page.get_by_role("button", name="Record", exact=True).click()
    meter = page.get_by_role("meter")
    expect(meter).to_be_visible()
    until(page, "Number(document.querySelector('.meter').getAttribute('aria-valuenow')) > 20")
    until(
        page,
        "[...document.querySelectorAll('.keyboard rect')].some((key) => key.style.getPropertyValue('--lit') > 0.3)",
    )
    expect(page.locator(".listening .hint")).to_have_text(
        "Long enough. Stop whenever you like; a whole piece is judged best.",
        timeout=60_000,
    )
    page.get_by_role("button", name="Stop and judge").click()
    assert 0 <= int(judged(page)) <= 100
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recorded at")


def test_a_microphone_that_goes_away_ends_the_recording_and_what_was_played_is_judged(opened: Opening) -> None:
    page = opened(first=KEEPING_STREAMS)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".listening .hint")).to_contain_text("Long enough", timeout=60_000)
    page.evaluate("window.streams[0].getTracks().forEach((track) => track.stop())")
    assert 0 <= int(judged(page)) <= 100


def test_a_microphone_that_a_call_takes_ends_the_recording_and_what_was_played_is_judged(opened: Opening) -> None:
    page = opened(first=KEEPING_STREAMS)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".listening .hint")).to_contain_text("Long enough", timeout=60_000)
    page.evaluate(
        """for (const track of window.streams[0].getTracks()) {
            Object.defineProperty(track, "muted", { value: true });
            track.dispatchEvent(new Event("mute"));
        }"""
    )
    assert 0 <= int(judged(page)) <= 100


def test_sound_that_the_browser_suspends_goes_on_and_is_not_called_faint(opened: Opening) -> None:
    page = opened(first=KEEPING_CONTEXTS)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("meter")).to_be_visible()
    until(page, "Number(document.querySelector('.meter').getAttribute('aria-valuenow')) > 20")
    page.evaluate("window.contexts[0].suspend()")
    until(page, "window.contexts[0].state === 'running'")
    until(page, "Number(document.querySelector('.meter').getAttribute('aria-valuenow')) > 20")
    page.get_by_role("button", name="Discard").click()


def test_what_was_played_before_the_page_was_left_is_there_when_one_comes_back(opened: Opening) -> None:
    page = opened()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".listening .hint")).to_contain_text("Long enough", timeout=60_000)
    page.wait_for_timeout(1500)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".record")
    expect(other.locator(TAKES)).to_have_count(0)  # it goes on in its own tab
    other.close()
    page.reload()
    expect(page.locator(TAKES)).to_contain_text("not judged yet")
    page.get_by_role("button", name="Send again").click()
    assert 0 <= int(judged(page)) <= 100
    page.reload()
    expect(page.locator(TAKES)).to_have_count(1)


def test_a_recording_that_was_discarded_or_judged_leaves_no_parts(opened: Opening) -> None:
    page = opened()
    for way in ("Discard", "Stop and judge"):
        page.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_timeout(2500)
        page.get_by_role("button", name=way).click()
        page.wait_for_selector(".record")
        until(
            page,
            """new Promise((resolve) => {
                indexedDB.open("pkai").onsuccess = ({ target: { result } }) => {
                    result.transaction("parts").objectStore("parts").count().onsuccess = (counted) =>
                        (result.close(), resolve(counted.target.result === 0));
                };
            })""",
        )


def test_a_recording_that_the_browser_cannot_play_is_drawn_and_told(opened: Opening, tmp_path: Path) -> None:
    page = opened()
    give(page, recording_files.write(tmp_path / "good.aiff"))
    judged(page)
    page.wait_for_selector(".waveform-frame canvas")
    expect(page.locator(".waveform")).to_contain_text("This browser cannot play this recording")
    expect(page.locator(".play")).to_be_disabled()


def test_asking_twice_for_the_microphone_leaves_none_on(opened: Opening) -> None:
    page = opened(first=KEEPING_STREAMS)
    page.evaluate("{ const button = document.querySelector('.record'); button.click(); button.click(); }")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".record")).to_be_visible()
    tracks = "window.streams.flatMap((stream) => stream.getTracks()).map((track) => track.readyState)"
    assert page.evaluate(tracks) == ["ended"]


def test_a_click_on_the_waveform_or_a_passage_is_heard_from_there(opened: Opening, recordings: Path) -> None:
    page = opened()
    give(page, recordings / "good.mp3")
    judged(page)
    slider = page.get_by_role("slider", name="Position in the recording")
    page.wait_for_selector(".waveform-frame canvas")  # wavesurfer draws it once the recording is decoded
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    until(page, "Math.abs(document.querySelector('.waveform-frame').ariaValueNow - 6) <= 1")
    slider.press("ArrowRight")
    until(page, "document.querySelector('.waveform-frame').ariaValueNow >= 7")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_large_file_goes_by_way_of_an_upload_and_its_progress_is_told(
    name: str, opened: Opening, recordings: Path
) -> None:
    page = opened(name=name)
    assert (recordings / "large.wav").stat().st_size > 4_000_000
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {urlsplit(request.url).path}"))
    give(page, recordings / "large.wav")
    expect(page.get_by_role("progressbar")).to_be_visible()
    judged(page)
    assert {"POST /v1/uploads", "POST /uploads"} <= set(asked)
    assert "POST /v1/assessments" not in asked


def test_the_piece_that_was_chosen_is_the_one_compared_with(opened: Opening, recordings: Path) -> None:
    page = opened()
    page.get_by_label("Piece").select_option("fur-elise")
    with page.expect_request("**/v1/assessments*") as sent:
        give(page, recordings / "good.mp3")
    assert sent.value.url.endswith("?piece=fur-elise")
    judged(page)


def test_takes_are_kept_over_a_reload_and_two_are_compared(opened: Opening) -> None:
    page = opened()
    for name in ("fur-elise-1-expert-bright.ogg", "fur-elise-4-beginner-grand.m4a"):
        give(page, ROOT / "events" / "audio" / name)
        judged(page)
        page.get_by_role("button", name="Back").click()
    page.reload()
    expect(page.locator(TAKES)).to_have_count(2)
    page.wait_for_selector(".curve canvas")
    assert "2 takes, from" in page.locator(".curve figcaption").inner_text()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare these two").click()
    page.wait_for_selector(".pair")
    verdict = page.get_by_role("heading", level=1).inner_text()
    assert "played better" in verdict or "equally well" in verdict
    expect(page.locator(".pair .dial")).to_have_count(2)
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Delete fur-elise-4-beginner-grand.m4a").click()
    expect(page.locator(TAKES)).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("fur-elise-4-beginner-grand.m4a is deleted.")
    expect(page.get_by_role("button", name="Put it back")).to_be_focused()
    page.get_by_role("button", name="Put it back").click()
    expect(page.locator(TAKES)).to_have_count(2)
    page.get_by_role("button", name="Delete fur-elise-4-beginner-grand.m4a").click()
    expect(page.locator(TAKES)).to_have_count(1)
    page.reload()
    expect(page.locator(TAKES)).to_have_count(1)
    page.get_by_role("button", name="fur-elise-1-expert-bright.ogg", exact=True).click()
    judged(page)


def test_the_page_speaks_japanese_to_those_who_do_and_remembers_a_choice(opened: Opening, recordings: Path) -> None:
    page = opened(locale="ja-JP")
    assert page.locator("html").get_attribute("lang") == "ja"
    expect(page.get_by_role("heading", level=1)).to_have_text("弾いてみてください。")
    give(page, recordings / "good.mp3")
    judged(page)
    expect(page.get_by_role("heading", name="お手本の中での位置")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Your place among the references")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Play. I’m listening.")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_follows_the_colours_of_the_system(opened: Opening, colours: str) -> None:
    page = opened(color_scheme=colours)
    red, *_ = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)")
    assert (red < 60) == (colours == "dark")
