"""Every kind of loss and doubling is counted: a perfect run passes, each single change to it is noticed."""

import copy
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from ebrvt_connect.model.message import BlobRef, Kind, Message, Payload, State
from ebrvt_connect.ops.demo.audit import Check, Journals, audit, settled
from ebrvt_connect.ops.demo.plan import Plan, make_plan

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ANSWERS = ("01", "03", "06")
CLERK = ("03", "06")

(SENT, REFUSED, HELD, TOLD, FILED, HOME, OUT, BYTES_OUT, BYTES_IN, SETTLED) = (
    "Văn bản phải gửi có mặt trên trục đúng một lần",
    "Lần gửi trùng mà trục phải từ chối",
    "Văn bản phải giữ đã bị giữ, không lọt lên trục",
    "Nơi gửi được báo kết quả từng văn bản đúng một lần",
    "Văn bản đến được vào sổ đúng một lần",
    "Trạng thái trên trục được ghi về văn bản đúng một lần",
    "Trạng thái văn bản đến được báo lên trục đúng một lần",
    "Nội dung trên trục khớp với sổ cái",
    "Nội dung đã vào sổ khớp với gói tin trên trục",
    "Thông điệp còn dở dang trong sổ cái",
)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Run:
    """What is left after a run: journals of both remotes, the ledger, what was handed to the axis."""

    plan: Plan
    axis: list[dict]
    dms: list[dict]
    ledger: list[Message]
    incoming: dict

    def checks(self) -> dict[str, Check]:
        journals = Journals(self.axis, self.dms)
        found = [*audit(self.plan, self.incoming, journals, self.ledger), settled(self.ledger)]
        return {check.name_vi: check for check in found}

    def failed(self) -> dict[str, tuple[int, int]]:
        return {name: (check.lost, check.doubled) for name, check in self.checks().items() if not check.ok}

    def axis_entry(self, event: str, **facts: str) -> dict:
        return entry(self.axis, event, facts)

    def dms_entry(self, event: str, **facts: str) -> dict:
        return entry(self.dms, event, facts)

    def message(self, title: str) -> int:
        return next(place for place, message in enumerate(self.ledger) if message.title == title)


def entry(journal: list[dict], event: str, facts: dict) -> dict:
    return next(
        e
        for e in journal
        if e["event"] == event and all(e.get(name) == value for name, value in facts.items())
    )


def message(number: int, title: str, state: State, link: str = "van-ban-di") -> Message:
    payload = Payload(blob=BlobRef(sha256=sha256_of(title), size_bytes=1), media_type="application/xml")
    return Message(
        id=number,
        idem_key=f"{link}:{number}",
        link=link,
        source="qlvb",
        target="axis",
        kind=Kind.DOCUMENT,
        lane=title,
        shard=0,
        state=state,
        created_at=NOW,
        updated_at=NOW,
        title=title,
        record="{}",
        payload=payload if state is State.DONE else None,
    )


def document_id(agency: str, title: str) -> str:
    return f"{agency},2026/11/23,{title}"


