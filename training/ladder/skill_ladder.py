"""The skill ladder: an expert's performance made worse on purpose, by known amounts at known places.

Nobody can label enough recordings by hand, but everybody agrees that a performance got worse when notes were missed,
rhythms bent and pauses cut in. So versions of one excerpt, each with more flaws than the last, teach the judge.
What may go wrong, and how much of it weighs how much, is told in `training.ladder.flaws`, how much of it can be heard
in `training.ladder.audible`; here it is played.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.ladder.audible import PEDAL_DOWN, events_per_s, mean_change, sounding_s
from training.ladder.flaws import FAMILIES, KINDS, MOST_OF_ONE_KIND, Flaws
from training.music.keyboard import freed
from training.music.performance import NOTE_DTYPE, PEDAL_DTYPE, Notes, Performance

Floats = npt.NDArray[np.float64]


LABEL_STEP_S = 0.5
# Onsets nearer than this are one cluster: a chord, or both hands together.
_CLUSTER_S = 0.035
# No key is down for less.
_SHORTEST_S = 0.04
# Mean length of a pause, by which a longer one counts for more.
_PAUSE_S = 0.56
# Standard deviation of the loudness of phrases, in velocity, that flattening takes from music of the usual shape.
_SHAPE_VELOCITY = 5.0
# Beyond, so few presses would be left that it is dry playing, which is a manner and no flaw.
_MOST_PRESSES_LEFT_OUT = 0.7
# Mean change of the log of how long tones sound that amount 1 of articulation and of pedal makes, as the ladder draws.
_TOUCH_CHANGE, _PEDAL_CHANGE = 0.5, 0.85


@dataclass(frozen=True)
class Version:
    """A performance with its flaws and their places.

    Attributes
    ----------
    performance : as played
    damage : (F, n) severity of each family of FAMILIES as it can be heard, in steps of LABEL_STEP_S, weighted by
        its kinds' shares, so that the sum over families is the severity at that time; articulation under a held
        pedal, a pedal that changes nothing, and shape taken from music without any are not heard
    places : (n,) how far the music has come at those steps, from 0 at the first note to 1 at the end of the last,
        measured in the time of the performance without flaws; what is played again brings it no further
    """

    performance: Performance
    damage: npt.NDArray[np.float32]
    places: npt.NDArray[np.float32]

    def until(self, end_s: float) -> "Version":
        """What begins before `end_s`, > 0, with what can be heard by then."""
        n_steps = int(np.ceil(end_s / LABEL_STEP_S))
        return Version(self.performance.excerpt(0.0, end_s), self.damage[:, :n_steps], self.places[:n_steps])


def degrade(performance: Performance, flaws: Flaws, rng: np.random.Generator) -> Version:
    """Play a performance again with flaws.

    Parameters
    ----------
    performance : of an expert, starting near 0 s, at least one note
    flaws : how much of what, where
    rng : random numbers; the same make the same version
    """
    return _Replay(performance, flaws, rng).version()


class _Replay:
    """One performance on its way to a version: clusters get new times, then notes, touch and pedal change."""

    def __init__(self, performance: Performance, flaws: Flaws, rng: np.random.Generator) -> None:
        self.rng = rng
        self.flaws = flaws
        self.notes = performance.notes
        self.pedal = performance.pedal
        onsets = self.notes["onset_s"]
        self.cluster = np.concatenate([[0], np.cumsum(np.diff(onsets) > _CLUSTER_S)]).astype(int)
        self.n = int(self.cluster[-1]) + 1
        self.first = np.searchsorted(self.cluster, np.arange(self.n))
        self.last = np.append(self.first[1:], len(self.notes))
        self.times = onsets[self.first]
        end = max(performance.duration_s, float(self.times[-1]) + 0.3)
        self.gaps = np.diff(np.append(self.times, end))
        self.hard = _difficulty(self.notes, self.first, self.last)
        velocity = self.notes["velocity"].astype(float)
        self.shape = _moving_mean(velocity, 12) - velocity.mean()
        self.events: list[tuple[float, str, float]] = []
        # Onset, length before and after the touch went wrong, in seconds, and key of each note that was meant.
        self.touched: list[tuple[float, float, float, int]] = []

    def version(self) -> Version:
        gaps = self._new_gaps()
        visits, starts, gaps_played = self._walk(gaps)
        notes = self._notes(visits, starts, gaps_played)
        meant, at = self._moved_pedal(visits, starts, gaps_played)
        pedal = self._pedal(meant, at, visits, starts)
        played = Performance(notes, pedal)
        duration_s = played.duration_s
        steps = np.asarray((np.arange(max(1, np.ceil(duration_s / LABEL_STEP_S))) + 0.5) * LABEL_STEP_S, np.float64)
        damage = self._damage(visits, starts, duration_s, steps, meant, pedal)
        return Version(played, damage, self._places(visits, starts, duration_s, steps))

    def amount(self, kind: str) -> Floats:
        """Amount of a kind at each cluster, (n,)."""
        whole = np.full(self.n, self.flaws.amounts[kind])
        if self.flaws.focus is None or kind == "tempo":
            return whole
        place = (np.arange(self.n) + 0.5) / self.n
        start, stop = self.flaws.focus
        return np.where((place >= start) & (place < stop), whole, 0.0)

    def _new_gaps(self) -> Floats:
        rng = self.rng
        log_gap = np.zeros(self.n)
        too_fast = rng.random() < 0.12
        log_gap += self.flaws.amounts["tempo"] * (-0.22 if too_fast else 0.42)
        log_gap += 0.13 * self.amount("drift") * _autoregressive(self.n, rng.uniform(0.85, 0.98), rng)
        uneven = 0.20 * self.amount("unevenness") * np.sqrt(self.hard) * _autoregressive(self.n, 0.6, rng)
        log_gap += np.clip(uneven, -1.0, 1.0)
        log_gap += self._rhythm()
        return self.gaps * np.exp(log_gap)

    def _rhythm(self) -> Floats:
        rng = self.rng
        log_factor = np.zeros(self.n)
        chance = 0.13 * self.amount("rhythm") * self.hard
        i = 0
        while i < self.n:
            if rng.random() < chance[i]:
                run = int(rng.integers(2, 6)) if rng.random() < 0.4 else 1
                for k in range(i, min(i + run, self.n)):
                    log_factor[k] = np.log(rng.choice([0.5, 0.67, 0.75, 1.33, 1.5, 2.0]))
                i += run
            i += 1
        self.rhythm_bent = np.flatnonzero(log_factor)
        return log_factor

    def _walk(self, gaps: Floats) -> tuple[list[int], list[float], list[float]]:
        """The order in which clusters are played, each with its time and the time until the next would come."""
        pauses = self._pauses()
        stumbles = self._stumbles()
        visits: list[int] = []
        starts: list[float] = []
        now = float(self.times[0])
        c = 0
        while c < self.n:
            if pauses[c] > 0:
                now += pauses[c]
                self.events.append((now - pauses[c] / 2, "hesitation", min(pauses[c] / _PAUSE_S, 2.0)))
                pauses[c] = 0.0
            visits.append(c)
            starts.append(now)
            now += gaps[c]
            if stumbles[c] and c > 0:
                stumbles[c] = 0
                now += self.rng.uniform(0.05, 0.5) if self.rng.random() < 0.8 else 0.0
                self.events.append((now, "stumble", 1.0))
                c = max(0, c - self._clusters_back())
            else:
                c += 1
        return visits, starts, [float(gaps[c]) for c in visits]

    def _pauses(self) -> Floats:
        rng = self.rng
        pauses = np.zeros(self.n)
        amount = self.amount("hesitation")
        count = rng.poisson(3.2 * amount.mean() * np.sqrt(self.n / 100))
        where = amount * self.hard**2
        where[0] = 0.0  # who waits before the first note has not begun
        if count and where.sum() > 0:
            places = rng.choice(self.n, size=count, p=where / where.sum())
            pauses[places] = rng.uniform(0.12, 0.3, count) + rng.exponential(0.35, count)
        return pauses

    def _stumbles(self) -> npt.NDArray[np.int64]:
        rng = self.rng
        stumbles = np.zeros(self.n, dtype=np.int64)
        amount = self.amount("stumble")
        count = rng.poisson(1.5 * amount.mean() * np.sqrt(self.n / 60))
        where = amount * self.hard
        if count and where.sum() > 0:
            stumbles[rng.choice(self.n, size=count, p=where / where.sum())] = 1
        return stumbles

    def _clusters_back(self) -> int:
        """How far a stumbling player goes back: a few notes mostly, to the passage's beginning now and then."""
        way = self.rng.random()
        if way < 0.1:
            return 0
        return int(self.rng.integers(1, 5) if way < 0.7 else self.rng.integers(5, 17))

    def _notes(self, visits: list[int], starts: list[float], gaps: list[float]) -> Notes:
        rng = self.rng
        velocities = self._velocities()
        length_factors = self._length_factors()
        missed, wrong, extra = (self.amount(kind) * self.hard for kind in ("missed", "wrong", "extra"))
        jitter = 0.045 * self.amount("jitter") + 0.004 * (self.amount("jitter") > 0)
        spread = 0.022 * self.amount("chord_spread") + 0.002 * (self.amount("chord_spread") > 0)
        rows: list[tuple[float, float, int, int]] = []
        for v, c in enumerate(visits):
            late = jitter[c] * rng.standard_normal()
            for i in range(self.first[c], self.last[c]):
                _, duration, pitch, _ = self.notes[i].item()
                lead = float(self.notes["onset_s"][i] - self.times[c])
                onset = max(0.0, starts[v] + lead + late + spread[c] * rng.standard_normal())
                untouched = self._length(v, c, lead, duration, visits, starts, gaps)
                length = max(_SHORTEST_S, untouched * length_factors[c])
                velocity = int(velocities[i])
                if rng.random() < 0.035 * missed[c]:
                    self.events.append((onset, "missed", 1.0))
                    continue
                if rng.random() < 0.045 * wrong[c]:
                    slip = int(rng.choice([-2, -1, 1, 2]))
                    self.events.append((onset, "wrong", 1.0))
                    if rng.random() < 1 / 3:  # corrected at once
                        rows.append((onset, 0.12, _on_keys(pitch + slip), velocity))
                        onset += rng.uniform(0.12, 0.3)
                    else:
                        pitch = _on_keys(pitch + slip)
                elif rng.random() < 0.04 * extra[c]:
                    self.events.append((onset, "extra", 1.0))
                    slip = int(rng.choice([-2, -1, 1, 2]))
                    rows.append(
                        (onset + rng.uniform(0, 0.05), 0.6 * length, _on_keys(pitch + slip), max(1, velocity - 12))
                    )
                rows.append((onset, length, pitch, velocity))
                self.touched.append((onset, max(_SHORTEST_S, untouched), length, pitch))
        if not rows:
            rows.append((0.0, 0.2, 60, 40))
        rows.sort()
        return np.array(rows, NOTE_DTYPE)

    def _length(
        self, v: int, c: int, lead: float, duration: float, visits: list[int], starts: list[float], gaps: list[float]
    ) -> float:
        """Length of a note in the new time: it ends where its old end falls, or where the player broke off."""
        old_end = self.times[c] + lead + duration
        k = int(np.searchsorted(self.times, old_end, side="right")) - 1 - c
        run = 0
        while run < k and v + run + 1 < len(visits) and visits[v + run + 1] == visits[v + run] + 1:
            run += 1
        at = v + run
        if run < k:
            end = starts[at] + gaps[at]
        else:
            end = starts[at] + (old_end - self.times[c + k]) / self.gaps[c + k] * gaps[at]
        return float(end - starts[v] - lead)

    def _velocities(self) -> Floats:
        rng = self.rng
        velocity = self.notes["velocity"].astype(float)
        uneven = self.amount("loudness")[self.cluster]
        flattened = np.minimum(0.6 * self.amount("flatness")[self.cluster], 1.0)
        velocity = velocity - flattened * self.shape
        velocity += (9.0 * uneven + 1.5 * (uneven > 0)) * rng.standard_normal(len(velocity))
        left = self.notes["pitch"] < np.median(self.notes["pitch"]) - 3
        velocity += 9.0 * self.amount("balance")[self.cluster] * np.where(left, 1.0, -0.5)
        return np.asarray(np.clip(np.round(velocity), 8, 127))

    def _length_factors(self) -> Floats:
        rng = self.rng
        amount = self.amount("articulation")
        choppy = rng.random() < 0.6
        target = np.log(0.45) if choppy else np.log(rng.uniform(1.2, 1.7))
        return np.asarray(np.exp(amount * (target + 0.45 * rng.standard_normal(self.n))))

    def _pedal(self, meant: Notes, at: npt.NDArray[np.int64], visits: list[int], starts: list[float]) -> Notes:
        """Changes left out, so that harmonies blur; or presses left out; or pedal laid over music that had none."""
        rng = self.rng
        strength = np.minimum(1.0, 0.75 * self.amount("pedal"))
        if not strength.any():
            return meant
        if len(meant) == 0:
            return _laid_over(np.array(starts), strength[visits], rng)
        down = meant["value"] >= PEDAL_DOWN
        blurred = rng.random() < 0.6
        movement = np.concatenate([[0], np.cumsum(np.diff(down))])
        drawn = rng.random(movement[-1] + 1)[movement]  # a foot that goes down or up halves the way in many values
        chance = strength[at] if blurred else np.minimum(strength[at], _MOST_PRESSES_LEFT_OUT)
        return np.asarray(meant[(down == blurred) | (drawn >= chance)])

    def _moved_pedal(
        self, visits: list[int], starts: list[float], gaps: list[float]
    ) -> tuple[Notes, npt.NDArray[np.int64]]:
        """The pedal in the new time, and the cluster at which each of its values falls."""
        if len(self.pedal) == 0:
            return np.empty(0, PEDAL_DTYPE), np.empty(0, np.int64)
        at = np.clip(np.searchsorted(self.times, self.pedal["time_s"], side="right") - 1, 0, self.n - 1)
        fraction = np.clip((self.pedal["time_s"] - self.times[at]) / self.gaps[at], 0, 1)
        rows = [
            (starts[v] + float(fraction[j]) * gaps[v], int(self.pedal["value"][j]), c)
            for v, c in enumerate(visits)
            for j in range(*np.searchsorted(at, [c, c + 1]))
        ]
        rows.sort(key=lambda row: row[0])  # what comes at one time stays in its order
        moved = np.array([row[:2] for row in rows], PEDAL_DTYPE)
        return moved, np.array([row[2] for row in rows], np.int64)

    def _places(
        self, visits: list[int], starts: list[float], duration_s: float, steps: Floats
    ) -> npt.NDArray[np.float32]:
        of_cluster = (self.times - self.times[0]) / self.gaps.sum()
        reached = np.maximum.accumulate(of_cluster[visits])
        end = max(duration_s, starts[-1])
        return np.asarray(np.interp(steps, [*starts, end], [*reached, 1.0]), np.float32)

    def _damage(
        self, visits: list[int], starts: list[float], duration_s: float, steps: Floats, meant: Notes, pedal: Notes
    ) -> npt.NDArray[np.float32]:
        cluster_at = np.array(visits)[np.clip(np.searchsorted(starts, steps, side="right") - 1, 0, len(visits) - 1)]
        heard = {
            **self._events_heard(visits, starts, duration_s, steps),
            **self._lengths_heard(meant, pedal, steps),
            "flatness": self.amount("flatness")[cluster_at] * min(self.shape.std() / _SHAPE_VELOCITY, 1.5),
        }
        damage = np.zeros((len(FAMILIES), len(steps)))
        for kind, about in KINDS.items():
            level = heard[kind] if kind in heard else self.amount(kind)[cluster_at]
            damage[FAMILIES.index(about.family)] += about.weight * np.minimum(level, 2 * MOST_OF_ONE_KIND)
        return damage.astype(np.float32)

    def _events_heard(
        self, visits: list[int], starts: list[float], duration_s: float, steps: Floats
    ) -> dict[str, Floats]:
        """Of the kinds that come as events, how many there were about each step, against what amount 1 leads to."""
        bent = set(self.rhythm_bent.tolist())
        events = [*self.events, *((start, "rhythm", 1.0) for c, start in zip(visits, starts, strict=True) if c in bent)]
        found = {}
        for kind, expected in self._expected_per_s(duration_s).items():
            times, weights = (
                np.array([(time, weight) for time, name, weight in events if name == kind]).reshape(-1, 2).T
            )
            found[kind] = events_per_s(times, weights, steps) / expected
        return found

    def _lengths_heard(self, meant: Notes, pedal: Notes, steps: Floats) -> dict[str, Floats]:
        """Of touch and pedal, by how much they changed how long tones sound about each step.

        What fingers do is not heard while the pedal holds the tones, nor is a pedal that changes nothing, nor a key
        that is held until it has to be struck again.
        """
        onset, untouched, touched, key = np.array(self.touched).reshape(-1, 4).T
        untouched, touched = (np.maximum(freed(onset, length, key), _SHORTEST_S) for length in (untouched, touched))
        as_meant, by_touch, by_pedal = (
            sounding_s(onset, length, held) for length, held in ((untouched, meant), (touched, meant), (touched, pedal))
        )
        return {
            "articulation": mean_change(onset, as_meant, by_touch, steps) / _TOUCH_CHANGE,
            "pedal": mean_change(onset, by_touch, by_pedal, steps) / _PEDAL_CHANGE,
        }

    def _expected_per_s(self, duration_s: float) -> dict[str, float]:
        """Events in a second that amount 1 leads to, for the kinds that come as events."""
        n_notes = len(self.notes)
        counts = {
            "rhythm": 0.13 * self.n * 1.5,
            "hesitation": 3.2 * np.sqrt(self.n / 100),
            "stumble": 1.5 * np.sqrt(self.n / 60),
            "wrong": 0.045 * n_notes,
            "missed": 0.035 * n_notes,
            "extra": 0.04 * n_notes,
        }
        return {kind: count / duration_s for kind, count in counts.items()}


