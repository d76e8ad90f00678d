"""The conformance suite (bộ kiểm tra tuân thủ): what every adapter promises, checked over real HTTP.

Subclass `AdapterConformance` in a test file, say what is peculiar to the adapter, and run pytest:

    class TestMyAdapter(AdapterConformance):
        adapter = MyAdapter
        simulator = MySimulator
        sandbox_config = {"username": "ebrvt", "password": "opens the simulator"}
        secrets = ("opens the simulator",)

        def settings(self, url): ...
        def fill(self, simulator, now): ...          # a source: things that can be fetched
        def fill_bare(self, simulator, now): ...     # a source: one that says no more than it must
        def works(self, blobs, now): ...             # a sink: messages it can take
        def effects(self, journal): ...              # a sink: how many of them have had an effect there

The simulator is hosted by the sandbox, so faults are real ones of the wire: connections cut before and after
the remote has acted, a gateway's page, half an answer, fifty megabytes of nothing. A vendor's adapter can be
held to it without a line of ours being changed; `docs/guide/writing-an-adapter.md` explains each promise.
"""

from __future__ import annotations

import shutil
import tomllib
from abc import ABC, abstractmethod
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

from ebrvt_connect.errors import (
    CATALOGUE,
    UNEXPECTED,
    ConnectError,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
)
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.record import kind_of
from ebrvt_connect.ports.adapter import Outcome, Sink, Source, Surroundings, Work
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.conformance_stage import (
    ELSEWHERE,
    SYSTEM,
    UNHEARD_OF,
    SettingsOfSomebodyElse,
    Stage,
    as_sink,
    as_source,
    fetched,
    is_said,
    message_of,
    named,
    nowhere,
    told_by,
    without,
)
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_faults import WRONG_ANSWER
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.testing.wrong_answers import WRONG_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pydantic import BaseModel

    from ebrvt_connect.ports.adapter import Adapter, Item
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.simulator import Simulator

_PROVENANCES = frozenset({"captured", "seen-in-code", "sandbox"})
_DIRECTIONS = ("source", "sink")
_WITH = "with "
"""`progress = ["with dossier"]`: such things come along when those are fetched, never by themselves."""
_UNKNOWN = (RetryLater, ReconcileFirst, HeldForPerson)
_OUTCOMES = (State.DONE, State.HELD, State.REFUSED)