@pytest.fixture
def run() -> Run:
    """A run in which everything went as planned, with a repetition or two that did no harm."""
    plan = make_plan(6, 4, large_bytes=0)
    axis, dms, ledger, incoming = [], [], [], {}
    for document in plan.outgoing:
        held = document in plan.to_be_held
        ledger.append(message(len(ledger) + 1, document.title, State.HELD if held else State.DONE))
        for recipient in document.recipients:
            told = {"id": document.id, "agencyCode": recipient.code, "code": "HELD" if held else "SENT"}
            dms.append({"event": "exchange-status", **told})
    for document in plan.leaving:
        about = document_id(document.sender.code, document.title)
        facts = {"document_id": about, "number": document.title, "sha256": sha256_of(document.title)}
        axis.append({"event": "document-accepted", **facts})
        for recipient in document.recipients:
            for code in ANSWERS:
                status = {"queue": "status", "doc_id": f"s-{len(axis)}", "document_id": about, "code": code}
                axis.append({"event": "delivered", "sender": recipient.code, "sha256": "", **status})
                told = {"id": document.id, "agencyCode": recipient.code, "code": code}
                dms.append({"event": "exchange-status", **told})
    for document in plan.incoming:
        about, doc_id = document_id(document.sender.code, document.title), f"axis-{document.id}"
        packet = sha256_of(doc_id)
        incoming[document.id] = {"doc_ids": {document.id: [doc_id]}}
        facts = {"queue": "edoc", "doc_id": doc_id, "document_id": about, "code": "", "sha256": packet}
        axis.append({"event": "delivered", "sender": document.sender.code, **facts})
        dms.append({"event": "incoming-stored", "axisDocId": doc_id, "packetSha256": packet})
        axis.append({"event": "status-accepted", "document_id": about, "code": "01"})
        for code in CLERK:
            dms.append({"event": "incoming-event", "axisDocId": doc_id, "code": code})
            axis.append({"event": "status-accepted", "document_id": about, "code": code})
    # What may happen any number of times without an effect.
    again = {
        "doc_id": "axis-vb-den-001",
        "as_doc_id": "axis-vb-den-001",
        "sha256": sha256_of("axis-vb-den-001"),
    }
    axis.append({"event": "redelivered", "queue": "edoc", **again})
    axis.append({"event": "status-repeated", "document_id": "x", "code": "01"})
    dms.append({"event": "incoming-repeated", "id": "den-1", "axisDocId": "axis-vb-den-001"})
    dms.append({"event": "exchange-status-repeated", "id": "vb-di-001"})
    return Run(plan, axis, dms, ledger, incoming)


def test_a_perfect_run_passes_every_check_and_none_is_empty(run):
    checks = run.checks()
    assert list(checks) == [SENT, REFUSED, HELD, TOLD, FILED, HOME, OUT, BYTES_OUT, BYTES_IN, SETTLED]
    assert run.failed() == {}
    assert {name for name, check in checks.items() if check.expected == 0} == {REFUSED, SETTLED}


# Each of these changes one thing in a perfect run. What is expected: which checks fail, and (lost, doubled).


def never_reached_the_axis(run):
    run.axis.remove(run.axis_entry("document-accepted", number=run.plan.leaving[0].title))


def sent_twice(run):
    run.axis.append(copy.copy(run.axis_entry("document-accepted", number=run.plan.leaving[0].title)))


def the_axis_had_to_refuse_a_repetition(run):
    run.axis.append({"event": "duplicate-refused", "document_id": "x"})


def a_stranger_on_the_axis(run):
    run.axis.append({"event": "document-accepted", "number": "1/XX", "sha256": sha256_of("1/XX")})


def one_to_be_held_escaped_and_the_ledger_says_done(run):
    title = run.plan.to_be_held[0].title
    run.axis.append({"event": "document-accepted", "number": title, "sha256": sha256_of(title)})
    place = run.message(title)
    run.ledger[place] = message(run.ledger[place].id, title, State.DONE)


def one_to_be_held_escaped_though_the_ledger_says_held(run):
    title = run.plan.to_be_held[0].title
    run.axis.append({"event": "document-accepted", "number": title, "sha256": sha256_of(title)})


def one_to_be_held_was_never_picked_up(run):
    del run.ledger[run.message(run.plan.to_be_held[0].title)]


def one_to_be_held_was_refused_instead(run):
    place = run.message(run.plan.to_be_held[0].title)
    run.ledger[place] = run.ledger[place].model_copy(update={"state": State.REFUSED})


def nobody_was_told_that_it_was_sent(run):
    run.dms.remove(run.dms_entry("exchange-status", code="SENT"))


def told_twice_that_it_is_held(run):
    run.dms.append(copy.copy(run.dms_entry("exchange-status", code="HELD")))


