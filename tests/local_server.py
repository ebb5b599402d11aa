"""`pkai serve` on a free port of this machine, in a thread."""

import argparse
import threading
from collections.abc import Iterator
from pathlib import Path

import handler
from pkai import commands
from pkai.serve import LocalServer


def serving(model_root: Path, folder: Path) -> Iterator[LocalServer]:
    """The server, until the iterator is closed; `folder` stands for S3."""
    arguments = argparse.Namespace(host="127.0.0.1", port=0, workers=2, model=None, model_dir=model_root)
    with commands.local_server(arguments, folder) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield listening
        finally:
            listening.shutdown()
            thread.join()
            handler._chosen = None
