"""All there is of zeep: WSDL files read once for a process, messages made and values read by them.

zeep never sees the network here. It is handed the WSDL's bytes, makes the element of a body from values,
and makes values from an element that the schema has already been asked about. What goes over the wire,
and what an answer means, is decided in `soap` and `soap_replies`. This module imports zeep, which takes
most of a second: `soap` imports it when the first channel is opened.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import zeep
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import ValidationError
from zeep.helpers import serialize_object
from zeep.wsdl import Document
from zeep.wsdl.bindings import Soap11Binding, Soap12Binding

from ebrvt_connect.codec.soap import SOAP_11, SOAP_12, SoapVersion, lost_values, name_of, unsent_values
from ebrvt_connect.codec.soap_schema import BodyProblem, BodySchema

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# At DEBUG `transports` prints whole envelopes; `xsd` prints the values it cannot read, with a traceback,
# where we hold the message (`lost_values`). Set on each, so that a root logger at DEBUG changes nothing.
for _name, _level in {"transports": "INFO", "wsdl": "INFO", "loader": "INFO", "xsd": "CRITICAL"}.items():
    logging.getLogger(f"zeep.{_name}").setLevel(_level)

_UNEXPECTED = re.compile(r"unexpected keyword argument '([^']{1,80})'")


class _Elsewhere(Exception):
    """The WSDL asked for something beside itself."""


_UNREADABLE = (ZeepError, _Elsewhere, LookupError, ValueError, NotImplementedError, AttributeError, TypeError)
"""What zeep lets out over a WSDL that is none."""


class Unusable(Exception):
    """A WSDL that cannot be worked with; the text says why and quotes nothing but names."""


@dataclass(frozen=True, slots=True)
class Values:
    """What zeep made of an element, and what it could not."""

    plain: dict[str, Any]
    lost: list[str]
    """Names of elements whose text has no value in Python: zeep gives None for them, and goes on."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a binding (document/literal)."""

    name: str
    action: str
    """What SOAPAction says."""
    input_tag: str
    output_tag: str
    fault_tags: frozenset[str]
    """Elements that its declared faults carry as detail."""


class ParsedWsdl:
    """One WSDL, parsed and compiled; shared by all threads, read only."""

    def __init__(self, name: str, content: bytes) -> None:
        """Raises `Unusable`; `InvalidValue` for a schema that cannot be used."""
        self.schema = BodySchema(content)
        self._location = f"/ebrvt-wsdl/{name}"
        settings = zeep.Settings(
            strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False
        )
        self._settings = settings
        self._file = _OneFile(self._location, content)
        try:
            self._document = Document(self._location, self._file, settings=settings)  # type: ignore[arg-type]
        except _UNREADABLE as failure:
            raise Unusable(f"{name} is no WSDL zeep can read: {type(failure).__name__}") from failure

    def binding_named(self, wanted: str) -> str:
        """The SOAP binding to use: the wanted one (`{namespace}name`), or the only one there is."""
        found = [name for name, one in self._document.bindings.items() if _version(one) is not None]
        chosen = [wanted] if wanted in found else found if not wanted else []
        if len(chosen) != 1:
            raise Unusable(f"expected one SOAP binding {wanted!r}, the WSDL has {', '.join(found) or 'none'}")
        return chosen[0]

    def version(self, binding: str) -> SoapVersion:
        """The SOAP version the binding speaks."""
        return _version(self._document.bindings[binding]) or SOAP_11

    def operations(self, binding: str) -> dict[str, Operation]:
        """The operations that take one element and answer with one (document/literal)."""
        made = (_operation(one) for one in self._document.bindings[binding].all().values())  # type: ignore[no-untyped-call]
        return {operation.name: operation for operation in made if operation is not None}

    def client(self) -> zeep.Client:
        """A client of one thread's own; it shares what was parsed (0.3 ms)."""
        return zeep.Client(self._document, transport=self._file, settings=self._settings)  # type: ignore[no-untyped-call]

    def values(self, element: Element) -> Values:
        """What stands in an element the schema found valid: names to plain values, lists where repeated."""
        types = self._document.types
        try:
            made = types.get_element(element.tag).parse(element, types)  # type: ignore[no-untyped-call]
        except (ZeepError, LookupError, ValueError, TypeError):
            return Values({}, [name_of(element)])
        values = serialize_object(made, dict)  # type: ignore[no-untyped-call]
        plain: dict[str, Any] = values if isinstance(values, dict) else {"_value_1": values}
        return Values(plain, lost_values(element, plain))


