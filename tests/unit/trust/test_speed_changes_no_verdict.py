"""What is remembered or proven by a short cut changes no verdict: the slow way says the same of every file.

The slow way asks pyHanko and signxml about each signature and each path anew and remembers no certificate,
signature or list. What spares pyHanko the hex digits has tests of its own (`test_scanning`,
`test_structure`), and so has XML (`test_xml_short_cuts`).
"""

import random
from contextlib import contextmanager

import pytest
from asn1crypto import cms

from ebrvt_connect.testing.sample_ooxml import PackageSignature, office_parts, packed, signed_package
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.trust import chain, remembered, second_opinion, signed_data
from ebrvt_connect.trust.immediate import run_to_end
from ebrvt_connect.trust.policy import ETSI_STRICT, VN_2025, VN_LEGACY_2018
from ebrvt_connect.trust.second_opinion import doubt_about_signer, opinion_on_cms, validation_context
from ebrvt_connect.trust.signed_data import load_signed_data, read_contents, signed_by_one
from ebrvt_connect.trust.sound_cms import plainly_holds
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.both_ways import no_short_cuts
from tests.unit.trust.samples import (
    AGENCY,
    AT,
    CopiedTimestamps,
    flipped_at,
    gap_of,
    new_annotation,
    new_evidence,
    new_form_value,
    new_page_content,
    plain_pdf,
    updated,
    with_byte_range,
    with_signed_data,
)

LATE = AT.replace(year=2049)
FLIPS = 16


@pytest.fixture(scope="module")
def slowly():
    """Everything asked anew."""

    @contextmanager
    def run():
        with pytest.MonkeyPatch.context() as without, no_short_cuts():
            without.setattr(second_opinion, "plainly_holds", lambda *_: False)
            without.setattr(
                second_opinion, "_doubt_about_signer", second_opinion._doubt_about_signer.__wrapped__
            )
            without.setattr(second_opinion, "_is_worth_keeping", lambda _: True)
            without.setattr(remembered.HeldList, "once", lambda self, _, ask: ask(self.crl))
            without.setattr(remembered.HeldList, "may_name", lambda *_: True)
            without.setattr(chain, "is_signed_by", remembered._is_signed_by.__wrapped__)
            without.setattr(signed_data, "read_certificate", remembered._read.__wrapped__)
            yield

    return run


def certificates_swapped(content):
    """The bag in another order, the first one twice."""
    each = list(content["certificates"])
    content["certificates"] = cms.CertificateSet([*reversed(each), each[0]])


def no_certificates(content):
    content["certificates"] = cms.CertificateSet([])


def another_serial(content):
    content["signer_infos"][0]["sid"].chosen["serial_number"] = 4711


def another_digest_named(content):
    content["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha512"}


def another_algorithm_named(content):
    content["signer_infos"][0]["signature_algorithm"] = {"algorithm": "sha384_rsa"}


def value_of_zeros(content):
    signer = content["signer_infos"][0]
    signer["signature"] = bytes(len(signer["signature"].native))


def unsigned_attributes_gone(content):
    signer = content["signer_infos"][0]
    del signer["unsigned_attrs"]


CHANGED = (
    certificates_swapped,
    no_certificates,
    another_serial,
    another_digest_named,
    another_algorithm_named,
    value_of_zeros,
    unsigned_attributes_gone,
)
"""What is done to the signed data."""


@pytest.fixture(scope="module")
def pdfs(desk, pki):
    """Sound ones, and each kind of unsound."""
    stamped, sealed = desk.signed(timestamper=desk.stamped()), desk.signed()
    both = desk.issued(timestamper=desk.stamped())
    flavours = [
        desk.signed(flavour=f, timestamper=t)
        for f in ("impostor", "revoked", "expired", "future", "weak", "unlisted")
        for t in (None, desk.stamped())
    ]
    altered = [with_signed_data(pdf, change) for pdf in (sealed, stamped) for change in CHANGED]
    later = [updated(both, change) for change in (new_page_content, new_annotation, new_evidence)]
    return [
        sealed,
        stamped,
        both,
        desk.with_document_timestamp(stamped),
        desk.signed(timestamper=desk.stamped(impostor=True)),
        desk.signed(timestamper=CopiedTimestamps(desk.stamped())),
        plain_pdf(),
        updated(sealed, new_form_value),
        with_byte_range(sealed, lambda numbers: numbers.__setitem__(3, numbers[3] - 7)),
        *flavours,
        *altered,
        *later,
        *flipped(sealed, *gap_of(sealed)),
        *flipped(stamped, 0, len(stamped)),
    ]


def flipped(data, start, end):
    chosen = random.Random(end)
    written = end - 1 - (len(data[start:end]) - len(data[start:end].rstrip(b"0>")))
    return [flipped_at(data, chosen.randrange(start + 1, max(start + 2, written))) for _ in range(FLIPS)]


