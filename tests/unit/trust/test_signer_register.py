"""Which certificate signs for which agency: the register decides, never a name."""

from datetime import UTC, date, datetime

import pytest

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory, CodeSuccession
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.trust.policy import VN_2025, Override
from ebrvt_connect.trust.signers import ISSUED_DOCUMENT, PACKET, SEALED, SignerRegister
from ebrvt_connect.trust.verdict import Severity, SignatureRole
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY, plain_pdf

SHA = "ab" * 32


def codes(decision):
    return [f.code for f in decision.findings]


@pytest.fixture
def decide(desk):
    def judge(pdf, agency=AGENCY, **more):
        report = desk.verdict(pdf)
        return desk.trust.signers.signed_for(
            report, AgencyCode.parse(agency), at=AT, policy=more.pop("policy", VN_2025), **more
        )

    return judge


def test_leader_and_seal_of_the_issuing_agency_may_go(desk, decide):
    decision = decide(desk.issued())

    assert (decision.held, decision.code, decision.reason_vi, codes(decision)) == (False, "", "", [])


@pytest.mark.parametrize("spelling", ["000.00.15.H06", "H06.15"])
def test_either_spelling_of_the_code_is_the_same_agency(desk, decide, spelling):
    assert decide(desk.issued(), spelling).held is False


def test_an_old_code_is_the_agency_that_follows_it(desk, decide):
    history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1), (("H06.15", "H29.15"),))])

    assert decide(desk.issued(), "H29.15", history=history).held is False
    assert decide(desk.issued(), "H29.15").held is True


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(
            lambda d: d.issued(agency=OTHER_AGENCY), "AGENCY_SEAL_FOREIGN", id="another agency's seal"
        ),
        pytest.param(lambda d: d.signed(role="person"), "AGENCY_SEAL_MISSING", id="leader without seal"),
        pytest.param(lambda d: d.signed(role="agency"), "LEADER_SIGNATURE_MISSING", id="seal without leader"),
        pytest.param(
            lambda d: d.signed(d.signed(role="person", agency=OTHER_AGENCY)),
            "LEADER_SIGNATURE_MISSING",
            id="another agency's leader",
        ),
        pytest.param(
            lambda d: d.issued(flavour="unlisted"), "AGENCY_SEAL_MISSING", id="in nobody's register"
        ),
        pytest.param(lambda d: d.issued(flavour="impostor"), "DOCUMENT_NOT_PASSED", id="imitated"),
        pytest.param(lambda d: d.issued(flavour="revoked"), "DOCUMENT_NOT_PASSED", id="revoked"),
        pytest.param(lambda d: d.issued() + b"x", "DOCUMENT_NOT_PASSED", id="bytes appended"),
        pytest.param(lambda _: plain_pdf(), "DOCUMENT_NOT_PASSED", id="unsigned"),
    ],
)
def test_anything_else_is_held(desk, decide, make, expected):
    decision = decide(make(desk))

    assert decision.held is True
    assert expected in codes(decision)
    assert decision.code == codes(decision)[0]
    assert decision.reason_vi


@pytest.mark.parametrize("spoil", ["revoked", "bytes appended", "nobody is trusted"])
def test_signatures_that_are_there_and_have_not_passed_are_not_called_missing(desk, spoil):
    pdf = desk.issued(flavour="revoked") if spoil == "revoked" else desk.issued()
    who = desk.trusting_nobody() if spoil == "nobody is trusted" else desk
    report = who.verdict(pdf + b"x" * (spoil == "bytes appended"))
    decision = desk.trust.signers.signed_for(report, AgencyCode.parse(AGENCY), at=AT, policy=VN_2025)

    if spoil == "bytes appended":  # of the file as a whole: each signature in it has passed
        assert codes(decision) == ["DOCUMENT_NOT_PASSED"]
        return
    assert (decision.held, decision.leaders, decision.seals) == (True, (), ())
    assert codes(decision) == [
        "DOCUMENT_NOT_PASSED",
        "AGENCY_SEAL_NOT_PASSED",
        "LEADER_SIGNATURE_NOT_PASSED",
    ]
    assert "Chữ ký thứ 2 dùng chứng thư số" in decision.reason_vi
    assert "Chữ ký thứ 1 dùng chứng thư số" in decision.reason_vi
    assert "chưa có chữ ký" not in decision.reason_vi


def test_what_has_not_passed_holds_even_where_a_policy_lets_the_document_go(desk):
    lenient = VN_2025.model_copy(
        update={"overrides": (Override(code="DOCUMENT_NOT_PASSED", severity=Severity.WARNING),)}
    )
    report = desk.verdict(desk.issued(flavour="revoked"))
    decision = desk.trust.signers.signed_for(report, AgencyCode.parse(AGENCY), at=AT, policy=lenient)

    assert (decision.held, decision.code) == (True, "AGENCY_SEAL_NOT_PASSED")


