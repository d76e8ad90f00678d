"""Reads the configuration once: command line > environment > credentials folder > file > defaults.

Unknown keys and unknown `EBRVT_*` names are errors that name the nearest known key, the file and the
line. Secrets are references (`{ file = ... }`, `{ env = ... }`, `{ credential = ... }`,
`{ command = [...] }`), resolved here and nowhere else; a secret file that others can read is refused.
"""

from __future__ import annotations

import os
import stat
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from ebrvt_connect.errors import ConnectError, Explanation, InvalidValue, explain
from ebrvt_connect.model.ids import AgencyHistory, CodeSuccession
from ebrvt_connect.ops.config_model import AgenciesFile, Config
from ebrvt_connect.ops.config_words import kinds_of, line_of, nearest_key, what_is_wrong
from ebrvt_connect.ops.redaction import remember_secret, remember_url_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ebrvt_connect.ops.config_words import Loc

CONFIG_NOT_FOUND = explain(
    "CONFIG_NOT_FOUND",
    "Không tìm thấy tệp cấu hình {path}.",
    "Chỉ đường dẫn bằng --config hoặc biến EBRVT_CONFIG, hoặc tạo tệp ebrvt.toml.",
)
CONFIG_UNREADABLE = explain(
    "CONFIG_UNREADABLE",
    "Không đọc được tệp cấu hình {path}: sai cú pháp TOML, sai bảng mã UTF-8 hoặc thiếu quyền đọc.",
    "Sửa theo vị trí đã nêu rồi chạy lại.",
)
CONFIG_INVALID = explain(
    "CONFIG_INVALID",
    "Cấu hình sai ở mục {key} ({place}): {what}.",
    "Sửa mục đó rồi chạy lại; cách viết từng mục có ở docs/operate/configuration.md.",
)
CONFIG_UNKNOWN_KEY = explain(
    "CONFIG_UNKNOWN_KEY",
    "Không có mục cấu hình {key} ({place}); gần nhất là: {nearest}.",
    "Sửa tên mục hoặc xóa dòng đó.",
)
CONFIG_SECRET = explain(
    "CONFIG_SECRET",
    "Khóa bí mật của mục {key} không dùng được: {why}.",
    "Lưu bí mật vào tệp chỉ chủ sở hữu đọc được (chmod 600) và tham chiếu bằng {{ file = ... }}.",
)

_PREFIX = "EBRVT_"
_RESERVED_FOR_TESTS = "EBRVT_TEST_"
_NAMES_THE_FILE = "EBRVT_CONFIG"
_REFERENCE_KINDS = frozenset({"file", "env", "credential", "command"})
SYSTEM_TABLES = frozenset({"transport", "credentials"})
"""What of an adapter's settings has a table of its own in the file."""
_SETTINGS = "settings"
_REFERENCES_VI = {"file": "tệp", "env": "biến môi trường", "credential": "tệp", "command": "lệnh lấy khóa"}
_UNREAD_VI: dict[type[Exception], str] = {
    FileNotFoundError: "không có tệp này",
    PermissionError: "không có quyền đọc",
    IsADirectoryError: "đây là thư mục, không phải tệp",
    UnicodeDecodeError: "không phải văn bản UTF-8",
    tomllib.TOMLDecodeError: "sai cú pháp TOML",
    ValidationError: "sai cấu trúc",
}


class ConfigInvalid(InvalidValue):
    """The configuration cannot be used as it is; the command line ends with code 4."""

    @classmethod
    def of(cls, failure: ConnectError) -> ConfigInvalid:
        """What kept a system from being opened from its settings: nothing remote has a part in that yet."""
        sentence, advice = (
            text.replace("{", "{{").replace("}", "}}") for text in (failure.explanation_vi, failure.advice_vi)
        )
        return cls(Explanation(failure.code, sentence, advice), str(failure), **failure.facts)


@dataclass(frozen=True, slots=True)
class Writing:
    """Where the values of a configuration were written."""

    path: Path
    text: str
    origins: Mapping[str, str]
    """As `LoadedConfig.origins`."""

    def place(self, loc: Loc) -> str:
        """`file:line` for a value of the file, the layer's name otherwise."""
        origin = self.origins.get(_key(loc), "file")
        if origin != "file":
            return origin
        line = line_of(loc, self.text)
        return f"{self.path}:{line}" if line else str(self.path)


