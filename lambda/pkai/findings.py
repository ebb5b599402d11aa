"""The diagnosis of a recording: how much of each family of flaws, where it is worst, and what to do about it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pkai import advice
from pkai.artifact import Manifest
from pkai.assessment import Finding, Stretch
from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from pkai.hearing import Floats, Hearing

N_WORST = 3
# Where the worst stretch is not this much above the mean, or most of the recording is as bad, no place stands out.
_STANDS_OUT = 1.25
_NO_PLACE_ABOVE = 0.6


def findings(heard: Hearing, manifest: Manifest) -> tuple[Finding, ...]:
    """One finding for each family of flaws, in the order of the manifest.

    The severity of a recording is the mean over its timeline, which counts every played frame once.
    """
    told = heard.on_timeline(heard.local_flaws)
    return tuple(
        _finding(heard, family, scale, scale.severity(row), manifest.calibration)
        for family, scale, row in zip(manifest.families, manifest.diagnosis, told, strict=True)
    )


def _finding(heard: Hearing, family: str, scale: FamilyScale, over_time: Floats, calibration: Calibration) -> Finding:
    severity = float(np.average(over_time, weights=np.diff(heard.edges)))
    extent = scale.extent(severity)
    worst = [] if extent == "none" else _worst(over_time, severity, scale.some_from)
    passages = tuple(
        Stretch(start_s=heard.second(int(heard.edges[first])), end_s=heard.second(int(heard.edges[last])))
        for first, last in worst
    )
    return Finding(
        family=family,
        extent=extent,
        severity=severity,
        cost=calibration.rating(heard.score + scale.cost * severity) - calibration.rating(heard.score),
        over_time=tuple(over_time.tolist()),
        passages=passages,
        sentence=advice.sentence(family, extent, [(each.start_s, each.end_s) for each in passages])
        if scale.judged
        else advice.unjudged(family),
        judged=scale.judged,
    )


def _worst(over_time: Floats, severity: float, some_from: float) -> list[tuple[int, int]]:
    """Runs of stretches (first, one past the last) that stand out, in order; at most N_WORST."""
    most = float(over_time.max())
    bad = over_time >= max(some_from, (severity + most) / 2)
    if most < _STANDS_OUT * severity or bad.mean() > _NO_PLACE_ABOVE:
        return []
    worst = sorted(_runs(bad), key=lambda run: -float(over_time[slice(*run)].max()))[:N_WORST]
    return sorted(worst)


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
