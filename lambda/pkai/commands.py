"""What each command of the command line does. Recordings are taken one at a time, so memory stays flat."""

import argparse
import contextlib
import dataclasses
import importlib
import io
import json
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkai import library, report, selection
from pkai.assessment import Assessment, PairAssessment
from pkai.errors import RecordingError, RequestError
from pkai.report import Named
from pkai.selection import Wish
from pkai.settings import Settings, colour_is_welcome
from pkai.terminal import MIN_WIDTH, Terminal, fit, printable

if TYPE_CHECKING:
    from pkai.explanation import Explanation
    from pkai.hearing import Hearing
    from pkai.plot import Canvas
    from pkai.scorer import Judge
    from pkai.serve import LocalServer


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was parsed; returns the exit code.

    Raises
    ------
    RequestError
        If the command asks for what there is not: a piece, a reference, a place to write to.
    ModelError
        If the model cannot be used.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a title may have letters that the terminal has not
    commands = {
        "score": _score,
        "report": _report,
        "compare": _compare,
        "references": _references,
        "invoke": _invoke,
        "serve": _serve,
    }
    return commands[arguments.command](arguments)


def _score(arguments: argparse.Namespace) -> int:
    if arguments.plot and len(arguments.files) > 1:
        raise RequestError("--plot draws one recording; name one FILE, or use `pkai compare` for two")
    with _canvas(arguments.plot) as canvas:
        judge = _judge(arguments)
        known = library.of(_settings(arguments)).references()
        wish = Wish(piece=arguments.piece, names=arguments.references)
        selection.refuse(wish, known, model_sha256=judge.manifest.sha256)
        terminal = _terminal()
        scored = []
        for path, hearing in _hearings(judge, arguments, with_chroma=wish.is_open):
            assessment = judge.assessment(hearing, judge.choose(hearing, wish, known))
            named = Named(name=_display_name(path, arguments.files), assessment=assessment)
            if canvas:
                canvas.draw_recording(named, hearing, judge.manifest, _explained(judge, hearing))
            if arguments.json:
                _write([json.dumps(_record(path, named.assessment))])
            else:
                _write(report.assessment_lines(named, terminal))
            scored.append(named)
        if len(scored) > 1 and not arguments.json:
            _write(report.ranking_lines(scored, terminal))
    return 0 if len(scored) == len(arguments.files) else 1


def _report(arguments: argparse.Namespace) -> int:
    with _canvas(arguments.output) as canvas:
        from pkai import html_report, plot

        assert canvas is not None  # noqa: S101  # the parser asks for an output
        judge = _judge(arguments)
        known = library.of(_settings(arguments)).references()
        wish = Wish(piece=arguments.piece, names=arguments.references)
        selection.refuse(wish, known, model_sha256=judge.manifest.sha256)
        for path, hearing in _hearings(judge, arguments, with_chroma=wish.is_open):
            assessment = judge.assessment(hearing, judge.choose(hearing, wish, known))
            named = Named(name=path.name, assessment=assessment)
            audio = html_report.EmbeddedAudio.of(path) if arguments.with_audio else None
            picture = plot.picture(named, hearing, judge.manifest, _explained(judge, hearing))
            canvas.draft.write_text(html_report.page(named, picture, audio), encoding="utf-8")
            return 0
    return 1


def _compare(arguments: argparse.Namespace) -> int:
    with _canvas(arguments.plot) as canvas:
        judge = _judge(arguments)
        known = library.of(_settings(arguments)).references()
        heard = [
            (judge.assessment(hearing, judge.choose(hearing, Wish(), known)), hearing)
            for _, hearing in _hearings(judge, arguments, with_chroma=True)
        ]
        if len(heard) < 2:
            return 1
        (first, first_hearing), (second, second_hearing) = heard
        pair = judge.pair_assessment(first, second)
        first_name, second_name = (_display_name(path, arguments.files) for path in arguments.files)
        if canvas:
            named = (Named(name=first_name, assessment=first), Named(name=second_name, assessment=second))
            canvas.draw_pair(pair, named, (first_hearing, second_hearing), judge.manifest)
        if arguments.json:
            records = [_record(path, one) for path, one in zip(arguments.files, (first, second), strict=True)]
            _write([json.dumps(_pair_record(pair, *records))])
        else:
            _write(report.pair_lines(first_name, second_name, pair, _terminal()))
    return 0


def _references(arguments: argparse.Namespace) -> int:
    from pkai import curation

    settings = _settings(arguments)
    if arguments.action == "add":
        return curation.add(arguments, settings)
    return curation.list_(arguments, settings, _terminal())


def _invoke(arguments: argparse.Namespace) -> int:
    try:
        event = json.loads(arguments.event.read_bytes())
    except OSError as err:
        raise RequestError(f"{arguments.event} cannot be read ({err.strerror}); give the path of an event") from err
    except (ValueError, RecursionError) as err:
        raise RequestError(f"{arguments.event} is not JSON: {err}") from err
    _settings_of_environment()
    answer = importlib.import_module("handler").handler(event, _LocalContext())
    _write([json.dumps(answer)])
    failed = isinstance(answer, dict) and ("error" in answer or answer.get("statusCode", 200) >= 400)
    return 1 if failed else 0


