"""The audit of dossiers: each on the portal once, at the stage the plan wants, with every step once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ops.demo.audit import Check, events, once, unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ops.demo.plan_dossiers import DossierPlan

_ON_THE_PORTAL = frozenset({"dossier-inserted", "dossier-updated", "dossier-repeated"})


@dataclass(frozen=True, slots=True)
class OtherJournals:
    """What the one-stop shop, the portal and the ministry have written down."""

    shop: Sequence[Mapping[str, Any]]
    portal: Sequence[Mapping[str, Any]]
    ministry: Sequence[Mapping[str, Any]]


def audit_dossiers(plan: DossierPlan, journals: OtherJournals, ledger: Sequence[Message]) -> list[Check]:
    """All checks, in the order a reader wants them."""
    return [
        _inserted(plan, journals),
        _held(plan, journals, ledger),
        _ended(plan, journals),
        _steps(plan, journals),
        _repeated_steps(journals),
        _told(plan, journals),
        _same_bytes(journals, ledger),
    ]


def _inserted(plan: DossierPlan, journals: OtherJournals) -> Check:
    inserted = Counter(entry["code"] for entry in events(journals.portal, "dossier-inserted"))
    return once(
        "Hồ sơ phải đồng bộ có trên Cổng DVCQG đúng một lần", [d.code for d in plan.leaving], inserted
    )


def _held(plan: DossierPlan, journals: OtherJournals, ledger: Sequence[Message]) -> Check:
    """None of them on the portal, all of them held in the ledger."""
    wanted = {d.code for d in plan.to_be_held}
    escaped = {entry["code"] for entry in _accepted(journals)} & wanted
    held = {m.lane for m in ledger if m.kind is Kind.DOSSIER and m.state is State.HELD} & wanted
    return Check(
        "Hồ sơ phải giữ đã bị giữ, không lên Cổng DVCQG",
        len(wanted),
        len(held - escaped),
        lost=len(wanted - held),
        doubled=len(escaped),
    )


def _ended(plan: DossierPlan, journals: OtherJournals) -> Check:
    """The portal shows each dossier at the stage it has come to: nothing late overtook anything new."""
    last = {entry["code"]: int(entry["stage"]) for entry in _accepted(journals)}
    wanted = [(d.code, int(d.ending)) for d in plan.leaving]
    return once("Trạng thái cuối của hồ sơ trên Cổng DVCQG đúng kế hoạch", wanted, Counter(last.items()))


def _steps(plan: DossierPlan, journals: OtherJournals) -> Check:
    wanted = [(d.code, int(stage)) for d in plan.leaving for stage in d.stages()]
    appended = Counter((e["code"], int(e["stage"])) for e in events(journals.portal, "progress-appended"))
    return once("Mỗi bước tiến độ có trên Cổng DVCQG đúng một lần", wanted, appended)


def _repeated_steps(journals: OtherJournals) -> Check:
    repeated = sum(1 for _ in events(journals.portal, "progress-repeated"))
    return Check("Bước tiến độ gửi lặp lại lên Cổng DVCQG", 0, repeated, doubled=repeated)


def _told(plan: DossierPlan, journals: OtherJournals) -> Check:
    """The one-stop shop's last word on each dossier is what became of it."""
    wanted = [(d.code, "ACCEPTED" if d.leaves else "HELD") for d in plan.dossiers]
    last = {entry["dossier"]: entry["state"] for entry in events(journals.shop, "dossier-exchange")}
    return once("Phần mềm một cửa được báo kết quả từng hồ sơ", wanted, Counter(last.items()))


def _same_bytes(journals: OtherJournals, ledger: Sequence[Message]) -> Check:
    """What the portal took of a dossier is, byte for byte, what the ledger says was sent."""
    sent = {
        (m.business_key or m.lane, m.payload.blob.sha256)
        for m in ledger
        if m.kind is Kind.DOSSIER and m.payload and m.state is State.DONE
    }
    same = [(entry["code"], entry["sha256"]) in sent for entry in _accepted(journals)]
    return unchanged("Nội dung hồ sơ trên Cổng DVCQG khớp với sổ cái", same)


def _accepted(journals: OtherJournals) -> list[Mapping[str, Any]]:
    return [entry for entry in journals.portal if entry["event"] in _ON_THE_PORTAL]
