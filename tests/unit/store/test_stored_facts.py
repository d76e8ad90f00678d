"""What figures read of a stored record is what the models write: same names, same values."""

from datetime import UTC, date, datetime

import pytest

from ebrvt_connect.model.document import Agency, Attachment, AttachmentRole, Confidentiality, Document
from ebrvt_connect.model.dossier import Channel, Dossier, DossierCode, DossierStage, Supplement
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.store.figures import (
    StoredAttachment,
    StoredDocument,
    StoredDossier,
    StoredSupplement,
)

WHEN = datetime(2019, 7, 1, 2, 3, 4, 567890, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (StoredDossier, Dossier),
        (StoredSupplement, Supplement),
        (StoredDocument, Document),
        (StoredAttachment, Attachment),
    ],
)
def test_every_field_that_is_read_is_one_of_the_model(read, written):
    assert set(read.model_fields) <= set(written.model_fields)


def test_a_dossier_reads_back_as_it_was_written():
    whole = Dossier(
        code=DossierCode.parse("H06.15-190701-0001"),
        stage=DossierStage.SUPPLEMENT_REQUESTED,
        channel=Channel.POST,
        received_at=WHEN,
        due_at=WHEN,
        extended_due_at=WHEN,
        finished_at=WHEN,
        returned_at=WHEN,
        refused_at=WHEN,
        updated_at=WHEN,
        revision="1",
        supplements=(Supplement(seq=1, requested_at=WHEN, received_at=WHEN, done=True),),
        linked_to=DossierCode.parse("H06.15-190701-0002"),
    )
    read = StoredDossier.model_validate_json(whole.model_dump_json())
    for name in set(StoredDossier.model_fields) - {"code", "supplements", "linked_to"}:
        assert getattr(read, name) == getattr(whole, name), name
    assert (read.code, read.linked_to) == (str(whole.code), str(whole.linked_to))
    assert read.supplements == (StoredSupplement(requested_at=WHEN, received_at=WHEN, done=True),)


def test_a_document_reads_back_as_it_was_written():
    whole = Document(
        number=DocumentNumber.parse("1/UBND-VP"),
        issuer=Agency(code=AgencyCode.parse("H06.15")),
        recipients=(Agency(code=AgencyCode.parse("G22")),),
        promulgated_on=date(2019, 7, 1),
        confidentiality=Confidentiality.SECRET,
        attachments=(
            Attachment(seq=1, name="a", size_bytes=1, sha256="0" * 64, role=AttachmentRole.APPENDIX),
        ),
    )
    read = StoredDocument.model_validate_json(whole.model_dump_json())
    assert (read.promulgated_on, read.confidentiality) == (whole.promulgated_on, whole.confidentiality)
    assert len(read.recipients) == 1
    assert [a.role for a in read.attachments] == [AttachmentRole.APPENDIX]
