"""Whom the suite speaks to: the endpoints that `EBRVT_TEST_SANDBOX_*` name, else our simulators.

The variables are explained in docs/guide/sandbox-tests.md. A name that is misspelt or a set that is not
complete is an error: a suite that quietly went to the simulators would prove nothing about the endpoint.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ebrvt_adapters.baocao import BaocaoSettings
from ebrvt_adapters.dvcqg import DvcqgSettings
from ebrvt_adapters.motcua import MotcuaSettings
from ebrvt_adapters.qlvb import QlvbSettings
from ebrvt_adapters.vxp import VxpSettings
from pydantic import BaseModel, ValidationError

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.dossier import ProcedureCode
from ebrvt_connect.model.ids import AgencyCode, ParsedText

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "EBRVT_TEST_SANDBOX_"
VXP = ("URL", "SYSTEMID", "SECRET", "AGENCIES", "RECIPIENT", "CA", "SETTINGS")
QLVB = ("URL", "TOKEN", "USERNAME", "PASSWORD", "AGENCY", "DOCUMENT", "CA", "SETTINGS")
MOTCUA = ("URL", "TOKEN", "USERNAME", "PASSWORD", "DOSSIER", "CA", "SETTINGS")
DVCQG = ("URL", "USERNAME", "PASSWORD", "UNIT", "DSTCODE", "AGENCY", "PROCEDURE", "CA", "SETTINGS")
BAOCAO = (
    *("URL", "USERNAME", "PASSWORD", "KEY", "KEY_PASSWORD", "SENDER", "ORGANIZATION", "RECEIVER", "TEMPLATE"),
    *("CA", "SETTINGS"),
)
SYSTEMS = {"VXP": VXP, "QLVB": QLVB, "MOTCUA": MOTCUA, "DVCQG": DVCQG, "BAOCAO": BAOCAO}
"""What each system's variables are called, behind its own name."""
NAMES = (
    *(f"{system}_{name}" for system, names in SYSTEMS.items() for name in names),
    *("DOCUMENT", "PATIENCE"),
)

TEMPLATE = "NQ17-Q"
"""The template (biểu mẫu) of a trial report, unless told otherwise."""
PATIENCE_SECONDS = 30.0
"""How long a real endpoint may take to show what it was given, unless told otherwise."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

Settings = TypeVar("Settings", bound=BaseModel)
Code = TypeVar("Code", bound=ParsedText)


@dataclass(frozen=True, slots=True)
class AxisPeer:
    """An axis, and as whom we may speak to it; the first agency sends."""

    settings: VxpSettings
    recipient: AgencyCode
    patience_seconds: float
    simulated: bool = False

    @property
    def sender(self) -> AgencyCode:
        """The agency that issues the samples."""
        return self.settings.agencies[0]

    @property
    def comes_back(self) -> bool:
        """Whether what we send arrives in our own queue."""
        return any(self.recipient.same_agency(own) for own in self.settings.agencies)


@dataclass(frozen=True, slots=True)
class DocumentSystemPeer:
    """A document-management system, and what of it we may write to."""

    settings: QlvbSettings
    agency: AgencyCode
    """Gets the samples delivered."""
    document: str
    """An issued document whose exchange status may be overwritten; empty: none may."""


@dataclass(frozen=True, slots=True)
class OneStopPeer:
    """A one-stop shop, and what of it we may write to."""

    settings: MotcuaSettings
    dossier: str
    """A dossier whose exchange status may be overwritten; empty: none may."""


@dataclass(frozen=True, slots=True)
class PortalPeer:
    """The National Public Service Portal, and what samples may be about."""

    settings: DvcqgSettings
    agency: AgencyCode
    """Stands at the beginning of the samples' codes, as the unit in charge."""
    procedure: ProcedureCode
    patience_seconds: float


@dataclass(frozen=True, slots=True)
class ReportingPeer:
    """The ministry's reporting software, and as whom we may report to it."""

    settings: BaocaoSettings
    sender: AgencyCode
    organization: AgencyCode
    receiver: AgencyCode
    template: str


class WrongVariablesError(ValueError):
    """The variables cannot be meant as they stand; names them and never their values."""


def axis_at(environment: Mapping[str, str]) -> AxisPeer | None:
    """The axis of the variables; None where none of them is set. Raises `WrongVariablesError`."""
    given = _given(environment, "VXP_")
    if not given:
        return None
    _need(given, "VXP_", "URL", "SYSTEMID", "SECRET", "AGENCIES")
    agencies = [code.strip() for code in given["AGENCIES"].split(",")]
    settings = _settings(
        VxpSettings,
        "VXP_",
        given,
        credentials={"systemid": given["SYSTEMID"], "secret": given["SECRET"]},
        agencies=agencies,
    )
    recipient = _code(AgencyCode, "VXP_RECIPIENT", given.get("RECIPIENT", agencies[-1]))
    return AxisPeer(settings, recipient, patience_of(environment))


def document_system_at(environment: Mapping[str, str]) -> DocumentSystemPeer | None:
    """The document system of the variables; None where none of them is set. Raises as `axis_at`."""
    given = _given(environment, "QLVB_")
    if not given:
        return None
    _need(given, "QLVB_", "URL", "AGENCY")
    settings = _settings(QlvbSettings, "QLVB_", given, credentials=_login(given))
    agency = _code(AgencyCode, "QLVB_AGENCY", given["AGENCY"])
    return DocumentSystemPeer(settings, agency, given.get("DOCUMENT", ""))


