"""An assessment in words and bars, for people at a terminal. Every function gives lines; none writes."""

import textwrap
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pkai.assessment import Assessment, Comparison, Finding, PairAssessment, Passage, ReferenceIdentity
from pkai.terminal import Terminal, columns, fit, minutes, printable

_MARGIN = 13
# What stands left of a chart: its scale.
_AXIS = 5
_CHART_ROWS = 3
_EIGHTHS = " ▁▂▃▄▅▆▇█"
# A calm recording drawn to its own extremes would look as uneven as a wild one.
_MIN_CHART_SPAN = 20
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_TICK_COLUMNS = 8
_RUNGS_EACH_SIDE = 4
# What a line of the ranking takes beside the name and the bar.
_RANKING_COLUMNS = 43
_MIN_RANKING_BAR, _MAX_RANKING_BAR = 5, 20
# The same of the listing of references.
_LISTING_COLUMNS = 29
_MIN_LISTED_TITLE = 12
_OUTCOME_WORDS = {"better": "better", "equivalent": "about equal", "worse": "not as good"}
_MOST_ADVICE = 3
_EXTENT_STYLES = {"none": "dim", "some": "yellow", "much": "red"}
_OUTCOME_STYLES = {"better": "green", "equivalent": "yellow", "worse": "red"}


@dataclass(frozen=True, kw_only=True)
class Named:
    """An assessment and the name of its recording as people call it."""

    name: str
    assessment: Assessment


def assessment_lines(named: Named, terminal: Terminal) -> list[str]:
    """The whole answer about one recording."""
    assessment = named.assessment
    blocks = [
        _rating_block,
        _timeline_block,
        _passages_block,
        _flaws_block,
        _advice_block,
        _ladder_block,
        _warnings_block,
    ]
    lines = _heading(named.name, _facts(assessment), terminal)
    for block in blocks:
        lines += block(assessment, terminal)
    return [terminal.spell(line.rstrip()) for line in lines]


def pair_lines(first: str, second: str, pair: PairAssessment, terminal: Terminal) -> list[str]:
    """The answer about two recordings: who plays better, then both in turn."""
    lines = [terminal.paint(printable(verdict(first, second, pair)), "bold"), ""]
    for name, assessment in ((first, pair.first), (second, pair.second)):
        lines += _heading(name, _facts(assessment), terminal)
        for block in (_rating_block, _timeline_block, _passages_block, _advice_block, _warnings_block):
            lines += block(assessment, terminal)
    return [terminal.spell(line.rstrip()) for line in lines]


def ranking_lines(recordings: Sequence[Named], terminal: Terminal) -> list[str]:
    """All recordings of one call, the best first."""
    ranked = sorted(recordings, key=lambda named: -named.assessment.rating)
    lines = _heading(f"Ranking of {len(ranked)} recordings", "", terminal)
    room = terminal.width - _RANKING_COLUMNS
    name_width = min(max(columns(named.name) for named in ranked), room - _MIN_RANKING_BAR)
    bar_width = min(_MAX_RANKING_BAR, room - name_width)
    for place, named in enumerate(ranked, 1):
        assessment = named.assessment
        low, high = assessment.rating_interval
        bar = terminal.paint(_solid_bar(assessment.rating / 100, bar_width), "cyan")
        lines.append(
            f"{place:4d}.  {fit(named.name, name_width)}  {bar} {assessment.rating:3.0f}  "
            f"{f'({low:.0f}–{high:.0f})':<8}  {assessment.level}"
        )
    return [terminal.spell(line.rstrip()) for line in [*lines, ""]]


def reference_lines(references: Sequence[ReferenceIdentity], terminal: Terminal) -> list[str]:
    """The reference performances that there are, piece by piece, the best first."""
    room = terminal.width - _LISTING_COLUMNS
    name_width = min(max((columns(reference.name) for reference in references), default=0), room - _MIN_LISTED_TITLE)
    lines = []
    for piece in sorted({reference.piece for reference in references}):
        lines += _heading(piece, "", terminal)
        of_piece = [reference for reference in references if reference.piece == piece]
        for reference in sorted(of_piece, key=lambda reference: -reference.rating):
            lines.append(
                f"  {fit(reference.name, name_width)}  {reference.rating:3.0f}  {fit(reference.level, 18)}  "
                f"{fit(reference.title, room - name_width)}"
            )
        lines.append("")
    return [terminal.spell(line.rstrip()) for line in lines]


