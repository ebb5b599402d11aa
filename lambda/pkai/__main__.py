"""The command line: `pkai score me.mp3`, or `python -m pkai score me.mp3`.

Results go to standard output, everything else to standard error. The exit code is 0 if all went well, 1 if a
recording could not be judged, 2 if the command itself was wrong.
"""

import _thread
import argparse
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pkai import __version__
from pkai.errors import PkaiError, RequestError
from pkai.settings import is_place_of_references

_PLACE_HELP = "s3://bucket/key or a file (default: PKAI_REFERENCES, or references.json of the model folder)"
_INTERRUPTED = 130
_PIPE_CLOSED = 141
_LATER_S = 0.01


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog="pkai", description="Listens to recordings of piano playing and says how skilled the playing is."
    )
    parser.add_argument("--version", action="version", version=f"pkai {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_score(commands)
    _add_report(commands)
    _add_compare(commands)
    _add_references(commands)
    _add_invoke(commands)
    _add_serve(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = build_parser().parse_args(argv)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123  # it is None where the shell closed it
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123
    try:
        with _interrupts_heard():
            from pkai import commands  # after parsing: --help need not wait for numpy and onnxruntime

            code = commands.run(arguments)
            sys.stdout.flush()
            return code
    except RequestError as err:
        sys.stderr.write(f"pkai: {err}\n")
        return 2
    except PkaiError as err:
        sys.stderr.write(f"pkai: {err}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _PIPE_CLOSED
    except OSError as err:  # such as a full disk
        sys.stderr.write(f"pkai: the result could not be written: {err}\n")
        _drop_output()
        return 1


@contextmanager
def _interrupts_heard() -> Iterator[None]:
    """Give an interrupt again that came within a finalizer or a weak reference's callback, where Python drops it."""
    usual = sys.unraisablehook

    def give_again(dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is KeyboardInterrupt:
            later = threading.Timer(_LATER_S, _thread.interrupt_main)  # this function is within the finalizer, too
            later.daemon = True
            later.start()
        else:
            usual(dropped)

    sys.unraisablehook = give_again
    try:
        yield
    finally:
        sys.unraisablehook = usual


def _drop_output() -> None:
    """Python flushes standard output once more at exit, and would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _add_score(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("score", help="rate recordings and compare them with the references")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="MP3, M4A, WebM, Ogg, FLAC or WAV")
    parser.add_argument("--piece", help="compare with the references of this piece only")
    parser.add_argument("--references", type=_names, metavar="A,B", help="compare with these references only")
    _add_model(parser)
    _add_output(parser)


def _add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("report", help="write what was heard as one web page, to send or to print")
    parser.add_argument("files", nargs=1, type=Path, metavar="FILE", help="MP3, M4A, WebM, Ogg, FLAC or WAV")
    parser.add_argument("-o", "--output", type=_web_page, required=True, metavar="OUT.html", help="file to write")
    parser.add_argument("--with-audio", action="store_true", help="put the recording into the page, to hear passages")
    parser.add_argument("--piece", help="compare with the references of this piece only")
    parser.add_argument("--references", type=_names, metavar="A,B", help="compare with these references only")
    _add_model(parser)
    parser.set_defaults(json=False)


def _add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("compare", help="say which of two recordings is played better")
    parser.add_argument("files", nargs=2, type=Path, metavar="FILE", help="a recording")
    _add_model(parser)
    _add_output(parser)


def _add_references(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("references", help="the reference performances")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list them with their ratings")
    listing.add_argument("--from", dest="place", type=_place, metavar="PLACE", help=_PLACE_HELP)
    _add_model(listing)
    listing.add_argument("--json", action="store_true", help="one JSON line per reference")
    adding = actions.add_parser("add", help="let every model score a recording, and compare with it from then on")
    adding.add_argument("file", type=Path, metavar="FILE", help="a recording")
    adding.add_argument("--piece", required=True, help="name of the piece, such as fur-elise")
    adding.add_argument("--level", required=True, help="of the player, from beginner to expert")
    adding.add_argument("--title", required=True, help="for people, such as 'Für Elise, my teacher'")
    adding.add_argument("--name", help="for commands and requests (default: PIECE-LEVEL)")
    adding.add_argument("--replace", action="store_true", help="put it in place of the one of the same name")
    adding.add_argument("--to", dest="place", type=_place, metavar="PLACE", help=_PLACE_HELP)
    _add_model_dir(adding)
    adding.set_defaults(model=None)  # every model that is installed scores it
    adding.add_argument("--json", action="store_true", help="tell what was added in one JSON line")


def _add_invoke(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("invoke", help="answer one event as the service does, in this process")
    parser.add_argument("event", type=Path, metavar="EVENT.json", help="what the service would be sent")


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("serve", help="answer over HTTP as the service does, on this machine and without AWS")
    parser.add_argument(
        "--port", type=_port, default=8080, help="to listen on; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep uploads and answers here (default: until the end)"
    )
    parser.add_argument(
        "--workers", type=_workers, default=2, metavar="N", help="recordings assessed at once (default: 2)"
    )
    _add_model(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", choices=("pdr", "apr"), help="the network that judges (default: PKAI_MODEL or apr)")
    _add_model_dir(parser)


def _add_model_dir(parser: argparse.ArgumentParser) -> None:
    models = "folder of models and references (default: PKAI_MODEL_DIR or model/)"
    parser.add_argument("--model-dir", type=Path, metavar="DIR", help=models)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one line of JSON per answer, for programs")
    parser.add_argument("--plot", type=_picture, metavar="OUT.png", help="draw a picture, too: .png, .pdf or .svg")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port; give a number from 0 to 65535")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text} must be a number from 1 to 64")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("give names separated by commas; `pkai references list` shows them")
    return names


def _place(text: str) -> str:
    if not is_place_of_references(text):
        raise argparse.ArgumentTypeError(f"{text} is none; give s3://bucket/key, or a .json file")
    return text


def _web_page(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".html":
        raise argparse.ArgumentTypeError(f"{text} must end in .html")
    return path


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"{text} must end in .png, .pdf or .svg")
    return path


if __name__ == "__main__":
    sys.exit(main())
