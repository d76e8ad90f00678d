"""What later revisions of a PDF may write over or add: a closed list of our own, beside pyHanko's rules.

PyHanko approves a later object when one of its rules can explain it. Each of these rules was written with one
kind of file in mind, and some approve whatever an attacker names: the /TransformParams of a new signature, a
catalogue that moved, /DSS/VRI/.../TS. So every object of every later revision is asked here for the one part
it plays, and what plays none may not be there:

1. The trailer names the same catalogue. No later object bears a number that what was signed refers to without
   defining it: those are null (ISO 32000-1, 7.3.10), and stay so ("shadow attacks").
2. An object is written over in one part only: catalogue, form, list of fields, page, list of annotations,
   empty signature field, its appearance, document information, metadata, store of evidence. Each may differ
   in named keys; all else is compared by type and value, a name never equals a string.
3. Lists of fields and annotations grow at their end, by fields that are signed and have none but known
   keys: no actions, nothing painted from elsewhere (ETSI EN 319 142-1, 5.4 and 5.5).
4. What is new can be reached from the trailer.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, TypeGuard

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.xref import XRefEntry, XRefType, parse_xref_stream

from ebrvt_connect.trust.pdf_form_resources import DRAWINGS, FONTS, grown_resources
from ebrvt_connect.trust.pdf_metadata import stable_metadata
from ebrvt_connect.trust.pdf_references import TRAILER, Key, Place, References, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader

_TRAILER_OWN = frozenset({"/Size", "/Prev", "/ID", "/Info", "/Root"})
_INFO = frozenset({"/ModDate", "/Producer"})
_CATALOGUE = frozenset({"/AcroForm", "/DSS", "/Extensions", "/Version"})
_FORM = frozenset({"/Fields", "/SigFlags", "/DR", "/DA"})
_DEFAULT_APPEARANCE = re.compile(rb"/Helv \d{1,3} Tf 0 g ?")
_METADATA = frozenset({"/Type", "/Subtype", "/Length", "/Filter"})
_EVIDENCE_LISTS = frozenset({"/Certs", "/CRLs", "/OCSPs"})
_EVIDENCE = _EVIDENCE_LISTS | {"/Type", "/VRI"}
_FILLED_IN = frozenset({"/V", "/AP", "/AS", "/F", "/DA", "/Q", "/Ff", "/Type", "/MK", "/M", "/NM"})
_WIDGET = frozenset(
    {
        *("/Type", "/Subtype", "/Rect", "/F", "/P", "/AP", "/AS", "/MK", "/H", "/NM", "/M", "/Border", "/BS"),
        *("/C", "/Q", "/DA", "/DR", "/Contents", "/StructParent", "/Lang"),
    }
)
_FIELD = _WIDGET | {"/FT", "/T", "/TU", "/TM", "/V", "/Kids", "/Lock", "/SV", "/Ff"}
_KID = _WIDGET | {"/Parent"}


class Forbidden(Exception):
    """What a later revision may not do, in developer English."""


class LaterRevisions:
    """The revisions of a file after the first signature, each judged once."""

    def __init__(self, reader: PdfFileReader, values: Iterable[generic.Reference]) -> None:
        """`values` are the signature dictionaries; nothing is read before `trouble_after` is asked."""
        self._reader = reader
        self._values = tuple(values)
        self._troubles: dict[int, str] | None = None

    def trouble_after(self, revision: int) -> str:
        """What a revision after this one does that it may not; empty when all of them keep to the list.

        Raises what pyHanko raises for objects that do not read.
        """
        if self._troubles is None:
            self._troubles = self._judged()
        return next((why for at, why in sorted(self._troubles.items()) if at > revision), "")

    def _judged(self) -> dict[int, str]:
        xrefs = self._reader.xrefs
        first = min(xrefs.get_introducing_revision(value) for value in self._values)
        if first + 1 == xrefs.total_revisions:
            return {}
        judge, troubles = _Earlier(self._reader, first), {}
        for at in range(first + 1, xrefs.total_revisions):
            try:
                judge.step(at)
            except Forbidden as why:
                # What comes after stands on something forbidden: nobody's signature before it holds.
                troubles[at] = str(why)
                break
        return troubles


class _Earlier:
    """What stands before a revision, and is added to as one after the other is judged."""

    def __init__(self, reader: PdfFileReader, first: int) -> None:
        self._reader = reader
        signed = reader.get_historical_resolver(first)
        self._references = References()
        self._references.follow(signed, [TRAILER])
        self._size = max(reader.xrefs.get_xref_container_info(n).size for n in range(first + 1))
        self._numbers = {number for number, _ in self._references.first}

    def step(self, at: int) -> None:
        """Judge one revision against the one before it. Raises `Forbidden`."""
        step = _Step(self._reader, at, self._references)
        step.check_trailer()
        new, over = self._told_apart(step)
        step.check_fields(new)
        for key in over:
            step.check_written_over(key)
        self._references.follow(step.new, [TRAILER, *over], newly=new)
        for key in sorted(new - self._references.first.keys()):
            if key[0] not in step.structural and not step.is_idle_table(key):
                raise Forbidden(f"object {key[0]} belongs to nothing")
        self._numbers |= {number for number, _ in self._references.first}
        self._size = max(self._size, self._reader.xrefs.get_xref_container_info(at).size)

    def _told_apart(self, step: _Step) -> tuple[set[Key], list[Key]]:
        """New objects, and those written over with something else."""
        new: set[Key] = set()
        over: list[Key] = []
        for freed in self._reader.xrefs.refs_freed_in_revision(step.at):
            # Of whatever generation it says: some readers look at the number alone.
            if freed.idnum < self._size or freed.idnum in self._numbers:
                raise Forbidden(f"object {freed.idnum} is taken away")
        for reference in self._reader.xrefs.explicit_refs_in_revision(step.at):
            key = (reference.idnum, reference.generation)
            before, after = value_of(step.old, key), value_of(step.new, key)
            if before is None and after is None:
                continue  # free before, free now
            if after is None:
                raise Forbidden(f"object {key[0]} is taken away")
            if before is not None:
                if not same(before, after):
                    over.append(key)
            elif key[0] in self._numbers:
                raise Forbidden(f"object {key[0]} was referred to before it was there")
            elif key[0] < self._size:
                raise Forbidden(f"object {key[0]} has a number given out before")
            else:
                new.add(key)
        return new, over


class _Step:
    """One revision and the one before it."""

    def __init__(self, reader: PdfFileReader, at: int, references: References) -> None:
        self.at = at
        self._reader = reader
        self.old: HistoricalResolver = reader.get_historical_resolver(at - 1)
        self.new: HistoricalResolver = reader.get_historical_resolver(at)
        self._references = references
        self._newest: HistoricalResolver = reader.get_historical_resolver(reader.xrefs.total_revisions - 1)
        self._filled: set[Key] = set()
        """Fields signed in this revision, and their widgets."""
        self._added: set[Key] = set()
        """Those of them that are new."""
        data = reader.xrefs.get_xref_data(at)
        place = reader.xrefs.get_startxref_for_revision(at)
        self.structural = set(data.obj_streams_used) | {
            number for number, (_, where) in data.standard_xrefs.items() if where == place
        }
        """Numbers of the streams this revision's own table stands in and reads from."""
        self._root = (self.old.root_ref.idnum, self.old.root_ref.generation)

    def is_idle_table(self, key: Key) -> bool:
        """A cross-reference stream that says what the table says: PDFBox leaves one in files of Word."""
        stream = value_of(self.new, key)
        if not _is_stream(stream) or not _is_name(stream, "/Type", "/XRef"):
            return False
        listed = self._reader.xrefs.get_xref_data(self.at).standard_xrefs
        ranges = list(stream.get("/Index", ()))
        if not all(isinstance(n, int) for n in ranges) or not 0 < sum(ranges[1::2]) <= len(listed) + 1:
            return False
        return all(
            entry.xref_type is XRefType.FREE
            or (entry.xref_type is XRefType.STANDARD and listed.get(entry.idnum) == _place_in(entry))
            for entry in parse_xref_stream(stream)
        )

    # --- the trailer ---------------------------------------------------------------------------------

    def check_trailer(self) -> None:
        old, new = self.old.trailer_view, self.new.trailer_view
        if (self.new.root_ref.idnum, self.new.root_ref.generation) != self._root:
            raise Forbidden("the trailer names another catalogue")
        _check_but_for(old, new, _TRAILER_OWN, "the trailer")
        if "/Info" in old and not same(old.raw_get("/Info"), new.raw_get("/Info")):
            raise Forbidden("the trailer names other document information")
        if "/ID" in new and _refers(new.raw_get("/ID")):
            raise Forbidden("an identifier that refers elsewhere")

    # --- fields --------------------------------------------------------------------------------------

    def check_fields(self, new: Collection[Key]) -> None:
        """Fields that were added, and empty ones that were signed."""
        before, after = _fields(self.old), _fields(self.new)
        _check_grown(before, after, "fields")
        for key in _terminal_fields(before, self.old):
            self._see_whether_filled(key, new)
        for value in after[len(before) :]:
            self._check_added_field(value, new)

    def _see_whether_filled(self, key: Key, new: Collection[Key]) -> None:
        before, after = value_of(self.old, key), value_of(self.new, key)
        if not _is_dictionary(before) or not _is_dictionary(after):
            return
        if before.get("/FT") == "/Sig" and "/V" not in before and "/V" in after:
            self._check_value(after, new)
            self._filled |= {key, *_kids(before, self.old)}

    def _check_added_field(self, value: object, new: Collection[Key]) -> None:
        key = key_of(value)
        field = None if key is None else value_of(self.new, key)
        if key is None or key not in new or not _is_dictionary(field) or _is_stream(field):
            raise Forbidden("a field that was there before, or is none")
        if not _is_name(field, "/FT", "/Sig"):
            raise Forbidden("a new field that is not for a signature")
        if "/V" in field or not self._is_signed_in_the_end(key):
            self._check_value(field, new)
        self._check_widget(field, _FIELD)
        self._added.add(key)
        for kid in _kids(field, self.new):
            widget = value_of(self.new, kid)
            if kid not in new or not _is_dictionary(widget) or key_of(_raw(widget, "/Parent")) != key:
                raise Forbidden("a new field with a part that is not its own")
            self._check_widget(widget, _KID)
            self._added.add(kid)

    def _is_signed_in_the_end(self, key: Key) -> bool:
        """Some tools add the empty field in a revision of its own; its signature covers both."""
        field = value_of(self._newest, key)
        return _is_dictionary(field) and "/V" in field

    def _check_value(self, field: generic.DictionaryObject, new: Collection[Key]) -> None:
        """It is signed, by something new."""
        key = key_of(_raw(field, "/V"))
        value = None if key is None else value_of(self.new, key)
        if key not in new or not _is_dictionary(value) or "/ByteRange" not in value:
            raise Forbidden("a new field without a signature")

    def _check_widget(self, widget: generic.DictionaryObject, keys: frozenset[str]) -> None:
        if strange := sorted(set(map(str, widget)) - keys):
            raise Forbidden(f"a new field with {strange[0][:20]}")
        if "/Subtype" in widget and not _is_name(widget, "/Subtype", "/Widget"):
            raise Forbidden("a new field that is another kind of annotation")
        box = _raw(widget, "/Rect")
        if box is not None and not (
            isinstance(box, generic.ArrayObject) and len(box) == 4 and all(map(_is_number, box))  # noqa: PLR2004
        ):
            raise Forbidden("a new field whose place is not written out")

    # --- what is written over ------------------------------------------------------------------------

    def check_written_over(self, key: Key) -> None:
        """Raises `Forbidden` unless the object plays one part, and changed as that part may."""
        before, after = value_of(self.old, key), value_of(self.new, key)
        place = self._references.first.get(key)
        if place is None:
            raise Forbidden(f"object {key[0]}, which nothing refers to, is written over")
        if _is_stream(before) or _is_stream(after):
            if place == Place(self._root, "/Metadata", 1) and key not in self._references.shared:
                _check_metadata(before, after)
            elif not (self._is_appearance(key, place) and _is_stream(after)):
                raise Forbidden(f"stream {key[0]} is written over")
        elif isinstance(before, generic.ArrayObject):
            self._check_list(key, place, before, after)
        elif _is_dictionary(before) and _is_dictionary(after):
            self._check_dictionary(key, place, before, after)
        else:
            raise Forbidden(f"object {key[0]} is written over")

    def _is_appearance(self, key: Key, place: Place) -> bool:
        """Acrobat paints a field it signs into the form that was there for it."""
        alone = key not in self._references.shared
        return alone and place.holder in self._filled and (place.key, place.depth) == ("/N", 2)

    def _check_list(
        self, key: Key, place: Place, before: Sequence[object], after: generic.PdfObject | None
    ) -> None:
        if key in self._references.shared or not isinstance(after, generic.ArrayObject):
            raise Forbidden(f"list {key[0]} is written over")
        holder = value_of(self.old, place.holder)
        if self._is_fields(place):
            return  # judged with the fields
        if place.key == "/Annots" and place.depth == 1 and _is_page(holder):
            self._check_annotations(before, after)
        elif self._is_evidence(place) and place.key in _EVIDENCE_LISTS:
            _check_evidence_list(after)
        else:
            raise Forbidden(f"list {key[0]} is written over")

    def _check_dictionary(
        self, key: Key, place: Place, before: generic.DictionaryObject, after: generic.DictionaryObject
    ) -> None:
        alone = key not in self._references.shared
        if key == self._root:
            self._check_catalogue(before, after)
        elif _is_page(before):
            self._check_page(before, after)
        elif before.get("/FT") == "/Sig" or key in self._filled:
            self._check_field(key, before, after)
        elif alone and place == Place(TRAILER, "/Info", 1):
            _check_information(before, after)
        elif alone and place == Place(self._root, "/AcroForm", 1):
            self._check_form(before, after)
        elif alone and self._is_in_form(place, "/DR"):
            self._check_resources(before, after)
        elif alone and place == Place(self._root, "/DSS", 1):
            _check_evidence(before, after)
        elif alone and self._is_evidence(place) and place.key == "/VRI":
            _check_grown_dictionary(before, after)
        elif alone and place == Place(self._root, "/Extensions", 1):
            _check_extensions(after)
        else:
            raise Forbidden(f"object {key[0]} is written over")

    def _check_catalogue(self, before: generic.DictionaryObject, after: generic.DictionaryObject) -> None:
        _check_but_for(before, after, _CATALOGUE, "the catalogue")
        old, new = _raw(before, "/AcroForm"), _raw(after, "/AcroForm")
        if not same(old, new):
            self._check_form(_looked_up(self.old, old), _looked_up(self.new, new))
        old, new = _raw(before, "/DSS"), _raw(after, "/DSS")
        if not same(old, new):
            _check_evidence(_looked_up(self.old, old), _looked_up(self.new, new))
        if not same(_raw(before, "/Extensions"), _raw(after, "/Extensions")):
            _check_extensions(_looked_up(self.new, _raw(after, "/Extensions")))
        version = _raw(after, "/Version")
        if not same(_raw(before, "/Version"), version) and not isinstance(version, generic.NameObject):
            raise Forbidden("a version that is no name")

    def _check_page(self, before: generic.DictionaryObject, after: generic.DictionaryObject) -> None:
        _check_but_for(before, after, frozenset({"/Annots"}), "a page")
        old, new = (
            _looked_up(revision, _raw(page, "/Annots"))
            for revision, page in ((self.old, before), (self.new, after))
        )
        if old is not None and not isinstance(old, generic.ArrayObject):
            raise Forbidden("annotations that are no list")
        self._check_annotations(old or (), new)

    def _check_annotations(self, before: Sequence[object], after: object) -> None:
        if not isinstance(after, generic.ArrayObject):
            raise Forbidden("annotations that are no list")
        _check_grown(list(before), list(after), "annotations")
        if any(key_of(value) not in self._added for value in list(after)[len(before) :]):
            raise Forbidden("an annotation that is no new signature")

    def _check_field(
        self, key: Key, before: generic.DictionaryObject, after: generic.DictionaryObject
    ) -> None:
        """Signed now: named keys. Signed before: nothing but the flags, which Acrobat likes to write anew."""
        allowed = _FILLED_IN if key in self._filled else frozenset({"/Ff"})
        _check_but_for(before, after, allowed, "a signature field")
        if "/Ff" in after and not _is_number(after.raw_get("/Ff")):
            raise Forbidden("flags that are no number")

    def _check_form(self, before: object, after: object) -> None:
        if not _is_dictionary(before) or not _is_dictionary(after) or _is_stream(after):
            raise Forbidden("a form that is none")
        _check_but_for(before, after, _FORM, "the form")
        old, new = _raw(before, "/DR"), _raw(after, "/DR")
        if not same(old, new):
            self._check_resources(_looked_up(self.old, old), _looked_up(self.new, new))
        if not same(_raw(before, "/DA"), _raw(after, "/DA")):
            self._check_default_appearance(_raw(before, "/DA"), _raw(after, "/DA"))
        _check_flags(before.get("/SigFlags", 0), _raw(after, "/SigFlags"))

    def _check_resources(self, before: object, after: object) -> None:
        kinds = FONTS | DRAWINGS if self._is_for_signatures() else FONTS
        if not grown_resources(before, after, kinds, partial(_looked_up, self.new), same):
            raise Forbidden("default resources that are more than signing tools leave")

    def _check_default_appearance(self, before: object, after: object) -> None:
        """Signing tools give one to forms without; where all fields are signatures it paints nothing."""
        plain = isinstance(after, _STRINGS) and _DEFAULT_APPEARANCE.fullmatch(after.original_bytes)
        if before is not None or not plain or not self._is_for_signatures():
            raise Forbidden("a default appearance that is more than signing tools leave")

    def _is_for_signatures(self) -> bool:
        """Whether the form had no fields but those of signatures."""
        return all(map(self._is_signature_field, _fields(self.old)))

    def _is_signature_field(self, value: object) -> bool:
        field = _looked_up(self.old, value)
        if not _is_dictionary(field) or not _is_name(field, "/FT", "/Sig"):
            return False
        kids = (value_of(self.old, kid) for kid in _kids(field, self.old))
        return all(_is_dictionary(kid) and "/FT" not in kid for kid in kids)

    def _is_fields(self, place: Place) -> bool:
        return self._is_in_form(place, "/Fields")

    def _is_in_form(self, place: Place, key: str) -> bool:
        """Whether something stands under a key of the form itself."""
        return place in {Place(self._root, key, 2), Place(self._part("/AcroForm"), key, 1)}

    def _is_evidence(self, place: Place) -> bool:
        """Whether something stands directly in the store of evidence."""
        return (place.holder, place.depth) in {
            (self._root, 2),
            (self._part("/DSS"), 1),
        } and "/DSS" in self.old.root

    def _part(self, name: str) -> Key:
        """What the catalogue refers to by a name; none when it stands in the catalogue itself."""
        return key_of(_raw(self.old.root, name)) or (-1, -1)


