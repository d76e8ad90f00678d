"""The conformance suite can fail: an adapter that is broken on purpose is found out by the promise it breaks.

What is broken is the template, whose own test (`test_conformance_template`) says that it passes whole.
"""

import json
import re
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ebrvt_adapters._template import faults
from ebrvt_adapters._template.adapter import Khuonmau

from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, Rejected, RetryLater
from ebrvt_connect.model.message import Receipt
from ebrvt_connect.ports.adapter import Batch, NotThere, Settled
from tests.conformance.written import written_suite


class Doubling(Khuonmau):
    """A new key for each attempt: what has arrived arrives again."""

    def _submit(self, work, payload):
        content = self._blobs.read(payload.blob.sha256, limit_bytes=payload.blob.size_bytes)
        name, raw = self.client.tell(content, key=uuid.uuid4().hex)
        return Receipt(external_id=name, raw=raw)


class Losing(Khuonmau):
    """Whatever is in doubt counts as arrived."""

    def _ask_after(self, work, payload):
        return Settled(Receipt())


class Believing(Khuonmau):
    """Anything that is no failure counts as success, a gateway's page among it."""

    def _submit(self, work, payload):
        try:
            return super()._submit(work, payload)
        except ConnectError:
            return Receipt()


class Escaping(Khuonmau):
    """Answers are read without a net: what is no JSON ends in a traceback."""

    def _submit(self, work, payload):
        content = self._blobs.read(payload.blob.sha256, limit_bytes=payload.blob.size_bytes)
        headers = (("Idempotency-Key", work.message.idem_key),)
        reply = self.client._answered("POST /api/statuses", "POST", headers=headers, body=content)
        return Receipt(external_id=json.loads(reply.body)["id"])


class Telling(Khuonmau):
    """Its errors tell the password."""

    def ping(self):
        try:
            return super().ping()
        except HeldForPerson as held:
            password = self.client._settings.credentials.password.get_secret_value()
            raise HeldForPerson(faults.UNAUTHENTICATED, password, scope=held.scope) from held


class Changed(Khuonmau):
    """Does something to each item it has fetched."""

    def _fetch(self, kind, checkpoint):
        for batch in super()._fetch(kind, checkpoint):
            yield Batch(tuple(self.changed(item) for item in batch.items), batch.checkpoint)


class MakingUp(Changed):
    """A time nobody has told."""

    def changed(self, item):
        at = item.record.happened_at or datetime(2026, 11, 23, tzinfo=UTC)
        return replace(item, record=item.record.model_copy(update={"happened_at": at}))


class ThrowingAway(Changed):
    """Keeps what it understood, not what came."""

    def changed(self, item):
        understood = item.record.model_dump_json().encode()
        return replace(item, original=self._blobs.put((understood,), limit_bytes=len(understood)))


class Renaming(Changed):
    """A thing has another name each time it is fetched."""

    def changed(self, item):
        return replace(item, external_id=uuid.uuid4().hex)


class Overtaking(Khuonmau):
    """Each checkpoint is that of the last page, as if all of them had been read."""

    def _fetch(self, kind, checkpoint):
        batches = list(super()._fetch(kind, checkpoint))
        for batch in batches:
            yield replace(batch, checkpoint=batches[-1].checkpoint)


DEFECTS = [
    (Doubling, "a_reply_lost_after_acceptance_is_not_sent_twice", "4 effects at the remote, wanted 2"),
    (Losing, "a_connection_cut_before_the_remote_acts_loses_nothing", "0 effects at the remote, wanted 2"),
    (Believing, "an_answer_that_means_nothing_is_never_taken_for_success", "nothing failed"),
    (Escaping, "an_answer_that_means_nothing_is_never_taken_for_success", "nobody had thought of it"),
    (Telling, "an_account_that_is_not_let_in_pauses_the_system", "a secret is told"),
    (MakingUp, "nothing_is_made_up_and_nothing_is_thrown_away", "nobody has given: ['happened_at']"),
    (ThrowingAway, "nothing_is_made_up_and_nothing_is_thrown_away", "unknown was thrown away"),
    (Renaming, "fetching_from_the_beginning_names_everything_as_before", "named otherwise than before"),
    (Overtaking, "a_fetch_broken_off_between_two_batches_misses_nothing", "missed: ['tt-3', 'tt-4', 'tt-5']"),
]


@pytest.mark.parametrize(("broken", "promise", "said"), DEFECTS, ids=[one.__name__ for one, *_ in DEFECTS])
def test_defect_is_found(broken, promise, said, tmp_path):
    broken.__module__ = Khuonmau.__module__  # beside the template's manifest
    suite = type("Broken", (written_suite(),), {"adapter": broken})()

    with pytest.raises(AssertionError, match=re.escape(said)):
        getattr(suite, f"test_{promise}")(tmp_path)


class Guessing(Khuonmau):
    """Whatever is in doubt counts as not arrived, and is sent under a new key."""

    def _submit(self, work, payload):
        content = self._blobs.read(payload.blob.sha256, limit_bytes=payload.blob.size_bytes)
        try:
            name, raw = self.client.tell(content, key=uuid.uuid4().hex)
        except RetryLater as failure:
            raise ReconcileFirst(faults.REPLY_UNREADABLE, "in doubt", system="khuonmau") from failure
        return Receipt(external_id=name, raw=raw)

    def _ask_after(self, work, payload):
        return NotThere()


class Trying(Khuonmau):
    """Tries again and again, as if there were no deadline."""

    def _submit(self, work, payload):
        for _ in range(60):
            with suppress(ConnectError):
                return super()._submit(work, payload)
        return super()._submit(work, payload)


class Refusing(Khuonmau):
    """Takes a broken line for a no."""

    def _submit(self, work, payload):
        try:
            return super()._submit(work, payload)
        except ConnectError as failure:
            raise Rejected(faults.REPLY_UNREADABLE, "no", system="khuonmau") from failure


BAD_LINES = [
    (Doubling, "line-reset", "2 effects after"),
    (Guessing, "slow-reply-lost", "effects after"),
    (Believing, "line-limit-asking", "called accepted, and the remote has not got it"),
    (Trying, "line-down", "took "),
    (Refusing, "line-timeout-asking", "Rejected"),
]


@pytest.mark.parametrize(("broken", "case", "said"), BAD_LINES, ids=[one.__name__ for one, *_ in BAD_LINES])
def test_defect_is_found_over_a_bad_line(broken, case, said, tmp_path):
    broken.__module__ = Khuonmau.__module__
    suite = type("Broken", (written_suite(),), {"adapter": broken})()

    with pytest.raises(AssertionError, match=f"{case}, message 1: .*{said}"):
        suite.through(case, tmp_path)


def test_a_failure_tells_what_the_line_did_by_which_seed(tmp_path):
    Refusing.__module__ = Khuonmau.__module__
    suite = type("Broken", (written_suite(),), {"adapter": Refusing, "seed": 7})()

    with pytest.raises(
        AssertionError, match="seed 7, connection 1: reset_peer: reset_peer downstream, after 0"
    ):
        suite.through("line-reset", tmp_path)
