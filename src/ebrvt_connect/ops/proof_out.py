"""A new bundle on the disk, a folder or a ZIP file: whole or not at all, and for the owner alone."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from ebrvt_connect.errors import InvalidValue, explain

PROOF_OUT_TAKEN = explain(
    "PROOF_OUT_TAKEN",
    "Đã có sẵn {place}; bằng chứng không ghi đè lên tệp hay thư mục nào.",
    "Chọn tên khác sau -o, hoặc dời cái cũ đi.",
)
SUMS = "SHA256SUMS"
"""The file that lists the digests of all others."""
_FOLDER, _FILE = 0o700, 0o600

_Put = Callable[[str, Iterable[bytes]], None]


class Bundle:
    """Takes files one after the other and counts along what their digests are."""

    def __init__(self, put: _Put) -> None:
        """`put` writes one file."""
        self._put = put
        self._sums: dict[str, str] = {}

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add a file; raises `OSError` when the disk refuses."""
        digest = hashlib.sha256()
        self._put(name, _noting(pieces, digest.update))
        self._sums[name] = digest.hexdigest()

    def finish(self) -> None:
        """Add the list of what is there."""
        lines = "".join(f"{self._sums[name]}  {name}\n" for name in sorted(self._sums))
        self._put(SUMS, [lines.encode()])


@contextmanager
def new_bundle(out: Path) -> Iterator[Bundle]:
    """A bundle made beside its place and put there when it is whole; a ZIP file where `out` ends so.

    Raises `InvalidValue` `PROOF_OUT_TAKEN` where something is there already, `OSError` when the disk refuses.
    """
    if os.path.lexists(out):
        raise InvalidValue(PROOF_OUT_TAKEN, f"{out} exists", place=out)
    beside = out.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        if out.suffix.lower() == ".zip":
            handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE)
            with os.fdopen(handle, "wb") as file:
                with ZipFile(file, "w", ZIP_DEFLATED) as archive:
                    bundle = Bundle(_into_archive(archive))
                    yield bundle
                    bundle.finish()
                file.flush()
                os.fsync(file.fileno())
        else:
            beside.mkdir(_FOLDER)
            bundle = Bundle(_into_folder(beside))
            yield bundle
            bundle.finish()
        beside.rename(out)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


def _into_folder(folder: Path) -> _Put:
    def put(name: str, pieces: Iterable[bytes]) -> None:
        path = folder / name
        path.parent.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())

    return put


def _into_archive(archive: ZipFile) -> _Put:
    def put(name: str, pieces: Iterable[bytes]) -> None:
        with archive.open(name, "w") as file:
            for piece in pieces:
                file.write(piece)

    return put


def _noting(pieces: Iterable[bytes], note: Callable[[bytes], object]) -> Iterator[bytes]:
    for piece in pieces:
        note(piece)
        yield piece