def same(one: object, other: object) -> bool:
    """Equal by type and value, references by what they name: /A is not (/A), 1 is not true."""
    if isinstance(one, generic.IndirectObject):
        return isinstance(other, generic.IndirectObject) and key_of(one) == key_of(other)
    if isinstance(one, _STRINGS):
        return isinstance(other, _STRINGS) and one.original_bytes == other.original_bytes
    if type(one) is not type(other):
        return False
    if isinstance(one, generic.DictionaryObject) and isinstance(other, generic.DictionaryObject):
        if _is_stream(one) and _is_stream(other) and one.encoded_data != other.encoded_data:
            return False
        return one.keys() == other.keys() and all(same(one.raw_get(k), other.raw_get(k)) for k in one)
    if isinstance(one, generic.ArrayObject) and isinstance(other, generic.ArrayObject):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


_STRINGS = (generic.TextStringObject, generic.ByteStringObject)


def _check_but_for(
    before: generic.DictionaryObject, after: generic.DictionaryObject, allowed: frozenset[str], what: str
) -> None:
    for key in sorted(before.keys() | after.keys()):
        if str(key) not in allowed and not same(_raw(before, key), _raw(after, key)):
            raise Forbidden(f"{what} differs in {str(key)[:20]}")


def _check_grown(before: Sequence[object], after: Sequence[object], what: str) -> None:
    if len(after) < len(before) or not all(map(same, before, after)):
        raise Forbidden(f"{what} that were there are gone, or in another order")


