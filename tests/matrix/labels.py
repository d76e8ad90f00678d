"""The labels of the matrix: what each file must be found to be, written down by hand before it is judged.

Sources: TT 15/2025/TT-BKHCN Điều 6, Phụ lục I, II; NĐ 30/2020/NĐ-CP Điều 32, 33; ETSI EN 319 102-1:

- without a timestamp the signing time is claimed only: the two Vietnamese policies pass with a warning,
  ETSI_STRICT does not (no proof of existence);
- an expired or revoked certificate passes only where a timestamp proves that it was used before; else
  nothing is proven either way (INDETERMINATE), unless a content timestamp proves that it was used after
  (TOTAL_FAILED);
- weak digest or key, unknown chain, unknown revocation: INDETERMINATE; SHA-1 passes under VN_LEGACY_2018
  where a timestamp proves a time before 2020;
- changed bytes: HASH_FAILURE; a value that is not the key's: SIG_CRYPTO_FAILURE; changed structure or
  content in a later revision: FORMAT_FAILURE.

One line: format, level, case; then what VN_2025, VN_LEGACY_2018 and ETSI_STRICT must say. P passed,
I:… undecided, F:… failed, each with the sub-indication that must be among the reasons; `"` repeats the one
before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

POLICIES = ("VN_2025", "VN_LEGACY_2018", "ETSI_STRICT")
_INDICATIONS = {"P": "TOTAL_PASSED", "I": "INDETERMINATE", "F": "TOTAL_FAILED"}

# Every format that can state a time and carry a timestamp; what `spoil` does to each is in `making`.
_FORMATS_OF_ALL = "pdf adbe xades edxml cms p7s docx xlsx pptx"
# Those whose signatures are kept for the archive by what is put beside them (CAdES, XAdES).
_FORMATS_OF_THE_ARCHIVE = "xades cms"

_OF_ALL_FORMATS = """
B-B  good                            P                             P                             I:NO_POE
B-B  tampered                        F:HASH_FAILURE                "                             "
B-B  value-broken                    F:SIG_CRYPTO_FAILURE          "                             "
B-B  expired-claimed-before          I:OUT_OF_BOUNDS_NO_POE        "                             "
B-B  expired-claimed-after           I:OUT_OF_BOUNDS_NO_POE        "                             "
B-B  revoked-claimed-before          I:REVOKED_NO_POE              "                             "
B-B  revoked-claimed-after           I:REVOKED_NO_POE              "                             "
B-B  not-yet-valid                   F:NOT_YET_VALID               "                             "
B-B  weak-key                        I:CRYPTO_CONSTRAINTS_FAILURE  "                             "
B-B  weak-digest                     I:CRYPTO_CONSTRAINTS_FAILURE  "                             "
B-B  wrong-anchor                    I:NO_CERTIFICATE_CHAIN_FOUND  "                             "
B-B  same-name-anchor                I:NO_CERTIFICATE_CHAIN_FOUND  "                             "
B-B  revocation-missing              I:TRY_LATER                   "                             "
B-B  anothers-certificate            F:SIG_CRYPTO_FAILURE          "                             "
B-T  good                            P                             P                             P
B-T  tampered                        F:HASH_FAILURE                "                             "
B-T  value-broken                    F:SIG_CRYPTO_FAILURE          "                             "
B-T  expired-stamped-before          P                             P                             P
B-T  expired-stamped-after           I:OUT_OF_BOUNDS_NO_POE        "                             "
B-T  revoked-stamped-before          P                             P                             P
B-T  revoked-stamped-after           I:REVOKED_NO_POE              "                             "
B-T  weak-key                        I:CRYPTO_CONSTRAINTS_FAILURE  "                             "
B-T  weak-digest-stamped-before-2020 I:CRYPTO_CONSTRAINTS_FAILURE  P            I:CRYPTO_CONSTRAINTS_FAILURE
B-T  weak-digest-stamped-after-2020  I:CRYPTO_CONSTRAINTS_FAILURE  "                             "
B-T  wrong-anchor                    I:NO_CERTIFICATE_CHAIN_FOUND  "                             "
B-T  same-name-anchor                I:NO_CERTIFICATE_CHAIN_FOUND  "                             "
B-T  revocation-missing              I:TRY_LATER                   "                             "
B-T  stamp-of-unknown-authority      P                             P                             I:NO_POE
B-T  stamp-of-something-else         I:GENERIC                     "                             "
B-T  stamp-in-the-future             I:TIMESTAMP_ORDER_FAILURE     "                             "
"""

_OF_THE_ARCHIVE = """
B-LT  good                           P                             P                             P
B-LT  tampered                       F:HASH_FAILURE                "                             "
B-LT  expired-stamped-before         P                             P                             P
B-LT  revoked-stamped-before         P                             P                             P
B-LT  revoked-stamped-after          I:REVOKED_NO_POE              "                             "
B-LT  same-name-anchor               I:NO_CERTIFICATE_CHAIN_FOUND  "                             "
B-LTA good                           P                             P                             P
B-LTA tampered                       F:HASH_FAILURE                "                             "
B-LTA value-broken                   F:SIG_CRYPTO_FAILURE          "                             "
B-LTA expired-stamped-before         P                             P                             P
B-LTA expired-archived-before        P                             P                             P
B-LTA expired-archived-after         I:OUT_OF_BOUNDS_NO_POE        "                             "
B-LTA revoked-archived-before        P                             P                             P
B-LTA revoked-archived-after         I:REVOKED_NO_POE              "                             "
B-LTA revoked-stamped-after          I:REVOKED_NO_POE              "                             "
B-LTA same-name-anchor               I:NO_CERTIFICATE_CHAIN_FOUND  "                             "
B-LTA archive-of-unknown-authority   P                             P                             P
B-LTA expired-archived-by-unknown    I:OUT_OF_BOUNDS_NO_POE        "                             "
B-LTA archive-of-something-else      I:GENERIC                     "                             "
B-LTA archive-older-than-the-stamp   I:TIMESTAMP_ORDER_FAILURE     "                             "
B-LTA archived-evidence-removed      I:GENERIC                     "                             "
"""

# What only one format has.
_OF_ONE_FORMAT = """
pdf   B-T   leader-then-seal                P                          P                        P
pdf   B-LT  good                            P                          P                        P
pdf   B-LT  tampered                        F:HASH_FAILURE             "                        "
pdf   B-LT  expired-stamped-before          P                          P                        P
pdf   B-LT  revoked-stamped-before          P                          P                        P
pdf   B-LT  same-name-anchor                I:NO_CERTIFICATE_CHAIN_FOUND "                      "
pdf   B-LTA good                            P                          P                        P
pdf   B-LTA tampered                        F:HASH_FAILURE             "                        "
pdf   B-LTA expired-stamped-before          P                          P                        P
pdf   B-LTA expired-archived-before         P                          P                        P
pdf   B-LTA revoked-archived-before         P                          P                        P
pdf   B-LTA revoked-stamped-after           I:REVOKED_NO_POE           "                        "
pdf   B-LTA archive-tampered                F:FORMAT_FAILURE           "                        "
pdf   B-B   none                            I:SIGNED_DATA_NOT_FOUND    "                        "
pdf   B-T   shadowed-replace                F:FORMAT_FAILURE           "                        "
pdf   B-T   shadowed-hide                   F:FORMAT_FAILURE           "                        "
pdf   B-T   wrapped-range                   F:FORMAT_FAILURE           "                        "
pdf   B-T   incremental-page                F:FORMAT_FAILURE           "                        "
pdf   B-T   incremental-annotation          F:FORMAT_FAILURE           "                        "
pdf   B-T   incremental-form                F:FORMAT_FAILURE           "                        "
pdf   B-T   incremental-hides-signature     F:FORMAT_FAILURE           "                        "
pdf   B-T   incremental-evidence            P                          P                        P
pdf   B-T   bytes-behind                    F:FORMAT_FAILURE           "                        "
pdf   B-T   bytes-before                    F:FORMAT_FAILURE           "                        "
pdf   B-T   range-shortened                 F:FORMAT_FAILURE           "                        "
pdf   B-T   truncated                       F:FORMAT_FAILURE           "                        "
p7s   B-LT  good                            P                          P                        P
p7s   B-LTA good                            P                          P                        P
p7s   B-LTA expired-archived-before         P                          P                        P
p7s   B-LTA revoked-archived-after          I:REVOKED_NO_POE           "                        "
p7s   B-LTA archive-of-something-else       I:GENERIC                  "                        "
p7s   B-LTA archived-evidence-removed       I:GENERIC                  "                        "
edxml B-LT  good                            P                          P                        P
edxml B-LTA good                            P                          P                        P
edxml B-LTA expired-archived-before         P                          P                        P
edxml B-LTA revoked-archived-after          I:REVOKED_NO_POE           "                        "
edxml B-LTA archive-of-something-else       I:GENERIC                  "                        "
edxml B-LTA archived-evidence-removed       I:GENERIC                  "                        "
xml   B-B   good                            P                          P                        I:NO_POE
xml   B-B   leader-then-seal                P                          P                        I:NO_POE
xml   B-B   tampered                        F:HASH_FAILURE             "                        "
xml   B-B   value-broken                    F:SIG_CRYPTO_FAILURE       "                        "
xml   B-B   wrapped-beside                  I:SIG_CONSTRAINTS_FAILURE  "                        I:NO_POE
xml   B-B   wrapped-same-id                 F:FORMAT_FAILURE           "                        "
xml   B-B   wrapped-inside-signature        I:SIG_CONSTRAINTS_FAILURE  "                        I:NO_POE
xml   B-B   content-added                   I:SIG_CONSTRAINTS_FAILURE  "                        I:NO_POE
xml   B-B   text-in-signature               F:FORMAT_FAILURE           "                        "
xml   B-B   comment-in-content              I:SIG_CONSTRAINTS_FAILURE  "                        I:NO_POE
xml   B-B   document-type                   F:FORMAT_FAILURE           "                        "
xml   B-B   truncated                       F:FORMAT_FAILURE           "                        "
xml   B-B   none                            I:SIGNED_DATA_NOT_FOUND    "                        "
cms   B-T   leader-then-seal                P                          P                        P
cms   B-T   content-stamped                 P                          P                        P
cms   B-T   expired-content-stamped-after   F:EXPIRED                  "                        "
cms   B-T   revoked-content-stamped-after   F:REVOKED                  "                        "
cms   B-B   bytes-behind                    F:FORMAT_FAILURE           "                        "
cms   B-B   truncated                       F:FORMAT_FAILURE           "                        "
cms   B-B   content-swapped                 F:HASH_FAILURE             "                        "
cms   B-B   time-removed                    F:SIG_CRYPTO_FAILURE       "                        "
cms   B-B   none                            I:SIGNED_DATA_NOT_FOUND    "                        "
p7s   B-B   content-missing                 I:SIGNED_DATA_NOT_FOUND    "                        "
p7s   B-B   content-of-another              F:HASH_FAILURE             "                        "
docx  B-T   part-added-and-related          F:FORMAT_FAILURE           "                        "
docx  B-T   macro-added                     F:FORMAT_FAILURE           "                        "
docx  B-T   external-added                  F:FORMAT_FAILURE           "                        "
docx  B-T   part-removed                    F:HASH_FAILURE             "                        "
docx  B-T   content-type-changed            F:HASH_FAILURE             "                        "
docx  B-T   properties-changed              P                          P                        P
docx  B-T   bytes-behind                    F:FORMAT_FAILURE           "                        "
docx  B-T   entry-twice                     F:FORMAT_FAILURE           "                        "
docx  B-T   none                            I:SIGNED_DATA_NOT_FOUND    "                        "
xlsx  B-T   part-added-and-related          F:FORMAT_FAILURE           "                        "
xlsx  B-T   macro-added                     F:FORMAT_FAILURE           "                        "
pptx  B-T   part-added-and-related          F:FORMAT_FAILURE           "                        "
edxml B-T   wrapped-beside                  F:HASH_FAILURE             "                        "
"""

# Whether a document is signed for the agency that issues it (NĐ 30/2020 Điều 32, 33): leader, then seal. Its
# record and files are judged whole, in each format that can hold two signatures.
_RECORD_FORMATS = {"pdf adbe cms p7s edxml": "B-T", "docx xlsx pptx": "B-B"}
_DOCUMENT_RULES = """
rule:leader-then-seal           P                          P                        P
rule:seal-before-leader         I:SIG_CONSTRAINTS_FAILURE  "                        "
rule:foreign-seal               I:SIG_CONSTRAINTS_FAILURE  "                        "
rule:foreign-seal-added         I:SIG_CONSTRAINTS_FAILURE  "                        "
rule:seal-without-leader        I:SIG_CONSTRAINTS_FAILURE  "                        "
rule:leader-without-seal        I:SIG_CONSTRAINTS_FAILURE  "                        "
rule:seal-in-nobodys-register   I:SIG_CONSTRAINTS_FAILURE  "                        "
"""
# XMLDSig says no time, so the order of two signatures is nobody's knowledge.
_ORDER_UNTOLD = """
xml B-B rule:leader-then-seal   I:SIG_CONSTRAINTS_FAILURE  "                        "
xml B-B rule:seal-before-leader I:SIG_CONSTRAINTS_FAILURE  "                        "
xml B-B rule:foreign-seal       I:SIG_CONSTRAINTS_FAILURE  "                        "
xml B-B rule:seal-without-leader I:SIG_CONSTRAINTS_FAILURE "                        "
"""


@dataclass(frozen=True)
class Label:
    """One file under one policy, and what must be said of it."""

    format: str
    level: str
    case: str
    policy: str
    indication: str
    reason: str = ""

    def __str__(self) -> str:
        """The id of the test."""
        return f"{self.format}-{self.level}-{self.case}-{self.policy}"


def labels() -> tuple[Label, ...]:
    """All of them; raises `ValueError` for a line that does not read, or a file labelled twice."""
    lines = [f"{name} {line}" for name in _FORMATS_OF_ALL.split() for line in _lines(_OF_ALL_FORMATS)]
    archived = _FORMATS_OF_THE_ARCHIVE.split()
    lines += [f"{name} {line}" for name in archived for line in _lines(_OF_THE_ARCHIVE)]
    lines += [*_lines(_OF_ONE_FORMAT), *_lines(_ORDER_UNTOLD), *_of_records()]
    found = tuple(label for line in lines for label in _read(line))
    if len({str(label) for label in found}) != len(found):
        raise ValueError("a file is labelled twice")
    return found


def _of_records() -> Iterator[str]:
    """Under ETSI_STRICT a time that is only claimed proves none, whoever signed."""
    for names, level in _RECORD_FORMATS.items():
        for name in names.split():
            for line in _lines(_DOCUMENT_RULES):
                stamped = level == "B-T" or "leader-then-seal" not in line
                yield f"{name} {level} {line if stamped else line.rpartition('P')[0] + 'I:NO_POE'}"


def _lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.strip()]


def _read(line: str) -> Iterator[Label]:
    form, level, case, *verdicts = line.split()
    last = ""
    for policy, written in zip(POLICIES, verdicts, strict=True):
        last = last if written == '"' else written
        letter, _, reason = last.partition(":")
        yield Label(form, level, case, policy, _INDICATIONS[letter], reason)
