"""One English word per concept: the names the glossary forbids do not appear."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ADAPTERS, CORE, SCHEMAS, TESTS, named, parse, python_files

FORBIDDEN_WORDS = ("ho_so", "van_ban", "thu_tuc", "casefile", "manager", "helper", "util")
# Methods a library calls by a name it chose: requests asks its adapter for this one.
NAMES_OF_OTHERS = {"proxy_manager_for"}
# A file is named for the noun or verb it holds, not for being left over.
FORBIDDEN_FILES = {"util", "helper", "common", "base", "core", "manager", "service"}


def test_no_forbidden_word_in_a_name():
    offences = [
        f"{named(path)}:{line} {name}"
        for path in python_files(CORE, ADAPTERS)
        for line, name in defined_names(parse(path))
        if has_forbidden_word(name) and name not in NAMES_OF_OTHERS and not is_remote_type(path.name, name)
    ]

    assert offences == []


def test_no_file_is_named_for_nothing():
    offences = [
        named(path)
        for path in python_files(CORE, ADAPTERS, SCHEMAS, TESTS)
        if {part.rstrip("s") for part in (path.stem, path.parent.name)} & FORBIDDEN_FILES
    ]

    assert offences == []


def is_remote_type(file: str, name: str) -> bool:
    """Boundary types end in the remote's own name: wire.HoSo is the remote's, model.Dossier is ours."""
    return file == "wire.py" and name[0].isupper()


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The names this file makes up itself; what other people's libraries are called is theirs."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def has_forbidden_word(name: str) -> bool:
    """Whole words only: 'contextmanager' is Python's own word, 'LinkManager' is ours and says nothing."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|\d+", name)
    singular = (word.lower().removesuffix("s") for word in words)
    joined = "_" + "_".join(singular) + "_"
    return any(f"_{word}_" in joined for word in FORBIDDEN_WORDS)


@pytest.mark.parametrize("name", ["ho_so", "HoSo", "ma_ho_so", "LinkManager", "HTTPHelper", "text_utils"])
def test_the_test_knows_a_forbidden_word(name):
    assert has_forbidden_word(name)


@pytest.mark.parametrize("name", ["dossier", "contextmanager", "utility", "who_solves", "init_poolmanager"])
def test_the_test_leaves_other_words_alone(name):
    assert not has_forbidden_word(name)
