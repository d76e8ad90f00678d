"""The published formats as files: edXML, national portal, reporting, document management, one-stop shop.

The files travel inside the wheel because a provincial server often has no way out to fetch them.
"""

from importlib.resources import files
from pathlib import PurePosixPath

__all__ = ["open_schema"]


def open_schema(name: str) -> bytes:
    """Return the untouched bytes of one shipped schema, named by its path such as ``edxml/edxml.xsd``.

    Raises FileNotFoundError when no such schema ships, and ValueError for a name that leaves the folder:
    names come from configuration and from the ``schemaLocation`` of documents that strangers wrote.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name:
        raise ValueError(f"schema name must be a relative path inside ebrvt_schemas, got {name!r}")
    return files(__name__).joinpath(*path.parts).read_bytes()
