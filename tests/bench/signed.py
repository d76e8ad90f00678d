"""A sink that signs what it sends, over real HTTP, and the settings under which it is measured.

What is signed is made once, in `prepare`, and kept as a blob; the answer is the receipt, with its raw bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel

from ebrvt_connect.engine.settings import EngineSettings, LinkSpec, SystemLimits
from ebrvt_connect.model.message import Kind, Payload, Receipt
from ebrvt_connect.ports.adapter import Answer, Item, NotThere, Sink, Surroundings, Work
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from tests.bench.loopback import Loopback
from tests.integration.engine.bench import item

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.transport.signers import KeySigner

SENDER = "000.00.15.H06"
IN_FLIGHT = 16
_LIMIT_BYTES = 1024 * 1024
_LIMITS = SystemLimits(IN_FLIGHT, 5000.0)
SETTINGS = EngineSettings(limits={"axis": _LIMITS, "dms": _LIMITS})


class SignedSink(Sink):
    """Keeps nothing, and tells `delivered` of each that was taken."""

    system_kind: ClassVar[str] = "signed"
    settings_type: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, blobs: Blobs, key: KeySigner) -> None:
        self.blobs = blobs
        self.key = key
        self.delivered: Callable[[Work], None] = lambda _work: None

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        raise NotImplementedError

    def ping(self) -> str:
        return "loopback"

    def close(self) -> None:
        """Nothing to give back."""

    def _payload(self, content: bytes, media_type: str) -> Payload:
        return Payload(blob=self.blobs.put((content,), limit_bytes=_LIMIT_BYTES), media_type=media_type)

    def _ask_after(self, work: Work, payload: Payload) -> Answer:
        del work, payload
        return NotThere()


class SignedRest(SignedSink):
    """Posts JSON with a signature of its record beside it."""

    def __init__(self, blobs: Blobs, key: KeySigner, transport: HttpTransport) -> None:
        super().__init__(blobs, key)
        self.transport = transport

    def _prepare(self, work: Work) -> Payload:
        record = work.record.model_dump_json()
        signature = self.key.sign_digest(hashlib.sha256(record.encode()).digest(), "sha256")
        spelled = base64.b64encode(signature).decode()
        signed = json.dumps({"key": work.message.idem_key, "record": record, "signature": spelled})
        return self._payload(signed.encode(), "application/json")

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        reply = self.transport.send(
            HttpRequest(
                operation="send",
                method="POST",
                path="/send",
                headers=(("Content-Type", payload.media_type),),
                body=self.blobs.read(payload.blob.sha256),
                safe=True,
            )
        )
        self.delivered(work)
        return Receipt(external_id=work.message.external_id, raw=reply.body)


@dataclass(frozen=True, slots=True)
class Kit:
    """What goes over one kind of connection."""

    name: str
    kind: Kind
    make_item: Callable[[int], Item]
    opened: Callable[[Blobs, Path, str], AbstractContextManager[SignedSink]]
    """A sink for the remote at this address, with the keys in this folder."""
    remote: Callable[[], Loopback]

    @property
    def link(self) -> LinkSpec:
        """The one link there is."""
        every = timedelta(milliseconds=200)
        return LinkSpec(name="out", kinds=(self.kind,), source="dms", target="axis", every=every)


def _document(number: int) -> Item:
    return item(number, lane=f"lane{number // 2}")


@contextmanager
def _rest(blobs: Blobs, keys: Path, url: str) -> Iterator[SignedRest]:
    transport = HttpTransport(HttpSettings(url=url), system="axis", clock=SystemClock())
    yield SignedRest(blobs, SandboxPki.open(keys).signer(SENDER), transport)
    transport.close()


REST = Kit("REST", Kind.DOCUMENT, _document, _rest, Loopback)
