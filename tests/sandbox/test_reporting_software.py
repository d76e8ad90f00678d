"""The ministry's reporting software (baocao): what it must do before a daemon reports to it.

Each test says what its failure means for the province. What is written there, and what becomes of it, is in
docs/guide/sandbox-tests.md.
"""

import uuid
from datetime import timedelta

import pytest
from ebrvt_adapters.baocao import Baocao, BaocaoClient
from ebrvt_adapters.baocao.mapping import unsigned_packet
from pydantic import SecretStr

from ebrvt_connect.errors import HeldForPerson, Rejected, Scope
from ebrvt_connect.model.period import ReportingPeriod
from ebrvt_connect.model.report import Missing, Observation, Report
from ebrvt_connect.ports.adapter import Surroundings, Work
from ebrvt_connect.testing.conformance_stage import message_of

COMPUTED = {"NQ17.02", "NQ17.05", "NQ17.16", "NQ17.17"}
"""The indicators the report desk computes."""
NOTE = "Kiểm thử kết nối, không có giá trị báo cáo"


# --- being let in -----------------------------------------------------------------------------------------


def test_account_is_let_in(ministry, reporting_peer):
    """If not: account or password are wrong, or this machine's clock is more than a few minutes off. Where
    the ministry wants the password itself, set `password_style` to `text` (under TLS only)."""
    ministry.periods(reporting_peer.settings.regime)


def test_wrong_password_is_refused_and_pauses_the_system(reporting_peer, clock):
    """If not refused: anybody can report in the province's name.

    If refused in other words than `AUTH_FAILED`: the daemon would go on knocking instead of pausing.
    """
    credentials = reporting_peer.settings.credentials.model_copy(
        update={"password": SecretStr("surely not this")}
    )
    settings = reporting_peer.settings.model_copy(update={"credentials": credentials})

    with BaocaoClient(settings, clock, system="baocao") as stranger, pytest.raises(HeldForPerson) as held:
        stranger.periods(settings.regime)
    assert held.value.scope is Scope.SYSTEM


# --- what is to be reported -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def open_period(ministry, reporting_peer, clock):
    """The period that runs now: it takes trials only."""
    today = clock.now()
    years = {(today + timedelta(days=days)).year for days in (-60, 60)}
    rows = [row for year in sorted(years) for row in ministry.periods(reporting_peer.settings.regime, year)]
    found = next((row for row in rows if row.open), None)
    return found or pytest.skip("no period is open there, so no trial is taken")


def test_window_of_the_open_period_is_ours(open_period):
    """If not: the figures would be counted over other days than the ministry wants (NĐ 09/2019/NĐ-CP, Đ.12:
    a quarter ends on the 14th of its last month)."""
    period = ReportingPeriod.parse(open_period.period_code)

    assert (open_period.data_from, open_period.data_to) == (period.first_day, period.last_day)


@pytest.fixture(scope="module")
def template(ministry, reporting_peer):
    return ministry.template(reporting_peer.template)


def test_template_has_the_indicators_we_compute(template):
    """If not: those figures have no place in the ministry's form (`BAOCAO_INDICATOR_UNKNOWN`); the form's
    codes differ from ours."""
    assert {row.indicator_code for row in template.indicator} >= COMPUTED


def test_template_requires_nothing_else(template):
    """If not: the indicators the failure shows must be typed in by hand, or the report is refused."""
    assert {row.indicator_code for row in template.indicator if row.required} <= COMPUTED


# --- handing over -----------------------------------------------------------------------------------------


