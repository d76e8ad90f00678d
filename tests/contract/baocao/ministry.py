"""Samples, and a hand inside the simulated ministry."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import requests
from lxml import etree

from ebrvt_connect.codec.soap import envelope_bytes, read_envelope, wrapped
from ebrvt_connect.codec.username_token import PasswordStyle, security_header
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.model.period import ReportingPeriod
from ebrvt_connect.model.report import Missing, Observation, Report
from ebrvt_connect.ports.adapter import Work
from ebrvt_connect.testing import sandbox_faults

NAMESPACE = "urn:ebrvt:sandbox:reporting:1"
SENDER = "000.00.15.H06"
PROVINCE = "000.00.00.H06"
MINISTRY = "000.00.00.G14"
OPEN = ReportingPeriod("2026-Q4")
CLOSED = ReportingPeriod("2026-Q3")
"""Closed on 14 September 2026 and due on the 29th."""
JUST_CLOSED = datetime(2026, 9, 20, 1, tzinfo=UTC)
USERNAME = "brvt.stttt"
PASSWORD = "mật khẩu mẫu"


def observations():
    """What NQ17-Q requires: three ratios and one that cannot be had."""
    level = (("LEVEL", "PROVINCE"),)
    return (
        ratio("NQ17.02", "21.37", 4274, 20000),
        ratio("NQ17.05", "98.50", 197, 200),
        ratio("NQ17.16", "100.00", 12, 12),
        Observation(
            indicator_code="NQ17.17",
            breakdowns=level,
            missing=Missing.DENOMINATOR_ZERO,
            unit="PCT",
            numerator=Decimal(0),
            denominator=Decimal(0),
            note="Không có văn bản gửi đi trong kỳ",
        ),
    )


def ratio(code, value, numerator, denominator):
    return Observation(
        indicator_code=code,
        breakdowns=(("LEVEL", "PROVINCE"),),
        value=Decimal(value),
        unit="PCT",
        numerator=Decimal(numerator),
        denominator=Decimal(denominator),
    )


def report(**changes):
    """A trial report of the open period."""
    fields = {
        "packet_id": str(uuid.uuid4()),
        "regime_code": "NQ17",
        "template_code": "NQ17-Q",
        "template_version": "1.0",
        "period": OPEN,
        "organization": AgencyCode(PROVINCE),
        "sender": AgencyCode(SENDER),
        "receiver": AgencyCode(MINISTRY),
        "created_at": datetime(2026, 11, 23, 1, tzinfo=UTC),
        "test": True,
        "observations": observations(),
    }
    return Report(**(fields | changes))


def work(record, state=State.SENDING, **changes):
    """A report on its way, as the engine hands it over."""
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    fields = {
        "id": 7,
        "idem_key": f"bao-cao:{record.packet_id}:1",
        "link": "bao-cao",
        "source": "ledger",
        "target": "baocao",
        "kind": Kind.REPORT,
        "lane": f"{record.regime_code}/{record.period}/{record.organization}",
        "shard": 0,
        "state": state,
        "created_at": at,
        "updated_at": at,
        "external_id": record.packet_id,
        "record": record.model_dump_json(),
    }
    return Work(Message(**(fields | changes)), record)


class Desk:
    """What a clerk or a trouble-maker does."""

    def __init__(self, host, clock):
        self.host = host
        self.clock = clock

    def arm(self, kind, operation="*", **fault):
        planned = sandbox_faults.Fault(system="baocao", kind=kind, operation=operation, **fault)
        return self.host.arm([planned])

    def journal(self, event):
        with self.host.held("baocao") as ministry:
            return [entry for entry in ministry.world.journal_entries() if entry["event"] == event]

    def decide(self, packet_id, state, reason=""):
        with self.host.held("baocao") as ministry:
            ministry.ministry.decide(packet_id, state, self.clock.now(), reason)

    def seed(self, **data):
        with self.host.held("baocao") as ministry:
            return ministry.seed(data)

    def state(self):
        with self.host.held("baocao") as ministry:
            return ministry.state()

    def pass_time(self, seconds):
        self.clock.advance(seconds)
        self.host.tick()

    def lose_register(self):
        """The ministry forgets every packet it had."""
        with self.host.held("baocao") as ministry:
            for table in ("packets", "current", "desk"):
                for key, _ in list(ministry.world.rows(table)):
                    ministry.world.delete(table, key)


class Caller:
    """Calls the service by hand, as another program or an attacker would."""

    def __init__(self, url, clock):
        self.url = f"{url}/soap/reporting"
        self.clock = clock

    def submit(self, packet, **how):
        return self.call("SubmitReport", wrapped(f"{{{NAMESPACE}}}SubmitReport", packet), **how)

    def call(self, operation, body, **how):
        return self.post(
            envelope_bytes(body, header=how.pop("header", None) or self.token()), operation, **how
        )

    def post(self, data, operation="SubmitReport", **headers):
        sent = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{NAMESPACE}/{operation}"',
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return Said(requests.post(self.url, data, headers=sent, timeout=60))

    def token(self, password=PASSWORD, created=None, style=PasswordStyle.DIGEST, username=USERNAME):
        return security_header(
            username,
            password,
            style=style,
            nonce=uuid.uuid4().bytes,
            created=created or self.clock.now(),
        )


class Said:
    """What was answered: status, and what the fault says."""

    def __init__(self, reply):
        self.status = reply.status_code
        self.headers = reply.headers
        self.raw = reply.content
        is_xml = "xml" in reply.headers.get("Content-Type", "")
        self.body = read_envelope(reply.content).body if is_xml and reply.content else None

    def text(self, path):
        """The first text of that local name anywhere in the body."""
        return self.body.findtext(f".//{{*}}{path}")

    @property
    def fault(self):
        """The fault's own code, the service's code, and the codes of its issues."""
        codes = [one.text for one in self.body.iterfind(".//{*}issue/{*}code")]
        return self.body.findtext("faultcode"), self.text("ServiceFault/{*}code"), codes


def pretty(packet):
    """The same packet, re-formatted as a well-meaning tool would."""
    root = etree.fromstring(packet, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(root, pretty_print=True)
