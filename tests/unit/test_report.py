"""The report says what the assessment says, at any width, on any terminal."""

import dataclasses
import io
import re

import pytest

import made_assessment
from pkai import report
from pkai.assessment import Notice, PairAssessment
from pkai.calibration import Outcome
from pkai.report import Named
from pkai.terminal import MAX_WIDTH, MIN_WIDTH, Terminal, columns, fit, minutes

COLOUR = re.compile(r"\x1b\[[\d;]*m")
NAMED = Named(name="me.mp3", assessment=made_assessment.assessment())
WARNED = made_assessment.assessment(warnings=(Notice(code="short_recording", message="only 12 s were played"),))


def text(named: Named = NAMED, terminal: Terminal | None = None) -> str:
    return "\n".join(report.assessment_lines(named, terminal or Terminal()))


@pytest.mark.parametrize("width", [MIN_WIDTH, 80, MAX_WIDTH])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, colour: bool) -> None:
    terminal = Terminal(width=width, colour=colour)
    named = Named(name="a name too long for any terminal " * 5, assessment=WARNED)
    pair = PairAssessment(outcome="better", p_better=0.8, first=WARNED, second=WARNED)
    blocks = [
        report.assessment_lines(named, terminal),
        report.ranking_lines([named, NAMED], terminal),
        report.pair_lines("a.mp3", "b.mp3", pair, terminal),
        report.reference_lines([c.reference for c in WARNED.comparisons], terminal),
    ]
    for line in (line for block in blocks for line in block):
        assert columns(COLOUR.sub("", line)) <= width
        assert line == line.rstrip()


def test_colours_add_nothing_but_colours() -> None:
    assert COLOUR.sub("", text(terminal=Terminal(colour=True))) == text()
    assert "\x1b" not in text()


def test_a_terminal_without_bars_gets_the_same_words_in_ascii() -> None:
    plain = text(terminal=Terminal(plain_ascii=True)).replace("ü", "u")
    assert plain.isascii()
    assert "48 of 100, likely 41 to 54" in plain


def test_the_report_tells_rating_interval_level_length_and_model() -> None:
    shown = text()
    assert shown.startswith("me.mp3")
    assert "48 of 100, likely 41 to 54 · intermediate" in shown
    assert "0:40 · judged by pdr 1.2.3" in shown


def test_silence_around_the_playing_is_told() -> None:
    named = Named(name="me.mp3", assessment=made_assessment.assessment(played_from_s=5.0, duration_s=60.0))
    assert "1:00, played from 0:05 to 0:45" in text(named)


def test_the_mark_on_the_rating_bar_stands_at_its_place_on_the_scale() -> None:
    for rating in (0.0, 20.0, 60.0, 100.0):
        named = Named(name="me.mp3", assessment=made_assessment.assessment(rating=rating))
        bar, scale = report.assessment_lines(named, Terminal())[3:5]
        at = bar.index("●")
        start = scale.index(f"{rating:.0f}", 12)
        assert start - 1 <= at <= start + len(f"{rating:.0f}")


def test_the_chart_spans_round_tens_around_the_ratings_and_marks_the_passages() -> None:
    lines = text().splitlines()
    top, bottom = (next(i for i, line in enumerate(lines) if f"{value} ┤" in line) for value in (70, 30))
    assert bottom == top + 2
    axis = next(line for line in lines if "└" in line)
    labels, marks = lines[lines.index(axis) + 1], lines[lines.index(axis) + 2]
    assert "0:00" in labels and "0:40" in labels
    assert marks.index("▲") < marks.index("▼")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(12, 88, (10, 90)), (45, 47, (40, 60)), (0, 0, (0, 20)), (100, 100, (80, 100)), (97, 100, (80, 100))],
)
def test_a_chart_is_never_so_narrow_that_a_calm_recording_looks_wild(
    low: float, high: float, expected: tuple[int, int]
) -> None:
    named = Named(name="me.mp3", assessment=made_assessment.assessment(ratings=(low, high)))
    shown = text(named)
    assert all(f"{edge} ┤" in shown for edge in expected)