def _check_grown_dictionary(before: generic.DictionaryObject, after: generic.DictionaryObject) -> None:
    if any(not same(before.raw_get(key), _raw(after, key)) for key in before):
        raise Forbidden("evidence that was there is replaced")


def _place_in(entry: XRefEntry) -> tuple[int, object]:
    return entry.generation, entry.location


def _check_metadata(before: object, after: object) -> None:
    """Signing tools note in XMP when they wrote and what they are; what else it says must stay."""
    if not (_is_stream(before) and _is_stream(after)) or not after.keys() <= _METADATA:
        raise Forbidden("metadata that is none")
    if not _is_name(after, "/Type", "/Metadata") or not _is_name(after, "/Subtype", "/XML"):
        raise Forbidden("metadata that is none")
    if "/Filter" in after and not _is_name(after, "/Filter", "/FlateDecode"):
        raise Forbidden("metadata in an unusual filter")
    try:
        old, new = (stable_metadata(s.read_data(DecodePurpose.XMP_METADATA)) for s in (before, after))
    except ValueError as failure:
        raise Forbidden(str(failure)) from failure
    if old != new:
        raise Forbidden("metadata says something else")


def _check_flags(old: object, new: object) -> None:
    if new is None and not old:
        return
    if not isinstance(new, generic.NumberObject) or not isinstance(old, int) or old & ~new or new & ~3 & ~old:
        raise Forbidden("the form no longer says that it is signed")


