"""What `ebrvt sign` puts on the page of a PDF (hình thức chữ ký số): by role, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.console import shown_path
from ebrvt_connect.ports.bounded import read_bounded

if TYPE_CHECKING:
    from ebrvt_connect.ports.signer import Signer
    from ebrvt_connect.transport.signing_appearance import Appearance, AppearanceRules, Place

_SIDES = 4
_MARKS = frozenset({"attachment", "copy"})
_LARGEST_IMAGE_BYTES = 5 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the call says of it."""

    role: str
    """`person`, `agency`, `attachment` or `copy`."""
    image: Path | None
    """The picture of the signature or of the seal (PNG)."""
    place: str | None
    """`PAGE,LEFT,BOTTOM,RIGHT,TOP`: the page from 1, -1 the last; millimetres from its lower left."""
    number: str | None
    """Number and symbol of the document that an attachment in a file of its own belongs to."""
    copy_form: str
    """`SAO Y`, `SAO LỤC` or `TRÍCH SAO`."""
    copy_agency: str | None
    """Whose copy it is; unless given, what the signing certificate says."""
    rules: Path | None
    """Colours, sizes and words, where the packaged ones are not wanted."""

    def check(self) -> None:
        """Raises `click.UsageError` for a look that cannot be drawn, before any key is opened."""
        if self.place is not None:
            placed(self.place)
        if self.role == "attachment" and not (self.number or "").strip():
            raise click.UsageError("thiếu --number (số, ký hiệu của văn bản mà tệp này kèm theo)")
        if self.role in _MARKS:
            self._check_mark()
            return
        if self.image is None:
            what = "chữ ký" if self.role == "person" else "con dấu"
            raise click.UsageError(f"thiếu --image (tệp PNG hình ảnh {what}); không cần thì --no-appearance")
        if self.role == "person" and self.place is None:
            raise click.UsageError("thiếu --place (chỗ đặt chữ ký trên trang), ví dụ -1,110,60,190,90")

    def _check_mark(self) -> None:
        """NĐ 30/2020/NĐ-CP Phụ lục I: text in the corner of the first page, and no image."""
        if self.image is not None or self.place is not None:
            msg = f"--role {self.role} không dùng --image và --place: chữ nằm ở góc trên bên phải trang đầu"
            raise click.UsageError(msg)

    @property
    def signature_role(self) -> str:
        """Whose signature it is: an attachment is marked with the agency's."""
        return "agency" if self.role == "attachment" else self.role

    def appearance(self, signer: Signer) -> Appearance:
        """What is to be seen.

        Raises `HeldForPerson` `SIGNATURE_IMAGE_UNUSABLE`, `OSError` for a picture or rules that do not read
        and `click.UsageError` for rules that are none.
        """
        rules = self._rules()
        if self.role == "attachment":
            return rules.mark_of_attachment((self.number or "").strip())
        if self.role == "copy":
            return rules.mark_of_copy(self.copy_form, self.copy_agency or _agency_of(signer))
        image, place = _read(self.image), None if self.place is None else placed(self.place)
        if self.role == "agency":
            return rules.seal_of_agency(image, place=place)
        assert place is not None  # noqa: S101 - `check` has seen to it
        return rules.signature_of_person(image, place)

    def _rules(self) -> AppearanceRules:
        from ebrvt_connect.transport.signing_appearance import AppearanceRules

        if self.rules is None:
            return AppearanceRules.packaged()
        try:
            return AppearanceRules.read(self.rules)
        except ValueError as failure:
            msg = f"{shown_path(self.rules)} không phải tệp quy tắc hình thức chữ ký"
            raise click.UsageError(msg) from failure


def placed(text: str) -> Place:
    """`-1,110,60,190,90` as a place; raises `click.UsageError`."""
    from ebrvt_connect.transport.signing_appearance import Place

    try:
        first, *sides = text.split(",")
        numbers, page = [float(piece) for piece in sides], int(first)
    except ValueError:
        numbers, page = [], 0
    # Written as "not less", so that a "nan" is refused, too.
    if len(numbers) != _SIDES or not page or not (numbers[0] < numbers[2] and numbers[1] < numbers[3]):
        msg = f"--place “{text}”: viết TRANG,TRÁI,DƯỚI,PHẢI,TRÊN (trang từ 1, -1 là trang cuối; đơn vị mm)"
        raise click.UsageError(msg)
    return Place(page - 1 if page > 0 else page, *numbers)


def _read(path: Path | None) -> bytes:
    assert path is not None  # noqa: S101 - as above
    return read_bounded(path, _LARGEST_IMAGE_BYTES)


def _agency_of(signer: Signer) -> str:
    """The organisation that the signing certificate names, else its common name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_der_x509_certificate(signer.certificates_der[0]).subject
    named = [
        *subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME),
        *subject.get_attributes_for_oid(NameOID.COMMON_NAME),
    ]
    return str(named[0].value) if named else ""
