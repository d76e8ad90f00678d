"""Which key `ebrvt sign` signs with: a PKCS#12 file, a token by its URI, or one the configuration names.

    p12:con-dau.p12
    pkcs11:token=dau;id=%a1?module-path=/usr/lib/softhsm/libsofthsm2.so     (RFC 7512)
    pkcs11:con-dau          [signing.con-dau] of the configuration, kind = "pkcs11"
    remote:lanh-dao         [signing.lanh-dao], kind = "remote"

Whether its certificate may sign at all is asked elsewhere (`transport.signing_certificate`).
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args
from urllib.parse import unquote, unquote_to_bytes

import click
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import BaseModel, ValidationError

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.ops.config import (
    CONFIG_INVALID,
    CONFIG_UNKNOWN_KEY,
    ConfigInvalid,
    load_config,
    refuse_plain_secrets,
    with_paths,
    with_secrets,
)
from ebrvt_connect.ops.config_words import nearest_key, perhaps, what_is_wrong
from ebrvt_connect.ops.console import note
from ebrvt_connect.ops.sign_words import advise, advise_about_key
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpSettings, HttpTransport
from ebrvt_connect.transport.pkcs11_signer import Pkcs11Signer, TokenSettings
from ebrvt_connect.transport.remote_signing import RemoteSigner, RemoteSigningSettings
from ebrvt_connect.transport.signers import SIGNING_KEY_UNUSABLE, KeySigner
from ebrvt_connect.transport.signing_proof import certified_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.sign_secret import SecretSource
    from ebrvt_connect.ports.signer import Signer

CONFIG_SIGNING_KEY_UNKNOWN = explain(
    "CONFIG_SIGNING_KEY_UNKNOWN",
    "Tệp cấu hình {path} không có khóa ký số “{name}” loại {kind}{perhaps}.",
    "Khai báo mục [signing.{name}] với kind = “{kind}” (xem docs/operate/signing.md), hoặc sửa --key.",
)
_CONFIGURED_WRONGLY = frozenset(
    {
        "SIGNING_KEY_UNUSABLE",
        "SIGNING_CERTIFICATE_UNUSABLE",
        "SIGNATURE_OF_ANOTHER_KEY",
        "TOKEN_MODULE_UNUSABLE",
        "TOKEN_AMBIGUOUS",
        "TOKEN_KEY_NOT_FOUND",
        "REMOTE_CREDENTIAL_UNUSABLE",
        "TLS_FILE_UNUSABLE",
    }
)
"""What no person and no waiting cures: another key, file or setting has to be named."""
_LARGEST_KEY_FILE_BYTES = 2**20
_BEGINNING = b"\x30"
"""Of every PKCS#12 file: an ASN.1 sequence."""
_TOKEN_WORDS = {"token": "token_label", "slot-id": "slot", "object": "key_label", "id": "key_id"}
_KIND_OF_OBJECT = "type"
Where = Literal["p12", "pkcs11", "remote"]
"""What may stand before the colon."""
_Settings = TypeVar("_Settings", bound=BaseModel)


class TokenKey(TokenSettings):
    """`[signing.NAME]` of a key in a token: its settings, and what it is."""

    kind: Literal["pkcs11"] = "pkcs11"
    """Where the key is."""


class RemoteKey(RemoteSigningSettings):
    """`[signing.NAME]` of a key at a remote signing service."""

    kind: Literal["remote"] = "remote"
    """Where the key is."""
    transport: HttpSettings
    """How the service is reached."""
    needs_pin: bool = True
    """Whether the service wants the signer's PIN for each signature."""


@dataclass(frozen=True, slots=True)
class KeyName:
    """What `--key` says."""

    where: Where
    name: str

    @classmethod
    def parse(cls, text: str) -> KeyName:
        """`p12:PATH`, `pkcs11:URI` or `remote:NAME`; raises `click.UsageError`."""
        where, colon, name = text.partition(":")
        if colon and name and where in get_args(Where):
            return cls(cast("Where", where), name)
        # Not repeated: somebody may have written a password there.
        raise click.UsageError("--key phải có dạng p12:ĐƯỜNG-DẪN, pkcs11:URI hoặc remote:TÊN")


