"""Reading the trust folder from disk; what the files mean is `trust.anchors`' matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope
from ebrvt_connect.trust.anchors import TRUST_FOLDER_INVALID, TrustStore, store_of_files

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_BYTES = 64 * 1024 * 1024
"""A national authority's revocation list has some megabytes; anything larger is no trust file."""


def load_trust_folder(folder: Path) -> TrustStore:
    """The trust store of a folder (kho tin cậy): anchors, pins, hints, revocation lists, signers.

    Raises `HeldForPerson` (scope system): `TRUST_FOLDER_INVALID` for a folder or file that does not
    read, `TRUST_PIN_MISSING` for an anchor nobody pinned, `SIGNER_REGISTER_INVALID` for `signers.toml`.
    """
    if not folder.is_dir():
        raise _unreadable(str(folder), "không có thư mục này")
    try:
        files = {path.relative_to(folder).as_posix(): _content(path) for path in _files(folder)}
    except OSError as failure:
        reason = failure.strerror or type(failure).__name__
        raise _unreadable(str(failure.filename or folder), reason) from failure
    try:
        return store_of_files(files)
    except InvalidValue as failure:
        raise failure.held(system="trust", operation="load", scope=Scope.SYSTEM) from failure


def _files(folder: Path) -> list[Path]:
    """Two levels are all there is: the folder itself and its branches."""
    return [p for pattern in ("*", "*/*") for p in sorted(folder.glob(pattern)) if p.is_file()]


def _content(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_BYTES:
        raise OSError(0, f"lớn hơn {_LARGEST_BYTES} byte", str(path))
    return path.read_bytes()


def _unreadable(file: str, reason: str) -> HeldForPerson:
    return HeldForPerson(
        TRUST_FOLDER_INVALID,
        f"trust folder: {file}: {reason}",
        scope=Scope.SYSTEM,
        system="trust",
        operation="load",
        file=file,
        reason=reason,
    )
