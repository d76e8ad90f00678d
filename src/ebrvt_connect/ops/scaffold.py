"""Making a new adapter (bộ kết nối mới): the template under another name, as a distribution of its own.

The template is a complete adapter that passes the conformance suite, so what is made passes it at once, and
each change towards the real system is made on something that works.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ebrvt_connect import __version__
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.ops.built_in import BUILT_IN
from ebrvt_connect.ops.catalogue import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

ADAPTER_NAME_INVALID = explain(
    "ADAPTER_NAME_INVALID",
    "“{name}” không dùng được làm tên bộ kết nối.",
    "Chọn tên gồm chữ thường không dấu, số và dấu gạch dưới, bắt đầu bằng chữ, dài từ 2 đến 20 ký tự, "
    "ví dụ: so_theo_doi.",
)
ADAPTER_NAME_TAKEN = explain(
    "ADAPTER_NAME_TAKEN",
    "Tên “{name}” đã được dùng cho bộ kết nối hoặc thành phần khác của chương trình.",
    "Chọn tên khác; xem các bộ kết nối đã có bằng lệnh ebrvt adapters.",
)
FOLDER_TAKEN = explain(
    "ADAPTER_FOLDER_TAKEN",
    "Đã có thư mục hoặc tệp {folder}; chương trình không ghi đè.",
    "Chọn tên khác, chọn nơi khác bằng --into, hoặc tự xóa thư mục cũ.",
)

TEMPLATE = "khuonmau"
"""The name that stands in the template wherever the new one goes (khuôn mẫu)."""
_PACKAGE = "ebrvt_adapters"
_FOLDER = "_template"
_NAME = re.compile(r"[a-z](?:_?[a-z0-9]){1,19}")
_LONGEST = 20
_PROJECT = "project"
_UNFILLED = ".in"


@dataclass(frozen=True, slots=True)
class NewAdapter:
    """The names of an adapter that is to be made; raises `InvalidValue` for one that cannot be used."""

    name: str

    def __post_init__(self) -> None:
        """Refuse what is no name of a package, and what is taken."""
        if len(self.name) > _LONGEST or not _NAME.fullmatch(self.name) or keyword.iskeyword(self.name):
            detail = f"adapter name {self.name[:40]!r}: expected {_NAME.pattern}"
            raise InvalidValue(ADAPTER_NAME_INVALID, detail, name=self.name[:40])
        if self._is_taken:
            raise InvalidValue(ADAPTER_NAME_TAKEN, f"adapter {self.name!r} is there", name=self.name)

    @property
    def _is_taken(self) -> bool:
        """By an adapter, by what the program has built in, or by a package: `connect` would be ourselves."""
        if self.name == TEMPLATE or self.name in BUILT_IN:
            return True
        return bool(entry_points(group=ADAPTERS, name=self.name)) or find_spec(self.package) is not None

    @property
    def distribution(self) -> str:
        """What pip calls it, and its folder: `ebrvt-so-theo-doi`."""
        return f"ebrvt-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """What is imported: `ebrvt_so_theo_doi`."""
        return f"ebrvt_{self.name}"

    @property
    def prefix(self) -> str:
        """What its classes begin with: `SoTheoDoi`."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    def filled(self, text: str) -> str:
        """A text of the template with the new names."""
        text = text.replace(f"ebrvt-{TEMPLATE}", self.distribution).replace("{version}", __version__)
        for old, new in (
            (TEMPLATE.upper(), self.name.upper()),
            (TEMPLATE.capitalize(), self.prefix),
            (TEMPLATE, self.name),
        ):
            text = text.replace(old, new)
        return text

    def contents(self) -> Iterator[tuple[str, str]]:
        """Every file by its path below the new folder, with its text."""
        root = files(_PACKAGE).joinpath(_FOLDER)
        for path, text in _texts(root):
            where, _, last = path.rpartition("/")
            if where != _PROJECT:
                yield f"src/{self.package}/{path}", self.filled(text)
            elif last.startswith("test_"):
                yield f"tests/{last.removesuffix(_UNFILLED)}", self.filled(text)
            else:
                yield last.removesuffix(_UNFILLED), self.filled(text)
        yield f"src/{self.package}/py.typed", ""

    def write(self, into: Path) -> Path:
        """Write it to a new folder below `into`; raises `InvalidValue` where something is there already."""
        folder = into / self.distribution
        try:
            folder.mkdir(parents=True)
        except FileExistsError as failure:
            raise InvalidValue(FOLDER_TAKEN, f"{folder} is there already", folder=folder) from failure
        for path, text in self.contents():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        return folder


def _texts(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    """The template's files by their paths, without what Python leaves beside them."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _texts(entry, f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}", entry.read_text("utf-8")
