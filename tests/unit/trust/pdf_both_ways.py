"""PDFs read by short cuts are read by pyHanko alone too, whatever a test does with them."""

import hashlib
from contextlib import contextmanager

import pytest

from ebrvt_connect.trust import findings, pdf_reader, pdf_reading
from ebrvt_connect.trust.pdf_reader import StrictReader
from ebrvt_connect.trust.pdf_reading import PdfRefused

MOST_BYTES = 500_000


def tables_of(reader):
    """Everything pyHanko knows of the cross-reference sections."""
    for revision in range(reader.xrefs.total_revisions):
        data, about = reader.xrefs.get_xref_data(revision), reader.xrefs.get_xref_container_info(revision)
        references = sorted(data.explicit_refs_in_revision)
        found = [data.try_resolve(pdf_reader.generic.Reference(*key, reader)) for key in references]
        streams = sorted(reader.xrefs.object_streams_used_in(revision), key=str)
        yield references, found, data.freed, sorted(data.obj_streams_used), streams, about


def what_is_read(read, *given):
    """What a file is read as, or why it is refused."""
    try:
        reading = read(*given)
    except PdfRefused as refusal:
        return refusal.code, refusal.reason
    places = [(p.field_name, p.slot, p.trouble, p.subfilter) for p in reading.signatures]
    reader = reading.reader
    return reading.smallest_page, places, list(tables_of(reader)), reader.trailer_view, reader.has_xref_stream


@contextmanager
def no_pdf_short_cuts():
    """Every table and every page read by pyHanko."""
    with pytest.MonkeyPatch.context() as without:
        without.setattr(pdf_reading, "StrictReader", lambda stream, _: StrictReader(stream))
        without.setattr(StrictReader, "plain_entries", lambda *_: None)
        without.setattr(pdf_reader._ObjectStream, "_read_plainly", lambda _: None)
        yield


@contextmanager
def pdf_short_cuts_watched():
    """What the short cuts read that pyHanko alone does not; verifying goes on as ever meanwhile."""
    differences, seen, fenced = [], set(), pdf_reading._fenced

    def read(data, labels, *given):
        name = hashlib.sha256(data + repr(labels).encode()).digest()
        if len(data) <= MOST_BYTES and name not in seen:
            seen.add(name)
            short = what_is_read(fenced, data, labels, *given)
            with no_pdf_short_cuts():
                alone = what_is_read(fenced, data, labels, *given)
            # PyHanko reads no file of Word; what is read of one is held in test_pdf_of_common_tools.
            if alone not in (short, (findings.PDF_HYBRID_XREF, "")):
                differences.append(data)
        return fenced(data, labels, *given)

    with pytest.MonkeyPatch.context() as watched:
        watched.setattr(pdf_reading, "_fenced", read)
        yield differences
