"""What can be done to an edXML packet on its way: `AMBIGUOUS` must not pass, `PLAIN` reads the same files.

Every attack takes the bytes of a packet with two files, `cv.pdf` and `pl.pdf`, and gives back others.
"""

import copy
import io
import re
import zipfile
from base64 import b64decode, b64encode

from lxml import etree

from ebrvt_connect.testing.sample_files import workbook_xlsx
from tests.unit.trust.samples import OTHER_AGENCY

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
XML = "{http://www.w3.org/XML/1998/namespace}"
_DECLARATION = re.compile(rb"^(<\?xml[^>]*\?>\s*)?")


def ours(name):
    return f"{{{NS}}}{name}"


def on_tree(change):
    def attack(packet):
        root = etree.fromstring(packet)
        change(root)
        return etree.tostring(root)

    return attack


def nth(root, name, number=0):
    return list(root.iter(ours(name)))[number]


def element(name, text="", namespace=NS):
    made = etree.Element(f"{{{namespace}}}{name}")
    made.text = text
    return made


def in_front(packet, written):
    return _DECLARATION.sub(lambda found: found[0] + written, packet, count=1)


def declared(line):
    return lambda packet: line + _DECLARATION.sub(b"", packet, count=1)


def swapped(name, holder):
    def change(root):
        one, other = (e.find(ours(name)) for e in root.iter(ours(holder)))
        one.text, other.text = other.text, one.text

    return on_tree(change)


def told(name, text, holder="Attachment", number=0):
    return on_tree(lambda root: setattr(nth(root, holder, number).find(ours(name)), "text", text))


def beside(name, change=lambda _: None, *, namespace=NS, into=None, first=False):
    """A second element of this name, next to the first or within another one."""

    def attack(root):
        one = nth(root, name)
        two = etree.fromstring(etree.tostring(copy.deepcopy(one), with_tail=False))
        change(two)
        if namespace != NS:
            two = etree.fromstring(etree.tostring(two).replace(NS.encode(), namespace.encode()))
        if into is not None:
            nth(root, into).append(two)
        elif first:
            one.addprevious(two)
        else:
            one.addnext(two)

    return on_tree(attack)


def text_of(name, text):
    def change(root):
        found = root if root.tag == ours(name) else root.find(f".//{ours(name)}")
        found.text = text

    return change


def cut(name, made, at=3):
    """The text of an element with something in its middle."""

    def change(root):
        whole = nth(root, name)
        behind = copy.deepcopy(made)
        behind.tail = whole.text[at:]
        whole.text = whole.text[:at]
        whole.append(behind)

    return on_tree(change)


def signature_moved(into, at=None):
    """The signature taken out of the header and put elsewhere; the same octets are signed."""

    def change(root):
        for moved in list(root.iter("{http://www.w3.org/2000/09/xmldsig#}Signature")):
            moved.getparent().remove(moved)
            place = nth(root, into)
            moved.tail = None
            if at is not None:
                moved.tail, place.text = place.text[at:], place.text[:at]
            place.append(moved)

    return on_tree(change)


def recoded(change):
    """The first file's base64 written otherwise."""

    def attack(root):
        content = nth(root, "ContentTransferEncoded")
        content.text = change(content.text)

    return on_tree(attack)


def rewrapped(change=lambda packed: packed, *, entry="x.pdf", hidden=b"", comment=b""):
    """The first file in a ZIP, as vendors send what is no PDF."""

    def encoded(text):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            if hidden:
                archive.writestr("cv.pdf", hidden)
            archive.writestr(entry, b64decode(text))
            archive.filelist = archive.filelist[-1:]
            archive.comment = comment
        return b64encode(change(packed.getvalue())).decode()

    return recoded(encoded)


def added(name, content, *, announced, content_id="cid:z"):
    def change(root):
        part = element("Attachment")
        for key, text in (
            ("ContentId", content_id),
            ("AttachmentName", name),
            ("ContentTransferEncoded", b64encode(content).decode()),
        ):
            part.append(element(key, text))
        nth(root, "AttachmentEncoded").append(part)
        if announced:
            entry = element("Reference")
            entry.extend([element("ContentId", content_id), element("AttachmentName", name)])
            nth(root, "edXMLManifest").append(entry)

    return on_tree(change)


def without(*what):
    def change(root):
        for name in what:
            found = nth(root, name, 1)
            found.getparent().remove(found)

    return on_tree(change)


def after_a_hundred_trifles(attack):
    """Whoever only counts what is odd past a hundred forgets what matters."""

    def change(root):
        entry = nth(root, "Reference")
        for name in ("ContentType", "ContentType"):
            entry.append(element(name, "x"))
        for _ in range(150):
            entry.addprevious(copy.deepcopy(entry))

    return lambda packet: attack(on_tree(change)(packet))


def collided(*holders):
    """Both files under one content id."""

    def change(root):
        for holder in holders:
            one, other = (e.find(ours("ContentId")) for e in root.iter(ours(holder)))
            other.text = one.text

    return on_tree(change)