class Trial:
    """A trial report without a single figure, signed as the daemon would sign it."""

    def __init__(self, peer, period, template, clock, blobs):
        self.adapter = Baocao.open(peer.settings, Surroundings("baocao", clock, blobs))
        self.clock, self.blobs = clock, blobs
        level = (("LEVEL", "PROVINCE"),)
        self.report = Report(
            packet_id=str(uuid.uuid4()),
            regime_code=peer.settings.regime,
            template_code=template.template_code,
            template_version=template.version,
            period=ReportingPeriod.parse(period.period_code),
            organization=peer.organization,
            sender=peer.sender,
            receiver=peer.receiver,
            created_at=clock.now(),
            test=True,
            observations=tuple(
                Observation(
                    indicator_code=row.indicator_code,
                    breakdowns=level if "LEVEL" in row.dimension else (),
                    missing=Missing.NOT_AVAILABLE,
                    note=NOTE,
                )
                for row in template.indicator
                if row.required
            ),
        )
        self.packet = self.signed(self.report)

    def signed(self, report):
        work = Work(message_of(report, self.clock.now()), report)
        payload = self.adapter.prepare(work)
        return self.blobs.read(payload.blob.sha256, limit_bytes=payload.blob.size_bytes)


@pytest.fixture(scope="module")
def trial(reporting_peer, open_period, template, clock, blobs):
    made = Trial(reporting_peer, open_period, template, clock, blobs)
    yield made
    made.adapter.close()


@pytest.fixture(scope="module")
def submitted(trial, ministry):
    """One packet, handed over once and used by every test that needs one there."""
    return ministry.submit(trial.packet).told


def test_signed_packet_is_accepted(submitted, trial, learn):
    """If not: read the code. `BAOCAO_FORBIDDEN_SENDER`: the certificate is not registered for the sender.
    `BAOCAO_SIGNATURE_INVALID`: a device on the way changes XML. `BAOCAO_SCHEMA_INVALID`: the ministry's
    form asks for more; the fields are named."""
    assert submitted.receipt_id
    assert not submitted.duplicate
    learn(f"written there: trial {trial.report.packet_id}, receipt {submitted.receipt_id}")


def test_same_packet_again_is_known(submitted, trial, ministry):
    """If not: a report whose reply was lost would be there twice."""
    again = ministry.submit(trial.packet).told

    assert (again.receipt_id, again.duplicate) == (submitted.receipt_id, True)


def test_packet_can_be_asked_after(submitted, trial, ministry, learn):
    """If not: nobody learns whether a report was approved or returned."""
    told = ministry.status(trial.report.packet_id).told
    learn(f"a trial that was just handed over is {told.status}")

    assert told.changed_at.utcoffset() is not None


def test_unknown_packet_is_not_found(ministry):
    """If not: a report that never arrived cannot be told from one that did."""
    with pytest.raises(Rejected) as refused:
        ministry.status(str(uuid.uuid4()))
    assert refused.value.code == "BAOCAO_NOT_FOUND"


# --- what must be refused ---------------------------------------------------------------------------------


def test_other_figures_under_a_used_packet_id_are_refused(submitted, trial, ministry):
    """If not: one report could silently take the place of another."""
    other = trial.report.model_copy(update={"created_at": trial.report.created_at + timedelta(seconds=1)})

    with pytest.raises(HeldForPerson) as held:
        ministry.submit(trial.signed(other))
    assert held.value.code == "BAOCAO_PACKET_ID_REUSED"


def test_packet_without_a_signature_is_refused(trial, ministry, reporting_peer):
    """If not: anybody with the account's password can report without the agency's seal."""
    unsigned = trial.report.model_copy(update={"packet_id": str(uuid.uuid4())})

    with pytest.raises((Rejected, HeldForPerson)):
        ministry.submit(unsigned_packet(unsigned, reporting_peer.settings.agency_form))


def test_packet_changed_after_signing_is_refused(trial, ministry):
    """If not: signatures are not checked there; whatever a device on the way makes of a report counts."""
    fresh = trial.signed(trial.report.model_copy(update={"packet_id": str(uuid.uuid4())}))

    with pytest.raises((Rejected, HeldForPerson)) as refused:
        ministry.submit(fresh.replace(NOTE.encode(), f"{NOTE}.".encode(), 1))
    assert refused.value.code == "BAOCAO_SIGNATURE_INVALID"
