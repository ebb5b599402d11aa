"""The page for people, as it was built into `lambda/page` from `page/`: static files, and what may run in them."""

import base64
import gzip
from functools import lru_cache
from pathlib import Path

from pkai.errors import RouteNotFound
from pkai.gateway import HttpAnswer

FOLDER = Path(__file__).resolve().parents[1] / "page"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
ASSETS = "assets/"
# The name of an asset holds a digest of its content; the other files keep their names as they change.
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_FIRST = "no-cache"


def answer(name: str, *, accept_encoding: str, upload_origin: str | None) -> HttpAnswer:
    """Send a file of the page, compressed where the browser takes that.

    Parameters
    ----------
    name : path under the page's folder, such as "index.html" or "assets/app-1A2B.js"
    accept_encoding : of the request
    upload_origin : where the page may send files besides its own origin, such as "https://bucket.s3.amazonaws.com"

    Raises
    ------
    RouteNotFound
        If the page has no such file, or this installation has no page.
    """
    if name not in _names():
        raise RouteNotFound("the page has no such file; GET / names those that it has")
    packed = "gzip" in accept_encoding.lower()
    headers = {"cache-control": _FOR_EVER if name.startswith(ASSETS) else _ASK_FIRST, "vary": "accept-encoding"}
    if packed:
        headers["content-encoding"] = "gzip"
    if name.endswith(".html"):
        headers |= _guards(upload_origin)
    return HttpAnswer(
        status=200,
        body=base64.b64encode(_content(name, packed=packed)).decode(),
        is_base64=True,
        content_type=CONTENT_TYPES[Path(name).suffix],
        headers=headers,
    )


def is_there() -> bool:
    """Whether this installation has the page: a package installed from a wheel does not."""
    return "index.html" in _names()


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Every file that may be sent; no other path leads out of the folder."""
    return frozenset(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in CONTENT_TYPES)


@lru_cache(maxsize=32)
def _content(name: str, *, packed: bool) -> bytes:
    content = (FOLDER / name).read_bytes()
    return gzip.compress(content, mtime=0) if packed else content


def _guards(upload_origin: str | None) -> dict[str, str]:
    """Headers that let the page load its own files, play its own recordings, and ask this service; nothing else."""
    connect = " ".join(("'self'", upload_origin)) if upload_origin else "'self'"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "permissions-policy": "microphone=(self), camera=(), geolocation=()",
        "cross-origin-opener-policy": "same-origin",
    }
