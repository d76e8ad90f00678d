"""A key in a token or HSM (thiết bị lưu khóa: USB token, SmartCard, HSM) over PKCS#11, as a `Signer`.

The maker's module (bit4id, SafeNet, Feitian, SoftHSM2 ...) is named in the configuration; only digests go
in, the key never comes out. Three things are particular to tokens:

* A wrong PIN is never tried twice: three of them lock the token, and unlocking it means a journey to the
  issuing authority. Nor is a PIN tried on a token that says somebody has just given a wrong one.
* The login goes when the token is pulled out or another program ends the session. It is renewed once for
  each signature; then a person is called.
* The library is loaded by python-pkcs11 without locking (C_Initialize without arguments), and the standard
  forbids calling it from two threads then. So there is one session, and the calls take turns; threads
  share a `Pkcs11Signer` freely.

Needs the extra `pkcs11`.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ebrvt_connect.errors import Explanation, HeldForPerson, Scope, explain
from ebrvt_connect.transport.certificate_files import read_certificates
from ebrvt_connect.transport.signing_proof import (
    PublicKey,
    certified_key,
    chain_of,
    check_digest,
    given_pin,
    key_kind,
    proven,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from ebrvt_connect.ports.signer import KeyKind

TOKEN_MODULE_UNUSABLE = explain(
    "TOKEN_MODULE_UNUSABLE",
    "Không nạp được phần mềm điều khiển thiết bị lưu khóa {system} ({reason}).",
    "Cài phần mềm của nhà cung cấp thiết bị rồi kiểm tra đường dẫn module trong cấu hình; nếu thiếu thư viện "
    'Python, chạy: pip install "ebrvt-connect[pkcs11]".',
)
TOKEN_NOT_PRESENT = explain(
    "TOKEN_NOT_PRESENT",
    "Không thấy thiết bị lưu khóa {system}: chưa cắm, đã bị rút hoặc sai nhãn thiết bị.",
    "Cắm lại thiết bị (hoặc kiểm tra token_label, slot trong cấu hình), rồi cho hệ thống {system} chạy tiếp.",
)
TOKEN_AMBIGUOUS = explain(
    "TOKEN_AMBIGUOUS",
    "Có nhiều thiết bị lưu khóa cùng khớp với cấu hình {system}; chương trình không tự chọn.",
    "Khai báo rõ token_label hoặc slot của thiết bị cần dùng.",
)
TOKEN_PIN_REFUSED = explain(
    "TOKEN_PIN_REFUSED",
    "Thiết bị lưu khóa {system} không chấp nhận mã PIN; chương trình không thử lại để tránh khóa thiết bị.",
    "Thiết bị tự khóa sau vài lần nhập sai mã PIN, mở khóa phải qua tổ chức cấp chứng thư số: đừng thử lại "
    "khi chưa chắc mã PIN. Hỏi lại người giữ thiết bị; chương trình chạy liên tục thì sửa mã PIN đã khai báo "
    "rồi khởi động lại.",
)
TOKEN_PIN_AT_RISK = explain(
    "TOKEN_PIN_AT_RISK",
    "Thiết bị lưu khóa {system} báo lần nhập mã PIN gần nhất bị sai; chương trình không nhập tiếp "
    "để tránh khóa thiết bị.",
    "Đăng nhập thành công một lần bằng phần mềm của thiết bị để xóa cảnh báo (và kiểm tra mã PIN trong cấu "
    "hình), rồi cho hệ thống {system} chạy tiếp.",
)
TOKEN_PIN_LOCKED = explain(
    "TOKEN_PIN_LOCKED",
    "Thiết bị lưu khóa {system} đã bị khóa mã PIN, hết hạn mã PIN hoặc chưa đặt mã PIN.",
    "Mở khóa hoặc đặt lại mã PIN theo hướng dẫn của tổ chức cấp chứng thư số, rồi khởi động lại.",
)
TOKEN_KEY_NOT_FOUND = explain(
    "TOKEN_KEY_NOT_FOUND",
    "Trong thiết bị lưu khóa {system} không xác định được đúng một {what} theo cấu hình.",
    "Kiểm tra key_label, key_id trong cấu hình (xem bằng: pkcs11-tool --login --list-objects); nếu chứng thư "
    "số không nằm trong thiết bị, khai báo tệp chứng thư (certificate).",
)
TOKEN_FAILED = explain(
    "TOKEN_FAILED",
    "Thiết bị lưu khóa {system} không thực hiện được việc ký ({reason}).",
    "Rút và cắm lại thiết bị, kiểm tra bằng phần mềm của nhà cung cấp, rồi cho hệ thống {system} chạy tiếp. "
    "Nếu lặp lại, gửi mã lỗi này cho nhà cung cấp thiết bị.",
)

_DIGEST_INFO: Final = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What PKCS#1 v1.5 puts before a digest (RFC 8017, 9.2, note 1): every token makes CKM_RSA_PKCS."""

