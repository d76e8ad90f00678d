"""The dispatcher: the one module that knows DBOS. It is told "drain shard n of system s" and "fetch link l".

Everything DBOS is given is a few small words in portable JSON; messages never pass through it. If it is
ever replaced, this file is.

Why each setting (each held by a test):

* our own engine, since DBOS leaves SQLite in DELETE journal mode; its four settings are repeated there;
* `application_version` by hand: the default is a hash of the code, and after any edit old work would wait
  for ever for a program that no longer exists;
* `executor_id` stable and unique: at start DBOS takes up the unfinished work of its own id only;
* portable JSON, never pickle, whose reading runs code;
* `max_recovery_attempts` 1000: it counts dispatches, and a drain killed ten times a day is no mystery;
* ids zero-padded and used once; partition key = shard (link), so one drain (fetch) of it runs at a time;
* work whose end could not be written is given back to its queue (`take_up_ended`);
* queues written before launch: DBOS looks for new ones only each second;
* finished workflows are deleted by us: the open part keeps them for ever.
"""

from __future__ import annotations

import logging
import math
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSClient, WorkflowSerializationFormat

from ebrvt_connect.store.connect import open_database, telling_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import sqlalchemy as sa
    from dbos import EnqueueOptions

    from ebrvt_connect.engine.settings import EngineSettings
    from ebrvt_connect.ports.clock import Clock

APPLICATION = "ebrvt-connect"
APPLICATION_VERSION = "1"
"""Changed only when a flow changes incompatibly."""
DRAIN = "ebrvt.drain"
FETCH = "ebrvt.fetch"
FETCHES = "in"
"""The queue of all links' fetches, a partition each."""
MAX_DISPATCHES = 1000
SPENT = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
_OVER = ["SUCCESS", "ERROR", "CANCELLED", SPENT]
_PAGE = 500
_SPARE_THREADS = 8
_SELDOMEST = timedelta(seconds=1)
"""How seldom a daemon looks for work at most, however many there are."""
_CLAIMED_FOR_SURE = timedelta(seconds=5)
"""Between being claimed and being at work lies a moment."""


def queue_of(system: str) -> str:
    """The queue of a system's drains."""
    return f"out-{system}"


