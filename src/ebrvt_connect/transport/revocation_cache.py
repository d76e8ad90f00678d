"""Lists and answers once fetched, on disk: a hint for the next time, judged again whenever it is read.

One file each, written beside and renamed, named for what was asked; the oldest goes when the folder grows
beyond its bound. Only what has proved to be its issuer's is ever put in, and what somebody else puts
there counts as little as what a server sends.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.transport.revocation_fetch import Fetched

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = ".revocation"
_LONGEST_HEAD = 4096
_MOST_FILES = 100_000


class RevocationCache:
    """A folder of fetched lists and answers; may be shared by threads and processes."""

    def __init__(self, folder: Path, *, largest_bytes: int) -> None:
        """The folder is made when the first thing is put in."""
        self._folder = folder
        self._largest = largest_bytes

    def get(self, *asked: str) -> Fetched | None:
        """What was kept for a question; None when nothing readable is there."""
        try:
            content = self._path(asked).read_bytes()
            head, _, rest = content.partition(b"\n")
            if len(head) > _LONGEST_HEAD:
                return None
            told = json.loads(head)
            fetched_at = datetime.fromisoformat(told["fetched_at"])
            if fetched_at.tzinfo is None:
                return None
            return Fetched(str(told["url"]), rest, fetched_at)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, found: Fetched, *asked: str) -> None:
        """Keep what proved true; a disk that does not take it is no reason to fail a verdict."""
        if len(found.content) > self._largest:
            return
        head = json.dumps({"url": found.url, "fetched_at": found.fetched_at.isoformat()})
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".tmp", delete=False) as out:
                temporary = Path(out.name)
                try:
                    out.write(head.encode() + b"\n" + found.content)
                    out.close()
                    temporary.replace(self._path(asked))
                finally:
                    temporary.unlink(missing_ok=True)
            self._shrink()

    def _path(self, asked: tuple[str, ...]) -> Path:
        return self._folder / (hashlib.sha256("\n".join(asked).encode()).hexdigest() + _SUFFIX)

    def _shrink(self) -> None:
        """Remove the oldest until the folder is within its bound."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for place, (_, size, path) in enumerate(files):
            if total <= self._largest and len(files) - place <= _MOST_FILES:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if path.suffix == _SUFFIX:
                    found = path.stat()
                    yield found.st_mtime, found.st_size, path
