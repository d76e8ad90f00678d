"""XML files that want to be too much for whoever opens them; all say that they are signed."""

from collections.abc import Callable

_DS = 'xmlns="http://www.w3.org/2000/09/xmldsig#"'
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"


def _reference(uri: str = "", transforms: str = f'<Transform Algorithm="{_ENVELOPED}"/>') -> str:
    return (
        f'<Reference URI="{uri}"><Transforms>{transforms}</Transforms><DigestMethod Algorithm="{_SHA256}"/>'
        "<DigestValue>AAAA</DigestValue></Reference>"
    )


def _signature(*references: str, inside: str = "", c14n: str = _C14N) -> str:
    return (
        f'<Signature {_DS}><SignedInfo><CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<SignatureMethod Algorithm="{_RSA}"/>{"".join(references or (_reference(),))}</SignedInfo>'
        f"<SignatureValue>AAAA</SignatureValue>{inside}</Signature>"
    )


def _document(content: str, signature: str | None = None, attributes: str = "") -> bytes:
    return f"<doc{attributes}>{content}{_signature() if signature is None else signature}</doc>".encode()


def _with_type(declarations: str, content: str) -> bytes:
    return f"<!DOCTYPE doc [{declarations}]>".encode() + _document(content)


def _laughs() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return _with_type(f'<!ENTITY l0 "ha">{levels}', "&l11;")


def _key_info(certificates: int) -> str:
    one = "<X509Certificate>MIIB</X509Certificate>"
    return f"<KeyInfo><X509Data>{one * certificates}</X509Data></KeyInfo>"


def _namespaces(count: int) -> str:
    return "".join(f' xmlns:n{n}="urn:{n}"' for n in range(count))


def _unsigned(properties: str) -> str:
    return (
        '<Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" '
        'xmlns:y="http://uri.etsi.org/01903/v1.4.1#"><x:UnsignedProperties><x:UnsignedSignatureProperties>'
        f"{properties}"
        "</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></Object>"
    )


def _archived(properties: int, namespaces: int) -> bytes:
    """A signature with archive timestamps behind many properties, under many namespaces."""
    stamp = "<y:ArchiveTimeStamp><x:EncapsulatedTimeStamp>MIIB</x:EncapsulatedTimeStamp></y:ArchiveTimeStamp>"
    inside = _unsigned(f"{'<x:CertificateValues/>' * properties}{stamp * 4}")
    return _document("", _signature(inside=inside), _namespaces(namespaces))