class Dispatcher:
    """Runs drains and fetches durably. One per process: DBOS itself is a singleton."""

    def __init__(
        self,
        url: str,
        *,
        executor: str,
        systems: Collection[str],
        links: Collection[str],
        settings: EngineSettings,
        clock: Clock,
        drain: Callable[[str, int], None],
        fetch: Callable[[str], None],
    ) -> None:
        """`url` is the ledger's; nothing is opened until `launch`."""
        self._url = url
        self._executor = executor
        self._systems = sorted(systems)
        self._drains = settings.drains
        self._links = sorted(links)
        self._poll = settings.poll
        self._daemons = 1
        self._clock = clock
        self._drain = drain
        self._fetch = fetch
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._database: sa.Engine | None = None
        self._client: DBOSClient | None = None

    def launch(self) -> None:
        """Make the dispatcher's tables, register queues and workflows, take up what was unfinished.

        Raises `RuntimeError` when this process runs a dispatcher already.
        """
        _quieten()
        self._database = open_database(self._url)
        DBOS.migrate(self._url)
        self._client = DBOSClient(system_database_engine=self._database, application_name=APPLICATION)
        self._register_queues(self._client)
        DBOS.destroy(destroy_registry=True)
        DBOS(config=self._config(self._database))
        self._register_workflows()
        # Another daemon may serve systems that this one does not know.
        DBOS.listen_queues([FETCHES, *(queue_of(system) for system in self._systems)])
        DBOS.launch()

    def _config(self, database: sa.Engine) -> Any:  # noqa: ANN401 - DBOSConfig is a partial TypedDict
        threads = len(self._systems) * self._drains + len(self._links) + _SPARE_THREADS
        return {
            "name": APPLICATION,
            "system_database_url": self._url,
            "system_database_engine": database,
            "executor_id": self._executor,
            "application_version": APPLICATION_VERSION,
            "max_executor_threads": threads,
            "log_level": "WARNING",
            "run_migrations": False,
            "scheduler_polling_interval_sec": 30.0,
            # Nobody listens; this is only how long `destroy` waits for the listener to notice.
            "notification_listener_polling_interval_sec": 0.2,
        }

    def company(self, daemons: int) -> None:
        """So many daemons live at this store: all together look for work as often as one would alone.

        A look costs DBOS milliseconds of the processor, whether there is work or not. They also drain as many
        shards at once (or a few more): of the calls that a system allows each then has enough for a drain to
        commit several at a time.
        """
        if self._client is not None and daemons != self._daemons:
            with telling_apart():
                self._register_queues(self._client, daemons)

    def _register_queues(self, client: DBOSClient, daemons: int = 1) -> None:
        drains = math.ceil(self._drains / daemons)
        rates = {queue_of(system): drains for system in self._systems}
        poll = min(self._poll * daemons, max(self._poll, _SELDOMEST))
        for name, workers in {**rates, FETCHES: max(1, len(self._links))}.items():
            client.register_queue(
                name,
                worker_concurrency=workers,
                partition_concurrency=1,
                polling_interval_sec=poll.total_seconds(),
                on_conflict="always_update",
            )
        self._daemons = daemons

    def _register_workflows(self) -> None:
        drain, fetch, running = self._drain, self._fetch, self._running
        portable = WorkflowSerializationFormat.PORTABLE

        @DBOS.workflow(name=DRAIN, max_recovery_attempts=MAX_DISPATCHES, serialization_type=portable)
        def run_drain(system: str, shard: int) -> None:
            with running():
                drain(system, shard)

        @DBOS.workflow(name=FETCH, max_recovery_attempts=MAX_DISPATCHES, serialization_type=portable)
        def run_fetch(link: str) -> None:
            with running():
                fetch(link)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """This workflow is at work in this process while inside."""
        name = DBOS.workflow_id or ""
        with self._lock:
            self._at_work.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._at_work.discard(name)

    def finish(self, within: timedelta) -> None:
        """Take no more work, here and now, and wait so long for what is under way: others take the rest.

        DBOS looks each second only.
        """
        DBOS.destroy(workflow_completion_timeout_sec=math.ceil(within.total_seconds()))

    def destroy(self) -> None:
        """Stop taking work and let go of the database; what still runs is taken up at the next launch."""
        DBOS.destroy(destroy_registry=True)
        if self._client is not None:
            self._client.destroy()
        if self._database is not None:
            self._database.dispose()
        self._client = self._database = None

    def activate(
        self, transaction: sa.Connection, system: str, shard: int, seq: int, not_before: datetime | None
    ) -> None:
        """Within the ledger's transaction: a drain of this shard, now or not before then."""
        kind = "run" if not_before is None else "wake"
        options: EnqueueOptions = {
            "workflow_name": DRAIN,
            "queue_name": queue_of(system),
            "workflow_id": f"{kind}:{system}:{shard:04d}:{seq:019d}",
            "queue_partition_key": f"{shard:04d}",
            "app_version": APPLICATION_VERSION,
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        if not_before is not None:
            options["delay_seconds"] = max(0.0, (not_before - self._clock.now()).total_seconds())
        self._use().enqueue_in_transaction(transaction, options, system, shard)

    def tick(self, link: str) -> None:
        """A fetch of this link, now; one at a time, over all daemons. Raises as the ledger does."""
        options: EnqueueOptions = {
            "workflow_name": FETCH,
            "queue_name": FETCHES,
            "queue_partition_key": link,
            "app_version": APPLICATION_VERSION,
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        with telling_apart():
            self._use().enqueue(options, link)

    def drains_at_work(self) -> set[tuple[str, int]]:
        """The (system, shard) of every drain that waits for its turn or runs, on any machine."""
        with telling_apart():
            found = self._use().list_workflows(
                name=DRAIN, status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
            )
        return {_shard_in(workflow.workflow_id) for workflow in found}

    def take_up_ended(self) -> int:
        """Give back to their queues what counts as running here and is not; returns how many.

        A workflow whose end could not be written (the disk was full) counts as running for as long as this
        process lives, and keeps its shard or link shut. DBOS looks for such work at its start only.
        """
        claimed_before = self._clock.now() - _CLAIMED_FOR_SURE
        client = self._use()
        with telling_apart():
            claimed = client.list_workflows(
                status="PENDING",
                executor_id=self._executor,
                dequeued_before=claimed_before.isoformat(),
                load_input=False,
                load_output=False,
            )
            with self._lock:
                ended = [one for one in claimed if one.workflow_id not in self._at_work]
            for workflow in ended:
                client.resume_workflow(workflow.workflow_id, queue_name=workflow.queue_name)
        return len(ended)

    def executors_at_work(self) -> set[str]:
        """The executors that have work begun and not ended, on any machine."""
        with telling_apart():
            begun = self._use().list_workflows(status="PENDING", load_input=False, load_output=False)
        return {workflow.executor_id for workflow in begun if workflow.executor_id}

    def fetch_at_work(self, link: str) -> bool:
        """Whether a fetch of this link waits for its turn or runs, on any machine."""
        with telling_apart():
            found = self._use().list_workflows(
                name=FETCH, status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
            )
        return any(workflow.queue_partition_key == link for workflow in found)

    def take_over(self, executor: str) -> int:
        """Give a dead machine's unfinished work back to its queues; returns how much there was.

        Naming the queue matters: without it the work would leave its partition's exclusion.
        """
        client = self._use()
        lost = client.list_workflows(
            status="PENDING", executor_id=executor, load_input=False, load_output=False
        )
        for workflow in lost:
            client.resume_workflow(workflow.workflow_id, queue_name=workflow.queue_name)
        return len(lost)

    def spent(self) -> list[str]:
        """Ids of work that was begun a thousand times and never ended: an alarm."""
        found = self._use().list_workflows(status=SPENT, limit=_PAGE, load_input=False, load_output=False)
        return [workflow.workflow_id for workflow in found]

    def forget_finished(self, before: datetime) -> int:
        """Delete workflows that ended before then; returns how many."""
        return sum(self._forget_pages(before))

    def _forget_pages(self, before: datetime) -> Iterator[int]:
        client = self._use()
        while True:
            over = client.list_workflows(
                status=_OVER,
                completed_before=before.astimezone(UTC).isoformat(),
                limit=_PAGE,
                load_input=False,
                load_output=False,
            )
            if over:
                client.delete_workflows([workflow.workflow_id for workflow in over])
                yield len(over)
            if len(over) < _PAGE:
                return

    def _use(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the dispatcher is not launched")
        return self._client


def _shard_in(workflow_id: str) -> tuple[str, int]:
    _kind, system, shard, _seq = workflow_id.rsplit(":", 3)
    return system, int(shard)


def _quieten() -> None:
    """DBOS speaks through the program's own logging, and only when something is wrong."""
    logger = logging.getLogger("dbos")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(logging.NullHandler())
    logger.propagate = True
    logger.setLevel(logging.WARNING)
