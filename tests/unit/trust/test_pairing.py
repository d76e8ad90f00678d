"""Detached signatures find their content by digest; a name is a hint, and nothing is paired in silence."""

import hashlib

import pytest
from asn1crypto import cms as asn1_cms

from ebrvt_connect.transport.signing_cms import sign_cms
from ebrvt_connect.trust.packet_siblings import NamedFile, SignedBeside, judge_together, with_signatures
from ebrvt_connect.trust.pairing import pairings, wanted_by
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import judge_alone
from tests.unit.trust.samples import AGENCY, AT, plain_pdf

TEXT = b"Noi dung van ban"


@pytest.fixture(scope="module")
def detached(pki):
    def run(content, **more):
        return sign_cms(content, [pki.signer(AGENCY)], signed_at=AT, detached=True, **more)

    return run


def files(**contents):
    return [NamedFile(name.replace("__", "."), lambda c=content: c) for name, content in contents.items()]


def paired(**contents):
    named = files(**contents)
    return {
        named[n].name: (None if p.content is None else named[p.content].name, p.by)
        for n, p in pairings(named).items()
    }


def test_content_is_found_by_its_digest_whatever_it_is_called(detached):
    assert paired(la__p7s=detached(TEXT), x__txt=b"khac", y__bin=TEXT) == {"la.p7s": ("y.bin", "digest")}


def test_the_digest_goes_before_a_name_that_fits(detached):
    """A name that leads elsewhere gives nobody's content the signature, nor the signature another content."""
    assert paired(a__txt__p7s=detached(TEXT), a__txt=b"khac", b__txt=TEXT) == {
        "a.txt.p7s": ("b.txt", "digest")
    }


def test_of_equal_files_the_one_with_the_name_is_meant(detached):
    contents = {"b.txt": TEXT, "a.txt": TEXT, "a.txt.p7s": detached(TEXT)}
    named = [NamedFile(n, lambda c=c: c) for n, c in contents.items()]

    assert pairings(named)[2].content == 1


def test_changed_content_is_found_by_its_name_and_told_so(detached):
    assert paired(a__txt__p7s=detached(TEXT), a__txt=b"sua") == {"a.txt.p7s": ("a.txt", "name")}


def test_content_that_is_not_there_is_named_by_digest_and_likely_name(detached):
    named = files(a__txt__p7s=detached(TEXT), khac__txt=b"khac")
    pair = pairings(named)[0]
    (finding,) = pair.findings([f.name for f in named], VN_2025)

    assert (pair.content, finding.code) == (None, "DETACHED_CONTENT_WANTED")
    assert f"sha256 {hashlib.sha256(TEXT).hexdigest()}" in finding.message_vi
    assert "“a.txt”" in finding.message_vi


def test_another_digest_algorithm_is_followed(detached):
    assert paired(la__p7s=detached(TEXT, digest="sha512"), y__bin=TEXT) == {"la.p7s": ("y.bin", "digest")}


@pytest.mark.parametrize(
    "spoil", [lambda d: d[: len(d) // 2], lambda _: b"0" * 500, lambda d: d[:60] + b"\xff" * 40]
)
def test_a_broken_signature_pairs_with_nothing_and_breaks_nothing(detached, spoil):
    assert wanted_by(spoil(detached(TEXT))) is None


def test_content_inside_needs_no_pair(pki):
    assert wanted_by(sign_cms(TEXT, [pki.signer(AGENCY)], signed_at=AT)) is None
    assert wanted_by(plain_pdf()) is None


def test_side_by_side_the_content_has_the_verdict_of_what_signs_it(detached, trust, desk):
    signed = detached(plain_pdf(), timestamper=desk.stamped())
    named = [NamedFile("la.p7s", lambda: signed), NamedFile("phu-luc.pdf", plain_pdf)]

    signature, content = judge_together(named, judge_alone(VN_2025, trust, AT), VN_2025)

    assert (signature.signs, content.signs) == (1, None)
    assert {signature.report.indication, content.report.indication} == {Indication.TOTAL_PASSED}
    assert "DETACHED_CONTENT_FOUND" in {f.code for f in signature.report.findings}
    assert "SIGNED_BESIDE" in {f.code for f in content.report.findings}


def test_changed_content_beside_its_signature_has_failed(detached, trust):
    signed = detached(plain_pdf())
    named = [NamedFile("a.pdf", lambda: plain_pdf() + b"% sua"), NamedFile("a.pdf.p7s", lambda: signed)]

    content, signature = judge_together(named, judge_alone(VN_2025, trust, AT), VN_2025)

    assert {signature.report.indication, content.report.indication} == {Indication.TOTAL_FAILED}
    assert "DETACHED_CONTENT_BY_NAME" in {f.code for f in signature.report.findings}


def test_a_digest_somebody_wrote_into_a_signature_gives_its_file_no_verdict(detached, trust):
    """The signed attributes say another digest than was signed: paired, and failed."""
    other = plain_pdf() + b"% khac"
    forged = detached(plain_pdf()).replace(
        hashlib.sha256(plain_pdf()).digest(), hashlib.sha256(other).digest()
    )
    named = [NamedFile("khac.pdf", lambda: other), NamedFile("x.p7s", lambda: forged)]

    content, signature = judge_together(named, judge_alone(VN_2025, trust, AT), VN_2025)

    assert signature.signs == 0
    assert {signature.report.indication, content.report.indication} == {Indication.TOTAL_FAILED}


def test_every_copy_of_the_signed_content_has_its_verdict(detached, trust):
    """Once only the first had it, and the gate held a letter for a copy of itself."""
    signed = detached(plain_pdf())
    named = files(a__pdf=plain_pdf(), b__pdf=plain_pdf(), c__pdf=plain_pdf() + b"% khac", la__p7s=signed)

    one, copy, other, signature = judge_together(named, judge_alone(VN_2025, trust, AT), VN_2025)

    assert {j.report.indication for j in (one, copy, signature)} == {Indication.TOTAL_PASSED}
    assert other.report.indication is Indication.INDETERMINATE
    assert [f.code for f in signature.report.findings].count("DETACHED_CONTENT_FOUND") == 2


def test_contents_that_different_signers_name_are_no_copies_of_each_other(pki):
    """One message with two signers, each about another file: neither speaks for both."""
    one, other = (asn1_cms.ContentInfo.load(detached_by(pki, data)) for data in (TEXT, b"khac"))
    one["content"]["signer_infos"].append(other["content"]["signer_infos"][0])
    named = files(a__txt=TEXT, b__txt=b"khac", la__p7s=one.dump(force=True))

    assert len(pairings(named)[2].contents) == 1


def detached_by(pki, content):
    return sign_cms(content, [pki.signer(AGENCY)], signed_at=AT, detached=True)


def test_content_that_was_exchanged_after_its_signature_was_judged_has_no_verdict_of_it(detached, trust):
    judge = judge_alone(VN_2025, trust, AT)
    signature = judge(detached(plain_pdf()), "a.pdf.p7s", {"a.pdf": plain_pdf()})
    judged_with = SignedBeside(signature, hashlib.sha256(plain_pdf()).hexdigest())
    exchanged = judge(plain_pdf() + b"% sua", "a.pdf", {})

    assert signature.indication is Indication.TOTAL_PASSED
    assert with_signatures(exchanged, [judged_with], VN_2025) == exchanged
