"""Sections of the model card, one for each kind of result: a table with baselines and people beside every figure.

What a result does not hold is left out; nothing is filled in.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_DEFAULT_BY = "at_half_splits"


def agreement(result: Mapping[str, Any]) -> str:
    """Models, baselines and people on rated performances."""
    rows = [
        "| judge | setting | pairs ≥ 0.5 | pairs ≥ 1.0 | length misleads | ρ | τ | ties too | error of p |",
        "|---" * 9 + "|",
    ]
    for label, judge in result["judges"].items():
        for setting, found in judge.get("settings", {}).items():
            if "agreement" in found:
                rows.append(_agreement_row(f"**{label}**", setting, found["agreement"]))
            if "over_seeds" in found:
                rows.append(_seeds_row(label, setting, found["over_seeds"]))
    for label, by_setting in result.get("baselines", {}).items():
        rows += [_agreement_row(label, setting, found) for setting, found in by_setting.items()]
    rows += _people_rows(result["people"]["panels"], 6)
    instructors = ", ".join(f"{each['value']:.0%}" for each in result["people"]["instructors"].values())
    pieces = ", ".join(result["pieces"])
    return _section(
        f"Agreement with people, {len(result['pieces'])} pieces: {', '.join(result['judges'])}",
        f"{result['n_performances']} performances of {pieces}. One instructor alone against all other raters: "
        f"{instructors}.",
        rows,
        _ladder_lines(result["judges"]),
        result["command"],
    )


def cross_validation(result: Mapping[str, Any]) -> str:
    """Judges on held-out recordings."""
    plan = result["plan"]
    rows = ["| judge | pairs ≥ 0.5 | interval | pairs ≥ 1.0 | ties too | τ | ρ | error of p |", "|---" * 8 + "|"]
    for label, found in result["judges"].items():
        half = found["at_half"]
        tau, rho = ("" if found[name] is None else f"{found[name]['mean']:.2f}" for name in ("kendall", "spearman"))
        rows.append(
            f"| {label} | {_spread(found['at_half_splits'])} | {_range(half)} | {_spread(found['at_one_splits'])} | "
            f"{_spread(found['outcomes'])} | {tau} | {rho} | "
            f"{found['calibration_error']:.3f} |"
        )
    for size, found in result["people"].items():
        rows.append(f"| {_panel(size)} | {found['value']:.1%} | {_range(found)} | | | | | |")
    return _section(
        f"Cross-validation, {plan['k']} folds by {plan['split']}",
        f"Mean ± standard deviation over {plan['repeats']} random split(s) from seed {plan['seed']}; "
        f"{result['n_recordings']} recordings of {result['n_pieces']} pieces, rendering: {result['setting']}. Pairs "
        "have both recordings on the held-out side. *As it is* learns nothing from people but what differences of its "
        "score mean.",
        rows,
        [],
        result["command"],
    )


def robustness(result: Mapping[str, Any]) -> str:
    """How far the rating moves where it should not."""
    rows = ["| judge | " + " | ".join(_ROBUSTNESS.values()) + " |", "|---" * (1 + len(_ROBUSTNESS)) + "|"]
    for label, found in result["judges"].items():
        cells = [f"{found[name]:.2f}" if name in found else "" for name in _ROBUSTNESS]
        rows.append(f"| {label} | " + " | ".join(cells) + " |")
    about = (
        f"{result['n_performances']} performances, {result['n_conditions']} conditions each (instrument, room, "
        "microphone, noise, codec, level); rating points of 100, and the spread as a share of the gap between "
        "neighbouring levels (20 points). The other columns are the greatest change found in any performance."
    )
    return _section("What should not matter", about, rows, [], result["command"])


_ROBUSTNESS = {
    "spread_points": "spread over conditions (points)",
    "spread_share": "as a share of a level",
    "level": "level",
    "sample_rate": "sample rate",
    "stereo": "stereo",
    "silence": "10 s of silence around",
    "noises": "steps, rustling, applause, a voice around",
}


def worsened(result: Mapping[str, Any]) -> str:
    """Real recordings made worse in the audio itself."""
    kinds = sorted({kind for judge in result["judges"].values() for kind in judge["kinds"]})
    rows = ["| judge | all | " + " | ".join(kinds) + " |", "|---" * (2 + len(kinds)) + "|"]
    for label, judge in result["judges"].items():
        cells = [_count(judge["kinds"][kind]) for kind in kinds if kind in judge["kinds"]]
        rows.append(f"| {label} | {_count(judge['all'])} | " + " | ".join(cells) + " |")
    about = "Real recordings of an acoustic piano, made worse in the audio: how often the worse one scores lower."
    lines = []
    for label, judge in result["judges"].items():
        by_kind = ", ".join(f"{kind} {_count(found)}" for kind, found in sorted(judge["placed"]["kinds"].items()))
        lines.append(
            f"{label}: of recordings made worse in a quarter of them, that lies in the weakest third of the timeline "
            f"in {_count(judge['placed']['all'])}; {by_kind}"
        )
    return _section("Real recordings made worse", about, rows, lines, result["command"])


def ablation(result: Mapping[str, Any]) -> str:
    """Runs that differ in one thing."""
    settings = sorted({name for row in result["runs"].values() for name in row["settings"]})
    head = [f"pairs ≥ 0.5, {name}" for name in settings]
    rows = ["| run | seeds | " + " | ".join(head) + " | skill ladder |", "|---" * (3 + len(settings)) + "|"]
    for label, run in result["runs"].items():
        cells = [_spread(run["settings"][name]["at_half"]) if name in run["settings"] else "" for name in settings]
        ladder = _spread(run["ladder"]) if run.get("ladder") else ""
        rows.append(f"| {label} | {run['seeds']} | " + " | ".join(cells) + f" | {ladder} |")
    for size, found in result.get("people", {}).items():
        rows.append(f"| {_panel(size)} | | {found['value']:.1%} |" + " |" * len(settings))
    return _section("Ablations", "Mean ± standard deviation over seeds.", rows, [], result["command"])


def ladder(result: Mapping[str, Any]) -> str:
    """Order, diagnosis and place of what was planted in pieces that no training heard."""
    judges = result["judges"]
    rows = ["| | " + " | ".join(judges) + " |", "|---" * (1 + len(judges)) + "|"]
    for label, name in (
        ("all pairs ranked right", "accuracy"),
        ("of those that differ clearly", "clear_accuracy"),
        ("damage in one place lies in the weakest third", "placed"),
    ):
        rows.append(f"| {label} | " + " | ".join(_cell(found[name]) for found in judges.values()) + " |")
    rows += ["", *_told_rows(judges)]
    about = (
        "Versions of excerpts of pieces that no training heard. Scales and words of the diagnosis were fitted on other "
        f"pieces than they are measured on here; {result['n_recordings']} recordings were damaged in one place, a "
        "quarter of each. *Told and planted* is Spearman's rank correlation of the severities of a family: in the "
        "ladder's *mixtures*, in which every family is damaged at once, and *planted alone*, in "
        f"{result['n_excerpts']} excerpts, each without flaws and with four amounts of each family; over all "
        "recordings, and within an excerpt, as who records a piece again meets it, where its recordings differ by what "
        "can be heard. *Rises most*: how often, much of a family being planted alone, no other family's told severity "
        "rises more. *Called* are the recordings of the mixtures that were told to have some or much of a family, and "
        "how many of them it had been planted in."
    )
    return _section("What was planted, and what was found", about, rows, [], result["command"])


def _told_rows(judges: Mapping[str, Any]) -> list[str]:
    rows = [
        "| told and planted | judge | in mixtures | within an excerpt | planted alone | within an excerpt | rises most "
        "| called in mixtures |",
        "|---" * 8 + "|",
    ]
    for family in next(iter(judges.values()))["families"]:
        for label, found in judges.items():
            mixed, alone = found["families"][family], found["alone"][family]
            rhos = (mixed["spearman"], mixed["within"], alone["spearman"], alone["within"])
            cells = " | ".join(_rho(rho) for rho in rhos)
            rows.append(f"| {family} | {label} | {cells} | {alone['told_most']['value']:.0%} | {_called(mixed)} |")
    return rows


def _rho(found: Mapping[str, Any]) -> str:
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f}, n={found['n']})"


def _called(family: Mapping[str, Any]) -> str:
    right = "" if family["called_right"] is None else f", {family['called_right']:.0%} right"
    return f"{family['called']}{right}"


def precision(result: Mapping[str, Any]) -> str:
    """Graphs of lower precision, and why they are shipped or not."""
    rows = ["| graph | MB | ms a snippet | skill ladder, pairs ranked right | worth it |", "|---" * 5 + "|"]
    for label, variants in result["judges"].items():
        for kind, found in variants.items():
            worth = "as shipped" if kind == "float32" else "yes" if found["worth_it"] else "no"
            rows.append(
                f"| {label}, {kind} | {found['bytes'] / 1e6:.2f} | {found['snippet_ms']:.2f} | "
                f"{_cell(found['accuracy'])} | {worth} |"
            )
    about = (
        "On one thread of the machine that exported. Worth it is what is a tenth faster and loses 0.3 points at most."
    )
    return _section("Lower precision", about, rows, [], result["command"])


SECTIONS = {
    "ladder": ladder,
    "agreement": agreement,
    "cross-validation": cross_validation,
    "robustness": robustness,
    "worsened": worsened,
    "ablation": ablation,
    "precision": precision,
}


def default_model(results: Iterable[Mapping[str, Any]], names: Iterable[str]) -> str:
    """How the default was chosen: by cross-validation by recording; nothing with fewer than two models."""
    found: dict[str, Mapping[str, float]] = {}
    for result in results:
        if result["kind"] == "cross-validation" and result["plan"]["split"] == "recording":
            for name in names:
                for label, figures in result["judges"].items():
                    if label.startswith(f"{name} ") and label.endswith("as it is"):
                        found[name] = figures[_DEFAULT_BY]
    if len(found) < 2:
        return ""
    best = max(found, key=lambda name: found[name]["mean"])
    told = "; ".join(f"{name} {_spread(figures)}" for name, figures in found.items())
    return (
        "\n## Which is the default\n\n"
        "The one with the higher accuracy: pairs ≥ 0.5, folds by recording, mean over random splits, as the skill "
        f"ladder left it ({told}). That is **{best}**. How much of the difference may be chance, the intervals below "
        "tell, which are of the same pairs.\n"
    )


def _section(title: str, about: str, rows: list[str], lines: list[str], command: str) -> str:
    notes = "".join(f"- {line}\n" for line in lines)
    table = "\n".join(rows)
    return f"\n## {title}\n\n{about}\n\n{table}\n" + (f"\n{notes}" if notes else "") + f"\nAgain: `{command}`\n"


def _agreement_row(label: str, setting: str, found: Mapping[str, Any]) -> str:
    cells = " | ".join(_cell(found.get(name)) for name in ("at_half", "at_one", "against_length"))
    ties = "" if found.get("outcomes") is None else f"{found['outcomes']:.1%}"
    error = "" if found.get("calibration_error") is None else f"{found['calibration_error']:.3f}"
    if found.get("calibration_error_by_chance") is not None:
        error += f" ({found['calibration_error_by_chance']:.3f})"
    return f"| {label} | {setting} | {cells} | {found['spearman']:.2f} | {found['kendall']:.2f} | {ties} | {error} |"


def _seeds_row(label: str, setting: str, found: Mapping[str, Any]) -> str:
    n = found["at_half"]["n"]
    cells = " | ".join(
        _spread(found[name]) if name in found else "" for name in ("at_half", "at_one", "against_length")
    )
    ties = f"{found['outcomes']['mean']:.1%}" if "outcomes" in found else ""
    error = f"{found['calibration_error']['mean']:.3f}" if "calibration_error" in found else ""
    rho, tau = (f"{found[name]['mean']:.2f}" for name in ("spearman", "kendall"))
    return f"| {label}, mean of {n} seed(s) | {setting} | {cells} | {rho} | {tau} | {ties} | {error} |"


def _people_rows(panels: Mapping[str, Any], n_empty: int) -> list[str]:
    return [f"| {_panel(size)} | | {_cell(found)} |" + " |" * n_empty for size, found in panels.items()]


def _ladder_lines(judges: Mapping[str, Any]) -> list[str]:
    lines = []
    for label, judge in judges.items():
        seeds = f"; over seeds {_spread(judge['ladder_over_seeds'])}" if "ladder_over_seeds" in judge else ""
        if "ladder" in judge:
            lines.append(f"{label} on the skill ladder of unheard pieces, all pairs: {_cell(judge['ladder'])}{seeds}")
        elif seeds:
            lines.append(f"{label} on the skill ladder of unheard pieces, all pairs{seeds}")
    return lines


def _panel(size: str) -> str:
    return f"*{'one rater' if size == '1' else f'mean of {size} raters'} against all others*"


def _cell(found: Mapping[str, Any] | None) -> str:
    return "" if found is None else f"{found['value']:.1%} ({_range(found)})"


def _range(found: Mapping[str, Any]) -> str:
    return f"{found['low']:.0%} to {found['high']:.0%}, n={found['n']}"


def _spread(found: Mapping[str, Any]) -> str:
    return f"{found['mean']:.1%} ± {100 * found['sd']:.1f}"


def _count(found: Mapping[str, Any]) -> str:
    return f"{found['right']} of {found['n']} ({found['right'] / found['n']:.0%})"
