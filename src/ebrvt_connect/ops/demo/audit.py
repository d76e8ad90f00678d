"""The audit: what the plan wants, what the simulated remotes have in their journals, what the ledger says.

Pure: everything is handed in. `lost` counts what should have an effect and has none, `doubled` what has
one too many; an attempt to do something twice that a remote had to refuse is counted as doubled as well,
since a remote that does not refuse would have done it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.message import Kind, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ops.demo.plan import Plan

_ENDS = frozenset({State.DONE, State.HELD, State.SUPERSEDED})
"""States the plan foresees; anything else in the end is a thing unfinished, refused or given up."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: how many were expected, how many found, how many are missing or too many."""

    name_vi: str
    expected: int
    found: int
    lost: int = 0
    doubled: int = 0

    @property
    def ok(self) -> bool:
        """Nothing missing, nothing too many."""
        return self.lost == 0 and self.doubled == 0 and self.expected == self.found


@dataclass(frozen=True, slots=True)
class Journals:
    """What the simulated remotes have written down."""

    axis: Sequence[Mapping[str, Any]]
    dms: Sequence[Mapping[str, Any]]


def audit(
    plan: Plan, incoming: Mapping[str, Mapping[str, Any]], journals: Journals, ledger: Sequence[Message]
) -> list[Check]:
    """All checks, in the order a reader wants them. `incoming`: planned id -> what the axis was given."""
    return [
        _leaving(plan, journals),
        _refused_doubles(journals),
        _held(plan, journals, ledger),
        _told(plan, journals),
        _filed(plan, incoming, journals),
        _statuses_home(plan, journals),
        _statuses_out(incoming, journals),
        _same_bytes_out(journals, ledger),
        _same_bytes_in(journals),
    ]


def _leaving(plan: Plan, journals: Journals) -> Check:
    accepted = Counter(entry["number"] for entry in events(journals.axis, "document-accepted"))
    return once("Văn bản phải gửi có mặt trên trục đúng một lần", [d.title for d in plan.leaving], accepted)


def _refused_doubles(journals: Journals) -> Check:
    refused = sum(1 for _ in events(journals.axis, "duplicate-refused"))
    return Check("Lần gửi trùng mà trục phải từ chối", 0, refused, doubled=refused)


def _held(plan: Plan, journals: Journals, ledger: Sequence[Message]) -> Check:
    """None of them on the axis, all of them held in the ledger."""
    wanted = {d.title for d in plan.to_be_held}
    escaped = sum(1 for entry in events(journals.axis, "document-accepted") if entry["number"] in wanted)
    held = {m.title for m in ledger if m.state is State.HELD and m.title in wanted}
    return Check(
        "Văn bản phải giữ đã bị giữ, không lọt lên trục",
        len(wanted),
        len(held) - escaped,
        lost=len(wanted - held),
        doubled=escaped,
    )


def _told(plan: Plan, journals: Journals) -> Check:
    """The document system knows of each document and recipient what became of it: SENT, or HELD."""
    wanted = [
        (document.id, recipient.code, code)
        for documents, code in ((plan.leaving, "SENT"), (plan.to_be_held, "HELD"))
        for document in documents
        for recipient in document.recipients
    ]
    told = Counter(
        (entry["id"], entry["agencyCode"], entry["code"])
        for entry in events(journals.dms, "exchange-status")
        if not entry["code"].isdecimal()
    )
    return once("Nơi gửi được báo kết quả từng văn bản đúng một lần", wanted, told)


def _filed(plan: Plan, incoming: Mapping[str, Mapping[str, Any]], journals: Journals) -> Check:
    """Each packet given to the axis is filed once, under one of the ids the axis gave it."""
    planned_of = {doc_id: planned for planned, doc_ids in _doc_ids(incoming) for doc_id in doc_ids}
    filed = Counter(
        planned_of.get(entry["axisDocId"], entry["axisDocId"])
        for entry in events(journals.dms, "incoming-stored")
    )
    return once("Văn bản đến được vào sổ đúng một lần", [d.id for d in plan.incoming], filed)