def one_stop_at(environment: Mapping[str, str]) -> OneStopPeer | None:
    """The one-stop shop of the variables; None where none of them is set. Raises as `axis_at`."""
    given = _given(environment, "MOTCUA_")
    if not given:
        return None
    _need(given, "MOTCUA_", "URL")
    settings = _settings(MotcuaSettings, "MOTCUA_", given, credentials=_login(given))
    return OneStopPeer(settings, given.get("DOSSIER", ""))


def portal_at(environment: Mapping[str, str]) -> PortalPeer | None:
    """The portal of the variables; None where none of them is set. Raises as `axis_at`."""
    given = _given(environment, "DVCQG_")
    if not given:
        return None
    _need(given, "DVCQG_", "URL", "USERNAME", "PASSWORD", "UNIT", "DSTCODE", "PROCEDURE")
    settings = _settings(
        DvcqgSettings,
        "DVCQG_",
        given,
        credentials=_login(given),
        unit=given["UNIT"],
        dstcode=given["DSTCODE"],
    )
    agency = _code(AgencyCode, "DVCQG_AGENCY", given.get("AGENCY", given["UNIT"]))
    procedure = _code(ProcedureCode, "DVCQG_PROCEDURE", given["PROCEDURE"])
    return PortalPeer(settings, agency, procedure, patience_of(environment))


def reporting_at(environment: Mapping[str, str]) -> ReportingPeer | None:
    """The reporting software of the variables; None where none of them is set. Raises as `axis_at`."""
    given = _given(environment, "BAOCAO_")
    if not given:
        return None
    _need(given, "BAOCAO_", "URL", "USERNAME", "PASSWORD", "KEY", "SENDER", "RECEIVER")
    opened = {"pkcs12_password": given["KEY_PASSWORD"]} if "KEY_PASSWORD" in given else {}
    credentials = {**_login(given), "pkcs12": Path(given["KEY"]), **opened}
    settings = _settings(BaocaoSettings, "BAOCAO_", given, credentials=credentials)
    sender, organization, receiver = (
        _code(AgencyCode, f"BAOCAO_{name}", given.get(name, given["SENDER"]))
        for name in ("SENDER", "ORGANIZATION", "RECEIVER")
    )
    return ReportingPeer(settings, sender, organization, receiver, given.get("TEMPLATE", TEMPLATE))


def patience_of(environment: Mapping[str, str]) -> float:
    """Seconds to wait for what an endpoint shows late; raises `WrongVariablesError` for no number."""
    try:
        return float(environment.get(f"{PREFIX}PATIENCE") or PATIENCE_SECONDS)
    except ValueError:
        raise WrongVariablesError(f"{PREFIX}PATIENCE: expected a number of seconds") from None


def allowed_hosts(environment: Mapping[str, str]) -> list[str]:
    """Whom the tests may connect to: this machine, and the hosts of the addresses that are set."""
    addresses = (environment.get(f"{PREFIX}{system}_URL", "") for system in SYSTEMS)
    return [*LOOPBACK, *(host for address in addresses if (host := urlsplit(address).hostname))]


def refuse_misspelt(environment: Mapping[str, str]) -> None:
    """Raise `WrongVariablesError` for a name under the prefix that nobody reads."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in NAMES:
            near = difflib.get_close_matches(name.removeprefix(PREFIX), NAMES, 1)
            meant = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            raise WrongVariablesError(f"{name}: no such variable{meant}")


def _given(environment: Mapping[str, str], system: str) -> dict[str, str]:
    """What is set for a system, by short name; an empty value is as good as none."""
    start = PREFIX + system
    return {
        name.removeprefix(start): text
        for name, text in environment.items()
        if text and name.startswith(start)
    }


def _need(given: Mapping[str, str], system: str, *names: str) -> None:
    if lacking := [PREFIX + system + name for name in names if name not in given]:
        raise WrongVariablesError(f"{PREFIX}{system}* is set, but not {', '.join(lacking)}")


def _login(given: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): given[name] for name in ("TOKEN", "USERNAME", "PASSWORD") if name in given}


def _code(kind: type[Code], name: str, text: str) -> Code:
    try:
        return kind.parse(text)
    except InvalidValue as wrong:
        # Only what was expected: the value itself may be somebody's secret in the wrong place.
        expected = wrong.detail.rpartition("expected ")[2]
        raise WrongVariablesError(f"{PREFIX}{name}: expected a code, {expected}") from None


def _settings(kind: type[Settings], system: str, given: Mapping[str, str], **fields: Any) -> Settings:
    """The adapter's settings; `SETTINGS` adds to them by the names of the adapter's README."""
    transport = {"url": given["URL"], **({"ca": given["CA"]} if "CA" in given else {})}
    try:
        more = json.loads(given.get("SETTINGS", "{}"))
        if not isinstance(more, dict) or more.keys() & {*fields, "transport"}:
            raise WrongVariablesError(f"{PREFIX}{system}SETTINGS: expected a JSON object of further settings")
        return kind.model_validate({"transport": transport, **fields, **more})
    except json.JSONDecodeError:
        raise WrongVariablesError(f"{PREFIX}{system}SETTINGS: not JSON") from None
    except ValidationError as failure:
        # Without the values: one of them is a secret.
        wrong = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in failure.errors())
        raise WrongVariablesError(f"{PREFIX}{system}*: {'; '.join(wrong)}") from None
