"""What expressions look at: roots, and the paths that lead from them to values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from comity.deciding.expressions.syntax import Call, CheckedType, Constant, Name, Node, Select
from comity.deciding.expressions.types import ANYTHING, FieldType
from comity.model.records import LIFE

Path = tuple[str | int, ...]
"""The name of a root or of a loop's variable, then the fields and places that lead on from it."""

ID: Final = "$id"
"""Where a record's values hold its id."""

IDENTITY: Final = FieldType("string", nullable=False)


class Root(msgspec.Struct, frozen=True):
    """Be one thing that an expression may look at.

    ``fields`` is None where nothing is declared: it may have any. A ``scalar`` is a value
    of its own, without fields. ``is_record`` offers ``id``; ``nullable`` says that the
    whole may be absent; ``label`` is what messages call it.
    """

    name: str
    label: str
    fields: Mapping[str, FieldType] | None = None
    scalar: FieldType | None = None
    is_record: bool = False
    nullable: bool = False

    def field(self, name: str) -> FieldType:
        """Return the type of a field."""
        if self.offers_id and name == "id":
            return IDENTITY
        return ANYTHING if self.fields is None else self.fields.get(name, ANYTHING)

    def names(self) -> list[str]:
        """Return the fields that there are."""
        return [*(self.fields or ()), *(["id"] if self.offers_id else [])]

    def key(self, name: str) -> str:
        """Return where the values hold a field."""
        return ID if self.offers_id and name == "id" else name

    @property
    def offers_id(self) -> bool:
        """Tell whether ``id`` is the record's own, and no declared field."""
        return self.is_record and "id" not in (self.fields or ())


class Scope(msgspec.Struct, frozen=True):
    """Be all names at one place of an expression: the roots, and the variables of the loops around it.

    ``records`` are the types of the records in lists, by what CEL's checker calls them.
    """

    roots: Mapping[str, Root]
    variables: Mapping[str, FieldType] = {}
    records: Mapping[str, FieldType] = {}

    def within(self, **variables: FieldType) -> Scope:
        """Return the scope inside a loop."""
        return Scope(self.roots, {**self.variables, **variables}, self.records)

    def record_type(self, checked: CheckedType) -> FieldType | None:
        """Return the type of a record out of a list, or None where a value is anything else."""
        return self.records.get(checked.message) if checked.name == "message" else None

    def element_type(self, checked: CheckedType) -> FieldType | None:
        """Return the type of the records in a list, or None where it holds anything else."""
        return self.record_type(checked.parameters[0]) if checked.name == "list" else None

    def is_record(self, path: Path) -> bool:
        """Tell whether a path is a root that is no value of its own."""
        return len(path) == 1 and path[0] not in self.variables and self.roots[str(path[0])].scalar is None

    def is_nullable(self, path: Path, known: frozenset[Path]) -> bool:
        """Tell whether what a path leads to may be absent, given the paths known to lead somewhere."""
        type_, nullable = self._start(path[0])
        nullable = nullable and path[:1] not in known
        for length in range(2, len(path) + 1):
            is_declared = type_.name == "record" or (length == 2 and path[0] not in self.variables)
            type_ = self._step(type_, path[:length])
            if type_.name == "list" and is_declared:
                nullable = False
            else:
                nullable = (nullable or type_.nullable) and path[:length] not in known
        return nullable

    def type_of(self, path: Path) -> FieldType:
        """Return the type of what a path leads to."""
        type_, _ = self._start(path[0])
        for length in range(2, len(path) + 1):
            type_ = self._step(type_, path[:length])
        return type_

    def _start(self, name: str | int) -> tuple[FieldType, bool]:
        if name in self.variables:
            variable = self.variables[str(name)]
            return variable, variable.nullable
        root = self.roots[str(name)]
        return root.scalar or ANYTHING, root.nullable

    def _step(self, type_: FieldType, path: Path) -> FieldType:
        step = path[-1]
        if type_.name == "record":
            return (type_.fields or {}).get(str(step), ANYTHING)
        if len(path) == 2 and path[0] not in self.variables and self.roots[str(path[0])].scalar is None:
            return self.roots[str(path[0])].field(str(step))
        if isinstance(step, int) and type_.name == "list":
            return type_.item or ANYTHING
        return ANYTHING

    def path_of(self, node: Node) -> Path | None:
        """Return the path that a node is, or None if it is anything else."""
        match node:
            case Name(name=name):
                return (name,) if name in self.variables or name in self.roots else None
            case Select(operand=operand, field=field, test=False):
                return self._longer(operand, field)
            case Call(function="_[_]", arguments=(operand, Constant(value=str() | int() as step))):
                return self._longer(operand, step)
            case _:
                return None

    def tested_path(self, node: Node) -> Path | None:
        """Return the path that ``has()`` asks for, or None if the node is anything else."""
        return self._longer(node.operand, node.field) if isinstance(node, Select) and node.test else None

    def _longer(self, operand: Node, step: str | int) -> Path | None:
        path = self.path_of(operand)
        return None if path is None else (*path, step)


def prefixes(path: Path) -> frozenset[Path]:
    """Return a path with all that lie on the way to it."""
    return frozenset(path[:length] for length in range(1, len(path) + 1))


def text_of(path: Path) -> str:
    """Return a path as it is written.

    >>> text_of(("customer", "phones", 0))
    'customer.phones[0]'
    """
    return str(path[0]) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[1:])


def read_of(root: Root, path: Path) -> tuple[str, str]:
    """Return root and field that a path reads; existence where the root as a whole is asked for."""
    return root.name, LIFE if len(path) == 1 else root.key(str(path[1]))


def without(paths: frozenset[Path], names: Iterable[str]) -> frozenset[Path]:
    """Return the paths that don't begin at one of these names."""
    shadowed = frozenset(names)
    return frozenset(path for path in paths if path[0] not in shadowed)
