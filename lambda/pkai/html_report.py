"""An assessment as one web page: to send to a teacher, to open anywhere, to print. It asks nothing of any network."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from pkai import media_types
from pkai.assessment import Assessment, Comparison, Finding, Passage
from pkai.report import Named, flaws_heard, ladder, percent, standing
from pkai.terminal import minutes, printable

_OUTCOMES = {"better": "yours is better", "equivalent": "about equal", "worse": "yours is not yet as good"}
_STYLE = """
:root { color-scheme: light dark; --paper: #f6f2ea; --sheet: #fffdf8; --ink: #22201c; --soft: #665f54; --line: #e0d8c8;
  --own: #17645e; --weak: #a8371d; --display: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, serif; }
@media (prefers-color-scheme: dark) { :root { --paper: #14120f; --sheet: #1e1b17; --ink: #f0e9dc; --soft: #b0a694;
  --line: #39332a; --own: #6fd0c2; --weak: #f0906f; } }
@media print { :root { --paper: #fff; --sheet: #fff; --ink: #000; --soft: #555; } section { break-inside: avoid; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { display: grid; gap: 1.25rem; width: min(62rem, 100%); margin: auto; padding: 1.5rem 1rem 3rem; }
h1, h2, .rating { font-family: var(--display); font-weight: 500; line-height: 1.2; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.9rem; } h2 { margin: 0 0 .7rem; font-size: 1.25rem; } p { margin: 0; }
section { border-radius: 1rem; padding: 1.25rem; background: var(--sheet); overflow-x: auto; }
.sum { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; }
.rating { color: var(--own); font-size: 4.2rem; } .sum div { flex: 1 1 18rem; }
.hint { color: var(--soft); } .bar { display: block; width: 100%; height: 1.1rem; margin: .5rem 0; }
img { display: block; width: 100%; border-radius: .5rem; background: #fff; } audio { width: 100%; }
table { width: 100%; border-collapse: collapse; }
th, td { border-top: 1px solid var(--line); padding: .45rem .6rem .45rem 0; text-align: left; vertical-align: top; }
th { border: 0; color: var(--soft); font-weight: 400; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.better, .strongest { color: var(--own); } .worse, .weakest, .much { color: var(--weak); }
.own td { background: color-mix(in srgb, var(--own) 14%, transparent); font-weight: 600; }
button { border: 1px solid var(--line); border-radius: 99px; padding: .15rem .8rem; background: none; color: inherit;
  font: inherit; cursor: pointer; }
"""
_SCRIPT = """
const audio = document.querySelector("audio");
for (const button of document.querySelectorAll("button[data-from]")) {
  button.addEventListener("click", () => {
    audio.currentTime = Number(button.dataset.from);
    audio.dataset.to = button.dataset.to;
    audio.play();
  });
}
audio?.addEventListener("timeupdate", () => {
  if (audio.dataset.to && audio.currentTime >= Number(audio.dataset.to)) { audio.pause(); delete audio.dataset.to; }
});
"""


@dataclass(frozen=True, kw_only=True)
class EmbeddedAudio:
    """A recording that goes with its report, as it was sent."""

    content: bytes
    media_type: str

    @classmethod
    def of(cls, path: Path) -> "EmbeddedAudio":
        """A file, with the type that browsers know its format by."""
        return cls(content=path.read_bytes(), media_type=media_types.BY_SUFFIX.get(path.suffix.lower(), "audio/mpeg"))


def page(named: Named, picture: bytes, audio: EmbeddedAudio | None) -> str:
    """Write the report.

    Parameters
    ----------
    named : the assessment, and the name of its recording
    picture : PNG of `pkai.plot`
    audio : put into the page, so that passages can be heard; it makes the page a third larger than the recording
    """
    assessment = named.assessment
    name = escape(printable(named.name))
    parts = [
        _summary(assessment),
        _section(
            "What was heard", f'<img src="{_data_uri(picture, "image/png")}" alt="{_told_of_picture(assessment)}">'
        ),
        _section("Listen", f'<audio controls src="{_data_uri(audio.content, audio.media_type)}"></audio>')
        if audio
        else "",
        _passages(assessment, with_audio=audio is not None),
        _diagnosis(assessment.diagnosis, with_audio=audio is not None),
        _ladder(assessment),
        _notes(assessment),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{name} · P-KAI</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{name}</h1>\n"
        + "\n".join(part for part in parts if part)
        + f"\n</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _policy() -> str:
    return (
        "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_digest(_STYLE)}; script-src {_digest(_SCRIPT)}"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data_uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{title}</h2>{''.join(parts)}</section>"


def _summary(assessment: Assessment) -> str:
    low, high = assessment.rating_interval
    bar = (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect y="2" width="100" height="2" fill="currentColor" opacity=".18"/>'
        f'<rect x="{low:.1f}" y="2" width="{high - low:.1f}" height="2" fill="currentColor" opacity=".45"/>'
        f'<rect x="{assessment.rating - 0.4:.1f}" width=".8" height="6" fill="currentColor"/></svg>'
    )
    beaten = f"Plays {standing(assessment)}." if assessment.comparisons else ""
    return (
        f'<section class="sum"><p class="rating">{assessment.rating:.0f}</p><div><p><strong>'
        f"{assessment.level.capitalize()}</strong> · of 100, likely {low:.0f} to {high:.0f}</p>{bar}"
        f'<p class="hint">{beaten}</p></div></section>'
    )


def _told_of_picture(assessment: Assessment) -> str:
    ratings = ", ".join(f"{minutes(point.start_s)} {point.rating:.0f}" for point in assessment.timeline)
    return f"Mel spectrogram with attention, flaws by family, and the rating over time: {ratings}"


def _hear(start_s: float, end_s: float, *, with_audio: bool) -> str:
    times = f"{minutes(start_s)}–{minutes(end_s)}"
    return f'<button data-from="{start_s}" data-to="{end_s}">▶ {times}</button>' if with_audio else times


def _passages(assessment: Assessment, *, with_audio: bool) -> str:
    def rows(kind: str, passages: Iterable[Passage]) -> str:
        return "".join(
            f'<tr><td class="{kind}">{kind}</td><td>{_hear(p.start_s, p.end_s, with_audio=with_audio)}</td>'
            f'<td class="number">{p.rating:.0f}</td></tr>'
            for p in passages
        )

    found = rows("strongest", assessment.strongest) + rows("weakest", assessment.weakest)
    return _section("Passages", _table(("", "when", "rating"), found)) if found else ""


def _diagnosis(found: tuple[Finding, ...], *, with_audio: bool) -> str:
    if not found:
        return ""
    rows = "".join(
        f'<tr><td class="{finding.extent}">{escape(finding.sentence)} '
        + " ".join(_hear(each.start_s, each.end_s, with_audio=True) for each in finding.passages if with_audio)
        + "</td></tr>"
        for finding in flaws_heard(found)
    )
    others = " ".join(escape(finding.sentence) for finding in found if finding.extent == "none")
    return _section("What to work on", _table(("",), rows) + (f"<p>{others}</p>" if others else ""))


def _ladder(assessment: Assessment) -> str:
    if not assessment.comparisons:
        return ""
    own = (
        f'<tr class="own"><td class="number">{assessment.rating:.0f}</td><td>this recording</td><td></td><td></td></tr>'
    )
    above, below = ("".join(map(_rung, side)) for side in ladder(assessment))
    head = ("rating", "performance", "your chance to beat it", "")
    return _section("Among the references", _table(head, above + own + below))


def _rung(comparison: Comparison) -> str:
    reference = comparison.reference
    return (
        f'<tr><td class="number">{reference.rating:.0f}</td><td>{escape(reference.title)}</td>'
        f'<td class="number">{escape(percent(comparison.p_better))}</td>'
        f'<td class="{comparison.outcome}">{_OUTCOMES[comparison.outcome]}</td></tr>'
    )


def _notes(assessment: Assessment) -> str:
    told = "".join(f"<p>{escape(notice.message)}</p>" for notice in assessment.warnings)
    model, recording = assessment.model, assessment.recording
    facts = (
        f"{minutes(recording.duration_s)} of {escape(recording.codec)}, {recording.sample_rate:,} Hz · "
        f"judged by {model.name} {model.version}"
    )
    return _section("Notes", told, f'<p class="hint">{facts}</p>')


def _table(head: tuple[str, ...], rows: str) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head) if any(head) else ""
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"
