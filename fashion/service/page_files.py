"""Files of the page: its own, and those that it shares with the page of `fashion page`.

That page loads app.js, which starts it with a model in the browser. Here another app.js starts it
with this server.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

_SHARED = Path(__file__).parents[1] / "web"
_OWN = Path(__file__).parent / "page"
_SHARED_NAMES = (
    *("index.html", "style.css", "page.js", "results.js", "placement.js", "masks.js"),
    *("drawing.js", "downloads.js"),
)
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


@dataclasses.dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Attributes:
        content: Of the file.
        kind: Its media type.
        etag: Identifies the content.
    """

    content: bytes
    kind: str
    etag: str


def page_files() -> Mapping[str, PageFile]:
    """Reads the files of the page.

    Returns:
        Files by name. Nothing else is ever read for a request.
    """
    paths = [_SHARED / name for name in _SHARED_NAMES]
    paths += [path for path in sorted(_OWN.iterdir()) if path.suffix in _KINDS]
    found = {}
    for path in paths:
        content = path.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        found[path.name] = PageFile(content, _KINDS[path.suffix], etag)
    return found