_OK = 0
"""CKR_OK; a library that is open already answers something else."""

_turns: dict[str, threading.RLock] = {}
_turns_guard = threading.Lock()


class TokenSettings(BaseModel):
    """Which key in which token; the PIN is no setting, it is asked for when it is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    module: Path
    """The maker's PKCS#11 library, e.g. `/usr/lib/softhsm/libsofthsm2.so`."""
    token_label: str | None = None
    """The token by its label."""
    slot: int | None = Field(default=None, ge=0)
    """The token by its slot; some modules number slots anew at every start, so prefer the label."""
    key_label: str | None = None
    """The private key by its label."""
    key_id: str | None = Field(default=None, pattern=r"^([0-9A-Fa-f]{2})+$")
    """The private key by its CKA_ID (hex)."""
    certificate: Path | None = None
    """The signing certificate (PEM or DER), where the token does not hold it."""
    chain: tuple[Path, ...] = ()
    """Issuers to embed (PEM or DER), where the token does not hold them."""
    prefer_pss: bool = False
    """Sign RSASSA-PSS instead of PKCS#1 v1.5."""
    pin_despite_warning: bool = False
    """Log in although the token says that the last PIN given was wrong (or its last try is left)."""

    @model_validator(mode="after")
    def _names_a_key(self) -> TokenSettings:
        if self.key_label is None and self.key_id is None:
            raise ValueError("key_label or key_id is needed: a token may hold several keys")
        if self.token_label is None and self.slot is None:
            raise ValueError("token_label or slot is needed: several tokens may be plugged in")
        return self


