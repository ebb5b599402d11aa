"""How a recording was made: room, microphone, noise, level and codec, all drawn independently of skill.

So a poor microphone never costs rating. Every step is level-free: what comes out is scaled to a drawn peak.
"""

import dataclasses
import io
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal

from pkai import audio
from pkai.audio import Waveform
from training.sound import encoding
from training.sound.encoding import Encoding


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """One way of recording.

    Attributes
    ----------
    reverb_s : time in which the room's sound falls by 60 dB; 0 is no room
    reverb_share : energy of the room's sound against the direct sound, 0..1
    low_cut_hz, high_cut_hz : of the microphone
    tilt_db : gain at 8 kHz and above against 31 Hz and below, as much in each octave between
    noise_db : noise below the playing; pink mixed with white and mains hum
    levelling : 0..1, share of the differences in level, in dB, that the recorder's automatic gain takes away
    drive : >= 0, how hard the recorder's limiter squeezes
    codec : "", "mp3", "opus" or "aac"
    bit_rate : bit/s of the codec
    peak : of the result, 0..1
    """

    reverb_s: float = 0.0
    reverb_share: float = 0.0
    low_cut_hz: float = 20.0
    high_cut_hz: float = 20_000.0
    tilt_db: float = 0.0
    noise_db: float = 90.0
    levelling: float = 0.0
    drive: float = 0.0
    codec: str = ""
    bit_rate: int = 64_000
    peak: float = 0.7


# A small room, a phone's narrow band, street noise and a messenger's codec: what the judge must withstand.
PHONE = Conditions(
    reverb_s=0.4, reverb_share=0.3, low_cut_hz=180.0, high_cut_hz=5500.0, noise_db=35.0, codec="opus", bit_rate=24_000
)
# With the automatic gain that phones have: what is soft, the noise of the room too, comes out nearly as loud.
PHONE_THAT_LEVELS = dataclasses.replace(PHONE, levelling=0.7)

# Of an automatic gain. Loud tones lower it at once, soft ones raise it slowly.
_LEVEL_STEP_S, _ATTACK_S, _RELEASE_S = 0.005, 0.02, 0.6
_MOST_GAIN_DB = 25.0


def draw(rng: np.random.Generator) -> Conditions:
    """A way of recording, from a studio to a phone in a kitchen."""
    room = rng.random() < 0.75
    codec = str(rng.choice(["mp3", "opus", "aac"])) if rng.random() < 0.3 else ""
    return Conditions(
        reverb_s=float(rng.uniform(0.15, 1.2)) if room else 0.0,
        reverb_share=float(rng.uniform(0.02, 0.6)) if room else 0.0,
        low_cut_hz=float(np.exp(rng.uniform(np.log(25), np.log(250)))),
        high_cut_hz=float(np.exp(rng.uniform(np.log(4500), np.log(20_000)))),
        tilt_db=float(rng.normal(0, 5)),
        noise_db=float(rng.uniform(22, 75)),
        drive=float(rng.choice([0.0, 0.0, rng.uniform(0.5, 3.0)])),
        codec=codec,
        bit_rate=int(rng.choice([24_000, 32_000, 64_000])),
        peak=float(rng.uniform(0.1, 0.95)),
    )


def record(waveform: Waveform, sample_rate: int, conditions: Conditions, rng: np.random.Generator) -> Waveform:
    """Record a clean rendering under given conditions.

    Parameters
    ----------
    waveform : (n,) float32 mono
    sample_rate : Hz
    conditions : how to record
    rng : of the room's reflections and the noise

    Returns
    -------
    (about n,) float32; a codec may pad the ends
    """
    sound = waveform
    if conditions.reverb_s > 0:
        sound = _in_room(sound, sample_rate, conditions, rng)
    sound = _through_microphone(sound, sample_rate, conditions)
    sound = sound + _noise(sound, sample_rate, conditions.noise_db, rng)
    if conditions.levelling > 0:
        sound = _levelled(sound, sample_rate, conditions.levelling)
    if conditions.drive > 0:
        loud = max(float(np.percentile(np.abs(sound), 99.5)), 1e-6)
        sound = np.tanh(sound / loud * conditions.drive) * (loud / conditions.drive)
    sound = (sound * (conditions.peak / max(float(np.abs(sound).max()), 1e-6))).astype(np.float32)
    return coded(sound, sample_rate, conditions.codec, conditions.bit_rate) if conditions.codec else sound


_CONTAINERS = {"mp3": ("mp3", "mp3"), "opus": ("ogg", "libopus"), "aac": ("adts", "aac")}
_OPUS_RATE = 48_000