def _serve(arguments: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is only for now is cleared away
    with contextlib.ExitStack() as stack:
        root = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pkai-")))
        server = stack.enter_context(local_server(arguments, root))
        sys.stderr.write(f"pkai: listening on {server.url}; Ctrl-C ends it\n")
        server.serve_forever()
    return 0


@contextmanager
def local_server(arguments: argparse.Namespace, root: Path) -> "Iterator[LocalServer]":
    """The service on this machine, listening but not yet serving, for as long as the block lasts.

    Raises
    ------
    RequestError
        If the port cannot be listened on, or the folder not be written to.
    """
    from pkai.folder import Folder
    from pkai.serve import RESULTS_BUCKET, UPLOAD_PATH, UPLOADS_BUCKET, LocalServer

    settings = dataclasses.replace(
        _settings(arguments), buckets=(), uploads_bucket=UPLOADS_BUCKET, results_bucket=RESULTS_BUCKET
    )
    handler = importlib.import_module("handler")  # it reads the environment, too
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as err:
        raise RequestError(f"{root} cannot be written to ({err.strerror}); choose another with --folder") from err
    try:
        server = LocalServer(arguments.host, arguments.port, n_workers=arguments.workers)
    except OSError as err:
        raise RequestError(
            f"{arguments.host}:{arguments.port} cannot be listened on ({err.strerror}); choose another with --port, or "
            "--host"
        ) from err
    with server:
        folder = Folder(root, upload_url=UPLOAD_PATH)
        handler.use(settings, folder).judge_for(None)
        server.open(lambda event: handler.handler(event, _LocalContext()), folder)
        yield server


@dataclasses.dataclass(frozen=True, kw_only=True)
class _LocalContext:
    """What AWS Lambda tells a handler about its invocation, for an invocation outside of AWS."""

    function_name: str = "pkai"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 2048
    invoked_function_arn: str = "arn:aws:lambda:local:000000000000:function:pkai"
    aws_request_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def get_remaining_time_in_millis(self) -> int:
        """Nobody stops a local invocation; this is the service's own limit."""
        return 60_000


def _settings_of_environment() -> Settings:
    try:
        return Settings.from_env()
    except ValueError as err:
        raise RequestError(str(err)) from err


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = _settings_of_environment()
    return dataclasses.replace(
        settings,
        model=arguments.model or settings.model,
        model_root=arguments.model_dir or settings.model_root,
    )


def _judge(arguments: argparse.Namespace) -> "Judge":
    from pkai.scorer import Judge

    settings = _settings(arguments)
    return Judge.load(settings.model_root, settings.model, n_threads=settings.n_threads)


def _hearings(judge: "Judge", arguments: argparse.Namespace, *, with_chroma: bool) -> Iterator[tuple[Path, "Hearing"]]:
    """Hear one recording after the other; what is wrong with one is told, and the next is taken."""
    for number, path in enumerate(arguments.files, 1):
        try:
            with _progress(f"listening to {path.name} ({number} of {len(arguments.files)}) …"):
                hearing = judge.hear(path, with_chroma=with_chroma)
        except RecordingError as err:
            sys.stderr.write(f"pkai: {printable(str(path))}: {printable(str(err))}\n")
            if arguments.json:
                _write([json.dumps({"file": str(path), "error": {"code": err.code, "message": str(err)}})])
        else:
            yield path, hearing


@contextmanager
def _progress(message: str) -> Iterator[None]:
    """Show what is being waited for, where somebody is watching."""
    watched = sys.stderr.isatty()
    if watched:
        sys.stderr.write(fit(message, MIN_WIDTH).rstrip())
        sys.stderr.flush()
    try:
        yield
    finally:
        if watched:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _canvas(out: Path | None) -> "AbstractContextManager[Canvas | None]":
    if out is None:
        return contextlib.nullcontext()
    try:
        from pkai import plot
    except ModuleNotFoundError as err:
        if (err.name or "").partition(".")[0] != "matplotlib":
            raise
        raise RequestError("pictures need matplotlib; in the folder of P-KAI: pip install '.[plot]'") from err
    return plot.canvas(out)


def _explained(judge: "Judge", hearing: "Hearing") -> "Explanation | None":
    """What raised and lowered the rating, where the model came with the graph that tells."""
    return judge.explain(hearing) if judge.manifest.explanation_sha256 is not None else None


def _display_name(path: Path, files: Sequence[Path]) -> str:
    """The name of a file, or its path as typed where another has the same name."""
    return str(path) if sum(other.name == path.name for other in files) > 1 else path.name


def _record(path: Path, assessment: Assessment) -> dict[str, Any]:
    return {"file": str(path), **dataclasses.asdict(assessment)}


def _pair_record(pair: PairAssessment, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": pair.outcome, "p_better": pair.p_better, "first": first, "second": second}


def _terminal() -> Terminal:
    return Terminal.of(sys.stdout, colour_is_welcome=colour_is_welcome())


def _write(lines: Sequence[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
