"""What a remote says is kept, whatever characters it uses: they must not keep a message from settling."""

import pytest

from ebrvt_connect.errors import Rejected, explain
from ebrvt_connect.model.message import Receipt, State
from tests.integration.engine.bench import item

SAYING = explain("TEST_SAYING", "Bên nhận nói: {said}.", "Không cần làm gì.")


@pytest.mark.parametrize("odd", ["a\0b", "a\ud83d"], ids=["nul", "half-a-pair"])
def test_a_receipt_and_a_refusal_with_characters_no_database_takes_are_kept_marked(bench, odd):
    def refuse_the_second(work):
        if work.message.external_id == "d2":
            raise Rejected(SAYING, f"they said {odd}", system="axis", said=odd)

    bench.axis.on_submit = refuse_the_second
    bench.axis.accept = lambda _work: Receipt(external_id=odd, raw=b"\0\xff", note=odd)
    bench.offer(item(1), item(2))
    bench.fetch()
    bench.drain()
    done, refused = bench.ledger.messages(link="out")
    assert (done.state, refused.state) == (State.DONE, State.REFUSED)
    assert "�" in done.receipt.external_id
    assert done.receipt.raw == b"\0\xff"
    assert "�" in refused.reason_vi


def test_what_cannot_be_stored_at_all_is_noted_as_a_failing_fetch(bench):
    broken = item(1).record.model_copy(update={"document_id": "\ud83d"})
    bench.offer(item(1, record=broken))
    bench.fetch()
    assert bench.engine._intake.last("out").failures == 1
    (link,) = bench.ledger.link_statistics()
    assert link.code == "UNEXPECTED_FAILURE"
