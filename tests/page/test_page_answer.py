"""What an answer says: of passages, flaws and references, in words, figures and colours that agree."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

import made_assessment
from pkai import contract
from pkai.assessment import Assessment, Notice, Passage, PieceIdentity
from pkai.calibration import Outcome

Opening = Callable[..., Page]
Answering = Callable[..., Page]


@pytest.fixture
def answering(opened: Opening, recordings: Path) -> Answering:
    """The page with an answer that was made by hand."""

    def show(assessment: Assessment, page: Page | None = None, **options: Any) -> Page:
        shown = page or opened(**options)
        answer = contract.answer(assessment)

        def reply(route: Route) -> None:
            route.fulfill(json=answer)

        shown.route("**/v1/assessments", reply)
        shown.set_input_files("input[type=file]", recordings / "good.mp3")
        shown.wait_for_selector(".answer .dial")
        shown.unroute("**/v1/assessments")
        return shown

    return show


def passages(rating: float, others: float, *, strongest: float, weakest: float) -> Assessment:
    """A whole, its stretches alike, and one passage of each kind."""
    return dataclasses.replace(
        made_assessment.assessment(rating=rating, ratings=(others,) * 10),
        strongest=(Passage(start_s=12.0, end_s=20.0, rating=strongest),),
        weakest=(Passage(start_s=20.0, end_s=28.0, rating=weakest),),
    )


@pytest.mark.parametrize(
    ("assessment", "told"),
    [
        (
            passages(77.6, 80.0, strongest=90.2, weakest=66.1),
            ["rated 90, 12 above the whole", "rated 66, 12 below the whole"],
        ),
        (passages(8.7, 20.0, strongest=26.0, weakest=12.1), ["rated 26, 17 above the whole", "rated 12"]),
        (passages(90.0, 80.0, strongest=86.0, weakest=70.0), ["rated 86", "rated 70, 20 below the whole"]),
    ],
    ids=["as shown", "a whole below its passages", "a whole above its passages"],
)
def test_a_passage_is_told_from_the_whole_by_the_ratings_that_are_shown(
    assessment: Assessment, told: list[str], answering: Answering
) -> None:
    page = answering(assessment)
    expect(page.locator(".passages .hint")).to_have_text(told)


def test_where_no_passage_stands_out_it_is_said_so(answering: Answering) -> None:
    page = answering(dataclasses.replace(made_assessment.assessment(), strongest=(), weakest=()))
    section = page.locator("section", has=page.get_by_role("heading", name="Passages"))
    expect(section).to_contain_text("No passage stands out")
    expect(section.get_by_role("listitem")).to_have_count(0)


def test_words_and_percentage_of_a_reference_both_tell_how_likely_one_plays_better(answering: Answering) -> None:
    expert = dataclasses.replace(made_assessment.comparison("elise-expert", 90.0), p_better=0.004)
    page = answering(made_assessment.assessment(comparisons=(expert,)))
    expect(page.locator(".rung-head")).to_have_text("Chance that you play better")
    expect(page.locator(".rung.worse .hint")).to_have_text("you are not yet as good")
    told = page.get_by_role("img", name="<1 % chance that you play better")
    expect(told).to_have_text("<1 %")


def test_the_bars_of_all_references_begin_below_each_other(answering: Answering) -> None:
    chances = (0.001, 0.07, 0.5, 0.93, 0.999)
    compared = tuple(
        dataclasses.replace(made_assessment.comparison(f"elise-{i}", 80.0 - 15 * i), p_better=chance)
        for i, chance in enumerate(chances)
    )
    for width in (390, 1280):
        page = answering(made_assessment.assessment(comparisons=compared), viewport={"width": width, "height": 800})
        boxes = [bar.bounding_box() for bar in page.locator(".rung .bar").all()]
        assert len(boxes) == len(chances)
        assert len({box["x"] for box in boxes if box}) == 1


def test_of_references_at_the_same_end_of_the_scale_the_better_stands_above(answering: Answering) -> None:
    def best(name: str, outcome: Outcome, p_better: float) -> Any:
        return dataclasses.replace(made_assessment.comparison(name, 100.0), outcome=outcome, p_better=p_better)

    compared = (best("beaten", "better", 0.9), best("near", "equivalent", 0.4), best("beating", "worse", 0.1))
    page = answering(made_assessment.assessment(rating=100.0, comparisons=compared))
    expect(page.locator(".rung")).to_contain_text(["you are not yet as good", "about equal", "You", "you play better"])


def opacities(row: Locator) -> list[float]:
    return [float(one.get_attribute("fill-opacity") or "nan") for one in row.locator("rect").all()]


def test_the_same_severity_is_as_dark_for_every_family(answering: Answering) -> None:
    page = answering(made_assessment.assessment())
    much, some = (page.locator(f".finding.{extent} .severity") for extent in ("much", "some"))
    assert max(opacities(much)) == pytest.approx(1.0)  # a severity of 4, the most of all
    assert opacities(some) == pytest.approx([0.5 / 4] * 10)


def test_a_little_of_everything_is_dark_nowhere(answering: Answering) -> None:
    made = made_assessment.assessment()
    slight = tuple(
        dataclasses.replace(one, over_time=(0.3,) * 10) if one.family == "dynamics" else one
        for one in made.diagnosis
        if one.family != "hesitation"
    )
    page = answering(dataclasses.replace(made, diagnosis=slight))
    assert opacities(page.locator(".severity")) == pytest.approx([0.3] * 10)


COLOURS = """
(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, canvas.height / 2, canvas.width, 1);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) colours.add(data.slice(i, i + 3).join(" "));
    return [...colours];
}
"""


def test_a_rating_has_the_same_colour_in_every_take(answering: Answering) -> None:
    page = None
    takes: list[set[str]] = []
    for ratings in ((50.0,) * 10, (50.0,) * 5 + (90.0,) * 5, (10.0,) * 5 + (50.0,) * 5):
        page = answering(made_assessment.assessment(ratings=ratings, duration_s=40.0), page)
        canvas = page.locator(".waveform-frame canvas").first  # bars lie in it once the recording is decoded
        canvas.wait_for()
        colours = set(canvas.evaluate(COLOURS))
        assert len(colours) == len(set(ratings))
        takes.append(colours)
        page.get_by_role("button", name="Back").click()
    assert set.intersection(*takes) == takes[0]


def test_attention_is_drawn_from_its_least_to_its_most_and_not_where_it_hardly_varies(answering: Answering) -> None:
    made = made_assessment.assessment()

    def attending(*attention: float) -> Assessment:
        points = zip(made.timeline, attention, strict=True)
        return dataclasses.replace(
            made, timeline=tuple(dataclasses.replace(point, attention=each) for point, each in points)
        )

    page = answering(attending(*[0.95, 1.05] * 5))
    expect(page.locator(".waveform")).to_be_visible()
    expect(page.locator(".attention, .attention-key")).to_have_count(0)
    page.get_by_role("button", name="Back").click()
    answering(attending(*[0.8, 1.2] * 5), page)
    expect(page.locator(".attention-key")).to_be_visible()
    assert opacities(page.locator(".attention")) == pytest.approx([0.15, 1.0] * 5)


def test_a_piece_that_is_not_recognised_need_not_be_one_of_the_references(answering: Answering) -> None:
    unknown = PieceIdentity(name=None, confidence=0.0, how="unknown")
    notice = Notice(code="unknown_piece", message="the piece is none that was recognised")
    made = dataclasses.replace(made_assessment.assessment(warnings=(notice,)), piece=unknown)
    page = answering(made)
    expect(page.locator(".hint.warn")).to_have_text(re.compile(r"\(Für Elise\).* If it is one of these, choose it"))


def test_families_of_flaws_are_called_as_the_service_calls_them(answering: Answering) -> None:
    made = made_assessment.assessment()
    page = answering(made)
    named = page.locator("section", has=page.get_by_role("heading", name="What to work on")).inner_text().lower()
    for finding in made.diagnosis:
        assert finding.family in named
    expect(page.get_by_role("img", name="hesitation along the recording")).to_be_visible()


def test_what_is_not_judged_is_not_said_to_be_in_good_order(answering: Answering) -> None:
    made = made_assessment.assessment()
    sound = [dataclasses.replace(one, extent="none", passages=()) for one in made.diagnosis]
    sound[0] = dataclasses.replace(sound[0], extent="some")
    sound[4] = dataclasses.replace(sound[4], judged=False)
    page = answering(dataclasses.replace(made, diagnosis=tuple(sound)))
    expect(page.get_by_text("In good order:")).not_to_contain_text(sound[4].family)
    expect(page.get_by_text("Not judged, for it is not heard well enough:")).to_contain_text(sound[4].family)