def _check_information(before: generic.DictionaryObject, after: generic.DictionaryObject) -> None:
    _check_but_for(before, after, _INFO, "document information")
    if any(key in after and not isinstance(after.raw_get(key), _STRINGS) for key in _INFO):
        raise Forbidden("document information that is no text")


def _check_evidence(before: object, after: object) -> None:
    """The store: lists of references, and what it says of single signatures; nothing else in it."""
    if not _is_dictionary(after) or _is_stream(after) or not (before is None or _is_dictionary(before)):
        raise Forbidden("a store of evidence that is none")
    if strange := sorted(set(map(str, after)) - _EVIDENCE):
        raise Forbidden(f"a store of evidence with {strange[0][:20]}")
    for name in _EVIDENCE_LISTS & set(map(str, after)):
        _check_evidence_list(after[name])
    if "/VRI" in after:
        if not _is_dictionary(after["/VRI"]) or _is_stream(after["/VRI"]):
            raise Forbidden("evidence that is none")
        if before is not None and "/VRI" in before:
            _check_grown_dictionary(before["/VRI"], after["/VRI"])


def _check_evidence_list(value: object) -> None:
    if not isinstance(value, generic.ArrayObject) or not all(map(key_of, value)):
        raise Forbidden("evidence that is no list")


def _check_extensions(value: object) -> None:
    if not _is_dictionary(value) or _is_stream(value) or _refers(value):
        raise Forbidden("extensions that refer elsewhere")


