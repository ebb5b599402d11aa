"""Fit the map from scores to ratings and the odds of a comparison to performances that people have rated.

The network has never seen these performances, so what it says of them is out of sample; the few parameters fitted here
are judged by leaving one piece out at a time.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from pkai.calibration import Calibration, p_better
from training import metrics

Floats = npt.NDArray[np.float64]

# Means of ten raters differ by a third of a point through their own uncertainty: nearer pairs count as tied.
TIE_DIFFERENCE = 0.3
LEVEL_RATINGS = (20.0, 40.0, 60.0, 80.0)
# Of the ratings by people that an interval should hold.
INTERVAL_SHARE = 0.8
# The curve's knots, from rating 0.7 to 99.3; between them it is straight to within half a point.
_END_LOG_ODDS = 5.0
_N_KNOTS = 21


@dataclass(frozen=True, kw_only=True)
class Rated:
    """Scores of performances and what people thought of them.

    Attributes
    ----------
    scores : (N,)
    ratings : (N,) mean of the raters, 1..5
    pieces : (N,)
    names : (N,) of performances that are there in several recordings, which make no pair; None if all differ
    """

    scores: Floats
    ratings: Floats
    pieces: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_] | None = None


def fit(rated: Rated) -> Calibration:
    """All parameters of a calibration, from performances of any number of pieces.

    The rating is a logistic curve of the score, 1..5 becoming 0..100: nearly linear where people rated, and never at
    an end, so that the best and the worst can still be told apart. Both variables keep their spread, so that good
    recordings are not pulled to the middle. The interval is as wide as INTERVAL_SHARE of the errors are when each piece
    is left out of the curve's fit.

    Raises
    ------
    ValueError
        If the scores cannot be ratings: all the same, or falling where people's ratings rise.
    """
    _refuse_unlike_people(rated)
    slope, offset = _logistic(rated)
    if np.corrcoef(rated.scores, rated.ratings)[0, 1] <= 0:
        raise ValueError(
            f"the scores of the {len(rated.scores)} performances do not rise with people's ratings; a judge like that "
            "must not be calibrated: train it anew, or look for scores of the wrong sign"
        )
    log_odds = np.linspace(-_END_LOG_ODDS, _END_LOG_ODDS, _N_KNOTS)
    scale, tie_band = fit_comparison(rated)
    errors = _errors_out_of_fold(rated)
    sigma = max(float(errors.std(ddof=2)), 1e-9)
    return Calibration(
        score_knots=tuple(((log_odds - offset) / slope).tolist()),
        rating_knots=tuple((100 * _sigmoid(log_odds)).tolist()),
        level_ratings=LEVEL_RATINGS,
        scale=scale,
        tie_band=tie_band,
        sigma_rating=sigma,
        interval_z=float(np.quantile(np.abs(errors), INTERVAL_SHARE)) / sigma,
    )


def fit_comparison(rated: Rated) -> tuple[float, float]:
    """Scale and tie band of Rao and Kupper's model, by maximum likelihood over the pairs within pieces.

    Raises
    ------
    ValueError
        If the scores are all the same, or no pair differs.
    """
    _refuse_unlike_people(rated)
    gaps, outcomes = pairs_of(rated)
    if not outcomes.any():
        raise ValueError(
            f"no two of the {len(rated.scores)} performances are of one piece and differ by {TIE_DIFFERENCE:g} rating "
            "points; rate more performances of a piece"
        )
    return fit_outcomes(gaps, outcomes, spread=float(rated.scores.std()))


def fit_outcomes(gaps: Floats, outcomes: npt.NDArray[np.int64], *, spread: float) -> tuple[float, float]:
    """The same from pairs.

    Parameters
    ----------
    gaps : (P,) differences of score
    outcomes : (P,) 1 where the first is better, -1 where the second is, 0 where they are tied
    spread : > 0, of the scores; where the search begins
    """

    def cost(log_parameters: Floats) -> float:
        scale, band = np.exp(log_parameters)
        win = _sigmoid((gaps - band) / scale)
        lose = _sigmoid((-gaps - band) / scale)
        tie = np.maximum(1 - win - lose, 1e-12)
        likelihood = np.where(outcomes > 0, win, np.where(outcomes < 0, lose, tie))
        return float(-np.log(np.maximum(likelihood, 1e-12)).mean())

    found = optimize.minimize(cost, np.log([spread, 0.3 * spread]), method="Nelder-Mead")
    scale, band = np.exp(found.x)
    return float(scale), float(band)


def fit_odds(gaps: Floats, outcomes: npt.NDArray[np.int64], *, tie_band: float, spread: float) -> float:
    """The scale alone, from pairs that nobody holds equal, the tie band being what it is.

    Parameters
    ----------
    gaps : (P,) differences of score
    outcomes : (P,) 1 where the first is better, -1 where the second is
    tie_band : >= 0, scores
    spread : > 0, of the scores; where the search begins
    """

    def cost(log_scale: Floats) -> float:
        said = np.asarray(p_better(gaps * outcomes, scale=float(np.exp(log_scale[0])), tie_band=tie_band))
        return float(-np.log(np.maximum(said, 1e-12)).mean())

    found = optimize.minimize(cost, np.log([spread]), method="Nelder-Mead")
    return float(np.exp(found.x[0]))


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """What was said of pairs within pieces, each piece left out of the fit of scale and tie band.

    Attributes
    ----------
    calibration_error : expected, of p_better over pairs that people do not hold equal
    by_chance : what that error would be on average if every probability were exactly right
    outcome_accuracy : share of all pairs whose outcome, better, equivalent or worse, is as people say
    n : of all pairs
    """

    calibration_error: float
    by_chance: float
    outcome_accuracy: float
    n: int


def out_of_fold(rated: Rated) -> OutOfFold:
    """Hold p_better and the tie band against people, each piece left out of their fit.

    Both orders of a pair would mirror each other, so the higher score goes first.

    Raises
    ------
    ValueError
        If there are not two pieces with pairs that differ.
    """
    said: list[float] = []
    came: list[float] = []
    right: list[float] = []
    for piece in np.unique(rated.pieces):
        inside = rated.pieces == piece
        gaps, outcomes = pairs_of(_part(rated, inside))
        if len(gaps) == 0:
            continue
        scale, tie_band = fit_comparison(_part(rated, ~inside))
        untied = outcomes != 0
        said += np.asarray(p_better(np.abs(gaps[untied]), scale=scale, tie_band=tie_band)).tolist()
        came += (np.sign(gaps[untied]) == outcomes[untied]).astype(float).tolist()
        right += [metrics.outcome_accuracy(gaps, outcomes, tie_band=tie_band)] * len(gaps)
    return OutOfFold(
        calibration_error=metrics.calibration_error(np.array(said), np.array(came)),
        by_chance=metrics.calibration_error_by_chance(np.array(said)),
        outcome_accuracy=float(np.mean(right)),
        n=len(right),
    )


def calibration_error(rated: Rated) -> float:
    """Expected calibration error of p_better over pairs that are not tied, each piece left out of its own fit."""
    return out_of_fold(rated).calibration_error


def interval_coverage(rated: Rated) -> float:
    """Share of performances whose rating by people lies within the interval, each piece left out of all fitting."""
    inside_interval: list[bool] = []
    for piece in np.unique(rated.pieces):
        inside = rated.pieces == piece
        calibration = fit(_part(rated, ~inside))
        errors = np.abs(_ratings(calibration, rated.scores[inside]) - _out_of_100(_part(rated, inside)))
        inside_interval += (errors <= calibration.interval_z * calibration.sigma_rating).tolist()
    return float(np.mean(inside_interval))


def _refuse_unlike_people(rated: Rated) -> None:
    if len(rated.scores) < 3:
        raise ValueError(f"{len(rated.scores)} rated performances cannot be calibrated to; 3 at least are needed")
    for what, values in (("scored", rated.scores), ("rated", rated.ratings)):
        if np.ptp(values) == 0:
            raise ValueError(f"all {len(values)} performances are {what} {values[0]:g}; a calibration needs a spread")


def _errors_out_of_fold(rated: Rated) -> Floats:
    """Rating points between curve and people, each piece left out of the curve's fit where there are others."""
    errors = np.empty(len(rated.scores))
    pieces = np.unique(rated.pieces)
    for piece in pieces:
        inside = rated.pieces == piece
        fitted = _part(rated, ~inside) if len(pieces) > 1 else rated
        slope, offset = _logistic(fitted)
        said = 100 * _sigmoid(offset + slope * rated.scores[inside])
        errors[inside] = said - _out_of_100(_part(rated, inside))
    return errors


