"""What a demonstration says at its end: `summary.json`, `report.html`, and a table for the terminal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ebrvt_connect import __version__
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.demo.chart import draw_chart
from ebrvt_connect.ops.demo.faults import FAULTS
from ebrvt_connect.ops.demo.figures import report_rows
from ebrvt_connect.ops.demo.picture import draw_flow
from ebrvt_connect.ops.report_words import number_vi
from ebrvt_connect.ops.words import local_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ops.demo.audit import Check
    from ebrvt_connect.store.queries import LinkStatistics


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that happened: which, and when it first did."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """All that is known at the end of a run."""

    started_at: datetime
    finished_at: datetime
    in_time: bool
    """False when the run had to be broken off before all was settled."""
    ledger: Sequence[Message]
    links: Sequence[LinkStatistics]
    ends: Mapping[str, tuple[str, str]]
    """Link name -> (from, to)."""
    checks: Sequence[Check]
    fired: Sequence[Fired]

    @property
    def lost(self) -> int:
        """Things that should have had an effect and have none."""
        return sum(check.lost for check in self.checks)

    @property
    def doubled(self) -> int:
        """Effects too many."""
        return sum(check.doubled for check in self.checks)

    @property
    def ok(self) -> bool:
        """Delivered exactly once what should be delivered, held what should be held, every fault played."""
        played = {fault.id for fault in self.fired} >= {fault.id for fault in FAULTS}
        return self.in_time and played and all(check.ok for check in self.checks)


def summary(ending: Ending) -> dict[str, Any]:
    """The contract of `summary.json` (docs/operate/cli.md)."""
    return {
        "started_at": ending.started_at.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "finished_at": ending.finished_at.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "seconds": round((ending.finished_at - ending.started_at).total_seconds(), 1),
        "ok": ending.ok,
        "documents": {
            "sent": _count(ending, "van-ban-di", State.DONE),
            "received": _count(ending, "van-ban-den", State.DONE),
            "held": sum(1 for m in ending.ledger if _is(m, Kind.DOCUMENT, State.HELD)),
            "statuses_returned": _count(ending, "trang-thai-ve", State.DONE),
        },
        "dossiers": {
            "synchronised": len({m.lane for m in ending.ledger if _is(m, Kind.DOSSIER, State.DONE)}),
            "progress_events": sum(1 for m in ending.ledger if _is(m, Kind.PROGRESS, State.DONE)),
            "held": sum(1 for m in ending.ledger if _is(m, Kind.DOSSIER, State.HELD)),
        },
        "reports": {
            "submitted": sum(1 for m in ending.ledger if m.kind is Kind.REPORT and m.receipt is not None),
            "returned": sum(1 for m in ending.ledger if _is(m, Kind.REPORT, State.REFUSED)),
            "approved": sum(1 for m in ending.ledger if _is(m, Kind.REPORT, State.DONE)),
        },
        "faults_injected": len(ending.fired),
        "retries": sum(link.retries for link in ending.links),
        "duplicates_recognised": sum(link.duplicates for link in ending.links),
        "duplicates_at_remote": ending.doubled,
        "lost": ending.lost,
        "held": [
            {"title": m.title, "code": m.code, "reason_vi": m.reason_vi, "advice_vi": m.advice_vi}
            for m in _held(ending)
        ],
        "links": _links(ending),
        "checks": [{**asdict(check), "ok": check.ok} for check in ending.checks],
    }


def write_report(ending: Ending, folder: Path) -> dict[str, Any]:
    """Write `summary.json` and `report.html`; answers the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    told = summary(ending)
    _write(folder / "summary.json", json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    _write(folder / "report.html", _page(ending, told))
    return told


def table(told: Mapping[str, Any]) -> str:
    """The closing table for the terminal."""
    documents, dossiers, reports = told["documents"], told["dossiers"], told["reports"]
    rows = [
        ("Văn bản đã gửi lên trục", documents["sent"]),
        ("Văn bản đến đã vào sổ", documents["received"]),
        ("Trạng thái trả về", documents["statuses_returned"]),
        ("Văn bản bị giữ (có lý do)", documents["held"]),
        ("Hồ sơ đã đồng bộ lên Cổng DVCQG", dossiers["synchronised"]),
        ("Bước tiến độ đã cập nhật", dossiers["progress_events"]),
        ("Hồ sơ bị giữ (có lý do)", dossiers["held"]),
        ("Báo cáo đã nộp / được duyệt", f"{reports['submitted']} / {reports['approved']}"),
        ("Sự cố đã tạo ra", told["faults_injected"]),
        ("Lần thử lại", told["retries"]),
        ("Bản trùng đã nhận ra", told["duplicates_recognised"]),
        ("Bị mất", told["lost"]),
        ("Bị gửi trùng", told["duplicates_at_remote"]),
    ]
    lines = [f"  {name:<34}{number:>6}" for name, number in rows]
    held = [f"  – {item['title']}: {item['reason_vi']}" for item in told["held"]]
    failed = [
        f"  ✗ {c['name_vi']}: mong đợi {c['expected']}, có {c['found']}"
        for c in told["checks"]
        if not c["ok"]
    ]
    verdict = "✓ Không mất, không trùng." if told["ok"] else "✗ Chưa đạt."
    return "\n".join(
        [
            "",
            *lines,
            "",
            "Bị giữ lại:",
            *held,
            *failed,
            "",
            f"{verdict} ({_seconds_vi(told['seconds'])} giây)",
        ]
    )


def _page(ending: Ending, told: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("ebrvt_connect.ops.demo"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["seconds_vi"] = _seconds_vi
    return environment.get_template("report.html.j2").render(
        {
            **told,
            "started_at": local_time(ending.started_at),
            "finished_at": local_time(ending.finished_at),
            "verdict_vi": _verdict_vi(ending),
            "version": __version__,
            "flow": draw_flow(_flow(ending, told)),
            "report_rows": report_rows(ending.ledger),
            "chart": draw_chart(ending.ledger, ending.started_at, ending.finished_at, _bands(ending)),
            "doubtful": _doubtful(ending),
            "faults": _fault_rows(ending),
        }
    )


def _seconds_vi(seconds: float) -> str:
    """To a tenth, with a comma."""
    return number_vi(Decimal(f"{seconds:.1f}"))


def _verdict_vi(ending: Ending) -> str:
    if not ending.in_time:
        return "Phiên chạy bị dừng trước khi hoàn tất; chạy lại để tiếp tục."
    return (
        "; ".join(check.name_vi for check in ending.checks if not check.ok)
        or "Có sự cố chưa xảy ra như kế hoạch."
    )


def _fault_rows(ending: Ending) -> list[dict[str, Any]]:
    told = {fault.id: fault for fault in FAULTS}
    return [
        {
            "at": _seconds_vi((fired.at - ending.started_at).total_seconds()),
            "name_vi": told[fired.id].name_vi,
            "story_vi": told[fired.id].story_vi,
        }
        for fired in ending.fired
        if fired.id in told
    ]


def _bands(ending: Ending) -> list[tuple[datetime, float, str]]:
    told = {fault.id: fault for fault in FAULTS}
    return [
        (fired.at, told[fired.id].seconds, told[fired.id].name_vi)
        for fired in ending.fired
        if fired.id in told
    ]


def _doubtful(ending: Ending) -> list[dict[str, Any]]:
    """Incoming documents whose letter, the first of their files, did not pass."""
    judged = [
        (message.title, json.loads(message.verdict)["documents"][:1])
        for message in ending.ledger
        if message.link == "van-ban-den" and message.verdict
    ]
    return [
        {
            "title": title,
            "indication": letter["indication"],
            "headline_vi": letter["headline_vi"],
            "reason_vi": " ".join(dict.fromkeys(_errors_vi(letter))),
        }
        for title, letters in judged
        for letter in letters
        if letter["indication"] != "TOTAL_PASSED"
    ]


def _errors_vi(verdict: Mapping[str, Any]) -> list[str]:
    findings = [*verdict["findings"], *(f for s in verdict["signatures"] for f in s["findings"])]
    return [finding["message_vi"] for finding in findings if finding["severity"] == "error"]


def _links(ending: Ending) -> list[dict[str, Any]]:
    rows = []
    for link in ending.links:
        source, target = _ends(ending, link.link)
        rows.append(
            {
                "name": link.link,
                "from": source,
                "to": target,
                "total": sum(link.by_state.values()),
                "done": link.by_state.get(State.DONE.value, 0),
                "held": link.by_state.get(State.HELD.value, 0),
                "refused": link.by_state.get(State.REFUSED.value, 0),
                "duplicates": link.duplicates,
                "attempts": link.attempts,
            }
        )
    return rows


def _ends(ending: Ending, link: str) -> tuple[str, str]:
    """Where a link leads from and to; what is told back goes the other way."""
    name, told_back, _ = link.partition("~")
    source, target = ending.ends.get(name, ("", ""))
    return (target, source) if told_back else (source, target)


def _flow(ending: Ending, told: Mapping[str, Any]) -> dict[str, int]:
    """What the picture of the flow says."""
    return {
        "picked_up": _total(ending, "van-ban-di"),
        "sent": told["documents"]["sent"],
        "arrived": _total(ending, "van-ban-den"),
        "filed": told["documents"]["received"],
        "statuses_in": _total(ending, "trang-thai-ve"),
        "statuses_told": told["documents"]["statuses_returned"],
        "held": told["documents"]["held"],
        "dossiers_in": len({m.lane for m in ending.ledger if m.kind is Kind.DOSSIER}),
        "dossiers": told["dossiers"]["synchronised"],
        "steps": told["dossiers"]["progress_events"],
        "dossiers_held": told["dossiers"]["held"],
        "dossiers_told": sum(1 for m in ending.ledger if _is(m, Kind.DOSSIER_STATUS, State.DONE)),
        "reports": told["reports"]["submitted"],
        "returned": told["reports"]["returned"],
        "approved": told["reports"]["approved"],
    }


def _held(ending: Ending) -> list[Message]:
    return [m for m in ending.ledger if m.state is State.HELD and m.kind in {Kind.DOCUMENT, Kind.DOSSIER}]


def _is(message: Message, kind: Kind, state: State) -> bool:
    return message.kind is kind and message.state is state


def _count(ending: Ending, link: str, state: State) -> int:
    return sum(1 for m in ending.ledger if m.link == link and m.state is state)


def _total(ending: Ending, link: str) -> int:
    return sum(1 for m in ending.ledger if m.link == link)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, "utf-8")
    draft.replace(path)
