"""How a batch of verifications speaks with its worker processes.

What a worker sends has been made of a stranger's file, by a process the file may have taken over: it is
JSON and is read as data. What goes the other way is ours: grounds as a pickle, content as open files.
"""

from __future__ import annotations

import fcntl
import io
import os
import pickle
import select
import stat
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ebrvt_connect.transport.verify_code import BUILD

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import Buffer

    from ebrvt_connect.transport.verify_items import VerifyLimits
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive

LENGTH: Final = struct.Struct(">I")
"""Before a request: how long it is."""
ANSWER: Final = struct.Struct(">?I")
"""Before an answer: whether the worker wants to be replaced, and how long the report is."""
READY: Final = ANSWER.pack(0, len(BUILD)) + BUILD
"""The first answer: instead of a report the build that the worker runs."""
ENDED_WITHOUT_MEMORY: Final = 70
"""How a worker ends that was asked for more memory than its file is given."""
ENDED_BY_MACHINE: Final = 71
"""How one ends to which the machine gives less than that."""
ENDED_UNREADABLE: Final = 74
"""How one ends to which a file could not be read."""
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_MOST_GROUNDS_BYTES: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchGrounds:
    """What every file of a batch is judged by; handed to a worker once."""

    policy: VerificationPolicy
    trust: TrustStore
    revocation: RevocationArchive | None
    at: datetime
    limits: VerifyLimits


def _certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def _list(der: bytes) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(der)


def _answer(der: bytes) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response(der)


_LOADS: tuple[tuple[type[Any], Callable[[bytes], object]], ...] = (
    (x509.Certificate, _certificate),
    (x509.CertificateRevocationList, _list),
    (ocsp.OCSPResponse, _answer),
)


class _Pickler(pickle.Pickler):
    """Certificates, lists and answers travel as the bytes they are made of."""

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401 - pickle asks for every type there is
        for kind, loads in _LOADS:
            if isinstance(value, kind):
                return loads, (value.public_bytes(Encoding.DER),)
        return NotImplemented


def packed_grounds(grounds: BatchGrounds) -> BinaryIO:
    """The grounds in an unnamed file, which all workers read."""
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(grounds)
    return spooled(written.getbuffer())


def unpacked_grounds(descriptor: int) -> BatchGrounds:
    """The grounds as the parent packed them; to be called by a worker only."""
    packed = content_of(descriptor, _MOST_GROUNDS_BYTES)
    return cast("BatchGrounds", pickle.loads(packed))  # noqa: S301 - our own parent made it


def spooled(content: Buffer) -> BinaryIO:
    """Bytes in an unnamed file in memory, where there is such a thing, to be handed to another process.

    What is in memory nobody can change any more: a worker that was taken over must neither change what
    its report is checked against nor the grounds of those that come after it.
    """
    file = unnamed()
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
    if hasattr(os, "memfd_create"):
        fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, _SEALS)
    return file


def unnamed() -> BinaryIO:
    """An empty unnamed file to write to."""
    if hasattr(os, "memfd_create"):
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        return os.fdopen(os.memfd_create("ebrvt-verify", flags), "w+b", buffering=0)
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0))


def size_of(descriptor: int) -> int:
    """Bytes in a file; 0 for a pipe or device, which cannot tell."""
    return os.fstat(descriptor).st_size


def somebody_writes(descriptor: int, seconds: float | None) -> bool:
    """Wait for somebody to write into a named pipe, or to have done so; whether that came about."""
    asked = select.poll()
    asked.register(descriptor, select.POLLIN)
    return bool(asked.poll(None if seconds is None else seconds * 1000))


def content_of(descriptor: int, most: int) -> bytes:
    """The bytes of an open file from its beginning, `most` of them; of a pipe whatever comes, whenever."""
    if size := size_of(descriptor):
        pieces, at = [], 0
        while at < min(size, most) and (piece := os.pread(descriptor, min(size, most) - at, at)):
            pieces.append(piece)
            at += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        somebody_writes(descriptor, None)  # until then it would read as if it were empty
    came = bytearray()
    while len(came) < most and (piece := os.read(descriptor, min(65536, most - len(came)))):
        came += piece
    return bytes(came)