@dataclass(frozen=True)
class LoadedConfig:
    """A validated configuration, where it came from, and which value came from where."""

    config: Config
    path: Path
    origins: Mapping[str, str]
    """Dotted key -> `file`, `environment`, `credentials` or `command line`; the rest are defaults."""
    text: str = ""
    """The file as it was read: where in it a value stands."""

    @property
    def writing(self) -> Writing:
        """Where its values were written."""
        return Writing(self.path, self.text, self.origins)

    @property
    def folder(self) -> Path:
        """Relative paths of the file are relative to this."""
        return self.path.parent

    def resolve(self, path: Path | str) -> Path:
        """A path of the configuration as an absolute one."""
        return (self.folder / path).absolute()

    def store_url(self) -> str:
        """The store's URL with a relative SQLite path made absolute."""
        url = self.config.store.url
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            return f"sqlite:///{self.resolve(url.removeprefix('sqlite:///'))}"
        return url

    def store_place(self) -> str:
        """Where the store is, for people: no user, no password."""
        place = urlsplit(self.store_url())
        return place.path.removeprefix("/") if place.scheme == "sqlite" else f"{place.hostname}{place.path}"


class _ReadByOthers(PermissionError):
    """A secret that its group or others can read."""

    def __init__(self, mode: int) -> None:
        super().__init__("can be read by others")
        self.mode = mode


def find_config(given: Path | None) -> Path:
    """`--config`, else `EBRVT_CONFIG`, else `./ebrvt.toml`; raises `ConfigInvalid` when it is not there."""
    path = (given or Path(os.environ.get(_NAMES_THE_FILE, "ebrvt.toml"))).absolute()
    if not path.is_file():
        raise ConfigInvalid(CONFIG_NOT_FOUND, f"no configuration file at {path}", path=path)
    return path


def load_config(given: Path | None = None, overrides: Mapping[str, Any] | None = None) -> LoadedConfig:
    """Read, merge and validate; raises `ConfigInvalid` naming key, file and line."""
    path = find_config(given)
    text, from_file = _read(path)
    layers = (
        ("file", from_file),
        ("credentials", _from_names(_credential_values())),
        ("environment", _from_names(_environment_values())),
        ("command line", dict(overrides or {})),
    )
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        _merge(merged, layer)
        origins.update(dict.fromkeys(_dotted(layer), origin))
    try:
        config = Config.model_validate(merged)
    except ValidationError as failure:
        raise wrong_value(failure, Config, Writing(path, text, origins)) from failure
    remember_url_password(config.store.url)
    return LoadedConfig(config, path, origins, text)


def load_agencies(loaded: LoadedConfig) -> AgencyHistory:
    """The dated successions of agency codes (kế thừa mã định danh), from their data file if there is one.

    Raises `ConfigInvalid` for a file that does not read or a code that is none.
    """
    named = loaded.config.province.agencies
    if named is None:
        return AgencyHistory()
    return read_agencies(loaded.resolve(named))


def read_agencies(path: Path) -> AgencyHistory:
    """The successions in one file; raises `ConfigInvalid` as `load_agencies`."""
    try:
        rows = AgenciesFile.model_validate(tomllib.loads(path.read_text("utf-8-sig"))).succession
    except (OSError, ValueError) as failure:
        why = _first_words(failure) if isinstance(failure, ValidationError) else str(failure)
        what = f"không đọc được tệp ({unread_vi(failure)})"
        raise ConfigInvalid(
            CONFIG_INVALID, f"{path}: {why}", key="province.agencies", place=path, what=what
        ) from failure
    return AgencyHistory.of(
        CodeSuccession(r.old, r.new, r.since, tuple((old.qd20, str(new)) for old, new in r.codes.items()))
        for r in rows
    )


def with_secrets(values: Mapping[str, Any], loaded: LoadedConfig, key: str) -> dict[str, Any]:
    """The same table with every secret reference replaced by its secret; raises `ConfigInvalid`.

    From here on the logs know these secrets and blot them out wherever they turn up.
    """
    return {
        name: secret_of(value, f"{key}.{name}", loaded.resolve) if is_reference(value) else value
        for name, value in values.items()
    }


