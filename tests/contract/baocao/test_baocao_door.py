"""What the simulated ministry refuses at its door, called by hand over real HTTP."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from ebrvt_adapters.baocao import mapping, wire
from lxml import etree

from ebrvt_connect.codec.soap import SOAP_12, envelope_bytes, wrapped
from ebrvt_connect.codec.username_token import PasswordStyle
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.contract.baocao.ministry import CLOSED, JUST_CLOSED, NAMESPACE, SENDER, pretty, ratio, report

VECTORS = Path(__file__).parents[2] / "vectors" / "reporting"
SUBMIT = f"{{{NAMESPACE}}}SubmitReport"
STATUS = f'<t:GetReportStatus xmlns:t="{NAMESPACE}"><t:packetId>x</t:packetId></t:GetReportStatus>'.encode()


@pytest.fixture
def packet(seal):
    """A signed packet of a report."""

    def make(signer=seal, **changes):
        record = report(**changes)
        return sign_packet(
            mapping.unsigned_packet(record, "qcvn102"),
            signer,
            reference_id=wire.packet_reference(record.packet_id),
        )

    return make


# --- SOAP -------------------------------------------------------------------------------------------------


def test_what_is_no_xml_is_the_callers_fault(caller):
    said = caller.post(b"xin chao")

    assert said.status == 500
    assert said.fault == ("soap-env:Client", None, [])


def test_doctype_is_refused_unread(caller, packet):
    data = envelope_bytes(wrapped(SUBMIT, packet()), header=caller.token())
    bomb = data.replace(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n', 1)

    assert caller.post(bomb).fault == ("soap-env:Client", None, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"SOAPAction": f'"{NAMESPACE}/GetPeriods"'},
        {"SOAPAction": '""'},
        {"SOAPAction": '"urn:other/GetReportStatus"'},
    ],
)
def test_action_that_does_not_name_the_body_is_refused(caller, headers):
    said = caller.post(envelope_bytes(STATUS, header=caller.token()), "GetReportStatus", **headers)

    assert said.fault[0] == "soap-env:Client"


def test_soap_12_is_not_spoken(caller):
    envelope = envelope_bytes(STATUS, header=caller.token(), version=SOAP_12)

    assert caller.post(envelope, "GetReportStatus").fault[0] == "soap-env:VersionMismatch"


def test_header_that_must_be_understood_is_not_passed_over(caller):
    strange = (
        b'<x:Route xmlns:x="urn:x" xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:mustUnderstand="1"/>'
    )
    envelope = envelope_bytes(STATUS, header=caller.token() + strange)

    assert caller.post(envelope, "GetReportStatus").fault[0] == "soap-env:MustUnderstand"


def test_content_type_of_another_protocol_is_not_taken(caller):
    assert caller.post(b"{}", Content_Type="application/json").status == 415


def test_other_paths_and_methods_are_not_served(caller):
    assert requests.get(caller.url, timeout=60).status_code == 405
    assert requests.post(caller.url + "/x", b"", timeout=60).status_code == 404


def test_wsdl_does_not_repeat_a_strange_host_name(caller):
    served = requests.get(caller.url, {"wsdl": ""}, headers={"Host": 'a"><x'}, timeout=60).content

    assert b'location="http://127.0.0.1/soap/reporting"' in served


# --- WS-Security ------------------------------------------------------------------------------------------


def auth_failed(said):
    code, service_code, [why] = said.fault
    assert (said.status, code, service_code) == (500, "soap-env:Client", "AUTH_FAILED")
    return why


def test_call_without_token_is_not_let_in(caller):
    assert auth_failed(caller.post(envelope_bytes(STATUS), "GetReportStatus")) == "MISSING"


@pytest.mark.parametrize("wrong", [{"password": "sai"}, {"username": "ai-do"}])
def test_wrong_account_is_not_let_in(caller, wrong):
    assert auth_failed(caller.call("GetReportStatus", STATUS, header=caller.token(**wrong))) == "WRONG"


def test_token_counts_once(caller, desk):
    header = caller.token()
    first = caller.call("GetReportStatus", STATUS, header=header)

    again = caller.call("GetReportStatus", STATUS, header=header)

    assert first.fault[1] == "NOT_FOUND"
    assert auth_failed(again) == "REPLAYED"
    assert desk.journal("refused")[-1]["code"] == "AUTH_FAILED"


@pytest.mark.parametrize("minutes", [-6, 2])
def test_token_of_a_clock_that_is_off_is_stale(caller, clock, minutes):
    header = caller.token(created=clock.now() + timedelta(minutes=minutes))

    assert auth_failed(caller.call("GetReportStatus", STATUS, header=header)) == "STALE"


@pytest.mark.parametrize("seconds", [-290, 50])
def test_clock_a_little_off_does_no_harm(caller, clock, seconds):
    header = caller.token(created=clock.now() + timedelta(seconds=seconds))

    assert caller.call("GetReportStatus", STATUS, header=header).fault[1] == "NOT_FOUND"


def test_password_in_the_clear_is_not_taken(caller):
    header = caller.token(style=PasswordStyle.TEXT)

    assert auth_failed(caller.call("GetReportStatus", STATUS, header=header)) == "STYLE"


@pytest.mark.parametrize("habits", [{"text_allowed": True}])
def test_password_in_the_clear_is_taken_where_the_ministry_says_so(caller):
    header = caller.token(style=PasswordStyle.TEXT)

    assert caller.call("GetReportStatus", STATUS, header=header).fault[1] == "NOT_FOUND"


def test_nonces_are_forgotten_when_their_tokens_are_stale(caller, desk):
    caller.call("GetReportStatus", STATUS)
    desk.pass_time(0)
    assert desk.state()["nonces"] == 1

    desk.pass_time(900)

    assert desk.state()["nonces"] == 0


# --- the schema -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b"<value>21.37<", b"<value>hai mot<", "body/observation"),
        (b"<createdAt>2026-11-23", b"<createdAt>23/11/2026", "header/createdAt"),
        (b"<regimeCode>NQ17</regimeCode>", b"", "templateCode"),
        (b"<test>true<", b"<test>co<", "header/test"),
    ],
)
def test_body_not_by_the_schema_is_refused_with_its_place(caller, packet, old, new, path):
    changed = packet().replace(old, new, 1)

    said = caller.submit(changed)

    assert said.fault[1] == "SCHEMA_INVALID"
    assert path in said.text("issue/{*}path")


def test_second_packet_beside_the_signed_one_is_refused(caller, packet):
    body = wrapped(SUBMIT, packet() + packet())

    assert caller.call("SubmitReport", body).fault[1] == "SCHEMA_INVALID"


# --- the signature ----------------------------------------------------------------------------------------


def signature_invalid(said):
    code, service_code, [why] = said.fault
    assert (said.status, code, service_code) == (500, "soap-env:Client", "SIGNATURE_INVALID")
    return why


def test_signed_packet_is_taken(caller, packet):
    assert caller.submit(packet()).text("status") == "RECEIVED"


def test_unsigned_packet_is_refused(caller):
    unsigned = mapping.unsigned_packet(report(), "qcvn102")

    assert signature_invalid(caller.submit(unsigned)) == "SIGNATURE_MISSING"


def test_re_formatted_packet_is_refused(caller, packet):
    assert signature_invalid(caller.submit(pretty(packet()))) == "SIGNATURE_VALUE"


def test_packet_re_formatted_but_for_its_signature_is_refused(caller, packet):
    changed = packet().replace(b"<header>", b"\n <header>", 1)

    assert signature_invalid(caller.submit(changed)) == "DIGEST"


def test_changed_figure_is_refused(caller, packet):
    changed = packet().replace(b"<value>21.37<", b"<value>91.37<", 1)

    assert signature_invalid(caller.submit(changed)) == "DIGEST"


def test_changed_signature_value_is_refused(caller, packet):
    root = etree.fromstring(packet())
    value = root.find(".//{*}SignatureValue")
    value.text = value.text[:-8] + "AAAAAAA="

    assert signature_invalid(caller.submit(etree.tostring(root))) == "SIGNATURE_VALUE"


@pytest.mark.parametrize("remark", [b"<!-- x -->", b"<?x y?>"])
def test_remark_put_into_a_packet_is_refused(caller, packet, remark):
    changed = packet().replace(b"</header>", remark + b"</header>", 1)

    assert signature_invalid(caller.submit(changed)) == "REMARKS"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"xmldsig-more#rsa-sha256", b"xmldsig#rsa-sha1", "SIGNATURE_MALFORMED"),
        (b"<ds:X509Certificate>", b"<ds:X509Certificate>!", "CERTIFICATE_UNKNOWN"),
    ],
)
def test_signature_of_another_make_is_refused(caller, packet, old, new, why):
    assert signature_invalid(caller.submit(packet().replace(old, new))) == why


def test_certificate_nobody_registered_is_refused(caller, packet, sandbox_pki):
    stranger = sandbox_pki.signer(SENDER, flavour="unlisted")

    assert signature_invalid(caller.submit(packet(stranger))) == "CERTIFICATE_UNKNOWN"


class TestExpired:
    @pytest.fixture
    def habits(self, sandbox_pki):
        expired = sandbox_pki.signer(SENDER, flavour="expired")
        return {"senders": {expired.certificate_sha256: [SENDER]}}

    def test_expired_certificate_is_refused(self, caller, packet, sandbox_pki):
        signed = packet(sandbox_pki.signer(SENDER, flavour="expired"))

        assert signature_invalid(caller.submit(signed)) == "CERTIFICATE_EXPIRED"


def test_signature_of_another_packet_is_refused(caller, packet):
    mine, other = etree.fromstring(packet()), etree.fromstring(packet())
    mine.replace(mine[-1], other[-1])

    assert signature_invalid(caller.submit(etree.tostring(mine))) == "SIGNATURE_ELSEWHERE"


def test_signed_packet_wrapped_into_a_forged_one_is_refused(caller, packet):
    """Signature wrapping: the forged packet stands in place, the signed one hides in its signature."""
    signed = etree.fromstring(packet())
    forged = etree.fromstring(packet())
    forged.find(".//{*}value").text = "99.99"
    signature = forged[-1]
    hidden = etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Object")
    reference = signature.find(".//{*}Reference")
    reference.set("URI", f"#{signed.get('Id')}")
    hidden.append(signed)

    assert signature_invalid(caller.submit(etree.tostring(forged))) == "SIGNATURE_MISPLACED"


def test_signed_packet_moved_to_a_soap_header_does_not_vouch_for_the_body(caller, packet):
    signed = packet()
    forged = etree.fromstring(signed)
    forged.find(".//{*}value").text = "99.99"
    data = envelope_bytes(wrapped(SUBMIT, etree.tostring(forged)), header=caller.token() + signed)

    assert signature_invalid(caller.post(data)) == "DIGEST"


def test_signature_that_is_not_the_last_child_is_refused_by_the_schema(caller, packet):
    root = etree.fromstring(packet())
    root.insert(0, root[-1])

    assert caller.submit(etree.tostring(root)).fault[1] == "SCHEMA_INVALID"


class TestSamples:
    """`sample_submit.xml` under its own certificate."""

    @pytest.fixture
    def habits(self):
        certificate = x509.load_pem_x509_certificate((VECTORS / "sample_submit.crt.pem").read_bytes())
        return {"senders": {certificate.fingerprint(hashes.SHA256()).hex(): [SENDER]}}

    def sent(self, caller, name):
        """The sample with a token of now in its header; its body as it is, byte for byte."""
        data = (VECTORS / name).read_bytes()
        begin, end = data.index(b"<wsse:Security"), data.index(b"</wsse:Security>") + len(b"</wsse:Security>")
        return caller.post(data[:begin] + caller.token() + data[end:])

    def test_sample_is_taken_as_to_its_signature(self, caller):
        """It is refused for its period, 2019-Q3: that is past the checks of the signature."""
        said = self.sent(caller, "sample_submit.xml")

        assert said.fault == ("soap-env:Client", "PERIOD_CLOSED", ["PERIOD_OVER"])

    def test_its_pretty_printed_twin_is_refused(self, caller):
        said = self.sent(caller, "signature_broken_by_pretty_printing.xml")

        assert signature_invalid(said) == "SIGNATURE_VALUE"


# --- who, which period, which figures ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"sender": "000.00.08.H06"}, "FORBIDDEN_SENDER", "SENDER"),
        ({"organization": "000.00.00.H19"}, "FORBIDDEN_SENDER", "ORGANIZATION"),
        ({"receiver": "000.00.00.G22"}, "SCHEMA_INVALID", "RECEIVER"),
        ({"regime_code": "NQ99"}, "NOT_FOUND", "REGIME"),
        ({"template_code": "NQ17-Z"}, "NOT_FOUND", "TEMPLATE"),
        ({"template_version": "0.9"}, "TEMPLATE_VERSION_OLD", "TEMPLATE_VERSION"),
        ({"period": "2026-11"}, "SCHEMA_INVALID", "PERIOD_DATES"),
        ({"test": False}, "PERIOD_CLOSED", "PERIOD_OPEN"),
        ({"period": "2027-Q1"}, "PERIOD_CLOSED", "PERIOD_NOT_BEGUN"),
        ({"period": CLOSED}, "PERIOD_CLOSED", "PERIOD_NOT_OPEN"),
        ({"period": CLOSED, "test": False}, "PERIOD_CLOSED", "PERIOD_OVER"),
        ({"replaces_packet_id": str(uuid.uuid4())}, "SCHEMA_INVALID", "REPLACES_UNKNOWN"),
    ],
)
def test_report_that_does_not_fit_is_refused_with_its_reason(caller, packet, changes, code, why):
    said = caller.submit(packet(**changes))

    assert said.fault == ("soap-env:Client", code, [why])


def figures(**changes):
    first, *others = report().observations
    return (first.model_copy(update=changes), *others)


@pytest.mark.parametrize(
    ("observations", "code", "why"),
    [
        (figures(indicator_code="NQ17.99"), "INDICATOR_UNKNOWN", "INDICATOR"),
        (report().observations[1:], "SCHEMA_INVALID", "REQUIRED"),
        ((*report().observations, report().observations[0]), "SCHEMA_INVALID", "REPEATED"),
        (figures(value=None, text="hai mươi"), "SCHEMA_INVALID", "NOT_A_NUMBER"),
        (figures(unit="COUNT"), "SCHEMA_INVALID", "UNIT"),
        (figures(breakdowns=(("VÙNG", "BIỂN"),)), "SCHEMA_INVALID", "DIMENSION"),
    ],
)
def test_figures_that_do_not_fit_the_template_are_refused(caller, packet, observations, code, why):
    said = caller.submit(packet(observations=observations))

    assert said.fault == ("soap-env:Client", code, [why])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b">INDICATOR_DATA<", b">KPI_DATA<", "PACKET_TYPE"),
        (b">000.00.15.H06<", b">???<", "AGENCY_CODE"),
        (b">2026-Q4<", b">quy 4<", "PERIOD"),
    ],
)
def test_words_that_pass_the_schema_and_mean_nothing_are_refused(caller, seal, old, new, why):
    record = report()
    strange = mapping.unsigned_packet(record, "qcvn102").replace(old, new)
    signed = sign_packet(strange, seal, reference_id=wire.packet_reference(record.packet_id))

    assert caller.submit(signed).fault[1:] == ("SCHEMA_INVALID", [why])


def test_template_of_another_regime_is_refused(caller, packet, desk):
    one = {"code": "X.01", "name": "x"}
    desk.seed(templates=[{"code": "X-Q", "version": "1.0", "name": "Khác", "indicators": [one]}])

    assert caller.submit(packet(template_code="X-Q")).fault[1:] == ("SCHEMA_INVALID", ["TEMPLATE"])


def test_seed_without_an_offset_is_refused(desk):
    with pytest.raises(ValueError, match="without its offset"):
        desk.seed(periods=[{"regimeCode": "NQ17", "periodCode": "2026-Q3", "dueAt": "2026-12-31T17:00:00"}])


def test_deciding_on_a_packet_nobody_sent_is_a_mistake(desk):
    with pytest.raises(KeyError):
        desk.decide("khong-co", "APPROVED")


def test_ready_line_tells_the_account_and_the_path(host):
    told = host.ready_line()["systems"]["baocao"]

    assert (told["username"], told["path"]) == ("brvt.stttt", "/soap/reporting")


def test_reason_for_a_missing_figure_must_be_in_the_list(caller, seal):
    record = report()
    strange = mapping.unsigned_packet(record, "qcvn102").replace(b"DENOMINATOR_ZERO", b"KHONG_RO")
    signed = sign_packet(strange, seal, reference_id=wire.packet_reference(record.packet_id))

    assert caller.submit(signed).fault[2] == ["MISSING_REASON"]


def test_closed_period_takes_the_report_itself_until_it_is_due(caller, packet, clock):
    clock.jump(JUST_CLOSED)

    assert caller.submit(packet(period=CLOSED, test=False)).text("status") == "RECEIVED"


def test_seed_moves_a_due_date_and_opens_a_period(caller, packet, desk):
    desk.seed(
        periods=[
            {"regimeCode": "NQ17", "periodCode": "2026-Q3", "dueAt": "2026-12-31T17:00:00+07:00"},
            {"regimeCode": "NQ17", "periodCode": "2026-Q2", "open": True},
        ]
    )

    assert caller.submit(packet(period=CLOSED, test=False)).text("status") == "RECEIVED"
    assert caller.submit(packet(period="2026-Q2")).text("status") == "RECEIVED"


def test_seeded_template_replaces_the_shipped_one(caller, packet, desk):
    one = {"code": "NQ17.02", "name": "x"}
    desk.seed(templates=[{"code": "NQ17-Q", "version": "2.0", "name": "Mới", "indicators": [one]}])

    assert caller.submit(packet()).fault[1] == "TEMPLATE_VERSION_OLD"
    observations = (ratio("NQ17.02", "50.00", 1, 2),)
    assert caller.submit(packet(template_version="2.0", observations=observations)).status == 200


def test_second_report_of_a_period_names_the_one_it_replaces(caller, packet, desk):
    first = report()
    caller.submit(packet(packet_id=first.packet_id))

    assert caller.submit(packet()).fault[2] == ["REPLACES_WRONG"]
    assert caller.submit(packet(replaces_packet_id=first.packet_id)).fault[2] == ["REPLACES_UNDECIDED"]
    desk.pass_time(10)
    desk.pass_time(10)
    assert caller.submit(packet(replaces_packet_id=first.packet_id)).status == 200


def test_trial_and_report_of_one_period_do_not_stand_in_each_others_way(caller, packet, clock, desk):
    desk.seed(periods=[{"regimeCode": "NQ17", "periodCode": "2026-Q3", "open": True}])
    assert caller.submit(packet(period=CLOSED)).status == 200
    desk.seed(
        periods=[
            {
                "regimeCode": "NQ17",
                "periodCode": "2026-Q3",
                "open": False,
                "dueAt": "2026-12-31T17:00:00+07:00",
            }
        ]
    )

    assert caller.submit(packet(period=CLOSED, test=False)).status == 200


def test_packet_under_a_prefix_declared_around_it_is_cut_out_as_it_came(caller, packet, seal, desk):
    """As zeep writes it: the prefix is declared by SubmitReport, not by the packet."""
    record = report()
    inner = etree.tostring(mapping_in_prefix(record, seal))
    body = b'<ns0:SubmitReport xmlns:ns0="' + NAMESPACE.encode() + b'">' + inner + b"</ns0:SubmitReport>"
    around = body.replace(
        b'<ns0:ReportPacket xmlns:ns0="' + NAMESPACE.encode() + b'"', b"<ns0:ReportPacket", 1
    )

    assert b"<ns0:ReportPacket Id=" in around
    assert caller.call("SubmitReport", around).text("status") == "RECEIVED"


def mapping_in_prefix(record, seal):
    """The signed packet of a report under the prefix `ns0`."""
    plain = etree.fromstring(mapping.unsigned_packet(record, "qcvn102"))
    root = etree.Element(plain.tag, dict(plain.attrib), nsmap={"ns0": NAMESPACE})
    root.extend(list(plain))
    text = etree.tostring(root).replace(b' xmlns="' + NAMESPACE.encode() + b'"', b"")
    prefixed = etree.fromstring(etree.tostring(_renamed(etree.fromstring(text))))
    return etree.fromstring(
        sign_packet(etree.tostring(prefixed), seal, reference_id=wire.packet_reference(record.packet_id))
    )


def _renamed(root):
    made = etree.Element(root.tag, dict(root.attrib), nsmap={"ns0": NAMESPACE})
    made.text = root.text
    for child in root:
        made.append(_renamed(child))
    return made
