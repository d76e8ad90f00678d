"""Peak memory a 20 MB attachment costs, as a multiple of its size; the peer is an lxml tree of the packet.

Each case runs in a process of its own (`large_files_case`), does the same with a small file first, so
that imports and caches do not count, and then tells by how much its peak resident memory grew. The
simulated systems run in a process apart and speak real HTTP. The letter bears the signatures of leader
and agency with their timestamps: the second makes a verifier compare revisions. Target: at most twice the
attachment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ebrvt_connect.ops.demo.sandbox_child import SandboxChild
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.transport.clock import SystemClock
from tests.bench import stock
from tests.bench.measure import Figure, Setup, against, noise

_TARGET = 2.0
_SMALL_BYTES = 200_000
_ROUNDS = 3
"""Memory varies less than time, and each round writes a fresh process' worth of it."""
_CASES = {
    "receive": "fetched from the axis, read into blobs",
    "send": "made into a packet and sent to the axis",
    "verify": "signed PDF verified",
    "gate": "document judged by the gate",
    "download": "fetched from the document system",
    "deliver": "posted to the document system",
    "sign": "PDF signed",
}
_PEER = "lxml tree of the packet"


def measure(setup: Setup) -> list[Figure]:
    stages = [_stage(setup, name, size) for name, size in sizes(setup).items()]
    with SandboxChild(
        setup.folder / "world", _sandbox_config(setup), systems=("qlvb", "vxp"), seed=1, clock=SystemClock()
    ) as sandbox:
        sandbox.wait_until_ready()
        for stage in stages:
            _offer(sandbox, stage)
        places = {name: system["url"] for name, system in sandbox.systems.items()}
        work = {"places": places, "keys": str(setup.keys), "stages": stages}
        growth: dict[str, list[float]] = {case: [] for case in (*_CASES, "tree")}
        for nth in range(min(_ROUNDS, setup.sizes.rounds)):
            noise.listen()
            together = [[case] for case in growth] if setup.sizes.apart else [list(growth)]
            for cases in together:
                grown = _grown(setup.folder / f"{cases[0]}{nth}", cases, work)
                for case, by in grown.items():
                    growth[case].append(by / stages[-1]["size_bytes"])
    return [_figure(_CASES[case], growth[case], growth["tree"]) for case in _CASES]


def sizes(setup: Setup) -> dict[str, int]:
    """What warms up, and what is measured."""
    return {"small": _SMALL_BYTES, "large": setup.sizes.large_bytes}


def _figure(what: str, ours: list[float], tree: list[float]) -> Figure:
    met = sorted(ours)[len(ours) // 2] <= _TARGET
    return against(what, "x size", ours, _PEER, tree, target=f"{_TARGET:g}x", met=met)


def _stage(setup: Setup, name: str, size: int) -> dict[str, Any]:
    """A letter of that size, signed by leader and agency, in a packet to us and in a document from us."""
    folder = setup.folder / name
    blobs = LocalBlobs(folder / "blobs")
    plain = stock.letter(ballast_bytes=size)
    pdf = stock.signed(plain, setup.keys, stamped=True, both=True)
    (folder / "plain.pdf").write_bytes(plain)
    (folder / "letter.pdf").write_bytes(pdf)
    document = stock.document(len(name), blobs, pdf)
    incoming = stock.document(len(name), blobs, pdf, sender=stock.THEIRS, to=stock.OURS)
    (folder / "packet.edxml").write_bytes(stock.packet(incoming, blobs))
    return {
        "name": name,
        "folder": str(folder),
        "size_bytes": len(pdf),
        "document": document.model_dump_json(),
        "incoming": incoming.model_dump_json(),
    }


def _offer(sandbox: SandboxChild, stage: dict[str, Any]) -> None:
    """The packet waits on the axis, the document in the document system."""
    folder, name = Path(stage["folder"]), stage["name"]
    kept = sandbox.keep("vxp", (folder / "packet.edxml").read_bytes())
    told = sandbox.seed("vxp", {"incoming": [{"id": name, "sha256": kept["sha256"]}]})
    stage["doc_id"] = told["doc_ids"][name][0]
    kept = sandbox.keep("qlvb", (folder / "letter.pdf").read_bytes())
    sandbox.seed("qlvb", {"documents": [_issued(name, kept)]})


def _issued(name: str, kept: dict[str, Any]) -> dict[str, Any]:
    at = "2026-11-23T09:00:00.000+07:00"
    file = {
        "seq": 1,
        "name": "letter.pdf",
        "mediaType": "application/pdf",
        "size": kept["size_bytes"],
        "sha256": kept["sha256"],
        "role": "MAIN",
    }
    return {
        "id": name,
        "revision": 1,
        "codeNumber": str(len(name)),
        "codeNotation": "BC-STTTT",
        "type": {"code": "BC", "name": "Báo cáo"},
        "abstract": "Báo cáo mẫu",
        "promulgation": {"place": "Bà Rịa", "date": at[:10]},
        "issuer": {"code": stock.OURS, "name": "Sở (mẫu)"},
        "signatory": {"position": "GIÁM ĐỐC", "fullName": "Trần Thị Ví Dụ"},
        "urgency": 0,
        "confidentiality": "NORMAL",
        "recipients": [{"code": stock.THEIRS, "name": "Văn phòng (mẫu)"}],
        "business": {"kind": "NEW"},
        "attachments": [file],
        "issuedAt": at,
        "updatedAt": at,
    }


def _sandbox_config(setup: Setup) -> Path:
    path = setup.folder / "sandbox.toml"
    path.write_text(
        f'[qlvb]\nusername = "ebrvt"\npassword = "{stock.SECRET}"\n\n'
        f'[[vxp]]\nsystemid = "{stock.SYSTEMID}"\nsecret = "{stock.SECRET}"\n'
        f'agencies = ["{stock.OURS}"]\nrecipients = ["{stock.THEIRS}"]\n'
    )
    return path


def _grown(folder: Path, cases: list[str], work: dict[str, Any]) -> dict[str, int]:
    """Run cases in one process; by how many bytes the peak grew with each."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.bench.large_files_case", str(folder), *cases]
    done = subprocess.run(command, input=json.dumps(work), stdout=subprocess.PIPE, text=True, check=True)
    grown: dict[str, int] = json.loads(done.stdout)
    return grown
