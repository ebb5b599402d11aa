"""P-KAI's judge of piano playing: from any recording to an assessment.

The package needs numpy, PyAV and onnxruntime; it is what the Lambda image holds. Training imports it
and never the other way round, so both sides hear a recording through the same front end.
"""

import os

__version__ = "0.1.0"

# Before anything imports onnxruntime: it would report each process to its maker over the network, and leave an
# identifier of the machine in the home folder and a session file among the temporary ones.
os.putenv("ORT_DISABLE_TELEMETRY", "1")
