"""What is public is pinned: ``tests/public_names.txt`` holds every name, with its parameters and fields.

A difference is a change for users. If it is meant, tell of it in CHANGELOG.md and write the
file anew with ``make pin``.
"""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import errors

ROOT = Path(__file__).parent.parent
PINNED = ROOT / "tests" / "public_names.txt"
ERRORS = sorted(
    (item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, Exception)),
    key=lambda item: item.__name__,
)
DRAWN = re.compile(r"^ {4}(?P<indent>[│ ]*)(?:[├└]── )?(?P<name>[A-Z]\w+)", re.MULTILINE)


def surface() -> Iterator[str]:
    """Yield one line for each public name of the package and each public member of its classes."""
    for name in sorted(comity.__all__):
        item = getattr(comity, name)
        if inspect.isclass(item):
            bases = ", ".join(base.__name__ for base in item.__bases__ if base is not object)
            yield f"class {name}({bases})"
            yield from sorted(f"    {line}" for line in members(item))
        elif callable(item):
            yield f"{name}{inspect.signature(item)}"
        else:
            yield f"{name}: {type(item).__name__}"


def members(owner: type) -> Iterator[str]:
    """Yield one line for each public member that a class has from Comity."""
    fields: tuple[str, ...] = getattr(owner, "__struct_fields__", ())
    if not issubclass(owner, Exception) and not fields and "__init__" in vars(owner):
        yield f"__init__{inspect.signature(owner.__init__)}"
    for name in dir(owner):
        home = next((base for base in owner.__mro__ if name in vars(base)), object)
        if name.startswith("_") or not home.__module__.startswith("comity"):
            continue
        yield describe(owner, name, vars(home)[name], is_field=name in fields)


def describe(owner: type, name: str, member: object, *, is_field: bool) -> str:
    """Return what a user may rely on of one member."""
    if is_field:
        return f"{name}: {next(base.__annotations__[name] for base in owner.__mro__ if name in base.__annotations__)}"
    if isinstance(member, property):
        return f"{name}: {inspect.signature(member.fget).return_annotation if member.fget else ''}"
    if isinstance(member, classmethod | staticmethod) or callable(member):
        return f"{name}{inspect.signature(getattr(owner, name))}"
    return f"{name} = {member!r}"


def test_nothing_public_has_changed() -> None:
    pinned, found = PINNED.read_text(encoding="utf-8").splitlines(), list(surface())
    differences = difflib.unified_diff(pinned, found, "pinned", "found", lineterm="", n=1)
    assert pinned == found, "\n".join(["if this is meant: CHANGELOG.md, then `make pin`", *differences])


@pytest.mark.parametrize("name", sorted(comity.__all__))
def test_a_public_name_is_described_and_documented(name: str) -> None:
    item = getattr(comity, name)
    assert not callable(item) or inspect.getdoc(item), f"{name} has no docstring"
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))
    assert re.search(rf"\b{name}\b", pages), f"no page of docs/ tells of {name}"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_is_public_and_says_what_to_do(error: type[Exception]) -> None:
    assert error.__name__ in comity.__all__
    assert inspect.getdoc(error)
    if issubclass(error, errors.ComityError):
        assert error.retry in typing.get_args(errors.Retry)


def test_error_codes_are_distinct() -> None:
    codes = [error.code for error in ERRORS if issubclass(error, errors.ComityError)]
    assert len(codes) == len(set(codes))


def test_the_tree_drawn_in_errors_is_the_tree_of_classes() -> None:
    parents: list[str] = []
    drawn: dict[str, str | None] = {}
    for match in DRAWN.finditer(errors.__doc__ or ""):
        depth = len(match[0][: match.start("name") - match.start()]) // 4 - 1
        parents[depth:] = [match["name"]]
        drawn[match["name"]] = parents[depth - 1] if depth else None
    real = {error.__name__: error.__bases__[0].__name__ for error in ERRORS if issubclass(error, errors.ComityError)}
    assert drawn == real | {"ComityError": None}


if __name__ == "__main__":
    PINNED.write_text("\n".join(surface()) + "\n", encoding="utf-8")
