"""What became of a dossier, told to its one-stop shop over real HTTP."""

import pytest

from ebrvt_connect.errors import HeldForPerson, Rejected
from ebrvt_connect.model.dossier import DossierCode, DossierExchange, DossierStatus
from ebrvt_connect.model.message import Kind, Receipt, State
from ebrvt_connect.ports.adapter import NotThere, Outcome, Work
from tests.contract.motcua.shop import CODE, NOW, dossier, fetched, message, step


@pytest.fixture
def taken(adapter, counter):
    """A dossier and its step as they were fetched."""
    counter.receive(steps=0)
    counter.do(entry=step("processing", "Thụ lý hồ sơ"))
    items, _ = fetched(adapter)
    return items[0].record, items[1].record


def told(adapter, record, outcome, **changes):
    return [feedback.record for feedback in adapter.feedback(message(record, **changes), record, outcome)]


def send(adapter, status):
    work = Work(message(status), status)
    payload = adapter.prepare(work)
    adapter.submit(work, payload)
    return work, payload


@pytest.mark.parametrize(
    ("state", "exchange"),
    [
        (State.DONE, DossierExchange.ACCEPTED),
        (State.HELD, DossierExchange.HELD),
        (State.REFUSED, DossierExchange.REFUSED),
        (State.DEAD, DossierExchange.REFUSED),
        (State.CANCELLED, DossierExchange.REFUSED),
    ],
)
def test_what_became_of_a_dossier_is_told_to_its_shop(adapter, counter, taken, state, exchange):
    made, _ = taken
    outcome = Outcome(state, "UNMAPPED_PROCEDURE", "Chưa có mã quốc gia.", "Bổ sung mã.")
    (status,) = told(adapter, made, outcome)
    assert (status.state, status.system, str(status.dossier_code)) == (exchange, "dvcqg", CODE)
    send(adapter, status)
    (entry,) = counter.journal("dossier-exchange")
    accepted = exchange is DossierExchange.ACCEPTED
    assert (entry["dossier"], entry["state"]) == (CODE, exchange.value)
    assert entry["code"] == ("" if accepted else "UNMAPPED_PROCEDURE")
    assert entry["reasonVi"] == ("" if accepted else "Chưa có mã quốc gia. Bổ sung mã.")


def test_the_remotes_receipt_goes_with_the_acceptance(adapter, taken):
    made, _ = taken
    receipt = Receipt(external_id="DVCQG-77")
    (status,) = told(adapter, made, Outcome(State.DONE), receipt=receipt)
    assert status.receipt == "DVCQG-77"


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.WAITING, State.QUEUED, State.AWAITING])
def test_nothing_is_told_of_what_is_no_end(adapter, taken, state):
    for record in taken:
        assert told(adapter, record, Outcome(state)) == []


@pytest.mark.parametrize(
    ("state", "exchange"), [(State.HELD, DossierExchange.HELD), (State.REFUSED, DossierExchange.REFUSED)]
)
def test_a_step_that_stops_is_told_of_its_dossier_by_number_and_name(adapter, taken, state, exchange):
    _, entry = taken
    (status,) = told(adapter, entry, Outcome(state, "X", "Thiếu họ tên.", "Bổ sung."))
    assert (status.state, str(status.dossier_code)) == (exchange, CODE)
    assert status.reason_vi == "Bước xử lý số 1 “Thụ lý hồ sơ”: Thiếu họ tên. Bổ sung."


def test_a_step_that_went_through_is_not_told(adapter, taken):
    _, entry = taken
    assert told(adapter, entry, Outcome(State.DONE)) == []


def test_nothing_is_told_of_a_status_of_our_own(adapter, taken):
    made, _ = taken
    (status,) = told(adapter, made, Outcome(State.DONE))
    assert told(adapter, status, Outcome(State.DONE)) == []


def test_the_same_status_sent_twice_counts_once(adapter, counter, taken):
    (status,) = told(adapter, taken[0], Outcome(State.DONE))
    work, payload = send(adapter, status)
    assert adapter.ask_after(work, payload) == NotThere()
    adapter.submit(work, payload)
    assert len(counter.journal("dossier-exchange")) == 1
    assert len(counter.journal("dossier-exchange-repeated")) == 1


def test_a_lost_reply_is_repaired_by_sending_the_same_again(adapter, counter, taken):
    (status,) = told(adapter, taken[0], Outcome(State.DONE))
    counter.arm("lose-reply", "PUT /api/dossiers/{code}/exchange-status")
    send(adapter, status)
    assert counter.state()["exchange_statuses"] == 1


def test_a_status_for_a_dossier_deleted_there_is_rejected(adapter):
    status = DossierStatus(
        dossier_code=DossierCode.parse(CODE), system="dvcqg", state=DossierExchange.ACCEPTED, at=NOW
    )
    with pytest.raises(Rejected) as refused:
        send(adapter, status)
    assert refused.value.code == "MOTCUA_NOT_FOUND"


def test_only_statuses_are_taken(adapter, taken):
    with pytest.raises(HeldForPerson):
        adapter.prepare(Work(message(taken[0]), taken[0]))


@pytest.mark.parametrize("kind", [Kind.DOSSIER, Kind.PROGRESS])
def test_a_hold_of_what_could_not_be_read_is_told_to_the_shop(adapter, counter, taken, kind):
    counter.put(dossier("H06.15-261123-0002", receivedAt="2026-11-23T07:30:00"))
    item = next(one for one in fetched(adapter)[0] if one.fault)
    unread = message(taken[0], kind=kind, lane=item.lane, external_id=item.external_id)
    outcome = Outcome(State.HELD, item.fault.code, item.fault.explanation_vi, item.fault.advice_vi)
    (feedback,) = adapter.feedback(unread, None, outcome)
    send(adapter, feedback.record)
    (entry,) = counter.journal("dossier-exchange")
    assert (entry["dossier"], entry["state"]) == ("H06.15-261123-0002", "HELD")
    assert "“Ngày tiếp nhận (receivedAt)”" in entry["reasonVi"]


def test_nobody_is_told_of_a_row_without_a_readable_code(adapter, taken):
    unread = message(taken[0], lane="row:hs-1", external_id="row:hs-1")
    assert adapter.feedback(unread, None, Outcome(State.HELD, "MOTCUA_FIELDS_WRONG")) == ()
