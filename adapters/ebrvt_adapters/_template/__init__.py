"""The linked system `khuonmau`: statuses of documents, read from it and told to it over REST."""

from .adapter import Khuonmau
from .client import KhuonmauClient
from .settings import KhuonmauCredentials, KhuonmauSettings

__all__ = [
    "Khuonmau",
    "KhuonmauClient",
    "KhuonmauCredentials",
    "KhuonmauSettings",
]
