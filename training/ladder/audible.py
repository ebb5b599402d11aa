"""How much of what went wrong can be heard about a moment: events near it, tones that sound longer or shorter."""

import numpy as np
import numpy.typing as npt

from training.music.performance import Notes

Floats = npt.NDArray[np.float64]

# Controller value from which on MIDI takes the pedal for pressed.
PEDAL_DOWN = 64
# How far an event (a pause, a wrong note) is felt to colour what surrounds it.
_EVENT_WIDTH_S = 2.0
# A tone has faded by then, whether or not it is still held.
_RINGS_S = 2.5


def events_per_s(times_s: Floats, weights: Floats, moments_s: Floats) -> Floats:
    """Events a second about each moment, each event spread over two seconds on either side.

    Parameters
    ----------
    times_s, weights : (E,) when each event comes, and for how many it counts
    moments_s : (n,)

    Returns
    -------
    (n,)
    """
    return np.asarray(_nearness(times_s, moments_s) @ weights / _EVENT_WIDTH_S)


def mean_change(onset_s: Floats, before_s: Floats, after_s: Floats, moments_s: Floats) -> Floats:
    """Mean absolute change of the log of how long tones sound, of those that end about each moment.

    Parameters
    ----------
    onset_s, before_s, after_s : (N,) when each tone begins, and how long it sounded and sounds
    moments_s : (n,)

    Returns
    -------
    (n,), 0 where no tone ends
    """
    near = _nearness(onset_s + np.minimum(before_s, after_s), moments_s)
    change = np.abs(np.log(after_s / before_s))
    return np.asarray(near @ change / np.maximum(near.sum(axis=1), 1e-9))


def sounding_s(onset_s: Floats, length_s: Floats, pedal: Notes) -> Floats:
    """How long each tone sounds: until its key is up and the pedal too, or until it has faded.

    Parameters
    ----------
    onset_s, length_s : (N,) when each key goes down, and for how long
    pedal : values of PEDAL_DTYPE in their order

    Returns
    -------
    (N,) seconds
    """
    key_up = onset_s + length_s
    if len(pedal) == 0:
        return np.minimum(length_s, _RINGS_S)
    down = pedal["value"] >= PEDAL_DOWN
    at = np.searchsorted(pedal["time_s"], key_up, side="right") - 1
    held = (at >= 0) & down[at]
    lifted = np.append(pedal["time_s"][~down], np.inf)
    damped = np.where(held, lifted[np.searchsorted(lifted, key_up, side="right")], key_up)
    return np.asarray(np.minimum(damped - onset_s, _RINGS_S))


def _nearness(times_s: Floats, moments_s: Floats) -> Floats:
    """How near each time is to each moment, (n, times): 1 there, 0 from _EVENT_WIDTH_S on."""
    return np.maximum(0.0, 1 - np.abs(moments_s[:, None] - times_s[None, :]) / _EVENT_WIDTH_S)