def refuse_plain_secrets(model: type[BaseModel], values: Mapping[str, Any], key: str) -> None:
    """Refuse a secret written into the file itself, also in inner tables; raises `ConfigInvalid`."""
    for name, field in model.model_fields.items():
        given, where = values.get(field.alias or name), f"{key}.{name}"
        kinds = kinds_of(field.annotation)
        if SecretStr in kinds and given is not None and not is_reference(given):
            detail = f"{where} holds a secret itself, expected a reference"
            why = "khóa được ghi thẳng trong cấu hình, chương trình chỉ nhận tham chiếu"
            raise ConfigInvalid(CONFIG_SECRET, detail, key=where, why=why)
        inner = next((k for k in kinds if issubclass(k, BaseModel)), None)
        if inner is not None and isinstance(given, dict):
            refuse_plain_secrets(inner, given, where)


def with_paths(model: type[BaseModel], values: Mapping[str, Any], loaded: LoadedConfig) -> dict[str, Any]:
    """The same table, also its inner ones, with every path read as it stands beside the file."""
    made = dict(values)
    for name, field in model.model_fields.items():
        key = field.alias or name
        given, kinds = made.get(key), kinds_of(field.annotation)
        if Path in kinds and isinstance(given, str):
            made[key] = loaded.resolve(given)
        inner = next((k for k in kinds if issubclass(k, BaseModel)), None)
        if inner is not None and isinstance(given, dict):
            made[key] = with_paths(inner, given, loaded)
    return made


def is_reference(value: object) -> bool:
    """Whether a value is a secret reference: a table with exactly one of the four keys."""
    return isinstance(value, dict) and len(value) == 1 and set(value) <= _REFERENCE_KINDS


def secret_of(reference: Mapping[str, Any], key: str, place: Callable[[str], Path] = Path) -> str:
    """The secret a reference leads to; `place` makes its path absolute, `key` is what refusals call it.

    From here on the logs know it. Raises `ConfigInvalid` `CONFIG_SECRET`, also for a file others can read.
    """
    [(kind, where)] = reference.items()
    try:
        secret = _secret(kind, where, place)
    except (OSError, LookupError, TypeError, ValueError, subprocess.SubprocessError) as failure:
        what = str(failure) if isinstance(failure, _ReadByOthers) else type(failure).__name__
        detail = f"secret {key}: cannot read its {kind} reference ({what})"
        # What failed is not chained: a command's error carries what the command has printed.
        raise ConfigInvalid(CONFIG_SECRET, detail, key=key, why=_no_secret_vi(kind, where, failure)) from None
    if not secret:
        detail, why = f"secret {key}: its {kind} reference is empty", f"{_REFERENCES_VI[kind]} rỗng"
        raise ConfigInvalid(CONFIG_SECRET, detail, key=key, why=why)
    remember_secret(secret)
    return secret


