"""Dossiers and reports: a perfect run passes, each single loss, doubling or wrong figure is noticed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import BlobRef, Kind, Message, Payload, State
from ebrvt_connect.model.period import ReportingPeriod
from ebrvt_connect.model.report import Observation, Report
from ebrvt_connect.ops.demo.audit_dossiers import OtherJournals, audit_dossiers
from ebrvt_connect.ops.demo.audit_reports import audit_reports, planned_figures
from ebrvt_connect.ops.demo.plan import make_plan
from ebrvt_connect.ops.demo.plan_dossiers import make_dossier_plan
from ebrvt_connect.ops.demo.story import Plans

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PLANS = Plans(make_plan(6, 3), make_dossier_plan(16))


def sha256_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def message(kind, lane, state, *, external_id="", record="{}", sent=""):
    blob = BlobRef(sha256=sha256_of(sent), size_bytes=1)
    return Message(
        id=1,
        idem_key=f"{kind}:{lane}:{external_id}",
        link="ho-so",
        source="motcua",
        target="dvcqg",
        kind=kind,
        lane=lane,
        shard=0,
        state=state,
        created_at=NOW,
        updated_at=NOW,
        external_id=external_id,
        business_key=lane,
        record=record,
        payload=Payload(blob=blob, media_type="application/json") if sent else None,
    )


def report(packet_id, figures):
    return Report(
        packet_id=packet_id,
        regime_code="NQ17",
        template_code="NQ17-Q",
        template_version="1.0",
        period=ReportingPeriod("2026-Q4"),
        organization=AgencyCode("H06"),
        sender=AgencyCode("H06.15"),
        receiver=AgencyCode("G14"),
        created_at=NOW,
        observations=tuple(
            Observation(indicator_code=code, value=Decimal(1), numerator=numerator, denominator=denominator)
            for code, numerator, denominator in figures
        ),
    ).model_dump_json()


@dataclass
class Run:
    shop: list
    portal: list
    ministry: list
    ledger: list

    def failed(self):
        journals = OtherJournals(self.shop, self.portal, self.ministry)
        checks = [
            *audit_dossiers(PLANS.dossiers, journals, self.ledger),
            *audit_reports(PLANS, journals, self.ledger),
        ]
        return {check.name_vi for check in checks if not check.ok}


def perfect():
    run = Run([], [], [], [])
    for planned in PLANS.dossiers.dossiers:
        run.shop.append(
            {
                "event": "dossier-exchange",
                "dossier": planned.code,
                "state": "ACCEPTED" if planned.leaves else "HELD",
            }
        )
        state = State.DONE if planned.leaves else State.HELD
        run.ledger.append(message(Kind.DOSSIER, planned.code, state, sent=planned.code))
        if not planned.leaves:
            continue
        content = {"code": planned.code, "sha256": sha256_of(planned.code)}
        run.portal.append({"event": "dossier-inserted", "stage": "2", **content})
        run.portal.append({"event": "dossier-updated", "stage": str(int(planned.ending)), **content})
        run.portal.extend(
            {"event": "progress-appended", "code": planned.code, "stage": int(stage)}
            for stage in planned.stages()
        )
    figures = planned_figures(PLANS)
    for packet, state in (("p1", State.REFUSED), ("p2", State.DONE)):
        run.ministry.append({"event": "report-received", "packetId": packet, "sha256": sha256_of(packet)})
        run.ledger.append(
            message(
                Kind.REPORT,
                "bao-cao",
                state,
                external_id=packet,
                record=report(packet, figures if state is State.DONE else figures[:1]),
                sent=packet,
            )
        )
    run.ministry.append({"event": "report-returned", "packetId": "p1"})
    run.ministry.append({"event": "report-approved", "packetId": "p2"})
    return run


def test_a_perfect_run_passes_every_check():
    assert perfect().failed() == set()


def test_the_plan_keeps_what_the_demonstration_promises():
    plan = make_dossier_plan()

    assert len(plan.leaving) >= 60
    assert sum(len(list(d.stages())) for d in plan.leaving) >= 200
    assert len(plan.to_be_held) == 4
    assert 0 < sum(d.online for d in plan.counted) < len(plan.counted)
    assert 0 < sum(d.late for d in plan.counted) < len(plan.counted)
    assert {d.result for d in plan.leaving} == {"none", "pdf", "xml", "cms"}


def first(journal, event):
    return next(entry for entry in journal if entry["event"] == event)


def a_dossier_never_arrived(run):
    code = first(run.portal, "dossier-inserted")["code"]
    run.portal = [entry for entry in run.portal if entry["code"] != code]


def a_dossier_was_inserted_twice(run):
    run.portal.append(first(run.portal, "dossier-inserted") | {"stage": "2"})


def a_held_dossier_escaped(run):
    code = PLANS.dossiers.to_be_held[0].code
    run.portal.append({"event": "dossier-inserted", "code": code, "sha256": sha256_of(code), "stage": "2"})


def an_old_revision_came_last(run):
    run.portal.append(first(run.portal, "dossier-updated") | {"stage": "2"})


def a_step_is_missing(run):
    run.portal.remove(first(run.portal, "progress-appended"))


def a_step_came_twice(run):
    run.portal.append(first(run.portal, "progress-appended"))


def a_step_was_recognised_as_a_repetition(run):
    run.portal.append({"event": "progress-repeated", "code": "x"})


def the_shop_was_not_told(run):
    run.shop.pop()


def other_bytes_arrived(run):
    first(run.portal, "dossier-updated")["sha256"] = sha256_of("something else")


def a_report_was_filed_twice(run):
    run.ministry.append(first(run.ministry, "report-received"))


def no_report_was_approved(run):
    run.ministry.remove(first(run.ministry, "report-approved"))


def a_packet_was_changed_on_its_way(run):
    first(run.ministry, "report-received")["sha256"] = sha256_of("something else")


def a_figure_is_invented(run):
    figures = [(code, Decimal(99), denominator) for code, _, denominator in planned_figures(PLANS)]
    run.ledger[-1] = run.ledger[-1].model_copy(update={"record": report("p2", figures)})


@pytest.mark.parametrize(
    "spoil",
    [
        a_dossier_never_arrived,
        a_dossier_was_inserted_twice,
        a_held_dossier_escaped,
        an_old_revision_came_last,
        a_step_is_missing,
        a_step_came_twice,
        a_step_was_recognised_as_a_repetition,
        the_shop_was_not_told,
        other_bytes_arrived,
        a_report_was_filed_twice,
        no_report_was_approved,
        a_packet_was_changed_on_its_way,
        a_figure_is_invented,
    ],
)
def test_each_single_loss_doubling_or_wrong_figure_is_noticed(spoil):
    run = perfect()
    spoil(run)

    assert run.failed()
