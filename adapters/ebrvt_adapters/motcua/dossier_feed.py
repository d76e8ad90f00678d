"""Reads the feed of changed dossiers (hồ sơ) into batches: each dossier, and behind it its steps.

How the feed is walked is `codec.change_feed`, how steps are read `progress_feed`. A dossier's progress is
read whole each time the dossier has changed: the inbox knows what it has, so no checkpoint grows with the
number of dossiers, and nothing is lost over a restart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_adapters.motcua import faults, mapping
from ebrvt_adapters.motcua.progress_feed import KnownSteps, ProgressReader, Steps
from ebrvt_connect.codec.change_feed import ChangeFeed, FeedDesk, FeedProgress, Missing, Walk
from ebrvt_connect.codec.feed import Cursor, Page, word_of
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Rejected, RetryLater, Scope
from ebrvt_connect.model.message import BlobRef, Kind
from ebrvt_connect.ports.adapter import Batch, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_adapters.motcua import wire
    from ebrvt_adapters.motcua.client import MotcuaClient
    from ebrvt_adapters.motcua.settings import MotcuaSettings
    from ebrvt_adapters.motcua.statuses import StatusMap
    from ebrvt_connect.errors import ConnectError, Explanation
    from ebrvt_connect.model.dossier import Dossier

_OPERATION = "GET /api/dossiers"
_MISSING = {
    Missing.GONE: faults.NOT_FOUND,
    Missing.FORBIDDEN: faults.DOSSIER_FORBIDDEN,
    Missing.UNAVAILABLE: faults.DOSSIER_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(FeedDesk):
    """What the reader works with."""

    client: MotcuaClient
    settings: MotcuaSettings
    statuses: StatusMap
    steps: KnownSteps = field(default_factory=KnownSteps)
    rows: list[str] = field(default_factory=list)
    """Digests of the rows whose items are on their way into the ledger."""

    def rows_are_stored(self) -> None:
        """Whoever asks for the next batch has stored the one before: its rows need no second look."""
        for row in self.rows:
            self.stored.add_row(row)
        self.rows.clear()


@dataclass(frozen=True, slots=True)
class DossierFeed(ChangeFeed):
    """The feed of changed dossiers."""

    desk: Desk

    def dossiers(self, checkpoint: str | None) -> Iterator[Batch]:
        """What is new since the checkpoint; a dossier that cannot be had does not stop the others."""
        walk = Walk()
        self.desk.rows.clear()
        for batch in self.batches(FeedProgress.parse(checkpoint), walk):
            yield batch
            self.desk.rows_are_stored()
        self.desk.rows_are_stored()
        walk.conclude()

    def _desk(self) -> Desk:
        return self.desk

    def _overlap(self) -> timedelta:
        return timedelta(minutes=self.desk.settings.overlap_minutes)

    def _page(self, cursor: Cursor | None) -> Page:
        return self.desk.client.dossiers(cursor)

    def _one(self, name: str) -> bytes:
        return self.desk.client.dossier(name)

    def _name(self, row: bytes) -> str:
        return word_of(row, "code")

    def _concerns_one(self, held: HeldForPerson) -> bool:
        return faults.concerns_one(held)

    def _unreadable_place(self, detail: str) -> RetryLater:
        return self.desk.odd(faults.REPLY_UNREADABLE, detail, _OPERATION)

    def _stuck(self, detail: str) -> RetryLater:
        return self.desk.odd(faults.FEED_STUCK, detail, _OPERATION)

    # --- a dossier ----------------------------------------------------------------------------------------

    def _made(self, row: bytes, *, last_try: bool) -> tuple[Item, ...]:
        if self.desk.stored.has_row(row):
            return ()
        try:
            found = mapping.dossier_of(row)
        except InvalidValue as refusal:
            item = self.desk.unreadable(Kind.DOSSIER, row, refusal, mapping.name_of(row))
            return () if item is None else (item,)
        items = tuple(self._dossier_items(row, found, last_try=last_try))
        self.desk.rows.append(hashlib.sha256(row).hexdigest())
        return items

    def _dossier_items(self, row: bytes, found: wire.Dossier, *, last_try: bool) -> Iterator[Item]:
        """The dossier, then its steps; without its files, the dossier alone, held."""
        contents, fault = self._files(found, last_try=last_try)
        if fault is not None:
            digest = hashlib.sha256(row).hexdigest()[:32]
            yield self._dossier_item(found, f"{found.revision}:{fault.code}:{digest}", row, None, fault)
            return
        steps = self._steps(found, last_try=last_try)
        record = mapping.record_of(
            found, self.desk.statuses, contents, now=self.desk.now(), warnings=tuple(steps.warnings)
        )
        version = mapping.version_of(record)
        if (str(found.code), version) not in self.desk.stored:
            yield self._dossier_item(found, version, row, record)
        yield from steps.items

    def _dossier_item(
        self,
        found: wire.Dossier,
        version: str,
        row: bytes,
        record: Dossier | None,
        fault: ConnectError | None = None,
    ) -> Item:
        code = str(found.code)
        public = str(found.national_code or found.code)
        original = self.desk.keep(row)
        return Item(
            kind=Kind.DOSSIER,
            external_id=code,
            version=version,
            lane=code,
            business_key=public,
            title=code,
            record=record,
            original=original,
            fault=fault,
            replaces=(mapping.row_name(found.id),),
        )

    def _without_row(self, name: str, version: str, why: Missing) -> Item:
        """A dossier that cannot be had any more, held under its code."""
        return Item(
            Kind.DOSSIER, name, version, name, title=name, fault=self._hold(_MISSING[why], version, name)
        )

    # --- its result files ---------------------------------------------------------------------------------

    def _files(
        self, found: wire.Dossier, *, last_try: bool
    ) -> tuple[dict[str, BlobRef], ConnectError | None]:
        """The result files as they came; without one of them there is no record, only a fault.

        They are fetched anew whenever the dossier has changed: a file may be replaced under the same id.
        """
        contents: dict[str, BlobRef] = {}
        for file_id in mapping.file_ids(found):
            try:
                contents[file_id] = self.desk.client.download(
                    str(found.code), file_id, self.desk.surroundings.blobs
                )
            except Rejected:
                return {}, self._file_fault(faults.RESULT_UNAVAILABLE, found, file_id)
            except RetryLater:
                if not last_try:
                    raise
                return {}, self._file_fault(faults.RESULT_UNAVAILABLE, found, file_id)
            except HeldForPerson as held:
                if not faults.concerns_one(held):
                    raise
                too_large = held.scope is Scope.MESSAGE
                explanation = faults.RESULT_TOO_LARGE if too_large else faults.DOSSIER_FORBIDDEN
                return {}, self._file_fault(explanation, found, file_id)
        return contents, None

    def _file_fault(self, explanation: Explanation, found: wire.Dossier, file_id: str) -> HeldForPerson:
        return HeldForPerson(
            explanation,
            f"result file {file_id!r} of {found.code}",
            system=self.desk.surroundings.system,
            operation="fetch",
            file=mapping.file_title(found, file_id),
            title=str(found.code),
            limit_bytes=self.desk.settings.largest_file_bytes,
        )

    # --- its steps ----------------------------------------------------------------------------------------

    def _steps(self, found: wire.Dossier, *, last_try: bool) -> Steps:
        """All steps not known to be stored, in their order.

        Where they cannot be had, the dossier waits with them; at last it goes and a hold stands for them.
        """
        reader = ProgressReader(self.desk, found)
        try:
            rows = self.desk.client.progress(reader.code)
        except Rejected:
            return reader.missing()
        except RetryLater:
            if not last_try:
                raise
            return reader.missing()
        except HeldForPerson as held:
            if not faults.concerns_one(held):
                raise
            return reader.missing()
        return reader.steps(rows)

    def _hold(self, explanation: Explanation, detail: str, code: str) -> HeldForPerson:
        return HeldForPerson(
            explanation,
            f"dossier {code!r}: {detail}",
            system=self.desk.surroundings.system,
            operation="fetch",
            title=code,
        )