MADE: dict[str, Callable[[], bytes]] = {
    "a billion laughs": _laughs,
    "a quadratic blow-up": lambda: _with_type(f'<!ENTITY a "{"A" * 100_000}">', "&a;" * 20_000),
    "an entity from a file": lambda: _with_type('<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;"),
    "an entity from the network": lambda: _with_type('<!ENTITY % a SYSTEM "http://127.0.0.1/a"> %a;', ""),
    "archived properties under two thousand namespaces": lambda: _archived(8000, 2000),
    "archived properties under many namespaces": lambda: _archived(8000, 900),
    "an entity nobody declared": lambda: _document("&a;"),
    "elements in elements": lambda: _document("<a>" * 100_000 + "</a>" * 100_000),
    "elements in elements, unclosed": lambda: _document("<a>" * 1_000_000),
    "elements by the million": lambda: _document("<a/>" * 1_000_000),
    "elements just within the limit": lambda: _document("<a b='c'>d</a>" * 199_000),
    "levels just within the limit": lambda: _document(("<a>" * 60 + "</a>" * 60) * 3000),
    "one attribute of ten megabytes": lambda: _document("", attributes=f' a="{"A" * 9_900_000}"'),
    "attributes by the hundred thousand": lambda: _document(
        "", attributes="".join(f' a{n}="1"' for n in range(100_000))
    ),
    "attributes within the limit, on each element": lambda: _document(
        "".join(f"<a{''.join(f' a{n}={chr(34)}1{chr(34)}' for n in range(5000))}/>" for _ in range(200))
    ),
    "namespaces by the hundred thousand": lambda: _document("", attributes=_namespaces(100_000)),
    "namespaces on each level": lambda: _document(
        "".join(f"<a{_namespaces(300)}>" for _ in range(60)) + "<a/>" * 100_000 + "</a>" * 60
    ),
    "namespaces under which everything is canonicalized": lambda: _document(
        "<n1:a n2:b='c'/>" * 190_000, attributes=_namespaces(3000)
    ),
    "an attribute for each namespace": lambda: _document(
        "".join(f"<n{n}:a n{n}:b='c'/>" for n in range(3000)) * 20, attributes=_namespaces(3000)
    ),
    "references by the hundred thousand": lambda: _document("", _signature(*[_reference()] * 100_000)),
    "twenty references to a large document": lambda: _document(
        "<a b='c'>d</a>" * 150_000, _signature(*[_reference()] * 20)
    ),
    "fifty signatures of twenty references": lambda: _document(
        "<a b='c'>d</a>" * 3000, _signature(*[_reference("#x")] * 20) * 50, ' Id="x"'
    ),
    "signatures by the thousand": lambda: _document("", _signature() * 3000),
    "signatures in signatures": lambda: _document(
        "", (f"<Signature {_DS}><Object>" * 25) + _signature() + "</Object></Signature>" * 25
    ),
    "transforms by the ten thousand": lambda: _document(
        "", _signature(_reference(transforms=f'<Transform Algorithm="{_ENVELOPED}"/>' * 10_000))
    ),
    "a style sheet for a transform": lambda: _document(
        "",
        _signature(
            _reference(
                transforms='<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">'
                '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform"/></Transform>'
            )
        ),
    ),
    "an XPath for a transform": lambda: _document(
        "",
        _signature(
            _reference(
                transforms='<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
                "<XPath>count(//. | //@* | //namespace::*)</XPath></Transform>"
            )
        ),
    ),
    "a reference to a file": lambda: _document("", _signature(_reference("file:///dev/zero"))),
    "a reference to the network": lambda: _document("", _signature(_reference("http://127.0.0.1/a"))),
    "a reference by XPointer": lambda: _document("", _signature(_reference("#xpointer(//*[//*])"))),
    "one Id a hundred thousand times": lambda: _document(
        '<a Id="x"/>' * 100_000, _signature(*[_reference("#x")] * 20)
    ),
    "certificates by the ten thousand": lambda: _document("", _signature(inside=_key_info(10_000))),
    "a certificate of ten megabytes": lambda: _document(
        "",
        _signature(
            inside="<KeyInfo><X509Data><X509Certificate>"
            + "MIIB" * 2_400_000
            + "</X509Certificate></X509Data></KeyInfo>"
        ),
    ),
    "unsigned properties by the hundred thousand": lambda: _document(
        "", _signature(inside=_unsigned("<x:CertificateValues/>" * 150_000))
    ),
    "a signature value of ten megabytes": lambda: _document("").replace(
        b"<SignatureValue>AAAA", b"<SignatureValue>" + b"A" * 9_900_000
    ),
    "prefixes by the hundred thousand": lambda: _document("").replace(
        b'REC-xml-c14n-20010315"/>',
        b'REC-xml-c14n-20010315">'
        b'<InclusiveNamespaces xmlns="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="'
        + b" ".join(b"n%d" % n for n in range(100_000))
        + b'"/></CanonicalizationMethod>',
    ),
    "comments by the million": lambda: _document("<!---->" * 1_000_000),
    "instructions by the million": lambda: _document("<?a b?>" * 1_000_000),
    "one text of fifteen megabytes": lambda: _document("A" * 15_000_000),
    "text under the limit": lambda: _document("A" * 9_000_000),
    "fifteen megabytes of blanks": lambda: _document(" \n" * 7_500_000),
    "character references by the million": lambda: _document("&#38;" * 1_500_000),
    "a tag of a megabyte": lambda: _document(f"<{'a' * 1_000_000}/>"),
    "a tag that never ends": lambda: _document("<a " + "a" * 9_000_000),
    "UTF-16": lambda: _document("").decode().encode("utf-16"),
    "UTF-16 that says UTF-8": lambda: (
        (b"<?xml version='1.0' encoding='UTF-8'?>" + _document("")).decode().encode("utf-16")
    ),
    "UTF-7": lambda: b"<?xml version='1.0' encoding='UTF-7'?>" + _document("").decode().encode("utf-7"),
    "UTF-8 that says UTF-16": lambda: b"<?xml version='1.0' encoding='UTF-16'?>" + _document(""),
    "EBCDIC": lambda: b"<?xml version='1.0' encoding='cp037'?>" + _document(""),
    "bytes that are no UTF-8": lambda: _document("x").replace(b">x<", b">\xc0\xaf\xff\xfe<"),
    "a declaration that never ends": lambda: b"<?xml version='1.0' " + b"a" * 5_000_000 + b"Signature",
    "two documents": lambda: _document("") * 2,
    "thirty megabytes": lambda: _document("<a>Signature</a>" * 2_000_000),
}
"""How each is made, by what it is."""