def test_every_rating_of_the_timeline_shows_in_the_lowest_row_at_least() -> None:
    named = Named(name="me.mp3", assessment=made_assessment.assessment(ratings=(20.0, 60.0, 20.0)))
    row = next(line for line in text(named).splitlines() if "20 ┤" in line)
    assert " " not in row.partition("┤")[2]


def test_passages_are_told_with_their_times() -> None:
    assert "▲ 0:12–0:20, rating 61" in text()
    assert "▼ 0:20–0:28, rating 30" in text()


def test_each_family_of_flaws_has_a_row_on_the_time_axis_of_the_ratings() -> None:
    lines = text().splitlines()
    axis = next(line for line in lines if "└" in line)
    row = next(line for line in lines if "hesitation much" in line)
    assert len(row) <= len(axis)
    at = row.index("█")
    assert 0.19 <= (at - axis.index("┬")) / (len(axis) - axis.index("┬")) < 0.3, "the third of ten points"
    assert next(line for line in lines if "pedal" in line).split() == ["pedal", "none"]


def test_what_to_practise_is_told_what_gains_most_first_and_nothing_else() -> None:
    shown = text()
    assert shown.index("Hesitation: much.") < shown.index("Dynamics: some.")
    assert "Pedal:" not in shown


def test_what_is_not_explained_at_once_is_named() -> None:
    some = tuple(
        dataclasses.replace(finding, extent="some", cost=10.0 - row, sentence=f"{finding.family}: some.")
        for row, finding in enumerate(NAMED.assessment.diagnosis)
    )
    named = Named(name="me.mp3", assessment=dataclasses.replace(NAMED.assessment, diagnosis=some))
    told = report.advice_sentences(named.assessment)
    assert told[:3] == [f"{finding.family}: some." for finding in some[:3]]
    assert told[3:] == ["Later: dynamics (some), articulation (some), pedal (some), hesitation (some)."]


def test_a_recording_without_flaws_is_told_so() -> None:
    clean = tuple(dataclasses.replace(f, extent="none") for f in NAMED.assessment.diagnosis)
    named = Named(name="me.mp3", assessment=dataclasses.replace(NAMED.assessment, diagnosis=clean))
    assert "Practise   nothing in particular stands out" in text(named)


def test_one_stands_among_the_references_in_the_order_of_their_ratings() -> None:
    lines = text().splitlines()
    places = [next(i for i, line in enumerate(lines) if word in line) for word in ("-expert", "▸", "-beginner")]
    assert places == sorted(places)
    assert "plays better than 1 of 2 reference performances" in text()
    assert re.search(r"elise-beginner\s+█+░*  96 %  better", text())


def test_of_equal_ratings_the_one_that_is_harder_to_beat_stands_higher() -> None:
    hard, easy = (
        dataclasses.replace(made_assessment.comparison(name, 47.6, title=name), p_better=p)
        for name, p in (("hard", 0.2), ("easy", 0.9))
    )
    shown = text(Named(name="me.mp3", assessment=made_assessment.assessment(comparisons=(easy, hard))))
    assert shown.index("hard ") < shown.index("this recording") < shown.index("easy ")


def test_a_family_that_is_not_judged_has_a_dash_for_a_word() -> None:
    first, *others = NAMED.assessment.diagnosis
    unjudged = dataclasses.replace(first, judged=False, extent="none")
    shown = text(Named(name="me.mp3", assessment=dataclasses.replace(NAMED.assessment, diagnosis=(unjudged, *others))))
    assert re.search(rf"^ +{first.family}  –", shown, re.MULTILINE)


def test_whom_one_equals_is_told_beside_whom_one_beats() -> None:
    beaten, worse = (made_assessment.comparison(name, rating) for name, rating in (("novice", 10.0), ("expert", 90.0)))
    equal = dataclasses.replace(worse, outcome="equivalent")
    assessed = made_assessment.assessment(comparisons=(beaten, equal, equal, worse))
    assert report.standing(assessed) == "better than 1 and as well as 2 of 4 reference performances"


