"""The mistakes that R23 puts in: which, where, and that none stays in the tree it was found in."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.torture.mutant_runs import SUBJECTS
from tests.torture.mutants import mutants_of

HERE = Path(__file__).parent
SRC = HERE.parents[1] / "src" / "ebrvt_connect"

MISTAKES = [
    ("if a < b: pass", ["if a <= b:"]),
    ("if a is None: pass", ["if a is not None:"]),
    ("x = a < b <= c", ["x = a <= b <= c", "x = a < b < c"]),
    ("x = a and not b", ["x = a or not b", "x = a and b"]),
    ("while a: pass", ["while not a:"]),
    ("x = a + b", ["x = a - b"]),
    ("x = max(a, b)", ["x = min(a, b)"]),
    (
        "x = [1, True, 'a', '']",
        ["x = [2, True, 'a', '']", "x = [1, False, 'a', '']", "x = [1, True, 'aXX', '']"],
    ),
    ("def f(): return g()", ["return None"]),
    ("x = f(x)", ["without: x = f(x)"]),
    ("f()", ["without: f()"]),
    ("raise ValueError('no' + 'thing')", ["without: raise ValueError('no' + 'thing')"]),
    ("x = {A: B, C: D}", ["without A", "A: D", "without C", "C: B"]),
    ("x = {A, B}", ["without A", "without B"]),
    ("'''Says.'''", []),
    ("x: Literal['a']", []),
    ("@dataclass(frozen=True)\nclass A: pass", []),
    ("x = f'{a} b'", []),
    ("if TYPE_CHECKING: pass", []),
]


@pytest.mark.parametrize(("source", "mistakes"), MISTAKES, ids=[source for source, _ in MISTAKES])
def test_the_mistakes_of_a_line(source, mistakes):
    assert [mutant.becomes for mutant in mutants_of(ast.parse(source))] == mistakes


def test_a_mistake_is_in_the_tree_when_it_is_made_and_not_before():
    tree = ast.parse("x = 1 + 2")
    found = mutants_of(tree)
    assert ast.unparse(tree) == "x = 1 + 2"
    found[0].make()
    assert ast.unparse(tree) == "x = 1 - 2"


def test_what_is_called_is_told_from_what_is_done_at_import():
    source = "LIMIT = 1\nclass A:\n    n: int = 2\n    def f(self, m=3):\n        return [4 for _ in m]\n"
    found = [(one.place, one.when_called) for one in mutants_of(ast.parse(source))]
    assert found == [("LIMIT", False), ("A", False), ("A.f", False), ("A.f", True), ("A.f", True)]


def test_every_mutant_explained_is_one_and_says_why():
    explained = tomllib.loads((HERE / "equivalent_mutants.toml").read_text())["equivalent"]
    for module in {one["module"] for one in explained}:
        assert module in SUBJECTS
        there = {(one.place, one.becomes) for one in mutants_of(ast.parse((SRC / module).read_text()))}
        said = {(one["place"], one["becomes"]) for one in explained if one["module"] == module}
        assert said <= there
    assert all(one["why"] for one in explained)
