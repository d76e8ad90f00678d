"""ebrvt_connect: integration middleware for Vietnamese e-government (trục liên thông cấp tỉnh).

The names a user needs. Each is loaded when it is first used, so importing the library costs nothing:

    from ebrvt_connect import VN_2025, load_trust_folder, verify

One system is spoken to without the daemon through its adapter: `ebrvt_adapters.<system>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ebrvt_connect.api import (
        ETSI_STRICT,
        VN_2025,
        VN_LEGACY_2018,
        ToVerify,
        VerificationPolicy,
        VerifyLimits,
        averify,
        load_trust_folder,
        sign_cms,
        sign_pdf,
        sign_xml,
        signed_content,
        verify,
        verify_many,
        verify_packet,
    )
    from ebrvt_connect.errors import (
        ConnectError,
        HeldForPerson,
        InvalidValue,
        ReconcileFirst,
        Rejected,
        RetryLater,
    )
    from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
    from ebrvt_connect.transport.signers import KeySigner
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.verdict import Indication, VerificationReport

__version__ = "0.1.0"

__all__ = [
    "ETSI_STRICT",
    "VN_2025",
    "VN_LEGACY_2018",
    "AgencyCode",
    "ConnectError",
    "DocumentNumber",
    "HeldForPerson",
    "Indication",
    "InvalidValue",
    "KeySigner",
    "PacketReport",
    "ReconcileFirst",
    "Rejected",
    "RetryLater",
    "ToVerify",
    "TrustStore",
    "VerificationPolicy",
    "VerificationReport",
    "VerifyLimits",
    "__version__",
    "averify",
    "load_trust_folder",
    "sign_cms",
    "sign_pdf",
    "sign_xml",
    "signed_content",
    "verify",
    "verify_many",
    "verify_packet",
]

_HOMES = {
    "api": (
        "ETSI_STRICT",
        "VN_2025",
        "VN_LEGACY_2018",
        "ToVerify",
        "VerificationPolicy",
        "VerifyLimits",
        "averify",
        "load_trust_folder",
        "sign_cms",
        "sign_pdf",
        "sign_xml",
        "signed_content",
        "verify",
        "verify_many",
        "verify_packet",
    ),
    "errors": ("ConnectError", "HeldForPerson", "InvalidValue", "ReconcileFirst", "Rejected", "RetryLater"),
    "model.ids": ("AgencyCode", "DocumentNumber"),
    "transport.signers": ("KeySigner",),
    "trust.anchors": ("TrustStore",),
    "trust.packet_report": ("PacketReport",),
    "trust.verdict": ("Indication", "VerificationReport"),
}
"""The module each public name is defined in, below this package."""

# Hidden from the type checker, which would take a module with `__getattr__` for one that has every name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load the home of a public name on its first use (PEP 562); it is found directly afterwards."""
        from importlib import import_module

        home = next((home for home, names in _HOMES.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return value


def __dir__() -> list[str]:
    """The public names, loaded or not, and the rooms imported so far."""
    return sorted({*globals(), *__all__})