def test_of_many_references_the_nearest_are_shown_and_the_others_counted() -> None:
    many = tuple(made_assessment.comparison(f"r{i}", float(i)) for i in range(0, 100, 5))
    shown = text(Named(name="me.mp3", assessment=made_assessment.assessment(comparisons=many)))
    assert "… 6 more above" in shown and "… 6 more below" in shown
    assert [int(n) for n in re.findall(r"Für Elise, r(\d+)", shown)] == [65, 60, 55, 50, 45, 40, 35, 30]


def test_without_references_there_is_no_ladder() -> None:
    assert "Compared" not in text(Named(name="me.mp3", assessment=made_assessment.assessment(comparisons=())))


def test_warnings_are_told() -> None:
    assert "Note       only 12 s were played" in text(Named(name="me.mp3", assessment=WARNED))


def test_the_ranking_puts_the_best_first() -> None:
    ratings = {"low.mp3": 20.0, "high.mp3": 90.0, "middle.mp3": 50.0}
    named = [Named(name=n, assessment=made_assessment.assessment(rating=r)) for n, r in ratings.items()]
    lines = report.ranking_lines(named, Terminal())
    assert lines[0] == "Ranking of 3 recordings"
    assert [line.split()[1] for line in lines[2:5]] == ["high.mp3", "middle.mp3", "low.mp3"]
    assert "90  (83–97)" in lines[2]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("better", "a.mp3 is played better than b.mp3 (chance: 80 %)"),
        ("worse", "b.mp3 is played better than a.mp3 (chance: 20 %)"),
        ("equivalent", "a.mp3 and b.mp3 are played about equally well (chance that the first is better: 80 %)"),
    ],
)
def test_the_verdict_of_a_pair_names_the_better_one_with_its_own_chance(outcome: Outcome, expected: str) -> None:
    pair = PairAssessment(outcome=outcome, p_better=0.8, first=NAMED.assessment, second=NAMED.assessment)
    assert report.pair_lines("a.mp3", "b.mp3", pair, Terminal())[0] == expected


def test_references_are_listed_piece_by_piece_the_best_first() -> None:
    lines = report.reference_lines([c.reference for c in NAMED.assessment.comparisons], Terminal())
    assert lines[0] == "fur-elise"
    assert [line.split()[:2] for line in lines[2:4]] == [["elise-expert", "80"], ["elise-beginner", "20"]]


def test_the_longest_name_of_a_reference_leaves_room_for_titles() -> None:
    known = NAMED.assessment.comparisons[0].reference
    long = dataclasses.replace(known, name="n" * 100, title="Ballade no. 1, my pupil")
    lines = report.reference_lines([known, long], Terminal())
    assert max(map(len, lines)) <= Terminal().width
    assert any("Ballade no." in line for line in lines)


def test_a_long_version_of_the_model_is_no_trap() -> None:
    model = dataclasses.replace(NAMED.assessment.model, version="1." * 60)
    assert report.assessment_lines(
        Named(name="a.mp3", assessment=dataclasses.replace(NAMED.assessment, model=model)), Terminal()
    )


@pytest.mark.parametrize(("time_s", "expected"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (1199.9, "20:00")])
def test_times_are_minutes_and_seconds(time_s: float, expected: str) -> None:
    assert minutes(time_s) == expected


@pytest.mark.parametrize(("p", "expected"), [(0.0, "<1 %"), (0.01, "1 %"), (0.5, "50 %"), (1.0, ">99 %")])
def test_no_chance_is_told_as_certain(p: float, expected: str) -> None:
    assert report.percent(p) == expected


def test_names_take_their_columns_and_cannot_steer_the_terminal() -> None:
    assert columns("猫ふんじゃった") == 14
    assert columns("e\u0301") == 1
    assert fit("猫ふんじゃった.mp3", 10) == "猫ふんじ… "
    assert fit("a\x1b[31mb\n", 10) == "a?[31mb?  "


def test_colours_and_bars_are_for_terminals_that_have_them() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    terminal = Terminal.of(file, colour_is_welcome=True)
    assert not terminal.colour
    assert terminal.plain_ascii
    utf8 = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert not Terminal.of(utf8, colour_is_welcome=True).plain_ascii
