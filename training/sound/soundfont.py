"""Make a SoundFont 2 of recorded notes, so that FluidSynth plays sampled grands that come as loose files.

Reference: SoundFont Technical Specification 2.04, Creative Technology, 2006 (chunk and generator numbers).
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pkai.durable import replace_bytes

_GUARD_SAMPLES = 46  # zeros that the specification wants after each sample (section 6.1)

# Generator numbers of section 8.1.2.
_RELEASE, _INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE = 38, 41, 43, 44
_SAMPLE_ID, _ROOT_KEY = 53, 58
_UNDAMPED_FROM_PITCH = 89  # the top of a piano has no dampers


@dataclass(frozen=True, kw_only=True)
class SampledNote:
    """One recorded note and where it is played.

    Attributes
    ----------
    pcm : (n,) int16 mono
    sample_rate : Hz
    pitch : MIDI pitch of the recording
    lowest_pitch, highest_pitch, lowest_velocity, highest_velocity : range it serves, both ends included
    release_s : how long it fades after the key is let go
    """

    pcm: npt.NDArray[np.int16]
    sample_rate: int
    pitch: int
    lowest_pitch: int
    highest_pitch: int
    lowest_velocity: int
    highest_velocity: int
    release_s: float = 0.25


def write(path: Path, name: str, notes: list[SampledNote]) -> None:
    """Write a bank with one preset, bank 0 program 0, that plays `notes`.

    Raises
    ------
    ValueError
        If there is no note.
    """
    if not notes:
        raise ValueError(f"{name} has no notes to make a SoundFont of")
    audio, headers = _samples(notes)
    instrument_bags, instrument_generators = _zones(notes)
    preset_generators = struct.pack("<HH", _INSTRUMENT, 0)
    body = b"".join(
        [
            _list(
                b"INFO", _chunk(b"ifil", struct.pack("<HH", 2, 4)) + _text(b"isng", "EMU8000") + _text(b"INAM", name)
            ),
            _list(b"sdta", _chunk(b"smpl", audio)),
            _list(
                b"pdta",
                _chunk(b"phdr", _preset(name, 0, 0) + _preset("EOP", 255, 1))
                + _chunk(b"pbag", struct.pack("<HHHH", 0, 0, 1, 0))
                + _chunk(b"pmod", bytes(10))
                + _chunk(b"pgen", preset_generators + bytes(4))
                + _chunk(b"inst", _name(name) + struct.pack("<H", 0) + _name("EOI") + struct.pack("<H", len(notes)))
                + _chunk(b"ibag", instrument_bags)
                + _chunk(b"imod", bytes(10))
                + _chunk(b"igen", instrument_generators)
                + _chunk(b"shdr", headers),
            ),
        ]
    )
    replace_bytes(path, b"RIFF" + struct.pack("<I", len(body) + 4) + b"sfbk" + body)


def _samples(notes: list[SampledNote]) -> tuple[bytes, bytes]:
    audio: list[bytes] = []
    headers: list[bytes] = []
    position = 0
    for note in notes:
        end = position + len(note.pcm)
        spot = (position, end, position, end, note.sample_rate, note.pitch, 0, 0, 1)
        headers.append(_name(f"p{note.pitch}v{note.highest_velocity}") + struct.pack("<IIIIIBbHH", *spot))
        audio.append(note.pcm.astype("<i2").tobytes() + bytes(2 * _GUARD_SAMPLES))
        position = end + _GUARD_SAMPLES
    headers.append(_name("EOS") + bytes(26))
    return b"".join(audio), b"".join(headers)


def _zones(notes: list[SampledNote]) -> tuple[bytes, bytes]:
    bags: list[bytes] = []
    generators: list[bytes] = []
    for index, note in enumerate(notes):
        release_s = 4.0 if note.pitch >= _UNDAMPED_FROM_PITCH else note.release_s
        zone = [
            struct.pack("<HBB", _KEY_RANGE, note.lowest_pitch, note.highest_pitch),
            struct.pack("<HBB", _VELOCITY_RANGE, note.lowest_velocity, note.highest_velocity),
            struct.pack("<Hh", _RELEASE, round(1200 * np.log2(release_s))),
            struct.pack("<Hh", _ROOT_KEY, note.pitch),
            struct.pack("<HH", _SAMPLE_ID, index),
        ]
        bags.append(struct.pack("<HH", len(generators), 0))
        generators.extend(zone)
    bags.append(struct.pack("<HH", len(generators), 0))
    return b"".join(bags), b"".join(generators) + bytes(4)


def _preset(name: str, bank: int, bag: int) -> bytes:
    return _name(name) + struct.pack("<HHHIII", 0, bank, bag, 0, 0, 0)


def _name(text: str) -> bytes:
    return text.encode("ascii")[:19].ljust(20, b"\0")


def _text(tag: bytes, text: str) -> bytes:
    raw = text.encode("ascii") + b"\0"
    return _chunk(tag, raw + b"\0" * (len(raw) % 2))


def _chunk(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("<I", len(body)) + body


def _list(tag: bytes, body: bytes) -> bytes:
    return _chunk(b"LIST", tag + body)
