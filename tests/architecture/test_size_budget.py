"""The ceilings that keep files and functions readable, and the public face explained and typed."""

import ast
import statistics
from collections.abc import Iterator

import pytest

from tests.architecture.sources import (
    ADAPTERS,
    CORE,
    SCHEMAS,
    TESTS,
    Function,
    Scope,
    functions,
    named,
    parse,
    python_files,
)

LONGEST_FILE = 600
LONGEST_FUNCTION = 80
MEDIAN_FUNCTION = 12

SHIPPED = python_files(CORE, ADAPTERS, SCHEMAS)


def lines(function: Function) -> int:
    return function.end_lineno - function.lineno + 1


def test_no_file_is_too_long():
    every = [*SHIPPED, *python_files(TESTS)]
    lengths = {named(path): len(path.read_bytes().splitlines()) for path in every}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long():
    too_long = {
        f"{named(path)}:{function.lineno} {function.name}": lines(function)
        for path in SHIPPED
        for function in functions(parse(path))
        if lines(function) > LONGEST_FUNCTION
    }

    assert too_long == {}


def test_most_functions_are_short():
    lengths = [lines(function) for path in SHIPPED for function in functions(parse(path))]

    assert statistics.median(lengths) <= MEDIAN_FUNCTION


def test_everything_public_is_explained():
    unexplained = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in SHIPPED
        for node in public_definitions(parse(path))
        if not ast.get_docstring(node)
    ]
    silent_modules = [named(path) for path in SHIPPED if not ast.get_docstring(parse(path))]

    assert unexplained + silent_modules == []


def test_everything_is_annotated():
    bare = [
        f"{named(path)}:{function.lineno} {function.name}({what})"
        for path in SHIPPED
        for function in functions(parse(path))
        for what in unannotated(function)
    ]

    assert bare == []


def public_definitions(scope: Scope) -> Iterator[Function | ast.ClassDef]:
    """Classes, functions and methods a reader can reach; dunder methods do what their names say."""
    for node in scope.body:
        if isinstance(node, (ast.ClassDef, Function)) and not node.name.startswith("_") and not repeats(node):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_definitions(node)


def repeats(node: Function | ast.ClassDef) -> bool:
    """Whether the explanation stands elsewhere: at the overloaded function, the getter or the base class."""
    markers = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(markers & {"overload", "override", "setter", "deleter"})


def unannotated(function: Function) -> Iterator[str]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    for argument in filter(None, every):
        if argument.annotation is None and argument.arg not in ("self", "cls"):
            yield argument.arg
    if function.returns is None:
        yield "return"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a: int) -> int: ...", []),
        ("def f(a) -> int: ...", ["a"]),
        ("def f(*a, **b): ...", ["a", "b", "return"]),
        ("def f(self, a: int) -> None: ...", []),
    ],
)
def test_the_test_sees_missing_annotations(source, expected):
    assert list(unannotated(ast.parse(source).body[0])) == expected