def in_a_soap_envelope(packet):
    soap = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    return soap + _DECLARATION.sub(b"", packet, count=1) + b"</s:Body></s:Envelope>"


def moved(what, into):
    return on_tree(lambda root: nth(root, into).append(nth(root, what)))


def attributed(name, attribute, value):
    return on_tree(lambda root: nth(root, name).set(attribute, value))


def replaced(old, new):
    def attack(packet):
        assert old in packet
        return packet.replace(old, new, 1)

    return attack


def respelt(change):
    """The same tree in other letters."""
    return lambda packet: change(etree.fromstring(packet))


_COMMENT, _INSTRUCTION = etree.Comment("x"), etree.ProcessingInstruction("x", "y")
_CID = "cid:khac"

AMBIGUOUS = {
    # files
    "file swapped under its id": swapped("ContentId", "Attachment"),
    "names of parts swapped": swapped("AttachmentName", "Attachment"),
    "names in the manifest swapped": swapped("AttachmentName", "Reference"),
    "named otherwise in the manifest": told("AttachmentName", "quyet-dinh.pdf", "Reference"),
    "part renamed to a program": told("AttachmentName", "cv.exe"),
    "name that reads backwards": told("AttachmentName", "cv.pdf\u202efdp.exe"),
    "two names in a part": beside("AttachmentName", text_of("AttachmentName", "x.exe"), into="Attachment"),
    "two ids in a part": beside("ContentId", text_of("ContentId", _CID), into="Attachment"),
    "a stranger's name in a part": beside(
        "AttachmentName", text_of("AttachmentName", "x.exe"), namespace="urn:x", into="Attachment"
    ),
    "two contents in a part": beside("ContentTransferEncoded"),
    "a stranger's content before the content": beside(
        "ContentTransferEncoded", namespace="urn:x", first=True
    ),
    "second list of parts": beside("AttachmentEncoded", lambda held: held.remove(held[0])),
    "a stranger's list of parts": beside("AttachmentEncoded", namespace="urn:x", first=True),
    "list of parts in the header": beside("AttachmentEncoded", into="edXMLHeader"),
    "part beside the list": beside("Attachment", into="edXML"),
    "part within a part": beside("Attachment", into="Attachment"),
    "part without announcement": added("z.pdf", b"%PDF-1.7", announced=False),
    "unsigned file announced": added("z.xlsx", workbook_xlsx(), announced=True),
    "part of an announced id": added("cv.pdf", workbook_xlsx(), announced=False, content_id="cid:cv"),
    "announcement after a hundred trifles": after_a_hundred_trifles(without("Reference")),
    "part taken away": without("Attachment"),
    "one id for both parts": collided("Attachment"),
    "one id for all": collided("Attachment", "Reference"),
    "ids in capitals": on_tree(
        lambda root: setattr(nth(root, "ContentId"), "text", nth(root, "ContentId").text.upper())
    ),
    # what the document says of itself, in places where nobody here reads it
    "a date in the header": beside(
        "PromulgationDate", text_of("PromulgationDate", "2019/01/01"), into="MessageHeader"
    ),
    "a number in the header": beside("CodeNumber", text_of("CodeNumber", "999"), into="MessageHeader"),
    "a symbol in the header": beside(
        "CodeNotation", text_of("CodeNotation", "QĐ-UBND"), into="MessageHeader"
    ),
    "an agency in the header": beside("OrganId", text_of("OrganId", OTHER_AGENCY), into="MessageHeader"),
    "a sender's name in the header": beside("OrganName", text_of("OrganName", "UBND"), into="MessageHeader"),
    "a subject in the envelope": beside("Subject", text_of("Subject", "khác"), into="edXMLEnvelope"),
    "a number under the promulgation": beside("Code", into="PromulgationInfo"),
    # manifest
    "announced twice by other names": beside("Reference", text_of("AttachmentName", "khac.pdf")),
    "second manifest": beside("edXMLManifest", text_of("AttachmentName", "khac.pdf")),
    "second body": beside("edXMLBody", text_of("AttachmentName", "khac.pdf")),
    "a stranger's manifest": beside("edXMLManifest", namespace="urn:x", first=True),
    "manifest in the header": moved("edXMLManifest", "edXMLHeader"),
    "manifest within an entry": beside("edXMLManifest", into="Reference"),
    # how a file is written
    "comment in base64": cut("ContentTransferEncoded", _COMMENT, 400),
    "instruction in base64": cut("ContentTransferEncoded", _INSTRUCTION, 400),
    "element in base64": cut("ContentTransferEncoded", etree.Element("b"), 400),
    "garbage in base64": recoded(lambda text: "*" + text),
    "hard blank in base64": recoded(lambda text: "\u00a0" + text),
    "more behind the padding": recoded(lambda text: text + "===="),
    "base64 for URLs": recoded(lambda text: text.replace("+", "-").replace("/", "_")),
    "archive with something before": rewrapped(lambda packed: b"PK\x03\x04xx" + packed),
    "archive with something behind": rewrapped(lambda packed: packed + b"xx"),
    "archive with a comment": rewrapped(comment=b"%PDF-1.7"),
    "archive with an entry its list leaves out": rewrapped(hidden=b"%PDF-1.7 gia mao"),
    "archive with a program's name in it": rewrapped(entry="cv.exe"),
    # header
    "second sender": beside("From", text_of("OrganId", OTHER_AGENCY)),
    "a stranger's sender before the sender": beside(
        "From", text_of("OrganId", OTHER_AGENCY), namespace="urn:x", first=True
    ),
    "second code of the sender": beside("OrganId", text_of("OrganId", OTHER_AGENCY)),
    "sender's code cut by a comment": cut("OrganId", _COMMENT, 5),
    "sender's code cut by an instruction": cut("OrganId", _INSTRUCTION, 5),
    "another code within the code": cut("OrganId", element("OrganId", OTHER_AGENCY), 13),
    "subject cut by a comment": cut("Subject", _COMMENT),
    "second number": beside("CodeNumber", text_of("CodeNumber", "126")),
    "second header": beside("MessageHeader"),
    "a stranger's header": beside("MessageHeader", namespace="urn:x", first=True),
    "second envelope": beside("edXMLEnvelope"),
    "envelope within the body": beside("edXMLEnvelope", into="edXMLBody"),
    "second date": beside("PromulgationDate", text_of("PromulgationDate", "2020/01/01")),
    "second promulgation": beside("PromulgationInfo", text_of("PromulgationDate", "2020/01/01")),
    "a stranger's date": beside("PromulgationDate", namespace="urn:x", first=True),
    "status code slipped in": on_tree(
        lambda root: nth(root, "MessageHeader").append(element("StatusCode", "03"))
    ),
    "prefix bound to something else": on_tree(lambda root: root.append(element("MessageHeader"))),
    # around
    "in a SOAP body": in_a_soap_envelope,
    "a second root": lambda packet: packet + _DECLARATION.sub(b"", packet, count=1),
    "bytes in front": lambda packet: b"x" + packet,
    "document type": declared(b'<?xml version="1.0"?><!DOCTYPE edXML [<!ATTLIST edXML Id ID #IMPLIED>]>'),
    "declared as UTF-7": declared(b'<?xml version="1.0" encoding="utf-7"?>'),
    "declared as UTF-7 far behind": declared(b'<?xml version="1.0" ' + b" " * 70_000 + b'encoding="utf-7"?>'),
    "declared in Latin": declared(b"<?xml version='1.0'\nencoding = 'iso-8859-1'?>"),
    "in UTF-16": respelt(lambda root: etree.tostring(root, encoding="utf-16")),
}