def coded(waveform: Waveform, sample_rate: int, codec: str, bit_rate: int) -> Waveform:
    """Encode and decode again.

    Parameters
    ----------
    waveform : (n,) float32 mono, within -1..1
    sample_rate : Hz
    codec : "mp3", "opus" or "aac"
    bit_rate : bit/s
    """
    container, encoder = _CONTAINERS[codec]
    rate = _OPUS_RATE if codec == "opus" else sample_rate
    how = Encoding(container=container, encoder=encoder, sample_rate=rate, bit_rate=bit_rate)
    file = io.BytesIO()
    encoding.write(file, waveform, sample_rate, how)
    file.seek(0)
    return audio.decode(file, sample_rate=sample_rate)


def _levelled(sound: Waveform, sample_rate: int, share: float) -> Waveform:
    """Raise what is softer than the loudest tones (level by a branching smoother: Giannoulis et al., JAES 60, 2012)."""
    step = round(_LEVEL_STEP_S * sample_rate)
    power = np.add.reduceat(np.square(sound, dtype=np.float64), np.arange(0, len(sound), step)) / step
    attack, release = (np.exp(-_LEVEL_STEP_S / seconds) for seconds in (_ATTACK_S, _RELEASE_S))
    levels = np.empty(len(power))
    level = power[0]
    for i, now in enumerate(power):
        kept = attack if now > level else release
        level = kept * level + (1 - kept) * now
        levels[i] = level
    levels = np.maximum(levels, 1e-12)
    below_loud_db = 10 * np.log10(np.percentile(levels, 95) / levels)
    gain_db = np.minimum(share * below_loud_db, _MOST_GAIN_DB)
    gains = 10 ** (np.interp(np.arange(len(sound)), np.arange(len(power)) * step, gain_db) / 20)
    return np.asarray(sound * gains, np.float32)


def _in_room(sound: Waveform, sample_rate: int, conditions: Conditions, rng: np.random.Generator) -> Waveform:
    """Convolve with exponentially decaying noise, as a diffuse room answers (Polack, 1988)."""
    n = int(conditions.reverb_s * sample_rate)
    decay = np.exp(-6.9 * np.arange(n) / n)
    response = rng.standard_normal(n) * decay
    response[: int(0.004 * sample_rate)] = 0.0  # the direct sound comes first
    response *= np.sqrt(conditions.reverb_share / max(float((response**2).sum()), 1e-12))
    response[0] = 1.0
    return np.asarray(scipy.signal.oaconvolve(sound, response.astype(np.float32))[: len(sound)], np.float32)


def _through_microphone(sound: Waveform, sample_rate: int, conditions: Conditions) -> Waveform:
    n_fft = scipy.fft.next_fast_len(len(sound), real=True)
    hz = np.maximum(np.fft.rfftfreq(n_fft, 1 / sample_rate), 1.0)
    low = 1 / np.sqrt(1 + (conditions.low_cut_hz / hz) ** 6)
    high = 1 / np.sqrt(1 + (hz / conditions.high_cut_hz) ** 8)
    octaves = np.clip(np.log2(hz / 500.0), -4, 4)
    tilt = 10 ** (conditions.tilt_db * octaves / 8 / 20)
    spectrum = scipy.fft.rfft(sound, n_fft) * (low * high * tilt).astype(np.float32)
    return np.asarray(scipy.fft.irfft(spectrum, n_fft)[: len(sound)], np.float32)


def _noise(sound: Waveform, sample_rate: int, below_db: float, rng: np.random.Generator) -> Waveform:
    n_fft = scipy.fft.next_fast_len(len(sound), real=True)
    white = scipy.fft.rfft(rng.standard_normal(n_fft, dtype=np.float32))
    hz = np.maximum(np.fft.rfftfreq(n_fft, 1 / sample_rate), 20.0)
    colour = rng.uniform(0.0, 0.7)  # 0 is white, 0.5 is pink
    noise = scipy.fft.irfft(white * ((hz / 100.0) ** -colour).astype(np.float32), n_fft)[: len(sound)]
    if rng.random() < 0.15:
        mains = rng.choice([50.0, 60.0])
        seconds = np.arange(len(sound)) / sample_rate
        noise = noise + noise.std() * np.sin(2 * np.pi * mains * seconds)
    loud = float(np.sqrt(np.mean(sound**2)))
    return np.asarray(noise * (loud * 10 ** (-below_db / 20) / max(float(noise.std()), 1e-9)), np.float32)
