"""The ministry's reporting software (phần mềm báo cáo của Bộ, baocao) over its SOAP dialect."""

from ebrvt_adapters.baocao.adapter import Baocao
from ebrvt_adapters.baocao.client import BaocaoClient
from ebrvt_adapters.baocao.settings import BaocaoCredentials, BaocaoSettings

__all__ = ["Baocao", "BaocaoClient", "BaocaoCredentials", "BaocaoSettings"]