def references(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Kind and place of every secret reference in a table and its inner ones."""
    for value in values.values():
        if is_reference(value):
            yield from value.items()
        elif isinstance(value, dict):
            yield from references(value)


def secret_file(kind: str, where: object, place: Callable[[str], Path] = Path) -> Path | None:
    """The file that a reference leads to; None for one that leads to none."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if kind == "file" and isinstance(where, str):
        return place(where)
    return Path(folder) / where if kind == "credential" and folder and isinstance(where, str) else None


def _no_secret_vi(kind: str, where: object, failure: Exception) -> str:
    """Why a reference brought no secret; what a command has printed is not told."""
    called = f"{_REFERENCES_VI[kind]} {where}" if isinstance(where, str) else _REFERENCES_VI[kind]
    if isinstance(failure, _ReadByOthers):
        return f"{called} cho người khác đọc (quyền {failure.mode:04o}); cần chmod 600"
    if kind == "command":
        return f"{called} không chạy được hoặc báo lỗi"
    if kind == "credential" and isinstance(failure, KeyError):
        return "không có thư mục $CREDENTIALS_DIRECTORY"
    if isinstance(failure, LookupError):
        return f"không có {called}"
    return f"{called}: {unread_vi(failure)}"


def unread_vi(failure: Exception) -> str:
    """Why a file could not be read, as half a sentence."""
    for kind, said in _UNREAD_VI.items():
        if isinstance(failure, kind):
            return said
    return "không đọc được"


def _secret(kind: str, where: Any, place: Callable[[str], Path]) -> str:  # noqa: ANN401 - whatever the file says
    match kind:
        case "file":
            return _secret_file(place(where))
        case "env":
            return os.environ[where]
        case "credential":
            return _secret_file(Path(os.environ["CREDENTIALS_DIRECTORY"]) / where)
        case _:
            done = subprocess.run(where, check=True, capture_output=True, timeout=30)
            return done.stdout.decode().rstrip("\r\n")


def _secret_file(path: Path) -> str:
    """A secret only its owner can read; systemd hands credentials out by group, in a folder of its own.

    A byte order mark is some editor's and no part of it: with it a token would count a wrong PIN.
    """
    given_by_systemd = os.environ.get("CREDENTIALS_DIRECTORY")
    allowed = given_by_systemd and path.resolve().is_relative_to(Path(given_by_systemd).resolve())
    mode = path.stat().st_mode
    if mode & (stat.S_IROTH if allowed else stat.S_IROTH | stat.S_IRGRP):
        raise _ReadByOthers(stat.S_IMODE(mode))
    return path.read_text("utf-8-sig").rstrip("\r\n")


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """The file as text and as a tree; a byte order mark, as some editors write it, does no harm."""
    try:
        text = path.read_text("utf-8-sig")
        return text, tomllib.loads(text)
    except (OSError, ValueError) as failure:
        raise ConfigInvalid(CONFIG_UNREADABLE, f"{path}: {failure}", path=path) from failure


def _environment_values() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if name.startswith(_PREFIX) and not name.startswith(_RESERVED_FOR_TESTS) and name != _NAMES_THE_FILE:
            yield name, value


def _credential_values() -> Iterator[tuple[str, str]]:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    try:
        for path in sorted(Path(folder).glob(f"{_PREFIX}*")) if folder else ():
            yield path.name, path.read_text("utf-8-sig").rstrip("\r\n")
    except (OSError, ValueError) as failure:
        raise ConfigInvalid(CONFIG_UNREADABLE, f"{folder}: {failure}", path=folder) from failure


def _from_names(values: Iterator[tuple[str, str]]) -> dict[str, Any]:
    """`EBRVT_STORE__URL` becomes `{"store": {"url": ...}}`."""
    tree: dict[str, Any] = {}
    for name, value in sorted(values):
        *sections, key = name.removeprefix(_PREFIX).lower().split("__")
        node = tree
        for section in sections:
            inner = node.setdefault(section, {})
            if not isinstance(inner, dict):
                raise _contradiction(name)
            node = inner
        node[key] = value
    return tree


def _contradiction(name: str) -> ConfigInvalid:
    """`EBRVT_STORE=a` beside `EBRVT_STORE__URL=b`: a value and a table at once."""
    detail = f"{name}: another name makes a value of what this one makes a table of"
    what = "biến môi trường khác đã dùng tên này như một giá trị hoặc một bảng"
    return ConfigInvalid(CONFIG_INVALID, detail, key=name, place="environment", what=what)


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict) and not is_reference(value):
            _merge(base[key], value)
        else:
            base[key] = dict(value) if isinstance(value, dict) else value


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and value and not is_reference(value):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def wrong_value(
    failure: ValidationError,
    model: type[BaseModel],
    writing: Writing,
    system: str = "",
) -> ConfigInvalid:
    """What `model` refused, with its key, its place and what would be right; the value is not repeated.

    With `system` the values are those of one linked system, as its adapter sees them.
    """
    errors: list[Any] = failure.errors(include_url=False)
    # A misspelt key often leaves a required one missing: told the other way round nobody would find it.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    inner: Loc = first["loc"]
    loc = system_loc(system, inner) if system else inner
    key, place = _key(loc), writing.place(loc)
    if first["type"] == "extra_forbidden":
        nearest = nearest_key(inner, model, but=SYSTEM_TABLES if _SETTINGS in loc else frozenset())
        detail = f"{place}: unknown key {key!r}; nearest known: {nearest}"
        return ConfigInvalid(CONFIG_UNKNOWN_KEY, detail, key=key, place=place, nearest=nearest)
    what = what_is_wrong(first)
    return ConfigInvalid(CONFIG_INVALID, f"{place}: {key}: {first['msg']}", key=key, place=place, what=what)


def system_loc(system: str, loc: Loc = ()) -> Loc:
    """Where the file has a value that an adapter's settings have at `loc`: most are in an inner table."""
    inner = (_SETTINGS,) if loc and loc[0] not in SYSTEM_TABLES else ()
    return ("systems", system, *inner, *loc)


def _key(loc: Loc) -> str:
    return ".".join(str(part) for part in loc)


def _first_words(failure: ValidationError) -> str:
    """The first thing that is wrong, and where; never the value, which may be a secret."""
    first = failure.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