def _refers(value: object) -> bool:
    """Whether anything in a value is a reference."""
    if isinstance(value, generic.DictionaryObject):
        return any(_refers(value.raw_get(key)) for key in value)
    if isinstance(value, generic.ArrayObject):
        return any(map(_refers, value))
    return isinstance(value, generic.IndirectObject)


def _fields(revision: HistoricalResolver) -> list[object]:
    form = _value_at(revision, revision.root, "/AcroForm")
    if not _is_dictionary(form) or "/Fields" not in form:
        return []
    listed = _value_at(revision, form, "/Fields")
    if not isinstance(listed, generic.ArrayObject):
        raise Forbidden("fields that are no list")
    return list(listed)


def _terminal_fields(fields: Iterable[object], revision: HistoricalResolver) -> set[Key]:
    """The fields of a form that hold values, below those that only hold others and lend them their names."""
    waiting = [key for key in map(key_of, fields) if key is not None]
    seen: set[Key] = set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        field = value_of(revision, key)
        if _is_dictionary(field) and "/FT" not in field:
            waiting += _kids(field, revision)
    return seen


def _value_at(revision: HistoricalResolver, dictionary: generic.DictionaryObject, key: str) -> object:
    """What stands under a key, looked up in this revision; None where nothing does."""
    return _looked_up(revision, _raw(dictionary, key))


