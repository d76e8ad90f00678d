"""Boundary types of the one-stop shop's REST dialect: its own names, camelCase, unknown fields kept. Pure.

Reading is strict where guessing would change meaning and lenient where it would not (`codec.jsonfields`).
Only what identifies a dossier must be there; whatever else is absent stays absent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from ebrvt_connect.codec.jsonfields import (
    LONGEST_ID,
    Count,
    Identity,
    MaybeMoment,
    MaybeWords,
    Moment,
    WireValue,
    Words,
    list_or_empty,
    maybe_word,
    number_text,
)
from ebrvt_connect.model.dossier import DossierCode, FeeMoment

Flag = Annotated[bool, Strict()]
MaybeFlag = Annotated[bool, Strict()] | None
Maybe = BeforeValidator(maybe_word)
"""A word from a list that may be absent, null or empty."""
Listed = BeforeValidator(list_or_empty)
Dong = Annotated[int, Strict(), Field(ge=0, lt=2**53)]
"""Money in whole đồng."""


def is_reuse(value: object) -> bool:
    """Whether it is one of the portal's codes of re-use: 0, 1 or 2."""
    return isinstance(value, int) and not isinstance(value, bool) and value in {0, 1, 2}


def is_fee_moment(value: object) -> bool:
    """Whether it says when a fee is collected: `RECEIPT`, `SUPPLEMENT` or `RESULT`."""
    return isinstance(value, str) and value in FeeMoment.__members__


# --- dossiers ---------------------------------------------------------------------------------------------


class Procedure(WireValue):
    """The administrative procedure: its local code, and the national one where it has been mapped."""

    local_code: MaybeWords = ""
    national_code: MaybeWords = ""
    name: MaybeWords = ""


class Named(WireValue):
    """A field of administration or an agency."""

    code: MaybeWords = ""
    name: MaybeWords = ""


class IdentityPaper(WireValue):
    """A number an applicant is known by."""

    kind: Words
    number: Annotated[str, Strict(), BeforeValidator(number_text), Field(min_length=1, max_length=LONGEST_ID)]


class Applicant(WireValue):
    """Who applies."""

    kind: Annotated[Literal["CITIZEN", "ENTERPRISE", "AGENCY", "ORGANISATION"] | None, Maybe] = None
    name: MaybeWords = ""
    identities: Annotated[tuple[IdentityPaper, ...], Listed] = ()
    tech_id: MaybeWords = ""
    verified_by_vneid: MaybeFlag = None
    email: MaybeWords = ""
    phone: Annotated[str, Strict(), BeforeValidator(number_text)] | None = None
    address: MaybeWords = ""


class Component(WireValue):
    """A paper of the dossier."""

    component_code: MaybeWords = ""
    name: MaybeWords = ""
    file_id: MaybeWords = ""
    deleted: Flag = False
    digitised: MaybeFlag = None
    reuse: Any = None
    """The portal's own code; anything but 0, 1 or 2 is told by a warning."""
    from_national_store: MaybeFlag = None
    replaced_by_result_code: MaybeWords = ""


class OtherPaper(WireValue):
    """A paper beside the components."""

    name: Words
    quantity: Count | None = None
    kind: Count | None = None


class Fee(WireValue):
    """A fee or charge."""

    code: MaybeWords = ""
    name: MaybeWords = ""
    kind: Annotated[str, Strict(), BeforeValidator(number_text)] | None = None
    amount: Dong
    collected_when: Any = None
    """`RECEIPT`, `SUPPLEMENT` or `RESULT`; anything else is told by a warning."""


class Supplement(WireValue):
    """A request for more papers."""

    seq: Count
    requested_by: MaybeWords = ""
    content: MaybeWords = ""
    requested_at: MaybeMoment = None
    received_by: MaybeWords = ""
    received_note: MaybeWords = ""
    received_at: MaybeMoment = None
    done: Flag = False
    papers: Annotated[tuple[Component, ...], Listed] = ()
    fees: Annotated[tuple[Fee, ...], Listed] = ()
    old_due_at: MaybeMoment = None
    new_due_at: MaybeMoment = None


class ResultPaper(WireValue):
    """A result."""

    component_code: MaybeWords = ""
    result_code: MaybeWords = ""
    name: MaybeWords = ""
    file_id: Identity | None = None
    number: Annotated[str, Strict(), BeforeValidator(number_text)] | None = None
    signed_at: MaybeMoment = None


