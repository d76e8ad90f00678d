"""One round of upkeep (một lượt dọn dẹp): what retention gives up, then blobs that nothing names any more."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.store.collecting import CollectPatience, collect
from ebrvt_connect.store.retention import Periods, due, note_upkeep, prune, tending

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from ebrvt_connect.ops.config_model import RetentionConfig
    from ebrvt_connect.ports.blobs import CollectableBlobs
    from ebrvt_connect.ports.clock import Clock


def periods_of(retention: RetentionConfig) -> Periods:
    """The configured periods as the store knows them."""
    return Periods(attempts=retention.attempts, contents=retention.contents, evidence=retention.evidence)


@dataclass(frozen=True, slots=True)
class UpkeepRound:
    """Called by the daemon now and then, and by `ebrvt retention run`."""

    retention: RetentionConfig
    database: sa.Engine
    blobs: CollectableBlobs
    clock: Clock

    def __call__(self, stopping: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Do it, unless another daemon does; returns what was done, as it is noted in the ledger.

        Raises as `store.retention.prune` and `store.collecting.collect`; that is noted as well.
        """
        with tending(self.database) as alone:
            if not alone:
                return {"skipped": "another daemon does it"}
            told: dict[str, Any] = {"began_at": self.clock.now().isoformat()}
            try:
                told |= self._done(stopping)
            except ConnectError as failure:
                note_upkeep(self.database, told | {"code": failure.code, "reason_vi": failure.explanation_vi})
                raise
            note_upkeep(self.database, told)
            return told

    def rehearsed(self) -> dict[str, Any]:
        """What a round would do now; nothing is changed."""
        now = self.clock.now()
        return {
            "given_up": asdict(due(self.database, periods_of(self.retention), now)),
            "collected": asdict(collect(self.database, self.blobs, now, self._patience(), dry_run=True)),
        }

    def _done(self, stopping: Callable[[], bool]) -> dict[str, Any]:
        now = self.clock.now()
        given_up = prune(self.database, periods_of(self.retention), now, stopping=stopping)
        collected = collect(self.database, self.blobs, now, self._patience(), stopping=stopping)
        return {"given_up": asdict(given_up), "collected": asdict(collected)}

    def _patience(self) -> CollectPatience:
        return CollectPatience(unnamed=self.retention.blobs)