def _looked_up(revision: HistoricalResolver, value: object) -> object:
    key = key_of(value)
    return value if key is None else value_of(revision, key)


def _kids(field: generic.DictionaryObject, revision: HistoricalResolver) -> list[Key]:
    listed = _value_at(revision, field, "/Kids")
    if listed is None:
        return []
    if not isinstance(listed, generic.ArrayObject) or not all(map(key_of, listed)):
        raise Forbidden("a field whose parts are no list")
    return [kid for kid in map(key_of, listed) if kid is not None]


def _raw(dictionary: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    return dictionary.raw_get(key) if key in dictionary else None


def _is_page(value: object) -> bool:
    return _is_dictionary(value) and _is_name(value, "/Type", "/Page")


def _is_name(dictionary: generic.DictionaryObject, key: str, name: str) -> bool:
    value = _raw(dictionary, key)
    return isinstance(value, generic.NameObject) and value == name


def _is_number(value: object) -> bool:
    return isinstance(value, (generic.NumberObject, generic.FloatObject))


def _is_stream(value: object) -> TypeGuard[generic.StreamObject]:
    return isinstance(value, generic.StreamObject)


def _is_dictionary(value: object) -> TypeGuard[generic.DictionaryObject]:
    return isinstance(value, generic.DictionaryObject)