def test_a_foreign_seal_is_named_in_the_reason(desk, decide):
    reason = decide(desk.issued(agency=OTHER_AGENCY)).reason_vi

    assert OTHER_AGENCY in reason
    assert AGENCY in reason


def test_seal_before_leader_holds_unless_a_policy_only_warns_of_it(desk, decide):
    turned = desk.signed(desk.signed(role="agency"), role="person")
    lenient = VN_2025.model_copy(
        update={"overrides": (Override(code="SEAL_BEFORE_LEADER", severity=Severity.WARNING),)}
    )

    assert (codes(decide(turned)), decide(turned).held) == (["SEAL_BEFORE_LEADER"], True)
    assert decide(turned, policy=lenient).held is False


def test_the_register_counts_at_signing_time(desk, pki):
    """A seal retired since is still good for what it provably sealed; one not yet introduced is not."""
    report = desk.verdict(desk.issued(timestamper=desk.stamped()))
    line = '[[signer]]\nsha256 = "{}"\nagency = "{}"\nrole = "{}"\nfrom = {}\nto = {}\n'

    def register(since, until):
        rows = [
            line.format(pki.signer(AGENCY, role=role).certificate_sha256, AGENCY, role, since, until)
            for role in ("person", "agency")
        ]
        return SignerRegister.from_toml("".join(rows).encode())

    def held(since, until):
        decision = register(since, until).signed_for(
            report, AgencyCode.parse(AGENCY), at=AT.replace(year=2030), policy=VN_2025
        )
        return decision.held

    assert held("2026-11-23", "2026-11-23") is False
    assert held("2026-11-24", "2027-11-23") is True
    assert held("2025-01-01", "2026-11-22") is True


def test_a_decision_is_not_a_yes(desk, decide):
    with pytest.raises(TypeError, match="held"):
        bool(decide(desk.issued()))


def test_days_begin_in_vietnam():
    register = SignerRegister.from_toml(
        f'[[signer]]\nsha256="{SHA}"\nagency="H06.15"\nrole="copy"\nfrom=2026-01-02\n'.encode()
    )

    assert register.role_of(SHA, datetime(2026, 1, 1, 16, 59, tzinfo=UTC)) is SignatureRole.UNKNOWN
    assert register.role_of(SHA, datetime(2026, 1, 1, 17, 0, tzinfo=UTC)) is SignatureRole.COPY


def test_a_certificate_with_two_roles_shows_none():
    rows = "".join(
        f'[[signer]]\nsha256="{SHA}"\nagency="H06.15"\nrole="{role}"\nfrom=2020-01-01\n'
        for role in ("copy", "agency")
    )

    assert SignerRegister.from_toml(rows.encode()).role_of(SHA, AT) is SignatureRole.UNKNOWN


def test_fingerprints_may_be_written_with_colons_and_capitals():
    row = f'[[signer]]\nsha256="{":".join(["AB"] * 32)}"\nagency="H06.15"\nrole="agency"\nfrom=2020-01-01\n'

    assert SignerRegister.from_toml(row.encode()).signers[0].sha256 == SHA


@pytest.mark.parametrize(
    "text",
    [
        "not toml =",
        "signer = 3",
        "signer = [3]",
        f'[[signer]]\nsha256="{SHA}"\nagency="H06.15"\nrole="king"\nfrom=2020-01-01\n',
        f'[[signer]]\nsha256="{SHA}"\nagency="H06.15"\nrole="timestamp"\nfrom=2020-01-01\n',
        f'[[signer]]\nsha256="{SHA}"\nagency="not a code"\nrole="agency"\nfrom=2020-01-01\n',
        '[[signer]]\nsha256="ab"\nagency="H06.15"\nrole="agency"\nfrom=2020-01-01\n',
        f'[[signer]]\nsha256="{SHA}"\nagency="H06.15"\nrole="agency"\n',
        f'[[signer]]\nsha256="{SHA}"\nagency="H06.15"\nrole="agency"\nfrom=2020-01-01\nuntill=2021-01-01\n',
        "\udcff",
    ],
)
def test_a_broken_register_is_refused(text):
    with pytest.raises(InvalidValue) as refusal:
        SignerRegister.from_toml(text.encode("utf-8", "surrogateescape"))

    assert refusal.value.code == "SIGNER_REGISTER_INVALID"


# --- attacks that once passed --------------------------------------------------------------------------


def test_a_third_signature_of_nobody_known_is_held(desk, decide):
    decision = decide(desk.signed(desk.issued(), flavour="unlisted", field_name="Ba"))

    assert (decision.held, codes(decision)) == (True, ["SIGNER_NOT_REGISTERED"])
    assert "chữ ký thứ 3" in decision.reason_vi


def test_another_agencys_third_signature_is_held(desk, decide):
    assert "SIGNER_NOT_REGISTERED" in codes(
        decide(desk.signed(desk.issued(), agency=OTHER_AGENCY, field_name="Ba"))
    )


