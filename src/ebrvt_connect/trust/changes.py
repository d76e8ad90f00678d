"""What may be added to a PDF after a signature (thay đổi sau khi ký): signatures and evidence, nothing else.

PyHanko compares each later revision with the one signed; which rules it applies is decided here. Its own
policy would also let /NeedAppearances, form values, document information and XMP change. The first makes
readers paint a field's value anew, and no later signature needs the second. Of the others signing tools
change what they note of themselves: pyHanko lets that pass, and `trust.later_objects` looks at what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject
from pyhanko.pdf_utils.reader import RawPdfPath
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    CatalogModificationRule,
    DiffResult,
    DSSCompareRule,
    FormUpdatingRule,
    ModificationLevel,
    ObjectStreamRule,
    ReferenceUpdate,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    WhitelistRule,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules.metadata_rules import DocInfoRule
from pyhanko.sign.diff_analysis.rules_api import Context

from ebrvt_connect.trust.embedded import reads_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyhanko.pdf_utils.reader import HistoricalResolver

    from ebrvt_connect.trust.pdf_reading import MaskedSignature

_WRITTEN_BY_SIGNERS = frozenset({"/ModDate", "/Producer"})


class _InfoRule(WhitelistRule):
    """Signing tools note the time and themselves in the document information; the rest must stay."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Raises `SuspiciousModification` when a title, an author or anything else differs."""
        if _stable(old) != _stable(new):
            raise SuspiciousModification("document information changed")
        updates: Iterable[ReferenceUpdate] = DocInfoRule().apply(old, new)
        return updates


def _stable(revision: HistoricalResolver) -> dict[str, object]:
    """The document information but for what signing tools write."""
    if "/Info" not in revision.trailer_view:
        return {}
    info = revision(revision.trailer_view.get_value_as_reference("/Info"))
    if not isinstance(info, DictionaryObject):
        return {}
    return {str(key): info.raw_get(key) for key in info if key not in _WRITTEN_BY_SIGNERS}


class _MetadataRule(WhitelistRule):
    """Signing tools write the metadata (XMP) anew in its place; whether it says the same is asked elsewhere.

    Not pyHanko's own rule: that refuses a file for metadata of another shape which nobody has touched.
    """

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Nothing where it stands elsewhere: then the catalogue differs."""
        held = new.root.raw_get("/Metadata") if "/Metadata" in new.root else None
        if isinstance(held, IndirectObject):
            path = RawPdfPath("/Root", "/Metadata")
            yield ReferenceUpdate(held.reference, context_checked=Context.from_absolute(old, path))


class _FreedRule(WhitelistRule):
    """iText calls its own cross-reference stream free; `trust.later_objects` looks at what else is."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:  # noqa: ARG002
        """Whatever is called free, so that it is not taken for an object nothing explains."""
        return map(ReferenceUpdate, new.refs_freed_in_revision())


_EVIDENCE = {
    "/Certs": "certificate",
    "/CRLs": "crl",
    "/OCSPs": "ocsp",
    "/Cert": "certificate",
    "/CRL": "crl",
    "/OCSP": "ocsp",
    "/TS": "timestamp",
}


class _EvidenceRule(WhitelistRule):
    """Evidence (DSS) may be added where it is what its array says: any other file could hide there."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Raises `SuspiciousModification` for a stream that is no certificate, list, answer or token."""
        known = {(name, item.reference) for name, item in _evidence(old)}
        for name, item in _evidence(new):
            if (name, item.reference) not in known:
                stream = item.get_object()
                if not isinstance(stream, StreamObject) or not reads_as(_EVIDENCE[name], stream.data):
                    raise SuspiciousModification(f"a stream in {name} is something else")
        updates: Iterable[ReferenceUpdate] = DSSCompareRule().apply(old, new)
        return updates


def _evidence(revision: HistoricalResolver) -> Iterator[tuple[str, IndirectObject]]:
    """The references to all evidence of a revision, with where they stand; its shape is pyHanko's matter."""
    store = revision.root["/DSS"] if "/DSS" in revision.root else None  # noqa: SIM401 - `get` leaves a reference
    if not isinstance(store, DictionaryObject):
        return
    held = store["/VRI"] if "/VRI" in store else None  # noqa: SIM401 - as above
    entries = [held[key] for key in held] if isinstance(held, DictionaryObject) else []
    for place in (store, *(e for e in entries if isinstance(e, DictionaryObject))):
        for name in _EVIDENCE.keys() & place.keys():
            listed = place[name]
            items = list(listed) if isinstance(listed, ArrayObject) else [place.raw_get(name)]
            yield from ((name, item) for item in items if isinstance(item, IndirectObject))


ONLY_SIGNATURES = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(ignored_keys=frozenset({"/AcroForm", "/DSS", "/Extensions", "/Version"})),
        _InfoRule().as_qualified(ModificationLevel.LTA_UPDATES),
        _MetadataRule().as_qualified(ModificationLevel.LTA_UPDATES),
        _FreedRule().as_qualified(ModificationLevel.LTA_UPDATES),
        XrefStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        ObjectStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        _EvidenceRule().as_qualified(ModificationLevel.LTA_UPDATES),
    ],
    form_rule=FormUpdatingRule(
        field_rules=[SigFieldCreationRule(), SigFieldModificationRule()],
        ignored_acroform_keys=frozenset({"/Fields", "/SigFlags", "/DR", "/DA"}),
    ),
    reject_object_freeing=False,
)
"""The rules every signature is judged by."""


def only_fields_changed(signature: MaskedSignature) -> bool:
    """Of a file that was refused: whether form values are all that changed, for the sentence told."""
    diff = signature.evaluate_modifications(DEFAULT_DIFF_POLICY)
    return (
        isinstance(diff, DiffResult)
        and diff.modification_level is ModificationLevel.FORM_FILLING
        and bool(set(diff.changed_form_fields) - signature.signature_fields)
    )
