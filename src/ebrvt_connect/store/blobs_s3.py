"""Bytes on an S3-compatible server: `<prefix>blobs/<sha256>`, what is set aside under `<prefix>aside/`.

A blob is sent with its digests, by which the server refuses what was damaged on the way, and then asked
after: only when the server tells the same size, and the same SHA-256 or (as its ETag) MD5, is it kept. A
server that tells neither is read back. There are no parts and no appends, so nothing half written is ever
there. The same content is sent again rather than looked for: what was sent is young, and cannot be under a
collector's hands.

The server's trouble is the store's: everything pauses, and goes on by itself when it answers again.
`minio`, a client for every S3-compatible server, is loaded when a place is opened (extra `s3`). What it would
read of the environment is given to it: the configuration says all there is to say.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, SSLError

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.blobs import BLOB_DAMAGED, STORE_FULL, CollectableBlobs, KeptBlob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from minio import Minio
    from minio.datatypes import Object
    from minio.error import MinioException

    from ebrvt_connect.errors import Explanation

BLOB_STORE_AWAY = explain(
    "BLOB_STORE_AWAY",
    "Máy chủ lưu nội dung (S3) không trả lời hoặc đang quá tải.",
    "Kiểm tra máy chủ và đường mạng tới store.s3.endpoint; chương trình tạm dừng và tự chạy tiếp.",
)
BLOB_STORE_TLS = explain(
    "BLOB_STORE_TLS",
    "Không tin được chứng thư của máy chủ lưu nội dung (S3).",
    "Kiểm tra hạn và tên trong chứng thư của máy chủ, và tệp store.s3.ca.",
)
BLOB_STORE_REFUSED = explain(
    "BLOB_STORE_REFUSED",
    "Máy chủ lưu nội dung (S3) từ chối: sai khóa, thiếu quyền hoặc chưa có kho này ({answer}).",
    "Kiểm tra store.blobs, store.s3.access_key, store.s3.secret_key và quyền của tài khoản trên kho.",
)
BLOB_STORE_ALTERED = explain(
    "BLOB_STORE_ALTERED",
    "Máy chủ lưu nội dung (S3) không giữ đúng nội dung vừa ghi.",
    "Không dùng máy chủ này cho đến khi tìm được nguyên nhân; chưa có gì bị mất vì nội dung chưa được coi là "
    "đã lưu.",
)

_HEX = frozenset("0123456789abcdef")
_SHA256_HEX = 64
_CHUNK = 256 * 1024
_IN_MEMORY = 1024 * 1024
_DIGEST = "x-amz-checksum-sha256"
_WITH_DIGEST = {"x-amz-checksum-algorithm": "SHA256"}
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_FULL = frozenset({"507", "QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "EntityTooLarge"})
_DAMAGED_ON_THE_WAY = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"})
_BUSY = frozenset({"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "Throttling"})
_TOO_MANY = 429
_SERVER_ERROR = 500
_TRY_AGAIN = (_TOO_MANY, 500, 502, 503, 504)
_PAUSE_FACTOR = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """A bucket and how to get there."""

    endpoint: str
    bucket: str
    prefix: str = ""
    """With its `/` at the end, unless empty."""
    region: str
    access_key: str
    secret_key: str
    ca: Path | None = None
    """The authorities to trust (PEM); None: those that browsers trust."""
    connect_timeout: float = 5.0
    """Seconds."""
    read_timeout: float = 30.0
    """Seconds between two pieces of an answer."""
    tries: int = 3


class S3Blobs(CollectableBlobs):
    """Blobs in a bucket that all daemons of a store share; any number of processes and threads."""

    def __init__(self, place: S3Place) -> None:
        """Nothing is asked of the server yet.

        Raises `ModuleNotFoundError` without the extra `s3`, `ValueError` for what no server can be asked.
        """
        self._place = place
        self._client = _client(place)

    def has(self, sha256: str) -> bool:
        """Whether the bytes are there, set aside or not."""
        return any(self._head(folder + _valid(sha256)) is not None for folder in ("blobs/", "aside/"))

    def kept(self) -> Iterator[KeptBlob]:
        """Everything that is not set aside."""
        return self._listed("blobs/")

    def aside(self) -> Iterator[KeptBlob]:
        """What is set aside."""
        return self._listed("aside/")

    def set_aside(self, sha256: str) -> None:
        """Set aside: copied first, so that it is always in one of the two places."""
        self._move(f"blobs/{_valid(sha256)}", f"aside/{sha256}")

    def bring_back(self, sha256: str) -> None:
        """Take back what was set aside."""
        self._move(f"aside/{_valid(sha256)}", f"blobs/{sha256}")

    def delete(self, sha256: str) -> None:
        """Delete for good what is set aside."""
        with _told():
            self._client.remove_object(*self._named(f"aside/{_valid(sha256)}"))

    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Nothing: what was not sent whole is not there."""
        del before
        yield from ()

    def clear(self, name: str) -> None:
        """Nothing is ever unfinished there."""
        raise ValueError(f"nothing unfinished is called {name!r}")

    def owners(self) -> frozenset[str]:
        """The ledgers whose contents lie there."""
        return frozenset(key for key, _ in self._entries("owners/"))

    def own(self, ledger: str) -> None:
        """Note that this ledger's contents lie there."""
        if self._head(f"owners/{ledger}") is None:
            self._send(f"owners/{ledger}", BytesIO(), 0, {})

    def disown(self, ledger: str) -> None:
        """Note that this ledger is gone for good."""
        with _told():
            self._client.remove_object(*self._named(f"owners/{ledger}"))

    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        """Written down here first: its digests go ahead of it."""
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as draft:
            for chunk in chunks:
                sha256.update(chunk)
                md5.update(chunk)
                size += len(chunk)
                draft.write(chunk)
            blob = BlobRef(sha256=sha256.hexdigest(), size_bytes=size)
            told = base64.b64encode(sha256.digest()).decode()
            draft.seek(0)
            headers = {_DIGEST: told, "x-amz-sdk-checksum-algorithm": "SHA256"}
            self._send(f"blobs/{blob.sha256}", cast("BinaryIO", draft), size, headers)
        self._confirm(blob, told, md5.hexdigest())
        return blob

    def _send(self, key: str, content: BinaryIO, size: int, headers: dict[str, str]) -> None:
        """In one piece, whatever its size: only so is the ETag its MD5, and nothing is ever half there."""
        from minio.helpers import MIN_PART_SIZE

        try:
            with _told():
                self._client.put_object(
                    *self._named(key), content, size, metadata={**headers}, part_size=max(size, MIN_PART_SIZE)
                )
        except KeyError as nowhere:  # nothing was asked for: whoever answered is no S3 server
            raise _stopped(BLOB_STORE_REFUSED, "the S3 server knows no such place", answer=404) from nowhere

    def _confirm(self, blob: BlobRef, digest: str, md5: str) -> None:
        """The server has it as it was sent; raises `HeldForPerson` `BLOB_STORE_ALTERED` (scope store)."""
        head = self._head(f"blobs/{blob.sha256}") or self._head(f"aside/{blob.sha256}")
        if head is not None and head.size == blob.size_bytes:
            told = (head.metadata or {}).get(_DIGEST)
            if told == digest or (told is None and (head.etag == md5 or self._reads_back(blob.sha256))):
                return
        detail = f"blob {blob.sha256}: sent {blob.size_bytes} bytes, the server has others"
        raise HeldForPerson(BLOB_STORE_ALTERED, detail, scope=Scope.STORE)

    def _reads_back(self, sha256: str) -> bool:
        try:
            self._open(sha256).close()
        except (HeldForPerson, KeyError) as failure:
            if isinstance(failure, HeldForPerson) and failure.scope is Scope.STORE:
                raise
            return False
        return True

    def _open(self, sha256: str) -> BinaryIO:
        """From wherever it lies; between two looks it may be set aside or brought back."""
        _valid(sha256)
        for folder in ("blobs/", "aside/", "blobs/"):
            found = self._fetched(folder + sha256)
            if found is not None:
                stream, told = found
                if told != sha256:
                    stream.close()
                    raise HeldForPerson(
                        BLOB_DAMAGED, f"blob {sha256} reads as {told}", scope=Scope.MESSAGE, sha256=sha256
                    )
                return stream
        raise KeyError(sha256)

    def _fetched(self, key: str) -> tuple[BinaryIO, str] | None:
        """The whole content, seekable, with what its digest is; None where there is none."""
        digest = hashlib.sha256()
        draft = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - for the reader
        try:
            with _told(), self._client.get_object(*self._named(key)) as body:
                for piece in body.stream(_CHUNK, decode_content=False):
                    digest.update(piece)
                    draft.write(piece)
        except KeyError:
            draft.close()
            return None
        except BaseException:
            draft.close()
            raise
        draft.seek(0)
        return draft, digest.hexdigest()

    def _move(self, source: str, target: str) -> None:
        from minio.commonconfig import CopySource

        try:
            with _told():
                # Raises also when a refusal comes as the body of a 200: nothing goes before it is there.
                self._client.copy_object(
                    *self._named(target), CopySource(*self._named(source)), metadata={**_WITH_DIGEST}
                )
                self._client.remove_object(*self._named(source))
        except KeyError:
            return

    def _head(self, key: str) -> Object | None:
        try:
            with _told():
                asked = {"x-amz-checksum-mode": "ENABLED"}
                return self._client.stat_object(*self._named(key), extra_headers={**asked})
        except KeyError:
            return None

    def _listed(self, folder: str) -> Iterator[KeptBlob]:
        for name, entry in self._entries(folder):
            # What has no size or age is left alone: nobody could say that it is old enough to go.
            if entry.size is None or entry.last_modified is None:
                continue
            if len(name) == _SHA256_HEX and _HEX.issuperset(name):
                yield KeptBlob(name, entry.size, entry.last_modified)

    def _entries(self, folder: str) -> Iterator[tuple[str, Object]]:
        """Names below a folder; the client asks for a page of a thousand at a time."""
        begin = self._place.prefix + folder
        with _told():
            for entry in self._client.list_objects(self._place.bucket, begin, recursive=True):
                yield (entry.object_name or "").removeprefix(begin), entry

    def _named(self, key: str) -> tuple[str, str]:
        return self._place.bucket, self._place.prefix + key


