"""Ask people which of two recordings is played better."""

import argparse
import logging
import webbrowser
from functools import partial
from pathlib import Path

from training.commands.numbers import port
from training.labels.annotation import RULES
from training.labels.audition import find_player, find_recordings, play
from training.labels.pairs import recordings_of
from training.labels.questions import Share
from training.labels.session import Session
from training.labels.terminal import Terminal, annotate
from training.labels.web import AnnotationServer

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `pairs annotate`."""
    parser.add_argument(
        "--pairs", type=Path, required=True, metavar="CSV", help="made by `pairs make`; filled in place"
    )
    parser.add_argument(
        "--recordings", type=Path, metavar="FOLDER", help="where the recordings lie; none are played without"
    )
    parser.add_argument("--annotator", default="me", metavar="NAME", help="who answers (default: %(default)s)")
    parser.add_argument(
        "--rule", choices=RULES, default=RULES[0], help="how answers imply others (default: %(default)s)"
    )
    parser.add_argument("--share", default="1/1", metavar="I/N", help="ask only the I-th of N annotators' part")
    parser.add_argument("--common", type=float, default=0.0, help="fraction of pairs that all are asked (default: 0)")
    parser.add_argument(
        "--others", type=Path, nargs="+", default=[], metavar="CSV", help="tables whose answers count too"
    )
    parser.add_argument("--web", action="store_true", help="ask in the browser, on this machine only")
    parser.add_argument("--port", type=port, default=0, help="for --web; 0 takes a free one (default: 0)")
    parser.set_defaults(do=_annotate)


def _annotate(args: argparse.Namespace) -> int:
    share = Share.parse(args.share, args.common)
    session = Session(args.pairs, annotator=args.annotator, rule=args.rule, share=share, others=args.others)
    names = recordings_of(session.pairs.values())
    recordings = find_recordings(args.recordings, names) if args.recordings else {}
    if args.recordings and len(recordings) < len(names):
        _log.warning("%d of %d recordings are not in %s", len(names) - len(recordings), len(names), args.recordings)
    if args.web:
        return _serve(AnnotationServer(session, recordings, args.port))
    player = find_player() if recordings else None
    if recordings and player is None:
        _log.warning("no player is here (ffplay, mpv, afplay or aplay); nothing will sound. --web plays in the browser")
    annotate(
        session, Terminal(input, partial(print, flush=True), recordings, partial(play, player) if player else None)
    )
    return 0


def _serve(server: AnnotationServer) -> int:
    print(f"{server.url} (Ctrl-C ends)", flush=True)
    webbrowser.open(server.url)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            done = server.session.progress
            _log.info("%d answered, %d follow, %d to go", done.answered, done.inferred, done.unknown)
    return 0
