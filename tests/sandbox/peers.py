"""Whom the suite speaks to: the endpoints that `EBRVT_TEST_SANDBOX_*` name, else our simulators.

The variables are explained in docs/guide/sandbox-tests.md. A name that is misspelt or a set that is not
complete is an error: a suite that quietly went to the simulators would prove nothing about the endpoint.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ebrvt_adapters.qlvb import QlvbSettings
from ebrvt_adapters.vxp import VxpSettings
from pydantic import BaseModel, ValidationError

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "EBRVT_TEST_SANDBOX_"
VXP = ("URL", "SYSTEMID", "SECRET", "AGENCIES", "RECIPIENT", "CA", "SETTINGS")
QLVB = ("URL", "TOKEN", "USERNAME", "PASSWORD", "AGENCY", "DOCUMENT", "CA", "SETTINGS")
NAMES = (*(f"VXP_{name}" for name in VXP), *(f"QLVB_{name}" for name in QLVB), "DOCUMENT", "PATIENCE")

PATIENCE_SECONDS = 30.0
"""How long a real endpoint may take to show what it was given, unless told otherwise."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

Settings = TypeVar("Settings", bound=BaseModel)


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
    simulated: bool = False


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
    recipient = _code("VXP_RECIPIENT", given.get("RECIPIENT", agencies[-1]))
    return AxisPeer(settings, recipient, patience_of(environment))


def document_system_at(environment: Mapping[str, str]) -> DocumentSystemPeer | None:
    """The document system of the variables; None where none of them is set. Raises as `axis_at`."""
    given = _given(environment, "QLVB_")
    if not given:
        return None
    _need(given, "QLVB_", "URL", "AGENCY")
    credentials = {name.lower(): given[name] for name in ("TOKEN", "USERNAME", "PASSWORD") if name in given}
    settings = _settings(QlvbSettings, "QLVB_", given, credentials=credentials)
    return DocumentSystemPeer(settings, _code("QLVB_AGENCY", given["AGENCY"]), given.get("DOCUMENT", ""))


def patience_of(environment: Mapping[str, str]) -> float:
    """Seconds to wait for what an endpoint shows late; raises `WrongVariablesError` for no number."""
    try:
        return float(environment.get(f"{PREFIX}PATIENCE") or PATIENCE_SECONDS)
    except ValueError:
        raise WrongVariablesError(f"{PREFIX}PATIENCE: expected a number of seconds") from None


def allowed_hosts(environment: Mapping[str, str]) -> list[str]:
    """Whom the tests may connect to: this machine, and the hosts of the addresses that are set."""
    addresses = (environment.get(f"{PREFIX}{system}_URL", "") for system in ("VXP", "QLVB"))
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


def _code(name: str, text: str) -> AgencyCode:
    try:
        return AgencyCode.parse(text)
    except InvalidValue:
        raise WrongVariablesError(f"{PREFIX}{name}: expected an agency code such as H06.15") from None


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
