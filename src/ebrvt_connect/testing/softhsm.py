"""A token in software (SoftHSM2) for tests: the real PKCS#11 way, without a device.

`SoftToken.make` initialises one in a folder of its own; the machine's tokens are not touched. The module
reads where its tokens lie when it is initialised, so a process has one folder for its tokens at a time.
Install it with `sudo apt-get install softhsm2 opensc`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

CONFIGURATION = "SOFTHSM2_CONF"
HOW_TO_INSTALL = "SoftHSM2 is not installed: sudo apt-get install softhsm2 opensc"
_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def softhsm_module() -> Path | None:
    """Where the module lies (`SOFTHSM2_MODULE` first); None when it or its tool is not installed."""
    if shutil.which("softhsm2-util") is None:
        return None
    named = os.environ.get("SOFTHSM2_MODULE")
    places = (named, *_PLACES) if named else _PLACES
    return next((Path(place).resolve() for place in places if Path(place).is_file()), None)


def use_folder(folder: Path) -> None:
    """Let this process keep its tokens below `folder`; call it before they are made."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True, exist_ok=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n", "utf-8"
    )
    os.environ[CONFIGURATION] = str(configuration)


@dataclass(frozen=True, slots=True)
class SoftToken:
    """One token with its label and PIN (which protects nothing)."""

    module: Path
    label: str
    pin: str

    @classmethod
    def make(cls, label: str, pin: str = "24681357") -> SoftToken:
        """Initialise a token; raises `RuntimeError` where SoftHSM2 is not installed.

        Sessions this process has with other tokens are lost.
        """
        module = softhsm_module()
        if module is None:
            raise RuntimeError(HOW_TO_INSTALL)
        _softhsm("--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", pin)
        if "pkcs11" in sys.modules:
            import pkcs11

            # It knows of tokens what it saw as it began, and of their folder.
            pkcs11.lib(str(module)).reinitialize()
        return cls(module, label, pin)

    def add_key(
        self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, label: str, key_id: str
    ) -> None:
        """Import a private key; `key_id` is hex."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(pem)
            file.flush()
            place = ("--token", self.label, "--label", label, "--id", key_id, "--pin", self.pin)
            _softhsm("--import", file.name, *place)

    def add_certificate(self, certificate: x509.Certificate, *, label: str, key_id: str) -> None:
        """Store a certificate; `key_id` is its key's, in hex."""
        import pkcs11

        held = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
            pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            pkcs11.Attribute.TOKEN: True,
            pkcs11.Attribute.LABEL: label,
            pkcs11.Attribute.ID: bytes.fromhex(key_id),
            pkcs11.Attribute.SUBJECT: certificate.subject.public_bytes(),
            pkcs11.Attribute.VALUE: certificate.public_bytes(Encoding.DER),
        }
        token = pkcs11.lib(str(self.module)).get_token(token_label=self.label)
        with token.open(rw=True, user_pin=self.pin) as session:
            session.create_object(held)


def _softhsm(*arguments: str) -> None:
    done = subprocess.run(["softhsm2-util", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 - on the PATH, as `softhsm_module` found it
    if done.returncode != 0:
        raise RuntimeError(f"softhsm2-util {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