class AdapterConformance(ABC):
    """What every adapter promises; subclassed once for each."""

    adapter: ClassVar[type[Adapter]]
    simulator: ClassVar[type[Simulator]]
    sandbox_config: ClassVar[Mapping[str, Any] | Sequence[Mapping[str, Any]]] = {}
    secrets: ClassVar[tuple[str, ...]] = ()
    """Texts of the settings that nobody may ever read in an error or a repr."""
    writes: ClassVar[tuple[str, ...]] = ()
    """Names of the simulator's operations by which `works` are written; any operation if empty."""
    prepares_alone: ClassVar[bool] = True
    """Whether a payload can be made while the remote is away. False: `RetryLater` is taken then."""

    @abstractmethod
    def settings(self, url: str) -> BaseModel:
        """Settings that let the adapter in at a simulator under `url`."""

    def fill(self, simulator: Simulator, now: datetime) -> None:
        """For a source: put some things there that can be fetched, of each kind it gives."""

    def fill_bare(self, simulator: Simulator, now: datetime) -> Collection[str]:  # noqa: ARG002 - as `works`
        """For a source: put one thing there that says no more than it must, and something no contract knows.

        The unknown thing is called `UNHEARD_OF`. Answers which values of the record follow from what was
        put there, by their paths: `("code", "reporter.code")`; a path stands for all below it.
        """
        return ()

    def works(self, blobs: Blobs, now: datetime) -> Iterable[Work]:  # noqa: ARG002 - for those who override it
        """For a sink: messages it takes, one after the other, of each kind that no feedback is.

        Their lanes may differ. Messages of one lane are delivered in this order, each knowing those before it
        (`Work.siblings`); a step of progress comes behind its dossier, which becomes its `Work.origin`.
        """
        return ()

    def refused(self, blobs: Blobs, now: datetime) -> Iterable[Work]:  # noqa: ARG002 - for those who override it
        """For a sink: messages the remote says no to, at once or when it decides. May be none."""
        return ()

    def effects(self, journal: Sequence[Mapping[str, Any]]) -> int:  # noqa: ARG002 - for those who override it
        """For a sink: how many of `works` have had their effect at the remote, doubles counted twice."""
        return 0

    @contextmanager
    def stage(self, folder: Path) -> Iterator[Stage]:
        """The adapter at its simulator, where `fill` has put its things."""
        with self._stage(folder, FakeClock(), MemoryBlobs()) as stage:
            yield stage

    # --- what it says of itself ---------------------------------------------------------------------------

    def test_manifest_tells_what_an_operator_must_know(self) -> None:
        """Name, Vietnamese title, operator, dialects with provenance, operations, true directions."""
        manifest = self._manifest()

        assert manifest["name"] == self.adapter.system_kind
        assert all(manifest.get(key) for key in ("title_vi", "operator_vi", "protocol", "spec", "directions"))
        assert manifest["dialects"]
        assert {dialect["provenance"] for dialect in manifest["dialects"]} <= _PROVENANCES
        assert manifest["operations"]
        for kind, directions in manifest["directions"].items():
            assert Kind(kind)
            assert directions
            assert all(word in _DIRECTIONS or self._rides(word) for word in directions), directions
            assert "source" not in directions or issubclass(self.adapter, Source)
            assert "sink" not in directions or issubclass(self.adapter, Sink)

    def test_every_write_says_whether_it_is_keyed_or_can_be_asked_after(self) -> None:
        """A write of which nothing is said would have to be held after every doubtful end."""
        writes = {n: o for n, o in self._manifest()["operations"].items() if o.get("kind") == "write"}
        silent = [n for n, o in writes.items() if not {"keyed", "repeatable", "askable"} & set(o)]

        assert silent == []

    def test_simulator_says_what_is_made_up(self) -> None:
        """Whoever relies on a simulator must know where it is only a guess (`synthetic`)."""
        assert self.simulator.name == self.adapter.system_kind
        assert self.simulator.synthetic
        assert all(sentence.strip() for sentence in self.simulator.synthetic)

    def test_settings_are_frozen_and_described_and_hide_their_secrets(self) -> None:
        """Whoever prints settings prints no secret; whoever mistypes one is told."""
        settings = self.settings("http://127.0.0.1:9")

        assert type(settings) is self.adapter.settings_type
        assert settings.model_config.get("frozen")
        assert settings.model_config.get("extra") == "forbid"
        undescribed = [n for n, f in type(settings).model_fields.items() if not f.description]
        assert undescribed == []
        self._tells_no_secret(repr(settings) + str(settings) + settings.model_dump_json())

    # --- opening and closing ------------------------------------------------------------------------------

    def test_opening_connects_to_nothing_and_closing_twice_is_harmless(self) -> None:
        """A remote that is down must not keep the daemon from starting."""
        opened = self._open(nowhere(), FakeClock(), MemoryBlobs())
        opened.close()
        opened.close()

    def test_settings_of_another_adapter_are_a_type_error(self) -> None:
        """A mistake of whoever composes, not an outcome."""
        try:
            self.adapter.open(SettingsOfSomebodyElse(), Surroundings(SYSTEM, FakeClock(), MemoryBlobs()))
        except TypeError:
            return
        raise AssertionError("settings of another adapter were taken")

    def test_ping_answers_and_says_so_when_nobody_is_there(self, tmp_path: Path) -> None:
        """What `ebrvt doctor` shows."""
        with self.stage(tmp_path) as stage:
            assert stage.adapter.ping().strip()
        absent = self._open(nowhere(), FakeClock(), MemoryBlobs())
        with self._fails(RetryLater):
            absent.ping()
        absent.close()

    def test_an_account_that_is_not_let_in_pauses_the_system(self, tmp_path: Path) -> None:
        """A wrong password is a person's to mend: `HeldForPerson` for the whole system, telling no secret."""
        changed = without(self.sandbox_config, self.secrets)
        if changed == self.sandbox_config:
            return  # nobody has to know a secret there
        with self._stage(tmp_path, FakeClock(), MemoryBlobs(), config=changed) as stage:
            with self._pauses():
                stage.adapter.ping()
            for kind in self._kinds("source"):
                with self._pauses():
                    fetched(stage.source(), kind, None)
            for work in self._works(stage)[:1]:
                payload = stage.sink().prepare(work)
                with self._pauses():
                    stage.sink().submit(stage.sending(work), payload)

    # --- as a source --------------------------------------------------------------------------------------

    def test_everything_is_fetched_once_and_a_checkpoint_lets_it_go_on(self, tmp_path: Path) -> None:
        """Also by another process: the checkpoint is all it needs."""
        for kind in self._kinds("source"):
            with self.stage(tmp_path / kind) as stage:
                items, checkpoint = fetched(stage.source(), kind, None)
                self._is_complete(kind, items)
                known = {(item.kind, item.external_id, item.version) for item in items}
                assert len(known) == len(items)
                other = self._open(stage.host.url(SYSTEM), stage.clock, stage.blobs)
                again, _ = fetched(as_source(other), kind, checkpoint)
                other.close()
                assert {(i.kind, i.external_id, i.version) for i in again} <= known

    def test_a_fetch_broken_off_between_two_batches_misses_nothing(self, tmp_path: Path) -> None:
        """A batch's checkpoint speaks of that batch, not of what was still to come."""
        for kind in self._kinds("source"):
            with self.stage(tmp_path / f"{kind}-whole") as stage:
                wanted = {item.external_id for item in fetched(stage.source(), kind, None)[0]}
            with self.stage(tmp_path / f"{kind}-broken-off") as stage:
                first = next(stage.source().fetch(kind, None))
                stage.source().acknowledge(kind, first)
                other = self._open(stage.host.url(SYSTEM), stage.clock, stage.blobs)
                rest, _ = fetched(as_source(other), kind, first.checkpoint)
                other.close()
                missed = wanted - {item.external_id for item in (*first.items, *rest)}
                assert not missed, f"missed: {sorted(missed)}"

    def test_nothing_is_made_up_and_nothing_is_thrown_away(self, tmp_path: Path) -> None:
        """What a thing does not say stays unsaid in its record; what nobody knows stays in its original."""
        kinds = tuple(self._kinds("source"))
        with self._stage(tmp_path, FakeClock(), MemoryBlobs(), fill=False) as stage:
            with stage.host.held(SYSTEM) as seated:
                said = self.fill_bare(seated, stage.clock.now())
            items = [item for kind in kinds for item in fetched(stage.source(), kind, None)[0]]
            assert bool(items) == bool(kinds), "fill_bare() must put something there"
            for item in items:
                assert item.record is not None, f"what it must say was not enough: {item.fault!r}"
                made_up = [path for path in told_by(item.record) if not is_said(path, said)]
                assert made_up == [], f"values that nobody has given: {made_up}"
                assert item.original is not None, "the untouched bytes are not kept"
                content = stage.blobs.read(item.original.sha256, limit_bytes=item.original.size_bytes)
                assert UNHEARD_OF.encode() in content, "something unknown was thrown away"

    def test_fetching_from_the_beginning_names_everything_as_before(self, tmp_path: Path) -> None:
        """Killed before the checkpoint was stored: only the same names keep a thing from coming twice."""
        for kind in self._kinds("source"):
            with self.stage(tmp_path / kind) as stage:
                first = [named(item) for batch in stage.source().fetch(kind, None) for item in batch.items]
                other = self._open(stage.host.url(SYSTEM), stage.clock, stage.blobs)
                again = [named(item) for batch in as_source(other).fetch(kind, None) for item in batch.items]
                other.close()
                assert first
                assert again == first, "named otherwise than before"

    def test_a_fetch_that_fails_changes_nothing_and_is_made_good_later(self, tmp_path: Path) -> None:
        """Cut connections and a gateway's page: the same things come at the next attempt."""
        for kind in self._kinds("source"):
            with self.stage(tmp_path / f"{kind}-well") as stage:
                wanted = {item.external_id for item in fetched(stage.source(), kind, None)[0]}
            with self.stage(tmp_path / f"{kind}-ill") as stage:
                for fault in ("cut-before", "html-502", "truncate"):
                    stage.play(fault, count=3)
                    with self._fails(RetryLater, HeldForPerson, at_most_once=True):
                        fetched(stage.source(), kind, None)
                    stage.calm()
                found = {item.external_id for item in fetched(stage.source(), kind, None)[0]}
                assert found == wanted

    def test_acknowledging_may_be_repeated(self, tmp_path: Path) -> None:
        """A crash between storing and remembering that it was told."""
        for kind in self._kinds("source"):
            with self.stage(tmp_path / kind) as stage:
                for batch in stage.source().fetch(kind, None):
                    stage.source().acknowledge(kind, batch)
                    stage.source().acknowledge(kind, batch)

    def test_what_became_of_a_thing_is_told_to_its_source_and_may_be_repeated(self, tmp_path: Path) -> None:
        """Feedback is decided without the remote, each under a key of its own, and taken by its sink."""
        told_kinds: set[Kind] = set()
        for kind in self._kinds("source"):
            with self.stage(tmp_path / kind) as stage:
                for work in self._feedbacks(stage, fetched(stage.source(), kind, None)[0]):
                    told_kinds.add(work.message.kind)
                    payload = stage.delivered(work)
                    assert stage.settled(work, payload), "feedback that was told cannot be told again"
        assert told_kinds <= set(self._kinds("sink")), "feedback of a kind the manifest names no sink for"

    # --- as a sink ----------------------------------------------------------------------------------------

    def test_a_payload_is_made_once_and_without_the_remote(self, tmp_path: Path) -> None:
        """Twice the same bytes would be luck; what counts is that nothing is asked of anybody for it."""
        with self.stage(tmp_path) as stage:
            absent = self._open(nowhere(), stage.clock, stage.blobs)
            for work in self._works(stage):
                with self._fails(*(() if self.prepares_alone else (RetryLater,)), at_most_once=True):
                    payload = as_sink(absent).prepare(work)
                    assert stage.blobs.has(payload.blob.sha256)
                    assert payload.media_type
            absent.close()

    def test_every_message_has_its_effect_once(self, tmp_path: Path) -> None:
        """The plain way; every kind the manifest calls a sink's is among `works`, or a feedback."""
        with self.stage(tmp_path) as stage:
            works = self._works(stage)
            for work in works:
                stage.delivered(work)
            self._each_had_its_effect(stage, works)
            kinds = {work.message.kind for work in works}
            for kind in self._kinds("source"):
                items, _ = fetched(stage.source(), kind, None)
                kinds |= {work.message.kind for work in self._feedbacks(stage, items)}
            assert set(self._kinds("sink")) <= kinds

    def test_a_reply_lost_after_acceptance_is_not_sent_twice(self, tmp_path: Path) -> None:
        """The remote has acted, nobody heard it: asked after, or sent again under the same key."""
        self._through(tmp_path, "lose-reply", ReconcileFirst, RetryLater)

    def test_a_connection_cut_before_the_remote_acts_loses_nothing(self, tmp_path: Path) -> None:
        """As above, but it never arrived."""
        self._through(tmp_path, "cut-before", ReconcileFirst, RetryLater)

    def test_a_gateways_page_is_no_answer(self, tmp_path: Path) -> None:
        """Status 502 with HTML, from a proxy that may or may not have passed the request on."""
        self._through(tmp_path, "html-502", ReconcileFirst, RetryLater)

    def test_half_an_answer_is_no_answer(self, tmp_path: Path) -> None:
        """The remote has acted and its answer breaks off in the middle."""
        self._through(tmp_path, "truncate", ReconcileFirst, RetryLater)

    def test_what_has_arrived_has_no_second_effect(self, tmp_path: Path) -> None:
        """Killed after sending, before noting it: message and payload are all another process has."""
        with self.stage(tmp_path) as stage:
            works = self._works(stage)
            for work in works:
                known = stage.memory.known(work)
                payload = stage.sink().prepare(known)
                stage.sink().submit(stage.sending(known), payload)
                other = self._open(stage.host.url(SYSTEM), stage.clock, stage.blobs)
                later = Stage(other, stage.host, stage.blobs, stage.clock, stage.memory)
                assert later.settled(known, payload), f"message {work.message.id} did not come to an end"
                other.close()
            self._each_had_its_effect(stage, works)

    def test_a_remote_that_is_down_has_had_nothing(self, tmp_path: Path) -> None:
        """Refused connections are no doubt: the message waits and is sent later."""
        with self.stage(tmp_path) as stage:
            for work in self._works(stage)[:1]:
                payload = stage.sink().prepare(work)
                absent = self._open(nowhere(), stage.clock, stage.blobs)
                with self._fails(RetryLater):
                    as_sink(absent).submit(stage.sending(work), payload)
                absent.close()
                self._each_had_its_effect(stage, ())

    def test_a_no_is_told_with_its_reason(self, tmp_path: Path) -> None:
        """What the remote refuses would be refused again: `Rejected`, at once or when it decides."""
        with self.stage(tmp_path) as stage:
            for work in self.refused(stage.blobs, stage.clock.now()):
                with self._fails(Rejected):
                    stage.delivered(work)

    # --- hostile answers ----------------------------------------------------------------------------------

    def test_an_answer_that_means_nothing_is_never_taken_for_success(self, tmp_path: Path) -> None:
        """Log-in pages with status 200, NUL bytes, entities, 50 MB: a coded error, and it arrives later."""
        with self.stage(tmp_path) as stage:
            works, tried = self._works(stage), set[Kind]()
            for work in works:
                known = stage.memory.known(work)
                payload = stage.sink().prepare(known)
                for name in WRONG_ANSWERS if work.message.kind not in tried else ():
                    self._play_on_writes(stage, WRONG_ANSWER, answer=name)
                    with self._fails(*_UNKNOWN):
                        stage.sink().submit(stage.sending(known), payload)
                    stage.calm()
                tried.add(work.message.kind)
                assert stage.settled(known, payload), f"message {work.message.id} did not come to an end"
            self._each_had_its_effect(stage, works)

    def test_an_answer_that_means_nothing_after_acting_is_asked_after(self, tmp_path: Path) -> None:
        """The remote has it and says so in words nobody understands: never `Rejected`, never twice."""
        for name in ("page", "nothing", "deep-json", "deep-xml", "broken-utf-8"):
            self._through(tmp_path / name, WRONG_ANSWER, *_UNKNOWN, answer=name, acted=True)

    def test_reading_survives_hostile_answers(self, tmp_path: Path) -> None:
        """Ping and fetch end with a coded error, and the next attempt brings everything."""
        with self.stage(tmp_path) as stage:
            for name, wrong in WRONG_ANSWERS.items():
                # What is large is sent once only, so patience may mend it.
                stage.play_wrong(name, count=1 if wrong.large else 9)
                with self._fails(*_UNKNOWN, at_most_once=wrong.large):
                    stage.adapter.ping()
                for kind in self._kinds("source"):
                    with self._fails(*_UNKNOWN, at_most_once=wrong.large):
                        list(stage.source().fetch(kind, None))
                stage.calm()
            assert stage.adapter.ping()
            for kind in self._kinds("source"):
                other = self._open(stage.host.url(SYSTEM), stage.clock, stage.blobs)
                self._is_complete(kind, fetched(as_source(other), kind, None)[0])
                other.close()

    # --- the simulator ------------------------------------------------------------------------------------

    def test_simulator_survives_being_killed(self, tmp_path: Path) -> None:
        """What it had answered, it still knows: its world is copied while it runs, and opened again."""
        clock, blobs, left = FakeClock(), MemoryBlobs(), tmp_path / "left-behind"
        with self._stage(tmp_path / "running", clock, blobs) as stage:
            works = self._works(stage)
            # Only the last of a lane: what came before it has been replaced there by now.
            sent = {w.message.lane: (stage.memory.known(w), stage.delivered(w)) for w in works}
            with stage.host.held(SYSTEM):
                shutil.copytree(tmp_path / "running", left)
            journal, state = stage.journal(), stage.state()
        with self._stage(left, clock, blobs, fill=False) as stage:
            assert (stage.journal(), stage.state()) == (journal, state)
            for work, payload in sent.values():
                assert stage.settled(work, payload), f"message {work.message.id} is not known any more"
            self._each_had_its_effect(stage, works)
            for kind in self._kinds("source"):
                self._is_complete(kind, fetched(stage.source(), kind, None)[0])

    # --- how ----------------------------------------------------------------------------------------------

    @contextmanager
    def _stage(
        self,
        folder: Path,
        clock: FakeClock,
        blobs: MemoryBlobs,
        *,
        config: object = None,
        fill: bool = True,
    ) -> Iterator[Stage]:
        table = {SYSTEM: self.sandbox_config if config is None else config}
        with SandboxHost(folder, {SYSTEM: self.simulator}, table, now=clock.now, tick_seconds=0) as host:
            if fill:
                with host.held(SYSTEM) as seated:
                    self.fill(seated, clock.now())
            opened = self._open(host.url(SYSTEM), clock, blobs)
            try:
                yield Stage(opened, host, blobs, clock)
            finally:
                opened.close()

    def _through(self, folder: Path, fault: str, *effects: type[ConnectError], **more: object) -> None:
        """Play a fault on each message's writing; whatever happens, one effect for each in the end."""
        with self.stage(folder) as stage:
            works = self._works(stage)
            for work in works:
                known = stage.memory.known(work)
                payload = stage.sink().prepare(known)
                self._play_on_writes(stage, fault, **more)
                sent = None
                with self._fails(*effects, at_most_once=True):
                    sent = stage.sink().submit(stage.sending(known), payload)
                stage.calm()
                arrived = stage.settled(known, payload, sent=sent)
                assert arrived, f"message {work.message.id} did not come to an end"
            self._each_had_its_effect(stage, works)

    def _play_on_writes(self, stage: Stage, fault: str, **more: object) -> None:
        for operation in self.writes or ("*",):
            # Seconds-long patience inside an adapter sends up to three times.
            stage.play(fault, count=3, operation=operation, **more)

    def _feedbacks(self, stage: Stage, items: Iterable[Item]) -> Iterator[Work]:
        """What the source wants to be told of things that were delivered, held and refused."""
        absent = self._open(nowhere(), stage.clock, stage.blobs)
        for nth, item in enumerate((one for one in items if one.record is not None), start=1):
            assert item.record is not None
            about = message_of(
                item.record,
                stage.clock.now(),
                id=1000 + nth,
                idem_key=f"fetched:{item.external_id}:{item.version}",
                source=SYSTEM,
                target=ELSEWHERE,
                lane=item.lane,
                state=State.DONE,
                external_id=item.external_id,
                business_key=item.business_key,
                title=item.title,
                original=item.original,
            )
            for state in _OUTCOMES:
                outcome = Outcome(state, "CONFORMANCE", "Lý do kiểm thử.", "Không cần làm gì.")
                told = as_source(absent).feedback(about, item.record, outcome)
                assert len({feedback.key for feedback in told}) == len(told)
                for feedback in told:
                    key = f"{about.idem_key}>{feedback.key}:{state}"
                    fields = {"id": 2000 + nth, "idem_key": key, "lane": item.lane, "origin_id": about.id}
                    message = message_of(feedback.record, stage.clock.now(), **fields)
                    yield Work(message, feedback.record, origin=about, origin_record=item.record)
        absent.close()

    def _is_complete(self, kind: Kind, items: Sequence[Item]) -> None:
        """Something of the kind and of all that rides along with it, each with what the ledger needs."""
        wanted = {kind, *(k for k, words in self._directions() if f"{_WITH}{kind}" in words)}
        assert {item.kind for item in items} == wanted, f"fill() must put there: {sorted(wanted)}"
        assert all(item.external_id and item.version and item.lane for item in items)
        assert all(item.record is not None or item.fault is not None for item in items)
        assert all(item.record is None or kind_of(item.record) is item.kind for item in items)

    def _works(self, stage: Stage) -> Sequence[Work]:
        works = tuple(self.works(stage.blobs, stage.clock.now()))
        assert bool(works) == bool(list(self._kinds("sink"))), "works() and the manifest disagree"
        return works

    def _each_had_its_effect(self, stage: Stage, works: Sequence[Work]) -> None:
        """What counts in the end: no message lost, none doubled."""
        effects = self.effects(stage.journal())
        assert effects == len(works), f"{effects} effects at the remote, wanted {len(works)}"

    def _open(self, url: str, clock: FakeClock, blobs: MemoryBlobs) -> Adapter:
        return self.adapter.open(self.settings(url), Surroundings(SYSTEM, clock, blobs))

    def _manifest(self) -> dict[str, Any]:
        package = self.adapter.__module__.rpartition(".")[0]
        return tomllib.loads(files(package).joinpath("adapter.toml").read_text("utf-8"))

    def _directions(self) -> Iterator[tuple[Kind, list[str]]]:
        for kind, words in self._manifest()["directions"].items():
            yield Kind(kind), words

    def _kinds(self, direction: str) -> Iterator[Kind]:
        """The kinds it is fetched or fed with. What only rides along with another is told `with`."""
        return (kind for kind, words in self._directions() if direction in words)

    def _rides(self, word: str) -> bool:
        return word.startswith(_WITH) and Kind(word.removeprefix(_WITH)) in set(self._kinds("source"))

    @contextmanager
    def _fails(self, *effects: type[ConnectError], at_most_once: bool = False) -> Iterator[None]:
        try:
            yield
        except ConnectError as error:
            assert isinstance(error, effects), f"{error!r} is none of {[e.__name__ for e in effects]}"
            self._explains(error)
        else:
            assert at_most_once, f"nothing failed; expected {[e.__name__ for e in effects]}"

    @contextmanager
    def _pauses(self) -> Iterator[None]:
        try:
            yield
        except HeldForPerson as held:
            assert held.scope is Scope.SYSTEM
            self._explains(held)
        else:
            raise AssertionError("somebody was let in with a wrong secret")

    def _explains(self, error: ConnectError) -> None:
        """A stable code of its own, a sentence and advice for the operator, and no secret."""
        assert error.code in CATALOGUE
        assert error.code != UNEXPECTED.code, f"nobody had thought of it: {error.detail}"
        assert error.explanation_vi.strip()
        assert error.advice_vi.strip()
        self._tells_no_secret(f"{error} {error.explanation_vi} {error.advice_vi} {error.facts}")

    def _tells_no_secret(self, text: str) -> None:
        assert not [secret for secret in self.secrets if secret in text], "a secret is told"
