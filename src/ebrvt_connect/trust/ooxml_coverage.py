"""What a signature in an Office package covers, what of that still holds, and what it leaves open.

Readers open what they reach from the package's own relationships on. So an unsigned part weighs by how it
is reached: through an unsigned relationship of something signed, it has been put there and will be opened;
through a signed relationship, the signer has left its content open; through neither, readers of the
document do not come by. Code, embedded objects and ways out of the package weigh wherever they stand.
Exempt are the signatures themselves. Properties of the document (docProps) office software leaves unsigned:
they are told, and weigh where something signed shows them (`trust.ooxml_properties`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import new as new_hash
from typing import TYPE_CHECKING, Final

from ebrvt_connect.trust import ooxml_findings
from ebrvt_connect.trust.ooxml_package import ROOT, relationships_of, source_of, transformed
from ebrvt_connect.trust.ooxml_properties import shows_properties
from ebrvt_connect.trust.verdict import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from ebrvt_connect.trust.ooxml_manifest import Manifest, SignedPart
    from ebrvt_connect.trust.ooxml_package import Package, Relationship
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding

_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships/"
SIGNATURE_ORIGIN: Final = _PACKAGE + "digital-signature/origin"
SIGNATURE: Final = _PACKAGE + "digital-signature/signature"
SIGNATURE_CERTIFICATE: Final = _PACKAGE + "digital-signature/certificate"

_METADATA = frozenset(
    {
        "application/vnd.openxmlformats-package.core-properties+xml",
        "application/vnd.openxmlformats-officedocument.extended-properties+xml",
        "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    }
)
_METADATA_TYPES = re.compile(
    r"http://(?:schemas\.openxmlformats\.org|purl\.oclc\.org/ooxml)/(?:package|officeDocument)/(?:2006/)?"
    r"relationships/(?:metadata/)?(?:core-properties|extended-properties|custom-properties|thumbnail"
    r"|extendedProperties|customProperties)"
)
_PICTURE = re.compile(r"image/(?:jpeg|png|gif|bmp|x-emf|x-wmf|emf|wmf)")

_EXECUTABLE_CONTENT = re.compile(
    r"vba|macro|activex|oleobject|webextension|javascript|vbscript|x-msdownload|x-sh\b|java-archive|x-msi|hta\b"
    r"|octet-stream|officedocument\.package|keymap|attachedtoolbars|text/html|mhtml|rtf",
    re.IGNORECASE,
)
_EXECUTABLE_NAME = re.compile(
    r"vba|/activex/|/embeddings/|/macrosheets/|/customui|/webextensions/|/afchunk|\.(?:exe|dll|ocx|com|scr|pif|cpl"
    r"|js|jse|vbs|vbe|wsf|wsh|hta|bat|cmd|ps1|lnk|msi|reg|chm|jar|sh|bin|docm|dotm|xlsm|xltm|xlam|pptm|potm|ppsm"
    r"|ppam|xll|html?|mht|rtf)\Z"
)
_EXECUTABLE_RELATIONSHIPS = re.compile(
    r"/(?:vbaproject|vbaprojectsignature\w*|wordvbadata|control|activexcontrolbinary|ctrlprop|oleobject|package"
    r"|attachedtoolbars|attachedtemplate|keymapcustomizations|afchunk|subdocument|xlmacrosheet|xlintlmacrosheet"
    r"|extensibility|usercustomization|webextension\w*|externallink\w*|frame)\Z",
    re.IGNORECASE,
)
_SHOWN_FROM_OUTSIDE = re.compile(
    r"/(?:image|video|audio|media|frame|subdocument|afchunk|oleobject)\Z", re.IGNORECASE
)
"""Types whose content readers show in the document; a hyperlink leads away from it."""
_LEFT_OPEN = re.compile(
    r"/(?:people|person|commentsextended|commentsids|commentsextensible|threadedcomment|customxmlprops|viewprops"
    r"|classificationlabels|richvalue\w*|rdrichvalue\w*)\Z",
    re.IGNORECASE,
)
"""Types that are younger than the list office software signs by: it leaves them unsigned by itself."""
_MOST_LISTED = 1_000
_MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class SignatureParts:
    """Where the signatures of a package stand: reached from its own relationships, never by name."""

    origin: str
    """Key of the origin part; empty when the package declares none."""
    signatures: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """All of them, and the parts that hold the relationships leading there."""
        sources = (self.origin, *self.signatures)
        parts = (*sources, *self.certificates, *(relationships_of(s) for s in sources))
        return frozenset(parts if self.origin else ())


class CoveredPackage:
    """One signature's manifest held against the package."""

    def __init__(self, package: Package, manifest: Manifest, places: SignatureParts) -> None:
        self.package = package
        self.manifest = manifest
        self.places = places
        self._signed = {part.key: part for part in manifest.parts}

    @property
    def coverage(self) -> Coverage:
        """Signed parts, and all parts and relationships left open, but for the signatures."""
        covered = tuple(self.package.shown(p.key) for p in self.manifest.parts if p.key in self.package)
        parts = (*self._uncovered_parts, *self._open_metadata)
        open_ = (*map(self.package.shown, parts), *(r.shown for r in self._uncovered))
        level: Literal["entire_file", "partial", "none"] = "partial" if open_ else "entire_file"
        return Coverage(level=level if covered else "none", uncovered=open_[:_MOST_LISTED], covered=covered)

    @cached_property
    def _uncovered_parts(self) -> tuple[str, ...]:
        """Keys of parts neither signed nor exempt; those with relationships of a part go with it."""
        exempt = self.places.keys | self._metadata
        return tuple(
            key
            for key in self.package.parts
            if key not in self._signed and key not in exempt and not self._goes_with_its_part(key)
        )

    def _goes_with_its_part(self, key: str) -> bool:
        source = source_of(key)
        return source is not None and (source == ROOT or source in self.package)

    @cached_property
    def _metadata(self) -> frozenset[str]:
        """Properties and thumbnail, as the package's own relationships and their content types name them."""
        return frozenset(r.part for r in self.package.relationships(ROOT) if self._is_metadata(r))

    @cached_property
    def _open_metadata(self) -> tuple[str, ...]:
        """Those of them that are there and nobody signed."""
        return tuple(k for k in self.package.parts if k in self._metadata and k not in self._signed)

    def _is_metadata(self, relationship: Relationship) -> bool:
        content_type = self.package.content_type(relationship.part).lower()
        named = _METADATA_TYPES.fullmatch(relationship.type) is not None
        picture = relationship.type.endswith("/thumbnail") and _PICTURE.fullmatch(content_type) is not None
        known = content_type in _METADATA and not relationship.type.endswith("/thumbnail")
        return named and relationship.source == ROOT and bool(relationship.part) and (known or picture)

    @cached_property
    def _uncovered(self) -> tuple[Relationship, ...]:
        """Relationships neither signed nor exempt, of parts that are there."""
        every = self.package.all_relationships()
        return tuple(r for r in every if not (self._covers(r) or self._is_exempt(r)))

    def _covers(self, relationship: Relationship) -> bool:
        signed = self._signed.get(relationships_of(relationship.source))
        return signed is not None and (signed.selection is None or relationship in signed.selection)

    def _is_exempt(self, r: Relationship) -> bool:
        places = self.places
        leads_to_signatures = (
            (r.source == ROOT and r.type == SIGNATURE_ORIGIN and r.part == places.origin)
            or (r.source == places.origin and r.type == SIGNATURE and r.part in places.signatures)
            or (
                r.source in places.signatures
                and r.type == SIGNATURE_CERTIFICATE
                and r.part in places.certificates
            )
        )
        return bool(r.part) and (leads_to_signatures or self._is_metadata(r))

    def changed(self, policy: VerificationPolicy) -> tuple[Finding, ...]:
        """What is not what was signed; one finding of a kind, with the parts it is about."""
        return _told(self._changed(), policy)

    def left_open(self, policy: VerificationPolicy) -> tuple[Finding, ...]:
        """What the signature does not cover; one finding of a kind."""
        return _told(self._left_open(), policy)

    def _changed(self) -> Iterator[tuple[str, str]]:
        """Every reference of the manifest against the part it names."""
        for part in self.manifest.parts:
            if part.key not in self.package:
                yield ooxml_findings.OOXML_PART_MISSING, part.name
                continue
            shown = self.package.shown(part.key)
            if part.content_type != self.package.content_type(part.key):
                yield ooxml_findings.OOXML_CONTENT_TYPE_CHANGED, shown
            if part.selection is None:
                made, code = self.package.digest(part.key, part.digest), ooxml_findings.OOXML_PART_CHANGED
            else:
                made, code = self._digest_of_selected(part), ooxml_findings.OOXML_RELATIONSHIPS_CHANGED
            if made != part.value:
                yield code, shown

    def _digest_of_selected(self, part: SignedPart) -> bytes:
        """The manifest accepts a selection only for parts that hold relationships, by their name."""
        selection = part.selection or ()
        chosen = (r for r in self.package.relationships(source_of(part.key) or ROOT) if r in selection)
        return new_hash(part.digest, transformed(chosen)).digest()

    def _left_open(self) -> Iterator[tuple[str, str]]:
        if not any(p.key in self.package and source_of(p.key) is None for p in self.manifest.parts):
            yield ooxml_findings.OOXML_CONTENT_UNSIGNED, "mọi nội dung của tệp"
        weighed = set[str]()
        for key in self._uncovered_parts:
            if _is_executable(key, self.package.content_type(key)):
                weighed.add(key)
                yield ooxml_findings.OOXML_EXECUTABLE_UNSIGNED, self.package.shown(key)
        for relationship in self._uncovered:
            yield from self._weighed(relationship, weighed)
        for relationship in self.package.all_relationships():
            if not relationship.part and self._covers(relationship) and _is_shown(relationship):
                yield ooxml_findings.OOXML_SHOWN_FROM_OUTSIDE, relationship.shown
        yield from self._promised(weighed)
        yield from self._properties()
        for key in self._uncovered_parts:
            if key not in weighed:
                yield ooxml_findings.OOXML_PARTS_UNCOVERED, self.package.shown(key)

    def _properties(self) -> Iterator[tuple[str, str]]:
        """Properties nobody signed, and signed parts that show them."""
        for key in self._open_metadata:
            yield ooxml_findings.OOXML_PROPERTIES_UNSIGNED, self.package.shown(key)
        if self._open_metadata:
            for key in self._signed:
                if key in self.package and shows_properties(self.package, key):
                    yield ooxml_findings.OOXML_PROPERTIES_SHOWN, self.package.shown(key)

    def _weighed(self, r: Relationship, weighed: set[str]) -> Iterator[tuple[str, str]]:
        """One unsigned relationship; keys of parts it settles go into `weighed`."""
        if not r.part:
            yield ooxml_findings.OOXML_EXTERNAL_UNSIGNED, r.shown
        elif _EXECUTABLE_RELATIONSHIPS.search(r.type):
            weighed.add(r.part)
            yield ooxml_findings.OOXML_EXECUTABLE_UNSIGNED, r.shown
        elif r.source != ROOT and r.source not in self._signed:
            return  # leads on from what is unsigned itself, and is told with that
        elif r.part in self._signed or r.part not in self.package:
            yield ooxml_findings.OOXML_RELATIONSHIP_UNSIGNED, r.shown
        else:
            weighed.add(r.part)
            passive = _LEFT_OPEN.search(r.type) is not None
            code = ooxml_findings.OOXML_PART_LEFT_OPEN if passive else ooxml_findings.OOXML_PART_ADDED
            yield code, f"{self.package.shown(r.part)} ({r.shown})"

    def _promised(self, weighed: set[str]) -> Iterator[tuple[str, str]]:
        """Parts that a signed relationship leads to, and whose content the signature leaves open."""
        sources = {source for p in self.manifest.parts if (source := source_of(p.key)) is not None}
        for source in sorted(sources):
            for r in self.package.relationships(source):
                is_open = r.part in self.package and r.part not in self._signed and not self._is_exempt(r)
                if is_open and self._covers(r):
                    weighed.add(r.part)
                    yield ooxml_findings.OOXML_CONTENT_UNSIGNED, self.package.shown(r.part)


def _is_shown(r: Relationship) -> bool:
    return _SHOWN_FROM_OUTSIDE.search(r.type) is not None and not r.target.startswith("#")


def _is_executable(key: str, content_type: str) -> bool:
    return bool(_EXECUTABLE_CONTENT.search(content_type) or _EXECUTABLE_NAME.search(key))


def _told(noticed: Iterable[tuple[str, str]], policy: VerificationPolicy) -> tuple[Finding, ...]:
    parts: dict[str, dict[str, None]] = {}
    for code, what in noticed:
        parts.setdefault(code, {})[what] = None
    return tuple(policy.notice(code, parts=_listed(names)) for code, names in parts.items())


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _MOST_TOLD
    return ", ".join(every[:_MOST_TOLD]) + (f" … (+{more})" if more > 0 else "")