def verdict(first: str, second: str, pair: PairAssessment) -> str:
    """Who of two plays better, in a sentence."""
    if pair.outcome == "equivalent":
        chance = f"chance that the first is better: {percent(pair.p_better)}"
        return f"{first} and {second} are played about equally well ({chance})"
    if pair.outcome == "better":
        return f"{first} is played better than {second} (chance: {percent(pair.p_better)})"
    return f"{second} is played better than {first} (chance: {percent(1 - pair.p_better)})"


def flaws_heard(found: Iterable[Finding]) -> list[Finding]:
    """Families of flaws of which there are some, first what costs most."""
    return sorted((finding for finding in found if finding.extent != "none"), key=lambda finding: -finding.cost)


def advice_sentences(assessment: Assessment) -> list[str]:
    """What to practise, first what gains most, and no more than a teacher would explain at once."""
    heard = flaws_heard(assessment.diagnosis)
    others = ", ".join(f"{finding.family} ({finding.extent})" for finding in heard[_MOST_ADVICE:])
    told = [finding.sentence for finding in heard[:_MOST_ADVICE]] + ([f"Later: {others}."] if others else [])
    return told or ["nothing in particular stands out"]


def standing(assessment: Assessment) -> str:
    """Whom it beats, such as "better than 1 and as well as 2 of 5 reference performances"."""
    rank = assessment.rank
    equals = sum(comparison.outcome == "equivalent" for comparison in assessment.comparisons)
    as_well = f" and as well as {equals}" if equals else ""
    return f"better than {rank.better_than}{as_well} of {rank.of} reference performances"


def percent(probability: float) -> str:
    """A probability in percent; never a certainty."""
    if probability < 0.01:
        return "<1 %"
    return ">99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _heading(left: str, right: str, terminal: Terminal) -> list[str]:
    room = terminal.width - columns(right) - 2
    return [
        f"{terminal.paint(fit(left, room), 'bold')}  {terminal.paint(right, 'dim')}",
        terminal.paint("─" * terminal.width, "dim"),
    ]


def _facts(assessment: Assessment) -> str:
    recording = assessment.recording
    played = f", played from {minutes(recording.played_from_s)} to {minutes(recording.played_to_s)}"
    trimmed = recording.played_from_s > 2 or recording.duration_s - recording.played_to_s > 2
    model = f"judged by {assessment.model.name} {assessment.model.version}"
    return f"{minutes(recording.duration_s)}{played if trimmed else ''} · {model}"


def _labelled(label: str, lines: Iterable[str], terminal: Terminal) -> list[str]:
    labels = [terminal.paint(f"  {label:<{_MARGIN - 2}}", "dim")]
    return [(labels.pop() if labels else " " * _MARGIN) + line for line in lines]


def _rating_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    low, high = assessment.rating_interval
    width = terminal.width - _MARGIN
    headline = (
        f"{terminal.paint(f'{assessment.rating:.0f}', 'bold', 'cyan')} of 100, likely {low:.0f} to {high:.0f} · "
        f"{terminal.paint(assessment.level, 'bold')}"
    )
    bar = _rating_bar(assessment, width, terminal)
    return [*_labelled("Rating", [headline, bar, _rating_scale(width)], terminal), ""]


def _rating_bar(assessment: Assessment, width: int, terminal: Terminal) -> str:
    at, low, high = (_column(value, width) for value in (assessment.rating, *assessment.rating_interval))
    cells = ["━"] * at + ["─"] * (width - at)
    cells[low], cells[high] = "┝", "┥"
    cells[at] = "●"
    bar = "".join(cells)
    return terminal.paint(bar[: high + 1], "cyan") + terminal.paint(bar[high + 1 :], "dim")


def _rating_scale(width: int) -> str:
    marks = [(_column(value, width), str(value)) for value in range(0, 101, 20)]
    return _placed(marks, width)


def _column(rating: float, width: int) -> int:
    return round(rating / 100 * (width - 1))