def told_that_it_failed(run):
    run.dms_entry("exchange-status", code="SENT")["code"] = "FAILED"


def one_that_arrived_was_never_filed(run):
    run.dms.remove(run.dms_entry("incoming-stored", axisDocId="axis-vb-den-001"))


def one_that_arrived_was_filed_twice(run):
    run.dms.append(copy.copy(run.dms_entry("incoming-stored", axisDocId="axis-vb-den-001")))


def filed_again_under_the_new_id_of_a_redelivery(run):
    sha256 = sha256_of("axis-vb-den-001")
    again = {"doc_id": "axis-vb-den-001", "as_doc_id": "axis-new", "sha256": sha256}
    run.axis.append({"event": "redelivered", "queue": "edoc", **again})
    run.dms.append({"event": "incoming-stored", "axisDocId": "axis-new", "packetSha256": sha256})


def one_was_never_handed_to_the_axis(run):
    del run.incoming["vb-den-001"]
    run.dms.remove(run.dms_entry("incoming-stored", axisDocId="axis-vb-den-001"))
    about = run.axis_entry("delivered", doc_id="axis-vb-den-001")["document_id"]
    run.axis[:] = [e for e in run.axis if e.get("document_id") != about]
    run.dms[:] = [e for e in run.dms if e.get("axisDocId") != "axis-vb-den-001"]


def a_status_was_not_written_home(run):
    run.dms.remove(run.dms_entry("exchange-status", code="03"))


def a_status_was_written_home_twice(run):
    run.dms.append(copy.copy(run.dms_entry("exchange-status", code="03")))


def a_status_was_written_to_another_document(run):
    first, second = run.plan.leaving[0], run.plan.leaving[1]
    run.dms_entry("exchange-status", id=first.id, code="03")["id"] = second.id


def a_status_was_written_in_anothers_name(run):
    run.dms_entry("exchange-status", code="06")["agencyCode"] = "000.00.00.X99"


def a_status_was_changed_on_its_way(run):
    run.dms_entry("exchange-status", code="03")["code"] = "02"


def the_arrival_was_not_reported(run):
    run.axis.remove(run.axis_entry("status-accepted", code="01"))


def an_act_of_a_clerk_was_not_reported(run):
    run.axis.remove(run.axis_entry("status-accepted", code="06"))


def an_act_of_a_clerk_was_reported_twice(run):
    run.axis.append(copy.copy(run.axis_entry("status-accepted", code="06")))


def something_was_reported_that_no_clerk_did(run):
    run.axis.append({**run.axis_entry("status-accepted", code="06"), "code": "02"})


def other_bytes_on_the_axis_than_in_the_ledger(run):
    run.axis_entry("document-accepted")["sha256"] = sha256_of("something else")


def the_bytes_of_two_documents_were_exchanged(run):
    first, second = (run.axis_entry("document-accepted", number=d.title) for d in run.plan.leaving[:2])
    first["sha256"], second["sha256"] = second["sha256"], first["sha256"]


def other_bytes_filed_than_the_axis_gave(run):
    run.dms_entry("incoming-stored")["packetSha256"] = sha256_of("something else")


def one_is_still_waiting(run):
    place = run.message(run.plan.leaving[0].title)
    run.ledger[place] = run.ledger[place].model_copy(update={"state": State.WAITING})