class Messages:
    """Bodies made from values through one binding, with a client for each thread."""

    def __init__(self, wsdl: ParsedWsdl, binding: str, address: str) -> None:
        """`address` is the caller's, never the WSDL's `soap:address`."""
        self._wsdl = wsdl
        self._binding = binding
        self._address = address
        self._own = threading.local()

    def body(self, operation: str, values: Mapping[str, object]) -> Element | BodyProblem:
        """The element for the body, not yet held to the schema; or why none can be made of the values."""
        client, service = self._of_this_thread()
        try:
            # What `client.create_message` does; that one has no room for a value named `service`.
            create, options = service._binding._create, service._binding_options  # noqa: SLF001
            envelope, _ = create(operation, (), _spelled(values), client=client, options=options)
        except ValidationError as failure:
            path = "/".join(str(step) for step in failure.path) or operation
            return BodyProblem(path, "thiếu mục bắt buộc hoặc sai số lượng", str(failure.message)[:200])
        except Exception as failure:  # noqa: BLE001 - zeep converts values with whatever they have
            return _unfit(operation, failure)
        body: Element = envelope.find(self._wsdl.version(self._binding).tag("Body"))
        element = body[0]
        body.remove(element)  # takes along the namespaces it uses, and only those
        unsent = unsent_values(element, values)
        if unsent:
            return BodyProblem(unsent[0], "không đưa được vào thông điệp", "left out by zeep")
        return element

    def _of_this_thread(self) -> tuple[Any, Any]:
        mine = getattr(self._own, "made", None)
        if mine is None:
            client = self._wsdl.client()
            mine = client, client.create_service(self._binding, self._address)  # type: ignore[no-untyped-call]
            self._own.made = mine
        return mine


_parsed: dict[bytes, ParsedWsdl] = {}
_parsing = threading.Lock()


def parsed(name: str, content: bytes) -> ParsedWsdl:
    """The WSDL with these bytes, parsed once for the process. Raises as `ParsedWsdl`."""
    with _parsing:
        if content not in _parsed:
            _parsed[content] = ParsedWsdl(name, content)
        return _parsed[content]


class _OneFile:
    """What zeep loads through: the bytes of one WSDL, and nothing from anywhere else.

    Not a `zeep.Transport`: that one opens a requests session of its own and mounts `file://` into it.
    """

    def __init__(self, location: str, content: bytes) -> None:
        self._location = location
        self._content = content

    def load(self, url: str) -> bytes:
        """The WSDL; anything else is refused."""
        if url != self._location:
            raise _Elsewhere("the WSDL refers to another file")
        return self._content


def _version(binding: object) -> SoapVersion | None:
    if isinstance(binding, Soap11Binding):
        return SOAP_11
    return SOAP_12 if isinstance(binding, Soap12Binding) else None


def _operation(found: Any) -> Operation | None:  # noqa: ANN401 - zeep's own, untyped
    """None where it is not one element in and one element out."""
    tags = [str(message.body.qname) for message in (found.input, found.output) if _has_element(message)]
    if found.style != "document" or len(tags) != 2:  # noqa: PLR2004 - in and out
        return None
    declared = (part for message in found.abstract.fault_messages.values() for part in message.parts.values())
    faults = frozenset(str(part.element.qname) for part in declared if part.element is not None)
    return Operation(found.name, found.soapaction or "", tags[0], tags[1], faults)


def _has_element(message: Any) -> bool:  # noqa: ANN401 - zeep's own, untyped
    return message is not None and getattr(message, "body", None) is not None


def _spelled(value: Any) -> Any:  # noqa: ANN401 - whatever a caller hands in
    """Zeros and false as text: a choice that holds nothing else zeep takes for one not made, and drops it."""
    if isinstance(value, Mapping):
        return {name: _spelled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_spelled(one) for one in value]
    if value is False:
        return "false"
    if isinstance(value, (int, float, Decimal)) and value == 0:
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    return value


def _unfit(operation: str, failure: Exception) -> BodyProblem:
    """What a value of a wrong type set off inside zeep, told without its text, which may quote the value."""
    extra = _UNEXPECTED.search(str(failure))
    if extra:
        return BodyProblem(extra[1], "không có trong lược đồ", "not an element of the schema")
    return BodyProblem(operation, "có giá trị sai kiểu dữ liệu", f"no message made: {type(failure).__name__}")