def _valid(sha256: str) -> str:
    """The digest itself; raises `KeyError` for what is none: never a key somebody made up."""
    if len(sha256) != _SHA256_HEX or not _HEX.issuperset(sha256):
        raise KeyError(sha256)
    return sha256


def _client(place: S3Place) -> Minio:
    from minio import Minio
    from minio.credentials.providers import StaticProvider
    from minio.helpers import check_bucket_name, check_object_name

    server = urlsplit(place.endpoint)
    check_bucket_name(place.bucket)
    check_object_name(place.prefix or "-")
    client = Minio(
        server.netloc,
        credentials=StaticProvider(place.access_key, place.secret_key),
        secure=server.scheme == "https",
        region=place.region,
        http_client=_connections(place),
    )
    client.disable_virtual_style_endpoint()  # the bucket in the path: one name, one certificate
    return client


def _connections(place: S3Place) -> PoolManager:
    """Connections of our own: the client's wait for minutes, and read `SSL_CERT_FILE`."""
    import certifi

    return PoolManager(
        maxsize=32,
        timeout=Timeout(connect=place.connect_timeout, read=place.read_timeout),
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(place.ca) if place.ca else certifi.where(),
        # What is signed for one server goes to no other, and no server says how long everything stands still.
        retries=Retry(
            total=place.tries - 1,
            redirect=0,
            other=0,
            status_forcelist=_TRY_AGAIN,
            backoff_factor=_PAUSE_FACTOR,
            raise_on_redirect=False,
            raise_on_status=False,
            respect_retry_after_header=False,
        ),
    )


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the server or the way to it says into what must happen next; `KeyError`: it has none."""
    from minio.error import MinioException

    try:
        yield
    except MinioException as refusal:
        raise _of_answer(refusal) from refusal
    except (HTTPError, ConnectionError, TimeoutError) as failure:
        if isinstance(failure, SSLError) or isinstance(getattr(failure, "reason", None), SSLError):
            raise _stopped(BLOB_STORE_TLS, f"no trust in the S3 server: {failure}") from failure
        raise _stopped(BLOB_STORE_AWAY, f"the S3 server is away: {type(failure).__name__}") from failure
    except (ParseError, ValueError) as failure:
        raise _stopped(BLOB_STORE_AWAY, f"the S3 server's answer makes no sense: {failure}") from failure
    except OSError as failure:  # some of the above are such, too; this one is of the disk of this machine
        raise _stopped(STORE_FULL, f"cannot keep beside what is read: {failure}") from failure


def _of_answer(refusal: MinioException) -> Exception:
    status, code = _answer(refusal)
    detail = f"the S3 server answered {status} {code}"
    if (code or str(status)) in _ABSENT:
        return KeyError(code)
    if code in _FULL or str(status) in _FULL:
        return _stopped(STORE_FULL, detail)
    if code in _DAMAGED_ON_THE_WAY:
        return _stopped(BLOB_STORE_ALTERED, detail)
    if code in _BUSY or status == _TOO_MANY or status >= _SERVER_ERROR:
        return _stopped(BLOB_STORE_AWAY, detail)
    return _stopped(BLOB_STORE_REFUSED, detail, answer=code or status)


def _answer(refusal: MinioException) -> tuple[int, str]:
    """Its status, and the server's own word for it where it has one."""
    from minio.error import InvalidResponseError, S3Error, ServerError

    match refusal:
        case S3Error():
            return refusal.response.status, refusal.code or ""
        case ServerError():
            return refusal.status_code, ""
        case InvalidResponseError():
            return refusal._code, ""  # noqa: SLF001 - it is told nowhere else
        case _:
            return 0, ""


def _stopped(explanation: Explanation, detail: str, answer: object = "") -> HeldForPerson:
    return HeldForPerson(explanation, detail, scope=Scope.STORE, answer=answer)