def _placed(marks: Iterable[tuple[int, str]], width: int) -> str:
    """Short texts, each centred on its column and kept inside the line; one that would touch another is left out."""
    line = ""
    for column, text in marks:
        start = max(0, min(column - len(text) // 2, width - len(text)))
        if not line or start > len(line):
            line += " " * (start - len(line)) + text
    return line


def _timeline_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    width = terminal.width - _MARGIN - _AXIS
    start_s, end_s = assessment.timeline[0].start_s, assessment.timeline[-1].end_s
    per_column = (end_s - start_s) / width
    ratings = list(_sampled(assessment, start_s, per_column, width))
    low, high = _chart_range(min(ratings), max(ratings))
    labels = [f"{high:3d} ┤", *["    │"] * (_CHART_ROWS - 2), f"{low:3d} ┤"]
    chart = [
        label + terminal.paint(row, "cyan") for label, row in zip(labels, _chart_rows(ratings, low, high), strict=True)
    ]
    marks = _passage_marks(assessment, start_s, per_column, width, terminal)
    return [
        *_labelled("Over time", [*chart, "    └" + _tick_line(start_s, end_s, width)], terminal),
        " " * (_MARGIN + _AXIS) + _tick_labels(start_s, end_s, width),
        *([" " * (_MARGIN + _AXIS) + marks] if marks.strip() else []),
        "",
    ]


def _sampled(assessment: Assessment, start_s: float, per_column: float, width: int) -> Iterator[float]:
    """Rating at the middle of each column of the chart."""
    yield from (assessment.timeline[point].rating for point in _points(assessment, start_s, per_column, width))


def _points(assessment: Assessment, start_s: float, per_column: float, width: int) -> Iterator[int]:
    """Which point of the timeline lies at the middle of each column."""
    ends_s = [point.end_s for point in assessment.timeline[:-1]]
    yield from (bisect_left(ends_s, start_s + (column + 0.5) * per_column) for column in range(width))


def _chart_range(low: float, high: float) -> tuple[int, int]:
    """Round tens around the ratings, at least `_MIN_CHART_SPAN` apart and within 0..100."""
    bottom, top = int(low // 10 * 10), int(-(-high // 10) * 10)
    lacking = max(0, _MIN_CHART_SPAN - (top - bottom))
    bottom = max(0, bottom - lacking // 20 * 10)
    top = min(100, max(top, bottom + _MIN_CHART_SPAN))
    return min(bottom, top - _MIN_CHART_SPAN), top


def _chart_rows(ratings: Sequence[float], low: int, high: int) -> list[str]:
    """Columns of blocks, from the top row down; the lowest rating still shows."""
    eighths = [max(1, round((rating - low) / (high - low) * 8 * _CHART_ROWS)) for rating in ratings]
    return [
        "".join(_EIGHTHS[min(8, max(0, height - 8 * row))] for height in eighths)
        for row in reversed(range(_CHART_ROWS))
    ]


def _ticks(start_s: float, end_s: float, width: int) -> list[tuple[int, str]]:
    """Column and label of round times along a chart."""
    span_s = max(end_s - start_s, 1e-9)
    step_s = next((s for s in _TICK_STEPS_S if s * width / span_s >= _TICK_COLUMNS), _TICK_STEPS_S[-1])
    first = int(-(-start_s // step_s))
    times = range(first * step_s, int(end_s) + 1, step_s)
    return [(min(width - 1, int((time - start_s) / span_s * width)), minutes(time)) for time in times]


def _tick_line(start_s: float, end_s: float, width: int) -> str:
    ticked = {column for column, _ in _ticks(start_s, end_s, width)}
    return "".join("┬" if column in ticked else "─" for column in range(width))


def _tick_labels(start_s: float, end_s: float, width: int) -> str:
    return _placed(_ticks(start_s, end_s, width), width)


def _passage_marks(assessment: Assessment, start_s: float, per_column: float, width: int, terminal: Terminal) -> str:
    cells = [" "] * width
    for passages, mark, style in ((assessment.strongest, "▲", "green"), (assessment.weakest, "▼", "red")):
        for passage in passages:
            first = int((passage.start_s - start_s) / per_column)
            last = max(first + 1, int((passage.end_s - start_s) / per_column))
            for column in range(first, min(last, width)):
                cells[column] = terminal.paint(mark, style)
    return "".join(cells)


def _passages_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    if not assessment.strongest and not assessment.weakest:
        return []
    return [
        *_labelled("Strongest", _passage_list(assessment.strongest, terminal.paint("▲", "green"), terminal), terminal),
        *_labelled("Weakest", _passage_list(assessment.weakest, terminal.paint("▼", "red"), terminal), terminal),
        "",
    ]


def _passage_list(passages: Sequence[Passage], mark: str, terminal: Terminal) -> list[str]:
    texts = [f"{mark} {minutes(p.start_s)}–{minutes(p.end_s)}, rating {p.rating:.0f}" for p in passages]
    n_in_line = max(1, (terminal.width - _MARGIN) // 25)
    return ["   ".join(texts[i : i + n_in_line]) for i in range(0, len(texts), n_in_line)]


def _flaws_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    """A row for each family of flaws, under the chart of ratings and on its time axis."""
    width = terminal.width - _MARGIN - _AXIS
    most = max(1.0, *(max(finding.over_time) for finding in assessment.diagnosis))
    rows = [_flaw_row(assessment, finding, most, width, terminal) for finding in assessment.diagnosis]
    return [*rows, ""]


def _flaw_row(assessment: Assessment, finding: Finding, most: float, width: int, terminal: Terminal) -> str:
    timeline = assessment.timeline
    columns_at = _points(assessment, timeline[0].start_s, (timeline[-1].end_s - timeline[0].start_s) / width, width)
    cells = "".join(_EIGHTHS[round(8 * finding.over_time[point] / most)] for point in columns_at)
    label = terminal.paint(f"{finding.family:>{_MARGIN - 1}}", "dim")
    said = finding.extent if finding.judged else f"{'–':^4}"
    return f"{label} {said} {terminal.paint(cells, _EXTENT_STYLES[finding.extent])}"


def _advice_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    width = terminal.width - _MARGIN
    sentences = advice_sentences(assessment)
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, width, subsequent_indent="  ")]
    return [*_labelled("Practise", lines, terminal), ""]


def _ladder_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    if not assessment.comparisons:
        return []
    recognised = [f"of {assessment.piece.name}, which was recognised"] if assessment.piece.how == "recognised" else []
    title_width = terminal.width - 43
    head = terminal.paint(f"    rating  {fit('performance', title_width)}  your chance to beat it", "dim")
    return [
        *_labelled("Compared", [f"plays {standing(assessment)}", *recognised], terminal),
        "",
        head,
        *_rungs(assessment, title_width, terminal),
        "",
    ]


def ladder(assessment: Assessment) -> tuple[list[Comparison], list[Comparison]]:
    """The references above and below the recording, highest first; of equal ones that which is harder to beat."""
    ranked = sorted(assessment.comparisons, key=lambda one: (-one.reference.rating, one.p_better))
    above = [one for one in ranked if (one.reference.rating, 0.5) > (assessment.rating, one.p_better)]
    return above, ranked[len(above) :]


def _rungs(assessment: Assessment, title_width: int, terminal: Terminal) -> Iterator[str]:
    above, below = ladder(assessment)
    if len(above) > _RUNGS_EACH_SIDE:
        yield f"            … {len(above) - _RUNGS_EACH_SIDE} more above"
    for comparison in above[-_RUNGS_EACH_SIDE:]:
        yield _rung(comparison, title_width, terminal)
    own = f"  ▸ {assessment.rating:6.0f}  {fit('this recording', title_width)}"
    yield terminal.paint(own, "bold", "cyan")
    for comparison in below[:_RUNGS_EACH_SIDE]:
        yield _rung(comparison, title_width, terminal)
    if len(below) > _RUNGS_EACH_SIDE:
        yield f"            … {len(below) - _RUNGS_EACH_SIDE} more below"


def _rung(comparison: Comparison, title_width: int, terminal: Terminal) -> str:
    style = _OUTCOME_STYLES[comparison.outcome]
    bar = terminal.paint(_solid_bar(comparison.p_better, 10), style)
    return (
        f"    {comparison.reference.rating:6.0f}  {fit(comparison.reference.title, title_width)}  "
        f"{bar} {percent(comparison.p_better):>5}  {_OUTCOME_WORDS[comparison.outcome]}"
    )


def _solid_bar(part: float, width: int) -> str:
    filled = round(part * width)
    return "█" * filled + "░" * (width - filled)


def _warnings_block(assessment: Assessment, terminal: Terminal) -> list[str]:
    lines = [line for notice in assessment.warnings for line in textwrap.wrap(notice.message, terminal.width - _MARGIN)]
    notes = [terminal.paint(line, "yellow") for line in lines]
    return [*_labelled("Note", notes, terminal), ""] if notes else []
