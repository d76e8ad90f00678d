"""A report becomes its packet: golden against the sample of the contract, and nothing is lost or invented."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from ebrvt_adapters.baocao import mapping, wire
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.period import VIETNAM, ReportingPeriod
from ebrvt_connect.model.report import Missing, Observation, Report, ReportState

SAMPLE = Path(__file__).parents[2] / "vectors" / "reporting" / "sample_submit.xml"
FIGURE = Observation(
    indicator_code="NQ17.02",
    breakdowns=(("LEVEL", "PROVINCE"),),
    value=Decimal("21.37"),
    unit="PCT",
    numerator=Decimal(4274),
    denominator=Decimal(20000),
)


def report(**changes):
    fields = {
        "packet_id": "5b0f4b7e-7f0a-4f4e-9d3b-3f8f2f6f7a11",
        "regime_code": "NQ17",
        "template_code": "NQ17-Q",
        "template_version": "1.0",
        "period": ReportingPeriod("2019-Q3"),
        "organization": AgencyCode("000.00.00.H06"),
        "sender": AgencyCode("000.00.15.H06"),
        "receiver": AgencyCode("000.00.00.G14"),
        "created_at": datetime(2019, 9, 16, 1, tzinfo=UTC),
        "observations": (FIGURE,),
    }
    return Report(**(fields | changes))


def packet(**changes):
    """The unsigned packet, parsed, with its own names as paths."""
    return etree.fromstring(mapping.unsigned_packet(report(**changes), "qcvn102"))


def canonical(element):
    return etree.tostring(element, method="c14n", exclusive=True)


def text(element, path):
    return element.findtext("/".join(wire.tag(name) for name in path.split("/")))


def order(element):
    return [etree.QName(child).localname for child in element]


def test_sample_of_the_contract_is_what_we_write():
    sample = etree.fromstring(SAMPLE.read_bytes()).find(f".//{wire.PACKET}")
    ours = packet()

    for part, name in enumerate(("header", "body")):
        expected = etree.fromstring(canonical(sample[part]))
        made = etree.fromstring(canonical(ours[part]))
        assert [(e.tag, e.text, dict(e.attrib)) for e in made.iter()] == [
            (e.tag, e.text, dict(e.attrib)) for e in expected.iter()
        ], name


def test_packet_is_written_without_a_blank_and_declares_its_namespace_itself():
    data = mapping.unsigned_packet(report(), "qcvn102")

    start = f'<ReportPacket xmlns="{wire.NAMESPACE}" Id="pkt-5b0f4b7e-7f0a-4f4e-9d3b-3f8f2f6f7a11"><header>'
    assert data.startswith(start.encode())
    assert b"\n" not in data
    assert b"> <" not in data


def test_everything_a_report_holds_stands_in_the_order_of_the_schema():
    whole = packet(
        replaces_packet_id=str(uuid.uuid4()),
        test=True,
        document_code="125/BC-STTTT",
        signer_name="Nguyễn Văn Mẫu",
        observations=(FIGURE.model_copy(update={"note": "Ước tính"}),),
    )

    assert order(whole[0])[-3:] == ["createdAt", "replacesPacketId", "test"]
    assert order(whole[1])[-4:] == ["organizationCode", "documentCode", "signerName", "observation"]
    assert order(whole[1][-1]) == [
        "indicatorCode",
        "breakdown",
        "value",
        "unit",
        "numerator",
        "denominator",
        "note",
    ]
    assert wire.body_schema().problems(whole) == ()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("21.370", "21.370"),
        ("-0.50", "-0.50"),
        ("12345678901234567890", "12345678901234567890"),
    ],
)
def test_decimals_are_written_plainly_and_keep_their_digits(value, written):
    made = packet(observations=(FIGURE.model_copy(update={"value": Decimal(value)}),))

    assert text(made, "body/observation/value") == written


def test_time_is_written_with_vietnams_offset():
    elsewhere = datetime(2019, 9, 15, 20, 0, tzinfo=timezone(-timedelta(hours=5)))

    assert text(packet(created_at=elsewhere), "header/createdAt") == "2019-09-16T08:00:00+07:00"


def test_only_a_trial_says_so():
    assert text(packet(test=True), "header/test") == "true"
    assert text(packet(), "header/test") is None


def test_window_is_the_periods_own_not_the_calendars():
    made = packet()

    assert (text(made, "body/dataFrom"), text(made, "body/dataTo")) == ("2019-06-15", "2019-09-14")


@pytest.mark.parametrize("reason", Missing)
def test_missing_figure_goes_with_its_reason_and_no_value(reason):
    gone = Observation(indicator_code="NQ17.05", missing=reason, numerator=Decimal(0), denominator=Decimal(0))
    made = packet(observations=(gone,))

    assert text(made, "body/observation/missing") == reason.value
    assert text(made, "body/observation/value") is None
    assert text(made, "body/observation/denominator") == "0"


@pytest.mark.parametrize(
    ("form", "written"),
    [("qcvn102", "000.00.15.H06"), ("qd20", "H06.15"), ("as-written", "H06.15")],
)
def test_agency_codes_are_spelled_as_the_settings_say(form, written):
    made = etree.fromstring(mapping.unsigned_packet(report(sender=AgencyCode("H06.15")), form))

    assert text(made, "header/senderCode") == written


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"packet_id": "1"}, "BAOCAO_PACKET_ID_UNUSABLE"),
        ({"packet_id": ""}, "BAOCAO_PACKET_ID_UNUSABLE"),
        ({"replaces_packet_id": "báo cáo trước"}, "BAOCAO_PACKET_ID_UNUSABLE"),
        ({"observations": ()}, "BAOCAO_NO_FIGURES"),
        ({"regime_code": "NQ\x0017"}, "BAOCAO_TEXT_UNUSABLE"),
        ({"observations": (FIGURE.model_copy(update={"note": "a\x1bb"}),)}, "BAOCAO_TEXT_UNUSABLE"),
        (
            {"observations": (FIGURE.model_copy(update={"breakdowns": (("A", "\x01"),)}),)},
            "BAOCAO_TEXT_UNUSABLE",
        ),
        ({"sender": AgencyCode("SAAS.1")}, "AGENCY_CODE_INVALID"),
    ],
)
def test_report_that_cannot_be_written_is_refused(changes, code):
    with pytest.raises(InvalidValue) as refusal:
        mapping.unsigned_packet(report(**changes), "qcvn102")

    assert refusal.value.code == code
    assert "{" not in refusal.value.sentence_vi


def test_schema_has_the_last_word_before_anything_is_signed():
    both = FIGURE.model_copy(update={"text": "hai mươi mốt"})
    record = report().model_copy(update={"observations": (both,)})

    with pytest.raises(InvalidValue) as refusal:
        mapping.unsigned_packet(record, "qcvn102")

    assert refusal.value.code == "BAOCAO_PACKET_NOT_VALID"
    assert "observation" in refusal.value.sentence_vi


LETTERS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=30)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)
OBSERVATIONS = st.builds(
    Observation,
    indicator_code=st.just("NQ17.02"),
    breakdowns=st.lists(st.tuples(st.just("LEVEL"), LETTERS), max_size=2).map(tuple),
    value=NUMBERS,
    unit=st.sampled_from(["", "PCT"]),
    numerator=st.none() | NUMBERS,
    denominator=st.none() | NUMBERS,
    note=LETTERS.filter(lambda text: text == text.strip()),
)


@given(st.lists(OBSERVATIONS, min_size=1, max_size=4).map(tuple))
def test_what_is_written_is_read_back_whole(observations):
    record = report(observations=observations)

    read = wire.Packet.read(etree.fromstring(mapping.unsigned_packet(record, "qcvn102")))

    assert read == mapping.packet_of(record, "qcvn102")


def test_reading_leaves_the_signature_aside():
    sample = etree.fromstring(SAMPLE.read_bytes()).find(f".//{wire.PACKET}")

    read = wire.Packet.read(sample)

    assert read == mapping.packet_of(report(), "qcvn102")
    assert read.header.created_at.utcoffset() == VIETNAM.utcoffset(None)


def told(status="RETURNED", **changes):
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return wire.StatusTold(packet_id="x", status=status, changed_at=at, **changes)


def issue(n=1, **changes):
    return wire.Issue(
        **({"code": f"C{n}", "path": f"body/observation[{n}]", "message": f"Lỗi {n}."} | changes)
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (told(reason="Thiếu thuyết minh."), "Thiếu thuyết minh"),
        (told(reason="Sai", issue=(issue(),)), "Sai; Lỗi 1. (mục body/observation[1])"),
        (told(issue=(issue(path=None),)), "Lỗi 1"),
        (told(), "không nêu lý do"),
        (told(reason="  \x07  "), "không nêu lý do"),
    ],
)
def test_reason_is_told_in_the_ministrys_words(status, expected):
    assert mapping.reason_vi(status) == expected


def test_endless_words_of_the_ministry_are_cut():
    assert len(mapping.quoted("x" * 10_000)) == 400
    assert mapping.issues_vi([issue(n) for n in range(1, 9)]).endswith("; …")


@pytest.mark.parametrize("state", [one for one in ReportState if one is not ReportState.HELD])
def test_states_of_the_ministry_are_ours(state):
    assert mapping.state_of(state.value) is state


@pytest.mark.parametrize("word", ["HELD", "DONE", ""])
def test_word_that_is_no_state_of_the_ministry_is_refused(word):
    with pytest.raises(ValueError, match=r"HELD|not a valid"):
        mapping.state_of(word)