def _ratings(calibration: Calibration, scores: Floats) -> Floats:
    return np.array([calibration.rating(float(score)) for score in scores])


def _out_of_100(rated: Rated) -> Floats:
    return (rated.ratings - 1) / 4 * 100


def _logistic(rated: Rated) -> tuple[float, float]:
    """Slope, > 0, and offset of the log odds of the rating, by the reduced major axis."""
    share = np.clip(_out_of_100(rated) / 100, 0.02, 0.98)
    log_odds = np.log(share / (1 - share))
    slope = float(log_odds.std() / rated.scores.std())
    return slope, float(log_odds.mean() - slope * rated.scores.mean())


def outcomes_of(differences: Floats) -> npt.NDArray[np.int64]:
    """Who was rated better by differences of rating: 1, -1, or 0 where they are less than TIE_DIFFERENCE."""
    clear = np.abs(differences) >= TIE_DIFFERENCE - 1e-9  # a mean of ratings is as near to its value as floats are
    return np.where(clear, np.sign(differences), 0).astype(np.int64)


def pairs_of(rated: Rated) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Differences of score, and who was rated better (1, -1 or 0), of all pairs of performances within pieces."""
    i, j = np.triu_indices(len(rated.scores), 1)
    paired = rated.pieces[i] == rated.pieces[j]
    if rated.names is not None:
        paired &= rated.names[i] != rated.names[j]
    i, j = i[paired], j[paired]
    return rated.scores[i] - rated.scores[j], outcomes_of(rated.ratings[i] - rated.ratings[j])


def _part(rated: Rated, chosen: npt.NDArray[np.bool_]) -> Rated:
    names = None if rated.names is None else rated.names[chosen]
    return Rated(scores=rated.scores[chosen], ratings=rated.ratings[chosen], pieces=rated.pieces[chosen], names=names)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -60, 60))))
