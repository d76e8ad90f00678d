"""The conformance suite can fail: an adapter that is broken on purpose is found out by the promise it breaks.

What is broken is the template, whose own test (`test_conformance_template`) says that it passes whole.
"""

import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ebrvt_adapters._template import faults
from ebrvt_adapters._template.adapter import Khuonmau

from ebrvt_connect.errors import ConnectError, HeldForPerson
from ebrvt_connect.model.message import Receipt
from ebrvt_connect.ports.adapter import Batch, Settled
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