@contextmanager
def opened_key(
    key: KeyName, secret: SecretSource, config: Path | None, *, again: bool = False
) -> Iterator[Signer]:
    """The key, to sign with while the block lasts; `again`: a service is asked after the order first.

    Raises `ConfigInvalid` for a key, file or setting that cannot be used (a wrong password among them),
    `HeldForPerson` and `RetryLater` as the signers do, `OSError` and `click.UsageError`.
    """
    try:
        opening = _opening(key, secret, config, again=again)
    except HeldForPerson as failure:
        advise_about_key(failure)
        if failure.code not in _CONFIGURED_WRONGLY:
            raise
        raise ConfigInvalid.of(failure) from failure
    with opening as signer:
        yield signer


def _opening(
    key: KeyName, secret: SecretSource, config: Path | None, *, again: bool
) -> AbstractContextManager[Signer]:
    if key.where == "p12":
        return nullcontext(_from_file(Path(key.name), secret))
    if key.where == "pkcs11":
        settings = _token_by_uri(key.name) if "=" in key.name else _configured(TokenKey, key, config)[0]
        named = settings.token_label or f"slot {settings.slot}"
        return Pkcs11Signer(
            settings, cache(lambda: secret.ask_pin(f"mã PIN của thiết bị {named}")), system=named
        )
    remote, loaded = _configured(RemoteKey, key, config)
    _refuse_listeners(remote, loaded, key.name)
    return _remote(remote, secret, key.name, again=again)


# --- a file ---------------------------------------------------------------------------------------------


def _from_file(path: Path, secret: SecretSource) -> KeySigner:
    """Raises `HeldForPerson` also for a certificate that is not the key's, or whose key is too weak."""
    with path.open("rb") as stream:
        content = stream.read(_LARGEST_KEY_FILE_BYTES)
    if not content.startswith(_BEGINNING):
        raise _bad_file(path, "không phải tệp khóa PKCS#12 (.p12, .pfx)")
    password = secret.ask(f"mật khẩu của tệp khóa {path.name}").encode()
    try:
        signer = KeySigner.from_pkcs12(content, password or None)
    except UnsupportedAlgorithm as failure:
        raise _bad_file(path, "được mã hóa kiểu cũ, hãy xuất lại bằng AES-256") from failure
    except HeldForPerson as failure:
        raise _bad_file(path, str(failure.facts.get("reason", failure.code))) from failure
    try:
        certified_key(signer.certificates_der[0], system=path.name)
    except HeldForPerson as failure:
        advise(failure, "Nêu khóa khác ở --key: RSA từ 2048 bit hoặc ECDSA từ 256 bit.")
        raise
    return signer


def _bad_file(path: Path, why_vi: str) -> ConfigInvalid:
    """A key file that does not open, by its name: whoever called can name another one, or its password."""
    detail, reason = "the PKCS#12 file cannot be used", f"tệp khóa {path.name}: {why_vi}"
    failure = HeldForPerson(SIGNING_KEY_UNUSABLE, detail, scope=Scope.SYSTEM, reason=reason)
    advise(
        failure, "Kiểm tra tệp nêu ở --key (có khóa riêng kèm chứng thư số) và mật khẩu, rồi chạy lại lệnh."
    )
    return ConfigInvalid.of(failure)


# --- a token --------------------------------------------------------------------------------------------


def _token_by_uri(uri: str) -> TokenSettings:
    """The token and key a PKCS#11 URI means; raises `click.UsageError`."""
    path, _, query = uri.partition("?")
    named = _pairs(path, ";")
    asked = _pairs(query, "&") if query else {}
    if {"pin-value", "pin-source"} & (asked.keys() | named.keys()):
        raise click.UsageError("không ghi mã PIN trong --key; dùng --password-file hoặc --password-env")
    module = asked.pop("module-path", None)
    named.pop(_KIND_OF_OBJECT, None)
    strange = sorted(named.keys() - _TOKEN_WORDS.keys()) + sorted(asked)
    if strange:
        words = ", ".join((*_TOKEN_WORDS, "module-path"))
        raise click.UsageError(f"--key pkcs11: không hiểu “{strange[0]}”; dùng được: {words}")
    if module is None:
        raise click.UsageError("--key pkcs11: thiếu ?module-path=... (phần mềm điều khiển thiết bị)")
    given: dict[str, Any] = {_TOKEN_WORDS[word]: unquote(value) for word, value in named.items()}
    if "id" in named:
        given["key_id"] = unquote_to_bytes(named["id"]).hex()
    try:
        return TokenSettings.model_validate({**given, "module": Path(unquote(module))})
    except ValidationError as failure:
        msg = "--key pkcs11: cần token (hoặc slot-id) và object hoặc id, vì thiết bị có thể chứa nhiều khóa"
        raise click.UsageError(msg) from failure


