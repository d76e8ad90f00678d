"""Mutants of a module: one small mistake each, as a person could make it, by the syntax tree.

A comparison that is off by one or turned round, `and` for `or`, a lost `not`, plus for minus, the least for
the most, another number or text, nothing returned, a statement or an entry of a table left out, an entry that
says what its neighbour says. Not mutated: annotations, docstrings, decorators, f-strings, what is raised.

Why not a tool: mutmut (3.8) mutates the bodies of undecorated functions alone, so neither the transition
table nor a property nor what a policy is by default; cosmic-ray (8.7) writes each mutant into the tree and
starts Python and pytest anew for it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_NEVER = {"annotation", "returns", "decorator_list"}
_DECIDES_ITSELF = ast.Compare | ast.BoolOp | ast.UnaryOp


@dataclass(frozen=True)
class Mutant:
    """One mistake in a tree; `make` makes it, in the tree it was found in."""

    place: str
    """The function, or the name of what is mutated at the top of the module."""
    becomes: str
    """The statement (its first line) as it then reads; of a table its entry."""
    line: int
    when_called: bool
    """Whether the mistake is in the body of a function: it can be put into a module already imported."""
    make: Callable[[], None]


def mutants_of(tree: ast.Module) -> list[Mutant]:
    """All of them, in the order of the source."""
    return list(_Walk().of(tree))


class _Walk:
    """Goes through a tree, and knows where it is."""

    def __init__(self) -> None:
        self.place, self.statement, self.when_called = "", ast.stmt(), False

    def of(self, node: ast.AST) -> Iterator[Mutant]:
        for name, value in list(ast.iter_fields(node)):
            if name in _NEVER or isinstance(node, ast.Raise):
                continue
            if isinstance(value, ast.AST):
                yield from self._at(value, node, vars(node), name)
            elif isinstance(value, list):
                for index, one in enumerate(value):
                    if isinstance(one, ast.AST):
                        yield from self._at(one, node, value, index)

    def _at(self, node: ast.AST, parent: ast.AST, holder: Any, key: Any) -> Iterator[Mutant]:
        before = self.place, self.statement, self.when_called
        if isinstance(node, ast.stmt):
            self.statement = node
            self.when_called = self.when_called or isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(parent, ast.Dict) and holder is parent.values and parent.keys[key] is not None:
            self.place = f"{self.place}[{ast.unparse(parent.keys[key])}]"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.place = f"{self.place}.{node.name}".lstrip(".")
        elif not self.place and isinstance(node, ast.Assign | ast.AnnAssign):
            self.place = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        if not (_is_docstring(node) or isinstance(parent, ast.JoinedStr)):
            for new, said in _variants(node):
                yield self._mutant(node, new, said, holder, key)
            yield from self.of(node)
        self.place, self.statement, self.when_called = before

    def _mutant(self, node: ast.AST, new: ast.AST, said: str, holder: Any, key: Any) -> Mutant:
        def make() -> None:
            holder[key] = ast.fix_missing_locations(ast.copy_location(new, node))

        make()
        said = said or ast.unparse(new if node is self.statement else self.statement).splitlines()[0]
        holder[key] = node
        return Mutant(self.place, said, getattr(node, "lineno", 0), self.when_called, make)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _with(node: ast.AST, **changes: object) -> ast.AST:
    changed = copy.copy(node)
    vars(changed).update(changes)
    return changed


def _variants(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What a node may become, and, where the statement would not show it, how to say so."""
    if isinstance(node, ast.Dict):
        yield from _tables(node.keys, node.values)
    elif isinstance(node, ast.Set) and len(node.elts) > 1:
        for nth, one in enumerate(node.elts):
            yield ast.Set(node.elts[:nth] + node.elts[nth + 1 :]), f"without {ast.unparse(one)}"
    elif _can_be_left_out(node):
        yield ast.Pass(), f"without: {ast.unparse(node).splitlines()[0]}"
    else:
        yield from ((new, "") for new in (*_reckoned(node), *_decided(node)))


def _reckoned(node: ast.AST) -> Iterator[ast.AST]:
    """Other operators, other values, other names."""
    match node:
        case ast.Compare(ops=ops):
            for nth, op in enumerate(ops):
                yield _with(node, ops=[*ops[:nth], _COMPARISONS[type(op)](), *ops[nth + 1 :]])
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            yield _with(node, op=_ARITHMETIC[type(op)]())
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if value:
            yield ast.Constant(value + "XX")
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield _with(node, func=ast.Name(_NAMES[name], ast.Load()))


def _decided(node: ast.AST) -> Iterator[ast.AST]:
    """The other way round, or nothing handed back."""
    match node:
        case ast.BoolOp(op=op):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            if not (isinstance(test, _DECIDES_ITSELF) or ast.unparse(test) == "TYPE_CHECKING"):
                yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.AST() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))


def _can_be_left_out(node: ast.AST) -> bool:
    """Statements whose loss Python would not stumble over by itself."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return _is_anew(node.targets[0], node.value)
    return isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Delete)


def _is_anew(target: ast.expr, value: ast.expr) -> bool:
    """Whether what is assigned to had a value before."""
    if isinstance(target, ast.Name):
        return any(isinstance(node, ast.Name) and node.id == target.id for node in ast.walk(value))
    return isinstance(target, ast.Attribute | ast.Subscript)


def _tables(keys: list[ast.expr | None], values: list[ast.expr]) -> Iterator[tuple[ast.AST, str]]:
    """Without an entry, and with an entry that says what the next one says."""
    for nth, (key, value) in enumerate(zip(keys, values, strict=True)):
        if key is None or isinstance(value, ast.Dict):
            continue
        yield (
            ast.Dict(keys[:nth] + keys[nth + 1 :], values[:nth] + values[nth + 1 :]),
            (f"without {ast.unparse(key)}"),
        )
        other = values[(nth + 1) % len(values)]
        if not isinstance(value, ast.Constant) and ast.unparse(other) != ast.unparse(value):
            changed = ast.Dict(keys, [*values[:nth], other, *values[nth + 1 :]])
            yield changed, f"{ast.unparse(key)}: {ast.unparse(other)}"