def test_a_document_timestamp_needs_no_registration(desk, decide):
    assert decide(desk.with_document_timestamp(desk.issued())).held is False


def registered(pki, *lines):
    rows = (
        f'[[signer]]\nsha256="{pki.signer(AGENCY, role=of).certificate_sha256}"\nagency="{AGENCY}"\n'
        f'role="{role}"\nfrom=2015-01-01\n{ending}\n'
        for of, role, ending in lines
    )
    return SignerRegister.from_toml("".join(rows).encode())


def test_one_signature_is_not_both_leader_and_seal(desk, pki):
    register = registered(pki, ("agency", "agency", ""), ("agency", "person", ""))

    decision = register.signed_for(
        desk.verdict(desk.signed()), AgencyCode.parse(AGENCY), at=AT, policy=VN_2025
    )

    assert (decision.held, codes(decision)) == (True, ["ONE_SIGNATURE_FOR_BOTH"])


@pytest.mark.parametrize("stamped", [True, False])
def test_a_registration_that_ended_counts_only_for_a_proven_time(desk, pki, stamped):
    """A backdated claim must not bring a retired seal back."""
    before = datetime(2024, 6, 1, tzinfo=UTC)
    register = registered(pki, ("person", "person", "to=2024-12-31"), ("agency", "agency", "to=2024-12-31"))
    pdf = desk.issued(at=before, timestamper=desk.stamped(before) if stamped else None)

    decision = register.signed_for(desk.verdict(pdf), AgencyCode.parse(AGENCY), at=AT, policy=VN_2025)

    assert decision.held is not stamped


# --- things that are no PDF --------------------------------------------------------------------------


@pytest.fixture
def decide_on(desk):
    def judge(data, wanted, agency=AGENCY, register=None):
        return (register or desk.trust.signers).signed_for(
            desk.verdict(data), AgencyCode.parse(agency), at=AT, policy=VN_2025, wanted=wanted
        )

    return judge


def papers(pki, agency=AGENCY):
    """The same two signatures in XML and in CMS."""
    signers = [pki.signer(agency, role="person"), pki.signer(agency)]
    paper = result_paper_xml("Kết quả", {"Số": "1"})
    return [signed_xml(paper, signers), signed_cms(paper, signers, signed_at=AT)]


@pytest.mark.parametrize("wanted", [ISSUED_DOCUMENT, SEALED])
def test_leader_and_seal_count_in_any_format(pki, decide_on, wanted):
    """XML without signing times does not tell who signed first; a seal alone need not."""
    untold = [["SIGNING_ORDER_UNKNOWN"], []] if wanted is ISSUED_DOCUMENT else [[], []]

    assert [codes(decide_on(p, wanted)) for p in papers(pki)] == untold


def test_another_agencys_seal_does_not_count_in_any_format(pki, decide_on):
    decisions = [decide_on(p, ISSUED_DOCUMENT) for p in papers(pki, OTHER_AGENCY)]

    assert [d.code for d in decisions] == ["AGENCY_SEAL_FOREIGN", "AGENCY_SEAL_FOREIGN"]


def test_the_seal_alone_does_for_what_is_only_sealed(pki, decide_on):
    paper = signed_xml(result_paper_xml("Kết quả", {}), [pki.signer(AGENCY)])

    assert decide_on(paper, SEALED).held is False
    assert decide_on(paper, ISSUED_DOCUMENT).code == "LEADER_SIGNATURE_MISSING"


def test_a_packet_is_signed_by_the_seal_or_by_a_key_for_packets(pki, decide_on):
    seal = pki.signer(AGENCY)
    packet = sign_packet(b'<a Id="p"/>', seal, reference_id="p")
    row = (
        f'[[signer]]\nsha256="{seal.certificate_sha256}"\nagency="{AGENCY}"\nrole="packet"\nfrom=2020-01-01\n'
    )
    for_packets = SignerRegister.from_toml(row.encode())

    assert decide_on(packet, PACKET).held is False
    assert decide_on(packet, PACKET, register=for_packets).held is False
    assert decide_on(packet, ISSUED_DOCUMENT, register=for_packets).code == "AGENCY_SEAL_MISSING"
    assert decide_on(packet, PACKET, agency=OTHER_AGENCY).code == "AGENCY_SEAL_FOREIGN"
    assert decide_on(packet, PACKET, register=SignerRegister()).code == "PACKET_SIGNATURE_MISSING"


def test_a_leaders_own_signature_makes_no_packet(pki, decide_on):
    packet = sign_packet(b'<a Id="p"/>', pki.signer(AGENCY, role="person"), reference_id="p")

    assert codes(decide_on(packet, PACKET)) == ["PACKET_SIGNATURE_MISSING", "SIGNER_NOT_REGISTERED"]
