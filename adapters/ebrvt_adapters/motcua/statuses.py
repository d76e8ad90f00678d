"""Which of the portal's ten codes a local status word stands for (bảng trạng thái hồ sơ): data. Pure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.model.dossier import DossierStage
from ebrvt_connect.model.text import nfc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STATUS_FILE_WRONG = explain(
    "MOTCUA_STATUS_FILE_WRONG",
    "Không đọc được bảng trạng thái hồ sơ “{file}”: {reason}.",
    "Sửa tệp theo mẫu status_sample.toml (mỗi trạng thái ứng với một số từ 1 đến 10) rồi khởi động lại.",
)

_CODES = frozenset(stage.value for stage in DossierStage)
_KNOWN_TABLES = frozenset({"title", "provenance", "words", "sub_words"})


@dataclass(frozen=True, slots=True)
class StatusMap:
    """Words, and words with a sub-status, to codes; a word that is not in it has none."""

    title: str = ""
    words: Mapping[str, DossierStage] = field(default_factory=dict)
    sub_words: Mapping[tuple[str, str], DossierStage] = field(default_factory=dict)

    def stage(self, word: str, sub_word: str = "") -> DossierStage | None:
        """The code of a word, its sub-status first; None where neither is known."""
        by_sub = self.sub_words.get((_key(word), _key(sub_word))) if sub_word else None
        return by_sub if by_sub is not None else self.words.get(_key(word))

    @classmethod
    def parse(cls, text: str, name: str) -> StatusMap:
        """From the TOML of a status file; raises `HeldForPerson` `MOTCUA_STATUS_FILE_WRONG`."""
        try:
            told = tomllib.loads(text)
        except tomllib.TOMLDecodeError as failure:
            raise wrong_file(name, f"sai cú pháp TOML ({failure})") from failure
        if strays := sorted(set(told) - _KNOWN_TABLES):
            raise wrong_file(name, f"có mục lạ: {', '.join(strays)[:200]}")
        words = dict(_stages(told.get("words"), name))
        sub_words = {
            (_key(word), sub): stage
            for word, table in _table(told.get("sub_words", {}), name).items()
            for sub, stage in _stages(table, name)
        }
        if not words and not sub_words:
            raise wrong_file(name, "không có trạng thái nào")
        return cls(str(told.get("title", "")), words, sub_words)


def sample() -> StatusMap:
    """The sample that ships: OpenCPS rc-3.0, to be replaced by the deployment's own."""
    name = "status_sample.toml"
    return StatusMap.parse(files(__package__).joinpath(name).read_text("utf-8"), name)


def wrong_file(name: str, reason: str) -> HeldForPerson:
    """A status file that cannot be used stops the system: nothing would be mapped."""
    return HeldForPerson(
        STATUS_FILE_WRONG, f"status file {name!r}: {reason}", scope=Scope.SYSTEM, file=name, reason=reason
    )


def _key(word: str) -> str:
    return nfc(word).strip().casefold()


def _table(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - whatever TOML holds
    if not isinstance(value, dict):
        raise wrong_file(name, "thiếu bảng [words] hoặc bảng không đúng dạng")
    return value


def _stages(value: Any, name: str) -> Iterator[tuple[str, DossierStage]]:  # noqa: ANN401 - whatever TOML holds
    for word, code in _table(value, name).items():
        if isinstance(code, bool) or not isinstance(code, int) or code not in _CODES:
            raise wrong_file(name, f"“{word[:60]}” phải ứng với một số từ 1 đến 10")
        yield _key(word), DossierStage(code)