def _statuses_home(plan: Plan, journals: Journals) -> Check:
    """Each status a recipient gave is written to the document it is about, once."""
    given = Counter(
        (_title(entry["document_id"]), entry["sender"], entry["code"])
        for entry in events(journals.axis, "delivered")
        if entry["queue"] == "status"
    )
    titles = {planned.id: planned.title for planned in plan.outgoing}
    applied = Counter(
        (titles.get(entry["id"], entry["id"]), entry["agencyCode"], entry["code"])
        for entry in events(journals.dms, "exchange-status")
        if entry["code"].isdecimal()
    )
    return once("Trạng thái trên trục được ghi về văn bản đúng một lần", given.elements(), applied)


def _title(document_id: str) -> str:
    """Number and symbol out of a document id of the usual form `<agency>,<date>,<number>/<symbol>`."""
    return document_id.split(",", 2)[-1]


def _statuses_out(incoming: Mapping[str, Mapping[str, Any]], journals: Journals) -> Check:
    """For each filed document 01, and for each act of a clerk its status, accepted by the axis once."""
    document_of = {
        entry["doc_id"]: entry["document_id"]
        for entry in events(journals.axis, "delivered")
        if entry["queue"] == "edoc"
    }
    wanted = Counter((document_of.get(ids[0], ids[0]), "01") for _, ids in _doc_ids(incoming) if ids)
    wanted.update(
        (document_of.get(entry["axisDocId"], entry["axisDocId"]), entry["code"])
        for entry in events(journals.dms, "incoming-event")
    )
    accepted = Counter(
        (entry["document_id"], entry["code"]) for entry in events(journals.axis, "status-accepted")
    )
    return once("Trạng thái văn bản đến được báo lên trục đúng một lần", wanted.elements(), accepted)


def _same_bytes_out(journals: Journals, ledger: Sequence[Message]) -> Check:
    """What the axis accepted under a number is, byte for byte, what the ledger says was sent under it."""
    sent = {(m.title, m.payload.blob.sha256) for m in ledger if m.payload and m.state is State.DONE}
    accepted = [(e["number"], e["sha256"]) for e in events(journals.axis, "document-accepted")]
    return unchanged("Nội dung trên trục khớp với sổ cái", [one in sent for one in accepted])


def _same_bytes_in(journals: Journals) -> Check:
    """What was filed is, byte for byte, what the axis handed over under that id."""
    given = {entry["doc_id"]: entry["sha256"] for entry in events(journals.axis, "delivered")}
    for entry in events(journals.axis, "redelivered"):
        given[entry["as_doc_id"]] = entry["sha256"]
    same = [
        given.get(entry["axisDocId"]) == entry["packetSha256"]
        for entry in events(journals.dms, "incoming-stored")
    ]
    return unchanged("Nội dung đã vào sổ khớp với gói tin trên trục", same)


def unchanged(name_vi: str, same: Sequence[bool]) -> Check:
    """What arrived as something else is lost, whatever else arrived."""
    return Check(name_vi, len(same), sum(same), lost=len(same) - sum(same))


def settled(ledger: Sequence[Message]) -> Check:
    """Nothing is left half done; what waits behind a held dossier waits rightly."""
    held = {m.lane for m in ledger if m.state is State.HELD}
    open_ones = sum(1 for m in ledger if not _ended(m, held))
    return Check("Thông điệp còn dở dang trong sổ cái", 0, open_ones, lost=open_ones)


def _ended(message: Message, held: Collection[str]) -> bool:
    if message.kind is Kind.PROGRESS and message.lane in held:
        return message.state in {State.RECEIVED, State.QUEUED}
    returned = message.kind is Kind.REPORT and message.state is State.REFUSED
    return returned or message.state in _ENDS


def _doc_ids(incoming: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, list[str]]]:
    for planned, facts in incoming.items():
        yield planned, facts["doc_ids"][planned]


def events(journal: Iterable[Mapping[str, Any]], event: str) -> Iterable[Mapping[str, Any]]:
    """The entries of one kind, in order."""
    return (entry for entry in journal if entry["event"] == event)


def once(name_vi: str, wanted: Iterable[Any], found: Counter[Any]) -> Check:
    """Each wanted thing exactly once; what nobody wanted counts as one too many."""
    expected = Counter(wanted)
    missing, surplus = expected - found, found - expected
    return Check(name_vi, expected.total(), found.total(), lost=missing.total(), doubled=surplus.total())