class FiledDossier(WireValue):
    """What a dossier says about itself, wherever it was filed."""

    national_code: Annotated[DossierCode | None, Maybe] = None
    procedure: Procedure = Procedure()
    field: Named = Named()
    agency: Named = Named()
    applicant: Applicant = Applicant()
    abstract: MaybeWords = ""
    channel: Annotated[Literal["DIRECT", "ONLINE", "POST"] | None, Maybe] = None
    submitted_at: MaybeMoment = None
    return_method: Annotated[Literal["COUNTER", "POST"] | None, Maybe] = None
    components: Annotated[tuple[Component, ...], Listed] = ()
    other_papers: Annotated[tuple[OtherPaper, ...], Listed] = ()
    fees: Annotated[tuple[Fee, ...], Listed] = ()
    online_payment: Annotated[Literal["NONE", "NATIONAL", "PROVINCIAL", "UNPAID"] | None, Maybe] = None
    linked_to: Annotated[DossierCode | None, Maybe] = None
    databases_used: Annotated[tuple[Words, ...], Listed] = ()
    note: MaybeWords = ""


class Dossier(FiledDossier):
    """A dossier as `GET /api/dossiers` gives it."""

    id: Identity
    code: DossierCode
    received_at: MaybeMoment = None
    due_at: MaybeMoment = None
    extended_due_at: MaybeMoment = None
    finished_at: MaybeMoment = None
    returned_at: MaybeMoment = None
    refused_at: MaybeMoment = None
    status: Words
    sub_status: MaybeWords = ""
    supplements: Annotated[tuple[Supplement, ...], Listed] = ()
    return_note: MaybeWords = ""
    results: Annotated[tuple[ResultPaper, ...], Listed] = ()
    updated_at: Moment
    revision: Annotated[
        str, Strict(), BeforeValidator(number_text), Field(min_length=1, max_length=LONGEST_ID)
    ]


# --- progress ---------------------------------------------------------------------------------------------


class Actor(WireValue):
    """The official who acted."""

    name: MaybeWords = ""
    position: MaybeWords = ""
    unit: MaybeWords = ""


class ProgressEntry(WireValue):
    """One step of a dossier's way."""

    seq: Annotated[int, Strict(), Field(ge=1, lt=2**53)]
    at: Moment
    actor: Actor = Actor()
    action: MaybeWords = ""
    note: MaybeWords = ""
    status: MaybeWords = ""
    step_started_at: MaybeMoment = None
    step_due_at: MaybeMoment = None


# --- what others send in ----------------------------------------------------------------------------------


class InboxSupplement(WireValue):
    """Papers an applicant handed in elsewhere."""

    dossier_code: DossierCode
    content: MaybeWords = ""
    received_at: Moment
    components: Annotated[tuple[Component, ...], Field(min_length=1)]


class InboxPayment(WireValue):
    """A fee that was paid elsewhere."""

    dossier_code: DossierCode
    reference: Words
    amount: Dong
    paid_at: Moment
    paid_on: Literal["NATIONAL", "PROVINCIAL"]


class InboxEnquiry(WireValue):
    """A question a citizen asked elsewhere."""

    enquiry_id: Words
    dossier_code: Annotated[DossierCode | None, Maybe] = None
    content: Words
    asked_at: Moment


# --- answers and the rest ---------------------------------------------------------------------------------


class Filed(WireValue):
    """The answer to what was sent into the inbox."""

    code: Words


class ComponentLink(WireValue):
    """Which national component a local paper is."""

    local_code: Words
    component_code: Words


class ProcedureRow(WireValue):
    """A local procedure with its national code and the mapping of its components."""

    local_code: Words
    national_code: MaybeWords = ""
    name: MaybeWords = ""
    components: Annotated[tuple[ComponentLink, ...], Listed] = ()
    updated_at: MaybeMoment = None


class ExchangeStatus(WireValue):
    """What became of a dossier at a remote: the body of `PUT .../exchange-status`."""

    system: Words
    state: Literal["QUEUED", "SENT", "ACCEPTED", "REFUSED", "HELD"]
    at: Moment
    code: MaybeWords = ""
    reason_vi: MaybeWords = ""
    receipt: MaybeWords = ""