def _pairs(text: str, between: str) -> dict[str, str]:
    pairs = [piece.partition("=") for piece in text.split(between)]
    if any(not mark or not value for _, mark, value in pairs) or len({n for n, _, _ in pairs}) < len(pairs):
        raise click.UsageError(
            "--key pkcs11: viết theo RFC 7512, ví dụ token=dau;id=%a1?module-path=/usr/lib/..."
        )
    return {name: value for name, _, value in pairs}


# --- the configuration ----------------------------------------------------------------------------------


def _configured(model: type[_Settings], key: KeyName, config: Path | None) -> tuple[_Settings, LoadedConfig]:
    """What `[signing.NAME]` says; raises `ConfigInvalid` naming the wrong setting."""
    loaded = load_config(config)
    known, section = loaded.config.signing, f"signing.{key.name}"
    given = known.get(key.name)
    if given is None or given.get("kind") != key.where:
        names = [name for name, table in known.items() if table.get("kind") == key.where]
        raise ConfigInvalid(
            CONFIG_SIGNING_KEY_UNKNOWN,
            f"{loaded.path}: no [{section}] of kind {key.where!r}; known: {', '.join(names) or 'none'}",
            path=loaded.path,
            name=key.name,
            kind=key.where,
            perhaps=perhaps(key.name, names),
        )
    refuse_plain_secrets(model, given, section)
    values = {
        name: with_secrets(value, loaded, f"{section}.{name}") if isinstance(value, dict) else value
        for name, value in given.items()
    }
    try:
        return model.model_validate(with_paths(model, values, loaded)), loaded
    except ValidationError as failure:
        # It carries the values, secrets among them: it is not chained.
        raise _wrong_setting(failure, model, loaded, key.name) from None


def _wrong_setting(
    failure: ValidationError, model: type[BaseModel], loaded: LoadedConfig, name: str
) -> ConfigInvalid:
    errors: list[Any] = failure.errors(include_url=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc = ("signing", name, *first["loc"])
    key, place = ".".join(map(str, loc)), loaded.writing.place(loc)
    if first["type"] == "extra_forbidden":
        nearest = nearest_key(first["loc"], model)
        detail = f"{place}: unknown key {key!r}; nearest known: {nearest}"
        return ConfigInvalid(CONFIG_UNKNOWN_KEY, detail, key=key, place=place, nearest=nearest)
    what = what_is_wrong(first)
    return ConfigInvalid(CONFIG_INVALID, f"{place}: {key}: {first['msg']}", key=key, place=place, what=what)


# --- a service ------------------------------------------------------------------------------------------


def _refuse_listeners(remote: RemoteKey, loaded: LoadedConfig, name: str) -> None:
    """A PIN goes over this line: production refuses one that others can listen to, a sandbox warns."""
    from ebrvt_connect.ops.composition import exposures
    from ebrvt_connect.ops.config_model import Environment
    from ebrvt_connect.ops.exposure import CONFIG_INSECURE

    for sentence in exposures(loaded, name, remote):
        if loaded.config.environment is Environment.PRODUCTION:
            what = "kết nối ký số từ xa không mã hóa hoặc không kiểm tra chứng thư"
            detail = f"{loaded.path}: signing.{name}.transport is refused in production"
            raise ConfigInvalid(CONFIG_INSECURE, detail, system=name, what=what)
        note(sentence)


@contextmanager
def _remote(remote: RemoteKey, secret: SecretSource, system: str, *, again: bool) -> Iterator[Signer]:
    clock = SystemClock()
    transport = HttpTransport(remote.transport, system=system, clock=clock)
    try:
        pin = cache(lambda: secret.ask_pin("mã PIN ký số từ xa")) if remote.needs_pin else None
        try:
            signer = RemoteSigner(remote, transport, clock=clock, pin=pin, system=system, ask_first=again)
        except HeldForPerson as failure:
            if failure.code not in _CONFIGURED_WRONGLY:
                raise
            raise ConfigInvalid.of(failure) from failure
        yield signer
    finally:
        transport.close()
