"""Revisions that make a file forget a signature it had: in every way an update can say so."""

import re

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string

from tests.unit.trust.samples import (
    AGENCY,
    OTHER_AGENCY,
    flipped_at,
    new_evidence,
    plain_pdf,
    signature_hidden,
    updated,
)


def field_of(writer):
    fields = [one.get_object() for one in writer.root["/AcroForm"]["/Fields"]]
    return next(field for field in fields if field.get("/FT") == "/Sig")


def form_gone(writer):
    del writer.root["/AcroForm"]
    writer.update_root()


def form_empty(writer):
    form = writer.root["/AcroForm"]
    form[pdf_name("/Fields")] = generic.ArrayObject()
    writer.update_container(form)


def value_gone(writer):
    field = field_of(writer)
    del field["/V"]
    writer.update_container(field)


def value_replaced(writer):
    field = field_of(writer)
    field[pdf_name("/V")] = writer.add_object(generic.DictionaryObject({pdf_name("/Type"): pdf_name("/Sig")}))
    writer.update_container(field)


def another_kind_of_field(writer):
    field = field_of(writer)
    field[pdf_name("/FT")], field[pdf_name("/V")] = pdf_name("/Tx"), pdf_string("da ky")
    writer.update_container(field)


def field_overwritten(writer):
    field = field_of(writer)
    for key in list(field):
        del field[key]
    writer.update_container(field)


def value_overwritten(writer):
    value = field_of(writer)["/V"]
    for key in list(value):
        del value[key]
    value[pdf_name("/Type")] = pdf_name("/Sig")
    writer.update_container(value)


def range_overwritten(writer):
    value = field_of(writer)["/V"]
    del value["/ByteRange"]
    writer.update_container(value)


UPDATES = [
    signature_hidden,
    form_gone,
    form_empty,
    value_gone,
    value_replaced,
    another_kind_of_field,
    field_overwritten,
    value_overwritten,
    range_overwritten,
]


def forgotten_table(pdf):
    """All objects listed anew, and no word of the table before."""
    offsets = {int(m[1]): m.start() for m in re.finditer(rb"(?m)^(\d+) 0 obj\b", plain_pdf())}
    lines = b"".join(b"%010d 00000 n \n" % offsets[n] for n in sorted(offsets))
    size, start = len(offsets) + 1, len(pdf)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, lines)
    return pdf + table + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)


def codes(report):
    return {f.code for f in report.all_findings() if f.severity == "error"}


@pytest.mark.parametrize("update", UPDATES, ids=lambda u: u.__name__)
@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "unstamped"])
def test_a_revision_that_hides_the_signature_has_failed(desk, update, stamped):
    pdf = desk.signed(timestamper=desk.stamped() if stamped else None)
    report = desk.verdict(updated(pdf, update))

    assert report.indication == "TOTAL_FAILED"
    assert codes(report) & {"PDF_SIGNATURE_HIDDEN", "CHANGED_AFTER_SIGNING", "BYTE_RANGE_INVALID"}


@pytest.mark.parametrize("update", UPDATES, ids=lambda u: u.__name__)
def test_signing_anew_over_a_hidden_signature_does_not_make_up_for_it(desk, update):
    hidden = updated(desk.signed(role="person"), update)
    report = desk.verdict(desk.signed(hidden, timestamper=desk.stamped()))

    assert report.indication == "TOTAL_FAILED"


@pytest.mark.parametrize("update", [signature_hidden, form_gone, form_empty], ids=lambda u: u.__name__)
def test_bytes_changed_besides_do_not_save_who_hides_a_signature(desk, update):
    pdf = desk.signed()
    spoilt = flipped_at(pdf, pdf.index(b"Van ban mau"))
    report = desk.verdict(updated(spoilt, update))

    assert (report.indication, codes(report)) == ("TOTAL_FAILED", {"PDF_SIGNATURE_HIDDEN"})


def test_a_table_that_forgets_what_was_before_hides_no_signature(desk):
    report = desk.verdict(forgotten_table(desk.signed()))

    assert report.indication == "TOTAL_FAILED"
    assert "PDF_SIGNATURE_HIDDEN" in codes(report)


def test_of_two_signatures_neither_is_hidden(desk):
    leader = desk.signed(role="person")
    both = desk.signed(leader, agency=AGENCY)
    last = updated(both, signature_hidden)

    assert desk.verdict(both).indication == "TOTAL_PASSED"
    assert desk.verdict(last).indication == "TOTAL_FAILED"


def test_the_seal_of_another_agency_does_not_replace_the_hidden_one(desk):
    hidden = updated(desk.signed(), form_empty)
    report = desk.verdict(desk.signed(hidden, agency=OTHER_AGENCY))

    assert (report.indication, "PDF_SIGNATURE_HIDDEN" in codes(report)) == ("TOTAL_FAILED", True)


def test_a_hidden_document_timestamp_has_failed(desk):
    archived = desk.with_document_timestamp(desk.signed())

    def hidden(writer):
        form = writer.root["/AcroForm"]
        form[pdf_name("/Fields")] = generic.ArrayObject(list(form["/Fields"])[:-1])
        writer.update_container(form)

    report = desk.verdict(updated(archived, hidden))
    assert report.indication == "TOTAL_FAILED"


def test_evidence_and_further_signatures_hide_none(desk):
    pdf = updated(desk.issued(timestamper=desk.stamped()), new_evidence)
    report = desk.verdict(desk.with_document_timestamp(pdf))

    assert report.indication == "TOTAL_PASSED"
