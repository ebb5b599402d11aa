"""The service under awslambdaric and AWS's runtime interface emulator, without a container.

`python tests/container/emulator.py --port 9000` answers until it is stopped:
`curl -XPOST http://localhost:9000/2015-03-31/functions/function/invocations -d @events/direct_base64.json`
"""

import argparse
import importlib.util
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INVOCATIONS = "/2015-03-31/functions/function/invocations"
HOST = "127.0.0.1"
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_STARTS_WITHIN_S = 30.0


def binary() -> Path | None:
    """The emulator, which comes with aws-sam-cli; None where that, or one for this machine, is not installed."""
    sam = importlib.util.find_spec("samcli")
    architecture = _ARCHITECTURES.get(platform.machine())
    if sam is None or sam.origin is None or architecture is None or platform.system() != "Linux":
        return None
    path = Path(sam.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    return path if path.is_file() else None


@contextmanager
def running(
    emulator: Path, *, port: int, environment: Mapping[str, str]
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run the service under the emulator while the block lasts; yields the URL that takes events, and the process.

    Parameters
    ----------
    emulator : its program
    port : to listen on, on loopback
    environment : added to this process's own

    Raises
    ------
    RuntimeError
        If the port is taken, or the emulator does not start to listen.
    """
    if listens(port):
        raise RuntimeError(f"port {port} is taken; choose another with --port")
    command = [
        str(emulator),
        "--runtime-interface-emulator-address",
        f"{HOST}:{port}",
        "--runtime-api-address",
        f"{HOST}:{free_port()}",
        sys.executable,
        "-m",
        "awslambdaric",
        "handler.handler",
    ]
    process = subprocess.Popen(command, cwd=ROOT / "lambda", env={**os.environ, **environment})
    try:
        _wait_until_itlistens(process, port)
        yield f"http://{HOST}:{port}{INVOCATIONS}", process
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _wait_until_itlistens(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up_at = time.monotonic() + _STARTS_WITHIN_S
    while not listens(port):
        if process.poll() is not None:
            raise RuntimeError(f"the emulator ended with status {process.returncode} before it listened")
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"the emulator does not listen on port {port} after {_STARTS_WITHIN_S:g} s")
        time.sleep(0.05)


def main() -> int:
    """Answer events until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Answer as AWS Lambda does, on this machine.")
    parser.add_argument("--port", type=int, default=9000, help="to listen on (default: %(default)s)")
    port = parser.parse_args().port
    emulator = binary()
    if emulator is None:
        print("no emulator for this machine; on Linux it comes with: pip install aws-sam-cli", file=sys.stderr)
        return 1
    try:
        with running(emulator, port=port, environment={}) as (url, process):
            print(f"Ctrl-C ends it; to ask: curl -XPOST {url} -d @events/direct_base64.json", file=sys.stderr)
            return process.wait()
    except RuntimeError as err:
        print(err, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
