"""XML read and proven by a short cut is read and proven the long way too, whatever a test does with it."""

from contextlib import contextmanager

import pytest
from lxml import etree

from ebrvt_connect.codec.xml import InvalidValue, XmlLimits, parse_tree
from ebrvt_connect.trust import xml_reading, xml_signature
from ebrvt_connect.trust.sound_xml import plainly_signed


def whole(root):
    """Everything of a document, comments and instructions around its root too."""
    return etree.tostring(root.getroottree(), encoding="utf-8")


def read_strictly(data):
    """None where it is refused."""
    try:
        return parse_tree(data, XmlLimits(), keep_remarks=True)
    except InvalidValue:
        return None


def held_by_signxml(signature, leaf):
    """What it holds to be signed; nothing where it breaks over it."""
    try:
        return xml_signature._asked(signature, leaf).signed
    except Exception:  # noqa: BLE001 - whatever it breaks over
        return ()


@contextmanager
def short_cuts_watched():
    """What the short cuts said that the long way does not; verifying goes on as ever meanwhile."""
    differences = []
    plain_root = xml_reading._plain_root

    def proven(signature, leaf):
        signed = plainly_signed(signature, leaf)
        if signed and held_by_signxml(signature, leaf) != signed:
            differences.append(etree.tostring(signature.element.getroottree()))
        return signed

    def read(data):
        root = plain_root(data)
        strict = None if root is None else read_strictly(data)
        if root is not None and (strict is None or whole(root) != whole(strict)):
            differences.append(data)
        return root

    with pytest.MonkeyPatch.context() as watched:
        watched.setattr(xml_signature, "plainly_signed", proven)
        watched.setattr(xml_reading, "_plain_root", read)
        yield differences


@contextmanager
def no_short_cuts():
    """Every file read strictly, every signature put to signxml."""
    with pytest.MonkeyPatch.context() as without:
        without.setattr(xml_signature, "plainly_signed", lambda *_: ())
        without.setattr(xml_reading, "_plain_root", lambda _: None)
        yield