@pytest.mark.parametrize("policy", [VN_2025, VN_LEGACY_2018, ETSI_STRICT], ids=lambda p: p.id)
def test_a_pdf_is_judged_alike_quickly_and_slowly(desk, pdfs, slowly, policy):
    indications = set()
    for pdf in pdfs if policy is VN_2025 else pdfs[::3]:
        for desk_ in (desk, desk.without_revocation_lists()) if pdf is pdfs[0] else (desk,):
            quick, again = (desk_.verdict(pdf, policy=policy) for _ in range(2))
            with slowly():
                slow = desk_.verdict(pdf, policy=policy)
            assert quick == again == slow
            indications.add(quick.indication)

    assert indications == set(Indication)


def test_another_time_of_the_check_is_another_question(desk, pdfs, slowly):
    for pdf in pdfs[:6]:
        for at in (AT, LATE, AT.replace(year=2019)):
            quick = desk.verdict(pdf, at=at)
            with slowly():
                assert quick == desk.verdict(pdf, at=at)


def test_other_formats_are_judged_alike_quickly_and_slowly(desk, pki, slowly):
    keys = [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]
    paper = result_paper_xml("Giấy phép", {"Số": "1"})
    how = PackageSignature(signed_at=AT)
    files = [
        signed_cms(b"noi dung", keys, signed_at=AT),
        signed_cms(b"noi dung", [pki.signer(AGENCY, flavour="revoked")], signed_at=AT),
        signed_xml(paper, keys),
        signed_xml(paper, [pki.signer(AGENCY, flavour="impostor")]),
        packed(signed_package(office_parts("docx"), keys[1], how)),
    ]
    files += [changed for data in files[:3] for changed in flipped(data, 0, len(data))[:20]]
    for data in files:
        quick = verify_bytes(data, policy=VN_2025, trust=desk.trust, at=AT)
        with slowly():
            assert quick == verify_bytes(data, policy=VN_2025, trust=desk.trust, at=AT)


def test_whatever_is_proven_here_pyhanko_holds_too(desk, pdfs):
    """The short cut goes one way only; asked all the same, pyHanko finds digest, value and signer sound."""
    proven = 0
    for pdf in pdfs:
        try:
            start, end = gap_of(pdf)
            signed = read_contents(bytes.fromhex(pdf[start + 1 : end - 1].decode()), timestamp=False)
            hints = (*signed.others, *desk.trust.intermediates)
            found = chain.chain_to_anchor(signed.leaf, hints, desk.trust.for_signing, AT)
        except (IndexError, ValueError, signed_data.CmsMalformed):
            continue
        digest = signed.message_digest
        if not plainly_holds(signed, digest, VN_2025):
            continue
        for vouched in (True, False):
            context = validation_context(found, AT, VN_2025, vouched=vouched, embedded=signed.others)
            asked = opinion_on_cms(signed.content, digest, context)
            doubt = doubt_about_signer(signed.leaf, signed.others, found, AT, VN_2025, vouched=vouched)
            assert (asked.intact, bool(asked.doubt)) == (True, bool(doubt))
        proven += 1

    assert proven > FLIPS


def test_of_another_digest_nothing_is_proven(desk):
    pdf = desk.signed()
    start, end = gap_of(pdf)
    signed = read_contents(bytes.fromhex(pdf[start + 1 : end - 1].decode()), timestamp=False)

    assert plainly_holds(signed, signed.message_digest, VN_2025)
    assert not plainly_holds(signed, flipped_at(signed.message_digest, 0), VN_2025)
    assert not plainly_holds(
        signed, signed.message_digest, VN_2025.model_copy(update={"digests": ("sha512",)})
    )
    assert not plainly_holds(signed, signed.message_digest, VN_2025.model_copy(update={"rsa_bits": 8192}))


def test_pss_is_of_the_plain_form_too_and_its_value_counts(pki):
    good = pki.signer(AGENCY)
    pss = KeySigner(good.certificate, good._key, good.chain, prefer_pss=True)
    content = load_signed_data(signed_cms(b"noi dung", [pss], signed_at=AT, detached=True))
    signed = signed_by_one(content, content["signer_infos"][0])

    assert signed.mechanism == "rsassa_pss"
    assert plainly_holds(signed, signed.message_digest, VN_2025)
    value = signed.signer_info["signature"].native
    signed.signer_info["signature"] = flipped_at(value, 5)
    assert not plainly_holds(signed, signed.message_digest, VN_2025)


def test_the_slow_way_is_slow_indeed(desk, slowly, monkeypatch):
    """Else the comparisons above would compare a thing with itself."""
    asked = []
    monkeypatch.setattr(second_opinion, "run_to_end", lambda steps: asked.append(steps) or run_to_end(steps))
    pdf = desk.signed(timestamper=desk.stamped())
    desk.verdict(pdf)
    asked.clear()
    desk.verdict(pdf)
    assert not asked
    with slowly():
        desk.verdict(pdf)
    assert len(asked) == 2
