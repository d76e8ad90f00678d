"""What an operator sets for the ministry's reporting software (see the README's table)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ebrvt_connect.codec.username_token import PasswordStyle
from ebrvt_connect.transport.http import HttpSettings


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BaocaoCredentials(_Section):
    """How the ministry knows us: an account for the calls, a key for what the packets say."""

    username: str = Field(min_length=1, max_length=200)
    """The account at the reporting software (tài khoản)."""
    password: SecretStr
    """Its password; what travels is a digest made anew for each call (WS-Security UsernameToken)."""
    pkcs12: Path
    """The key that signs packets, with its certificate (.p12, .pfx): usually the agency's seal."""
    pkcs12_password: SecretStr | None = None
    """Opens it."""


class BaocaoSettings(_Section):
    """Everything about one connection to the reporting software; nothing here is learnt from the remote."""

    transport: HttpSettings
    """Where it is and how it is reached; the service's `path` begins below `url`."""
    credentials: BaocaoCredentials
    """Who we are there."""
    path: str = Field(default="/soap/reporting", pattern=r"^(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+$")
    """The path of the service. The address written in the WSDL is not used."""
    password_style: PasswordStyle = PasswordStyle.DIGEST
    """`digest`, or `text` (the password itself, under TLS only) where the ministry asks for it."""
    text_without_tls: bool = False
    """Allow `text` over plain HTTP: a laboratory's choice, anybody on the way can read the password."""
    agency_form: Literal["as-written", "qcvn102", "qd20"] = "qcvn102"
    """How agency codes are spelled in packets."""
    regime: str = Field(default="NQ17", min_length=1, max_length=50)
    """The regime (chế độ báo cáo) whose periods `ebrvt doctor` asks for."""
    poll_seconds: float = Field(default=300.0, gt=0, le=86_400)
    """How long a report that awaits a decision is left before it is asked after again, in seconds."""
    call_seconds: float = Field(default=60.0, gt=0, le=600)
    """Deadline of one call, in seconds."""
    largest_packet_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """A larger packet is not sent."""
