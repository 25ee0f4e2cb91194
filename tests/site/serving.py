"""Serving a built site as GitHub Pages does: below a sub-path, compressed."""

import functools
import gzip
import http.server
import io
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PREFIX = "/dlref/"
COMPRESSED = frozenset({".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".map"})


@dataclass(frozen=True)
class Site:
    """A built site: its folder, and the address of its home page."""

    folder: Path
    address: str

    @property
    def home(self) -> str:
        """Return the address that the site has where it is published."""
        return min(self._locations(), key=len)

    @property
    def pages(self) -> list[str]:
        """Return the pages' paths below the home page, as the sitemap lists them."""
        return [location.removeprefix(self.home) for location in self._locations()]

    def _locations(self) -> list[str]:
        tree = ET.parse(self.folder / "sitemap.xml")
        return [element.text or "" for element in tree.iter() if "loc" in element.tag]

    def page_with(self, *marks: str) -> str:
        """Return the first page whose HTML holds all the marks."""
        for page in self.pages:
            text = (self.folder / page / "index.html").read_text("utf-8")
            if all(mark in text for mark in marks):
                return page
        raise AssertionError(f"no page of the site holds {marks}")


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".woff2": "font/woff2"}

    def send_head(self):  # type: ignore[no-untyped-def]
        if not self.path.startswith(PREFIX):
            return self.send_error(404, f"outside {PREFIX}")
        self.path = self.path.removeprefix(PREFIX[:-1])
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if self.path.partition("?")[0].endswith("/") else path
        if path.suffix not in COMPRESSED or not path.is_file() or "gzip" not in self.headers.get("Accept-Encoding", ""):
            return super().send_head()
        body = gzip.compress(path.read_bytes(), mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        return io.BytesIO(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a browser that leaves a page drops its connections


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port for the length of a ``with`` block, and hand out its address."""
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        finally:
            server.shutdown()
            thread.join()