def _difficulty(notes: Notes, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> Floats:
    """How hard each cluster is to hit, mean 1: it grows with the leap to it and with the size of its chord."""
    top = np.array([notes["pitch"][a:b].max() for a, b in zip(first, last, strict=True)], dtype=float)
    leap = np.abs(np.diff(top, prepend=top[0]))
    raw = 0.5 + 0.08 * np.minimum(leap, 14) + 0.2 * (last - first - 1)
    return np.asarray(raw / raw.mean())


def _autoregressive(n: int, rho: float, rng: np.random.Generator) -> Floats:
    """First-order autoregressive noise of unit variance."""
    noise = rng.standard_normal(n)
    values: Floats = np.empty(n)
    values[0] = noise[0]
    for i in range(1, n):
        values[i] = rho * values[i - 1] + np.sqrt(1 - rho**2) * noise[i]
    return values


def _moving_mean(values: Floats, width: int) -> Floats:
    ones = np.ones(min(width, len(values)))  # a longer kernel would make the result as long as itself
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones_like(values), ones, "same"))


def _laid_over(starts: Floats, strength: Floats, rng: np.random.Generator) -> Notes:
    """Long pedals over music that had none; `strength` (n,) is the chance of one at each of the `starts` (n,)."""
    rows: list[tuple[float, int]] = []
    now = 0.0
    while now < starts[-1]:
        held = rng.uniform(1.5, 5.0)
        playing = max(0, int(np.searchsorted(starts, now, side="right")) - 1)
        if rng.random() < strength[playing]:
            rows += [(now, 127), (now + held, 0)]
        now += held + 0.2
    return np.array(rows, PEDAL_DTYPE)


def _on_keys(pitch: int) -> int:
    return min(108, max(21, pitch))