def a_status_was_given_up(run):
    run.ledger.append(message(99, "", State.DEAD, link="trang-thai-ve"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (never_reached_the_axis, {SENT: (1, 0)}),
        (sent_twice, {SENT: (0, 1)}),
        (the_axis_had_to_refuse_a_repetition, {REFUSED: (0, 1)}),
        (a_stranger_on_the_axis, {SENT: (0, 1), BYTES_OUT: (1, 0)}),
        (one_to_be_held_escaped_and_the_ledger_says_done, {SENT: (0, 1), HELD: (1, 1)}),
        (one_to_be_held_escaped_though_the_ledger_says_held, {SENT: (0, 1), HELD: (0, 1), BYTES_OUT: (1, 0)}),
        (one_to_be_held_was_never_picked_up, {HELD: (1, 0)}),
        (one_to_be_held_was_refused_instead, {HELD: (1, 0), SETTLED: (1, 0)}),
        (nobody_was_told_that_it_was_sent, {TOLD: (1, 0)}),
        (told_twice_that_it_is_held, {TOLD: (0, 1)}),
        (told_that_it_failed, {TOLD: (1, 1)}),
        (one_that_arrived_was_never_filed, {FILED: (1, 0)}),
        (one_that_arrived_was_filed_twice, {FILED: (0, 1)}),
        (filed_again_under_the_new_id_of_a_redelivery, {FILED: (0, 1)}),
        (one_was_never_handed_to_the_axis, {FILED: (1, 0)}),
        (a_status_was_not_written_home, {HOME: (1, 0)}),
        (a_status_was_written_home_twice, {HOME: (0, 1)}),
        (a_status_was_written_to_another_document, {HOME: (1, 1)}),
        (a_status_was_written_in_anothers_name, {HOME: (1, 1)}),
        (a_status_was_changed_on_its_way, {HOME: (1, 1)}),
        (the_arrival_was_not_reported, {OUT: (1, 0)}),
        (an_act_of_a_clerk_was_not_reported, {OUT: (1, 0)}),
        (an_act_of_a_clerk_was_reported_twice, {OUT: (0, 1)}),
        (something_was_reported_that_no_clerk_did, {OUT: (0, 1)}),
        (other_bytes_on_the_axis_than_in_the_ledger, {BYTES_OUT: (1, 0)}),
        (the_bytes_of_two_documents_were_exchanged, {BYTES_OUT: (2, 0)}),
        (other_bytes_filed_than_the_axis_gave, {BYTES_IN: (1, 0)}),
        (one_is_still_waiting, {SETTLED: (1, 0), BYTES_OUT: (1, 0)}),
        (a_status_was_given_up, {SETTLED: (1, 0)}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_single_loss_or_doubling_is_counted(change, expected, run):
    change(run)
    assert run.failed() == expected


def test_every_document_that_must_leave_counts(run):
    for document in run.plan.leaving:
        changed = copy.deepcopy(run)
        changed.axis.remove(changed.axis_entry("document-accepted", number=document.title))
        assert changed.failed() == {SENT: (1, 0)}


def test_a_loss_and_a_doubling_do_not_make_up_for_each_other(run):
    never_reached_the_axis(run)
    run.axis.append(copy.copy(run.axis_entry("document-accepted", number=run.plan.leaving[1].title)))
    check = run.checks()[SENT]
    assert (check.expected, check.found, check.lost, check.doubled, check.ok) == (6, 6, 1, 1, False)


def test_nothing_at_all_is_not_a_success(run):
    empty = replace(run, axis=[], dms=[], ledger=[], incoming={})
    failed = empty.failed()
    assert {SENT, HELD, TOLD, FILED} <= set(failed)
    assert failed[SENT] == (len(run.plan.leaving), 0)


def test_a_packet_handed_over_that_the_axis_never_delivered_is_lost_and_no_crash(run):
    run.axis.remove(run.axis_entry("delivered", doc_id="axis-vb-den-002"))
    assert set(run.failed()) == {OUT, BYTES_IN}


@pytest.mark.parametrize(
    ("check", "ok"),
    [
        (Check("x", 3, 3), True),
        (Check("x", 0, 0), True),
        (Check("x", 3, 2), False),
        (Check("x", 3, 3, lost=1), False),
        (Check("x", 3, 3, doubled=1), False),
    ],
)
def test_a_check_is_well_only_when_all_its_numbers_are(check, ok):
    assert check.ok is ok
