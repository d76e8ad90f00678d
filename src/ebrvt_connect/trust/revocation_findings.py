"""Findings about asking for revocation over the network: rows of the catalogue (`trust.findings`)."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import WARNING, kind

REVOCATION_NOT_FETCHED = kind(
    "REVOCATION_NOT_FETCHED",
    WARNING,
    "Không tra cứu trực tuyến được tình trạng thu hồi của chứng thư số ({reason}). Hãy kiểm tra đường truyền "
    "và danh sách máy chủ được phép (online.toml), hoặc nạp danh sách thu hồi (CRL) vào kho tin cậy.",
    "Asking for the revocation status over the network did not settle it ({reason}).",
    "TT 15/2025/TT-BKHCN Phụ lục II mục 1.2",
)
