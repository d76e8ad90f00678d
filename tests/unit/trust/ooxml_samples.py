"""Office packages with one thing about each of them, and archives written byte by byte."""

import struct
import zlib
from dataclasses import replace

from ebrvt_connect.testing.sample_ooxml import (
    TYPES,
    PackageSignature,
    office_parts,
    packed,
    signed_package,
    with_relationship,
)
from tests.unit.trust.samples import AT

DOCUMENT = "word/document.xml"
DOCUMENT_RELS = "word/_rels/document.xml.rels"
SIGNATURE = "_xmlsignatures/sig1.xml"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HOW = PackageSignature(signed_at=AT)


def signed(signer, kind="docx", **how):
    """The parts of a signed document."""
    return signed_package(office_parts(kind), signer, replace(HOW, **how))


def changed(parts, name, *edits):
    """One part with these replacements, each of which must find its place."""
    content = parts[name]
    for old, new in edits:
        assert old in content, (name, old)
        content = content.replace(old, new)
    return {**parts, name: content}


def added(parts, name, content=b"<x/>", content_type=None):
    """One more part, and its content type where it needs one."""
    more = {**parts, name: content}
    return more if content_type is None else declared(more, name, content_type)


def declared(parts, name, content_type):
    line = f'<Override PartName="/{name}" ContentType="{content_type}"/></Types>'.encode()
    return changed(parts, TYPES, (b"</Types>", line))


def related(parts, rels, kind, target, *, identifier="rIdX", mode=""):
    """One more relationship; `kind` is a whole type or the last word of an Office one."""
    kind = kind if "://" in kind else f"{OFFICE}/{kind}"
    return {**parts, rels: with_relationship(parts[rels], identifier, kind, target, mode)}


def without(parts, *names):
    return {name: content for name, content in parts.items() if name not in names}


def codes(report):
    """Error codes of a report, signatures included."""
    return [f.code for f in report.all_findings() if f.severity == "error"]


def noted(report):
    """All codes of a report."""
    return {f.code for f in report.all_findings()}


# --- archives byte by byte -----------------------------------------------------------------------------


class Entry:
    """One entry, every field of which may lie: `local` and `listed` are fields that differ there."""

    def __init__(self, name, content=b"", *, method=8, **fields):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.content = content
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = deflate.compress(content) + deflate.flush() if method == 8 else content
        self.body = fields.pop("body", body)
        self.fields = {
            "need": 20,
            "flags": 0,
            "method": method,
            "time": 0,
            "date": 0x21,
            "crc": zlib.crc32(content),
            "packed": len(self.body),
            "size": len(content),
            "extra": b"",
            "offset": None,
            **fields.pop("both", {}),
        }
        self.local = {**self.fields, "name": self.name, **fields.pop("local", {})}
        self.listed = {**self.fields, "name": self.name, "comment": b"", **fields.pop("listed", {})}
        self.before = fields.pop("before", b"")
        self.behind = fields.pop("behind", b"")
        self.hidden = fields.pop("hidden", False)
        assert not fields, fields


def archive(entries, *, before=b"", between=b"", behind=b"", comment=b"", **end):
    """The archive of these entries; `before`, `between` and `behind` stand around the directory."""
    out, listed = bytearray(before), bytearray()
    for entry in entries:
        out += entry.before
        here, at = entry.local, len(out)
        numbers = [here[k] for k in ("need", "flags", "method", "time", "date", "crc", "packed", "size")]
        out += struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers, len(here["name"]), len(here["extra"]))
        out += here["name"] + here["extra"] + entry.body + entry.behind
        if entry.hidden:
            continue
        there = entry.listed
        numbers = [there[k] for k in ("need", "flags", "method", "time", "date", "crc", "packed", "size")]
        lengths = len(there["name"]), len(there["extra"]), len(there["comment"])
        offset = at if there["offset"] is None else there["offset"]
        listed += struct.pack("<4sH5H3L5H2L", b"PK\x01\x02", 20, *numbers, *lengths, 0, 0, 0, offset)
        listed += there["name"] + there["extra"] + there["comment"]
    out += between
    count = sum(not e.hidden for e in entries)
    says = {"here": count, "all": count, "length": len(listed), "start": len(out), **end}
    out += listed
    tail = struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        0,
        0,
        says["here"],
        says["all"],
        says["length"],
        says["start"],
        len(comment),
    )
    return bytes(out + behind + tail + comment)


def entries(parts):
    """Entries that tell the truth."""
    return [Entry(name, content) for name, content in parts.items()]


__all__ = [
    "AT",
    "HOW",
    "TYPES",
    "Entry",
    "PackageSignature",
    "added",
    "archive",
    "changed",
    "codes",
    "declared",
    "entries",
    "noted",
    "office_parts",
    "packed",
    "related",
    "signed",
    "signed_package",
    "without",
]


def body_changed(p):
    """What was signed reads otherwise."""
    return changed(p, DOCUMENT, ("Văn bản mẫu".encode(), "Văn bản khác".encode()))