class Pkcs11Signer:
    """A certificate and a private key that stays in its token; may be used by several threads."""

    def __init__(self, settings: TokenSettings, pin: Callable[[], str], *, system: str = "token") -> None:
        """Log in and read the certificate. `pin` is called at every login, and never twice for a wrong one.

        Raises `HeldForPerson` (scope system): `TOKEN_MODULE_UNUSABLE`, `TOKEN_NOT_PRESENT`,
        `TOKEN_AMBIGUOUS`, `TOKEN_PIN_REFUSED`, `TOKEN_PIN_AT_RISK`, `TOKEN_PIN_LOCKED`,
        `TOKEN_KEY_NOT_FOUND`, `TOKEN_FAILED`, `SIGNING_PIN_MISSING`, `SIGNING_CERTIFICATE_UNUSABLE`.
        """
        self._settings = settings
        self._pin = pin
        self._system = system
        self._pkcs11 = _python_pkcs11(system)
        with _turns_guard:
            # One file under two names is one library, which can be loaded once and called once at a time.
            self._module = str(settings.module.resolve())
            self._turn = _turns.setdefault(self._module, threading.RLock())
        self._session: Any = None
        self._key: Any = None
        self._refused: Explanation | None = None
        with self._turn:
            with self._told("open"):
                self._log_in()
                pool = self._read_certificates()
            self._certificates = pool
            self._public: PublicKey = certified_key(pool[0], system=system)

    @property
    def certificates_der(self) -> tuple[bytes, ...]:
        """The certificate and then its issuers, the root left out."""
        return self._certificates

    @property
    def key_kind(self) -> KeyKind:
        """What kind of key signs."""
        return key_kind(self._public)

    @property
    def prefers_pss(self) -> bool:
        """Whether CMS and PDF signatures shall be RSASSA-PSS."""
        return self._settings.prefer_pss and self.key_kind == "rsa"

    def sign_digest(self, digest: bytes, algorithm: str, *, pss: bool = False) -> bytes:
        """Sign a digest in the token; raises as the port and `__init__` say."""
        hashed = check_digest(digest, algorithm, self.key_kind, pss=pss)
        with self._turn:
            if self._refused is not None:
                raise self._held(self._refused, "sign", "refused before, not tried again")
            with self._told("sign"):
                logged_in = self._session is not None
                try:
                    value = self._sign(digest, algorithm, pss=pss)
                except self._pkcs11.PKCS11Error as failure:
                    # A login that failed is not repeated: nobody knows whether the PIN was counted as wrong.
                    if not (logged_in and self._is_lost(failure)):
                        raise
                    self._drop()
                    value = self._sign(digest, algorithm, pss=pss)
        return proven(value, digest, hashed, self._public, pss=pss, system=self._system)

    def close(self) -> None:
        """Log out; using it again logs in again."""
        with self._turn:
            self._drop()

    def __enter__(self) -> Self:
        """Itself; `close` at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Log out."""
        self.close()

    def __repr__(self) -> str:
        """Which token; nothing secret."""
        return f"<Pkcs11Signer {self._system!r} at {self._settings.module.name}>"

    # --- the session -------------------------------------------------------------------------------

    def _sign(self, digest: bytes, algorithm: str, *, pss: bool) -> bytes:
        p = self._pkcs11
        # Initialises it again where somebody has finalised it; the session is then found to be lost.
        p.lib(self._module)
        if self._session is None:
            self._log_in()
        if self.key_kind == "ec":
            raw = bytes(self._key.sign(digest, mechanism=p.Mechanism.ECDSA))
            half = len(raw) // 2
            return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        if pss:
            name = algorithm.upper()
            parameters = (p.Mechanism[name], p.MGF[name], len(digest))
            mechanism = p.Mechanism.RSA_PKCS_PSS
            return bytes(self._key.sign(digest, mechanism=mechanism, mechanism_param=parameters))
        return bytes(self._key.sign(_DIGEST_INFO[algorithm] + digest, mechanism=p.Mechanism.RSA_PKCS))

    def _log_in(self) -> None:
        token = self._token()
        self._check_pin_is_safe(token)
        try:
            session = token.open(user_pin=given_pin(self._pin(), system=self._system))
        except self._pkcs11.UserAlreadyLoggedIn:
            # Another signer of this process holds the login, which counts for all its sessions.
            session = token.open()
        except (self._pkcs11.PinIncorrect, self._pkcs11.PinInvalid, self._pkcs11.PinLenRange) as failure:
            self._refused = TOKEN_PIN_REFUSED
            raise self._held(self._refused, "log in", "the token does not accept the PIN") from failure
        criteria = {"label": self._settings.key_label, "id": _bytes(self._settings.key_id)}
        wanted = {name: value for name, value in criteria.items() if value is not None}
        try:
            key = session.get_key(object_class=self._pkcs11.ObjectClass.PRIVATE_KEY, **wanted)
        except (self._pkcs11.NoSuchKey, self._pkcs11.MultipleObjectsReturned) as failure:
            self._close(session)
            detail = "expected exactly one private key of that label and id"
            raise self._held(TOKEN_KEY_NOT_FOUND, "log in", detail, what="khóa bí mật") from failure
        self._refuse_asking_each_time(session, key)
        self._session, self._key = session, key

    def _refuse_asking_each_time(self, session: Any, key: Any) -> None:  # noqa: ANN401 - as `_token`
        """A key that wants its PIN at each signature: python-pkcs11 has no login of that kind."""
        p = self._pkcs11
        with suppress(p.PKCS11Error):
            if key[p.Attribute.ALWAYS_AUTHENTICATE]:
                self._close(session)
                reason = "khóa đòi mã PIN cho từng lần ký, CKA_ALWAYS_AUTHENTICATE; chương trình chưa hỗ trợ"
                raise self._held(TOKEN_FAILED, "log in", "CKA_ALWAYS_AUTHENTICATE", reason=reason)

    def _token(self) -> Any:  # noqa: ANN401 - a class of the module loaded at run time
        """The one token that is meant, as it is now."""
        wanted = self._settings
        try:
            library = self._pkcs11.lib(self._module)
        except (self._pkcs11.PKCS11Error, RuntimeError) as failure:
            detail = "the PKCS#11 module cannot be loaded"
            reason = "không nạp được module"
            raise self._held(TOKEN_MODULE_UNUSABLE, "open", detail, reason=reason) from failure
        found = []
        with suppress(self._pkcs11.PKCS11Error):
            for slot in library.get_slots(token_present=True):
                if wanted.slot is not None and slot.slot_id != wanted.slot:
                    continue
                with suppress(self._pkcs11.TokenNotPresent, self._pkcs11.TokenNotRecognised):
                    token = slot.get_token()
                    if wanted.token_label in (None, token.label):
                        found.append(token)
        if not found:
            raise self._held(TOKEN_NOT_PRESENT, "open", "no token matches the settings")
        if len(found) > 1:
            raise self._held(TOKEN_AMBIGUOUS, "open", f"{len(found)} tokens match the settings, expected one")
        return found[0]

    def _check_pin_is_safe(self, token: Any) -> None:  # noqa: ANN401 - as `_token`
        flags, flag = token.flags, self._pkcs11.TokenFlag
        if flags & flag.USER_PIN_LOCKED:
            raise self._held(TOKEN_PIN_LOCKED, "log in", "the token says that its PIN is locked")
        risky = flag.USER_PIN_COUNT_LOW | flag.USER_PIN_FINAL_TRY
        if flags & risky and not self._settings.pin_despite_warning:
            raise self._held(TOKEN_PIN_AT_RISK, "log in", "the token says that a wrong PIN was given last")

    def _read_certificates(self) -> tuple[bytes, ...]:
        """The signing certificate and its issuers, from the token and from files."""
        p, settings = self._pkcs11, self._settings
        objects = self._session.get_objects({p.Attribute.CLASS: p.ObjectClass.CERTIFICATE})
        held = [(o[p.Attribute.ID], o[p.Attribute.LABEL], bytes(o[p.Attribute.VALUE])) for o in objects]
        key_id, label = self._key[p.Attribute.ID], self._key[p.Attribute.LABEL]
        files = [der for path in settings.chain for der in read_certificates(path, system=self._system)]
        if settings.certificate is not None:
            own = list(read_certificates(settings.certificate, system=self._system))[:1]
        else:
            own = [der for id_, _, der in held if id_ and id_ == key_id]
            own = own or [der for _, name, der in held if name and name == label]
        if len(own) != 1:
            detail = f"found {len(own)} certificates for the key, expected one"
            raise self._held(TOKEN_KEY_NOT_FOUND, "open", detail, what="chứng thư số")
        try:
            return chain_of(own[0], (*files, *(der for _, _, der in held)))
        except ValueError:
            # One certificate in the token that does not read must not keep the right one from signing.
            return (own[0], *files)

    def _drop(self) -> None:
        session, self._session, self._key = self._session, None, None
        self._close(session)

    def _close(self, session: Any) -> None:  # noqa: ANN401 - as `_token`
        if session is not None:
            with suppress(self._pkcs11.PKCS11Error):
                session.close()

    # --- failures ----------------------------------------------------------------------------------

    def _is_lost(self, failure: Exception) -> bool:
        """Whether login, token or library have gone meanwhile, and may be there again."""
        p = self._pkcs11
        if type(failure) is p.PKCS11Error:  # a code without a name
            return self._initialised_again()
        lost = (
            p.SessionHandleInvalid,
            p.SessionClosed,
            p.UserNotLoggedIn,
            p.KeyHandleInvalid,
            p.ObjectHandleInvalid,
            p.DeviceRemoved,
            p.DeviceError,
            p.TokenNotPresent,
            p.FunctionFailed,
            p.GeneralError,
        )
        return isinstance(failure, lost)

    def _initialised_again(self) -> bool:
        """Whether another part of this process had closed the library behind python-pkcs11's back.

        Opening it by its own function leaves the handles of other signers where they are.
        """
        initialise = getattr(ctypes.CDLL(self._module), "C_Initialize", None)
        return initialise is not None and initialise(None) == _OK

    @contextmanager
    def _told(self, operation: str) -> Iterator[None]:
        """PKCS#11's errors as ours. Only the class is told: a module's own text may say anything."""
        p = self._pkcs11
        try:
            yield
        except (p.PinLocked, p.PinExpired, p.UserPinNotInitialized) as failure:
            self._refused = TOKEN_PIN_LOCKED
            raise self._held(self._refused, operation, type(failure).__name__) from failure
        except (p.DeviceRemoved, p.TokenNotPresent, p.TokenNotRecognised) as failure:
            self._drop()
            raise self._held(TOKEN_NOT_PRESENT, operation, type(failure).__name__) from failure
        except p.PKCS11Error as failure:
            self._drop()
            kind = type(failure).__name__
            raise self._held(TOKEN_FAILED, operation, kind, reason=kind) from failure

    def _held(self, why: Explanation, operation: str, detail: str, **facts: str) -> HeldForPerson:
        return HeldForPerson(
            why, detail, scope=Scope.SYSTEM, system=self._system, operation=operation, **facts
        )


def _python_pkcs11(system: str) -> ModuleType:
    try:
        import pkcs11
    except ImportError as failure:
        raise HeldForPerson(
            TOKEN_MODULE_UNUSABLE,
            "python-pkcs11 is not installed (extra: pkcs11)",
            scope=Scope.SYSTEM,
            system=system,
            operation="open",
            reason="thiếu thư viện python-pkcs11",
        ) from failure
    return pkcs11


def _bytes(hexadecimal: str | None) -> bytes | None:
    return None if hexadecimal is None else bytes.fromhex(hexadecimal)
