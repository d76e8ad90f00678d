"""The one-stop shop as the engine sees it: a source of dossiers and their progress, a sink of outcomes.

Receiving. Changed dossiers come by their feed, each with its result files in the blobs and followed by its
new steps in the order of their numbers, all in the lane of the dossier's own code. Reading changes nothing
there: how far we are is our own checkpoint, and acknowledging is advice.

Sending. What became of a dossier at a remote is told by `PUT .../exchange-status`, which may be repeated,
so a doubtful end is simply sent again.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from ebrvt_adapters.motcua import mapping, statuses
from ebrvt_adapters.motcua.client import MotcuaClient
from ebrvt_adapters.motcua.dossier_feed import Desk, DossierFeed
from ebrvt_adapters.motcua.settings import MotcuaSettings
from ebrvt_connect.codec.change_feed import FeedProgress, StoredVersions
from ebrvt_connect.codec.jsonwire import write_json
from ebrvt_connect.errors import ConnectError
from ebrvt_connect.model.dossier import Dossier, DossierStatus, ProgressEntry
from ebrvt_connect.model.message import Kind, Payload, Receipt
from ebrvt_connect.ports.adapter import (
    Answer,
    Batch,
    Feedback,
    NotThere,
    Outcome,
    Sink,
    Source,
    Surroundings,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record

JSON_TYPE = "application/json"
_LARGEST_STATUS_BYTES = 1024 * 1024


class Motcua(Source, Sink):
    """One one-stop shop (hệ thống một cửa điện tử) of the province."""

    system_kind: ClassVar[str] = "motcua"
    settings_type: ClassVar[type[BaseModel]] = MotcuaSettings

    def __init__(
        self, settings: MotcuaSettings, surroundings: Surroundings, status_map: statuses.StatusMap
    ) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._blobs = surroundings.blobs
        self.client = MotcuaClient(settings, surroundings.clock, system=surroundings.system)
        self._desk = Desk(
            surroundings=surroundings,
            stored=StoredVersions(),
            patience=timedelta(minutes=settings.file_patience_minutes),
            client=self.client,
            settings=settings,
            statuses=status_map,
        )

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """Make an instance.

        Raises `TypeError` for settings of another adapter, `HeldForPerson` `MOTCUA_STATUS_FILE_WRONG`.
        """
        if not isinstance(settings, MotcuaSettings):
            raise TypeError(f"expected MotcuaSettings, got {type(settings).__name__}")
        return cls(settings, surroundings, _status_map(settings))

    def ping(self) -> str:
        """Read one dossier of the feed."""
        return f"đọc thử được {len(self.client.dossiers(limit=1).rows)} hồ sơ"

    def close(self) -> None:
        """Give back connections."""
        self.client.close()

    # --- source -------------------------------------------------------------------------------------------

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        if kind is not Kind.DOSSIER:
            raise TypeError(f"the one-stop shop gives dossiers, not {kind.value}")
        return DossierFeed(self._desk).dossiers(checkpoint)

    def _acknowledge(self, kind: Kind, batch: Batch) -> None:  # noqa: ARG002 - the port's signature
        """Remember what is stored; then tell the system how far, whatever it makes of it."""
        for item in batch.items:
            self._desk.stored.add(item)
        cursor = FeedProgress.parse(batch.checkpoint).cursor
        if not self._settings.acknowledge or cursor is None:
            return
        try:
            self.client.acknowledge(Kind.DOSSIER.value, cursor)
        except ConnectError:
            # Advice that was not taken changes nothing; trouble that lasts shows at the next fetch.
            return

    def feedback(self, message: Message, record: Record | None, outcome: Outcome) -> tuple[Feedback, ...]:
        """ACCEPTED, HELD with its reason, or REFUSED; of a step only what stopped it.

        What could not be read has no record; where its dossier's code could be read, it is told all the same.
        """
        if record is not None and not isinstance(record, (Dossier, ProgressEntry)):
            return ()
        status = mapping.outcome_status(message, record, outcome)
        return () if status is None else (Feedback(status.state.value, status),)

    # --- sink ---------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> Payload:
        if not isinstance(work.record, DossierStatus):
            raise TypeError(f"the one-stop shop takes no {type(work.record).__name__}")
        content = write_json(mapping.exchange_status(work.record))
        blob = self._blobs.put((content,), limit_bytes=_LARGEST_STATUS_BYTES)
        return Payload(blob=blob, media_type=JSON_TYPE, facts=(("code", str(work.record.dossier_code)),))

    def _submit(self, work: Work, payload: Payload) -> Receipt:  # noqa: ARG002 - the port's signature
        content = self._blobs.read(payload.blob.sha256, limit_bytes=_LARGEST_STATUS_BYTES)
        self.client.report_exchange(payload.fact("code"), json.loads(content))
        return Receipt()

    def _ask_after(self, work: Work, payload: Payload) -> Answer:  # noqa: ARG002 - the port's signature
        """It may be sent again as it is: by its system, state and time."""
        return NotThere()


def _status_map(settings: MotcuaSettings) -> statuses.StatusMap:
    """The deployment's status file, or the sample where none is named."""
    path = settings.status_file
    if path is None:
        return statuses.sample()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise statuses.wrong_file(path.name, f"không mở được ({type(failure).__name__})") from failure
    return statuses.StatusMap.parse(text, path.name)