PLAIN = {
    "date edited": told("PromulgationDate", "2026/11/22", "PromulgationInfo"),
    "subject edited": on_tree(lambda root: setattr(nth(root, "Subject"), "text", "khác")),
    "id without its scheme": on_tree(
        lambda root: setattr(nth(root, "ContentId"), "text", nth(root, "ContentId").text[4:])
    ),
    "parts reordered": moved("Attachment", "AttachmentEncoded"),
    "base64 in lines": recoded(lambda text: "\r\n ".join(re.findall(".{1,76}", text))),
    "in an archive": rewrapped(),
    "xml:base at the root": attributed("edXML", XML + "base", "http://x.invalid/"),
    "xml:id": attributed("MessageHeader", XML + "id", "x"),
    "an Id twice": on_tree(lambda root: (nth(root, "From").set("Id", "a"), nth(root, "Code").set("ID", "a"))),
    "attribute on a part": attributed("Attachment", "href", "http://x.invalid/"),
    "another prefix": on_tree(
        lambda root: nth(root, "MessageHeader").replace(
            nth(root, "SteeringType"), etree.fromstring(f'<z:SteeringType xmlns:z="{NS}">0</z:SteeringType>')
        )
    ),
    "comment in front": lambda packet: in_front(packet, b"<!--x-->"),
    "style sheet in front": lambda packet: in_front(packet, b'<?xml-stylesheet href="x.xsl"?>'),
    "file and its announcement taken away": without("Attachment", "Reference"),
}
"""Nobody signs the envelope, so these change nothing that is vouched for; a seal on the whole must notice."""

SAME = {
    "byte order mark": lambda packet: b"\xef\xbb\xbf" + packet,
    "numbered letters": respelt(lambda root: etree.tostring(root, encoding="us-ascii")),
    "as UTF-8": respelt(lambda root: etree.tostring(root, encoding="utf-8", xml_declaration=True)),
    "attributes in other quotes": replaced(b'version="1.0"', b"version='1.0'"),
}
"""The same packet in other letters: canonical octets do not change, so nothing is to be noticed."""

SIGNATURE_MOVED = {
    "into the subject": signature_moved("Subject", 3),
    "into the sender's code": signature_moved("OrganId", 5),
    "into a file's name": signature_moved("AttachmentName", 2),
    "into the base64 of a file": signature_moved("ContentTransferEncoded", 400),
}
"""Of a sealed packet: the enveloped signature is taken out before its digest is made, wherever it stands."""
