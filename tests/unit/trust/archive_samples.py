"""Papers of the early days with archive timestamps over them, in two formats that are asked the same."""

from datetime import UTC, datetime, timedelta

from asn1crypto import cms, core
from lxml import etree

from ebrvt_connect.testing import sample_archived_cms, sample_archived_xml
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, EARLY
from tests.unit.trust.time_samples import lists_of
from tests.unit.trust.xades_samples import xades_signed

PASSED, UNCLEAR, FAILED = Indication
CONTENT = b"noi dung\n" * 20
PLAIN = b'<goi Id="pkt-1"><giaTri>21.37</giaTri></goi>'
WITH_NAMESPACES = b'<g:goi xmlns:g="urn:g" xmlns="urn:d" Id="pkt-1"><ten>21.37</ten></g:goi>'
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
HOUR = timedelta(hours=1)
SOON = datetime(2015, 9, 1, tzinfo=UTC)
"""Before the revoked certificates were revoked."""
MIDWAY = datetime(2016, 6, 1, tzinfo=UTC)
LAPSE = datetime(2017, 1, 1, tzinfo=UTC)
"""When the certificates of the older timestamp authorities expire."""


def codes(report):
    return {f.code for f in report.all_findings()}


def told(report):
    return report.indication, {str(s) for s in report.sub_indications}


def level(report):
    return report.signatures[0].level


class CmsPapers:
    """Signatures of the early days, each with a timestamp unless told otherwise, and evidence."""

    mark = core.ObjectIdentifier("0.4.0.1733.2.4").dump()
    """What the archive timestamp begins with."""

    def __init__(self, desk):
        self.desk = desk

    def signed(
        self, flavour="good", *, stamper=None, stamped=True, evidence=True, detached=False, signers=None
    ):
        made = signed_cms(
            CONTENT,
            signers or [self.desk.pki.signer(AGENCY, flavour=flavour)],
            signed_at=EARLY,
            timestamper=(stamper or self.desk.stamped(EARLY)) if stamped else None,
            detached=detached,
        )
        lists = lists_of(self.desk.trust)
        return sample_archived_cms.with_validation_data(made, crls=lists) if evidence else made

    def stamped(self, data, stamper, **more):
        """With an archive timestamp over all of it."""
        return sample_archived_cms.with_archive_timestamp(data, stamper, **more)

    def archived(self, at=SOON, *, digest="sha256", change=None, **more):
        stamper = self.desk.stamped(at)
        return self.stamped(self.signed(**more), stamper, digest=digest, change_index=change)

    def moved(self, data, other):
        """The archive timestamp of one in the other."""
        stamp = unsigned(cms.ContentInfo.load(data)["content"])[-1]
        return rewritten(other, lambda content: put(content, [stamp]))


class XmlPapers:
    """The same as XML."""

    mark = b"ArchiveTimeStamp"

    def __init__(self, desk):
        self.desk = desk

    def signed(self, flavour="good", *, stamper=None, stamped=True, evidence=True, xml=PLAIN):
        made = xades_signed(
            self.desk.pki.signer(AGENCY, flavour=flavour),
            xml,
            at=EARLY,
            timestamper=(stamper or self.desk.stamped(EARLY)) if stamped else None,
        )
        lists = lists_of(self.desk.trust)
        return sample_archived_xml.with_validation_data(made, crls=lists) if evidence else made

    def stamped(self, data, stamper, **more):
        return sample_archived_xml.with_archive_timestamp(data, stamper, **more)

    def archived(self, at=SOON, *, digest="sha256", inclusive=False, **more):
        stamper = self.desk.stamped(at)
        return self.stamped(self.signed(**more), stamper, digest=digest, inclusive=inclusive)

    def moved(self, data, other):
        taken = etree.fromstring(data).find(f".//{{{XADES_141}}}ArchiveTimeStamp")
        return changed(other, lambda holder: holder.append(taken))


def rewritten(data, change):
    content = cms.ContentInfo.load(data)["content"]
    change(content)
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


def unsigned(content):
    return list(content["signer_infos"][0]["unsigned_attrs"])


def put(content, attributes):
    content["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes(attributes)


def changed(xml, change):
    """The file with its unsigned properties changed."""
    root = etree.fromstring(xml)
    (holder,) = root.iter(f"{{{XADES}}}UnsignedSignatureProperties")
    change(holder)
    return etree.tostring(root)
