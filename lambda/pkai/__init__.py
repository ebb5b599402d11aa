"""P-KAI's judge of piano playing: from any recording to an assessment.

The package needs numpy, PyAV and onnxruntime; it is what the Lambda image holds. Training imports it
and never the other way round, so both sides hear a recording through the same front end.
"""

__version__ = "0.1.0"
