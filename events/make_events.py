"""Write every event of this folder again: `python events/make_events.py`, after a recording in `audio/` has changed."""

import base64
import io
import json
import math
import wave
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
RECORDING = FOLDER / "audio" / "fur-elise-1-expert-grand.mp3"
# Tests put the recording there, and so can people in a bucket of their own.
BUCKET = "pkai-recordings"
KEY = "fur-elise.mp3"


def events() -> dict[str, Any]:
    """Every event of the folder, by the name of its file."""
    recording = RECORDING.read_bytes()
    stored = f"s3://{BUCKET}/{KEY}"
    return {
        "direct_base64": {**_sent(recording), "piece": None, "references": None, "model": None},
        "direct_s3": {"audio": {"s3": stored}, "piece": None, "references": None, "model": None},
        "empty": {},
        "not_an_object": [],
        "both_sources": {"audio": {"base64": "", "s3": stored}},
        "neither_source": {"audio": {}},
        "wrong_types": {"audio": {"base64": 12}, "references": "all"},
        "unknown_field": {"audio": {"s3": stored}, "colour": "blue"},
        "bad_base64": {"audio": {"base64": "data:audio/mpeg;base64,SUQzBAA="}},
        "bad_location": {"audio": {"s3": "https://example.com/fur-elise.mp3"}},
        "unknown_bucket": {"audio": {"s3": f"s3://bucket-of-somebody-else/{KEY}"}},
        "missing_object": {"audio": {"s3": f"s3://{BUCKET}/no-such-recording.mp3"}},
        "unknown_model": {"audio": {"s3": stored}, "model": "no-such-model"},
        "unknown_piece": {"audio": {"s3": stored}, "piece": "no-such-piece"},
        "unknown_reference": {"audio": {"s3": stored}, "references": ["no-such-reference"]},
        "not_audio": _sent(b"This is a letter and no recording.\n" * 20),
        "empty_audio": _sent(b""),
        "truncated": _sent(_wav(duration_s=20, amplitude=50)[:8000]),
        "too_short": _sent(_wav(duration_s=3, amplitude=50)),
        "silent": _sent(_wav(duration_s=12, amplitude=0)),
    }


def main() -> None:
    """Write the events beside this script."""
    for name, event in events().items():
        (FOLDER / f"{name}.json").write_text(json.dumps(event, indent=1) + "\n")


def _sent(recording: bytes) -> dict[str, Any]:
    return {"audio": {"base64": base64.b64encode(recording).decode()}}


def _wav(*, duration_s: int, amplitude: int, sample_rate: int = 2000) -> bytes:
    """An A of 440 Hz in 8 bits, few enough bytes to be read as an event."""
    samples = (
        128 + round(amplitude * math.sin(2 * math.pi * 440 * n / sample_rate)) for n in range(duration_s * sample_rate)
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(sample_rate)
        writer.writeframes(bytes(samples))
    return file.getvalue()


if __name__ == "__main__":
    main()
