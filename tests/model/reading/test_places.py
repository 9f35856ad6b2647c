"""Which line a key stands on."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.model.reading import Path, Places, format_path, locate

TRICKY = '''\
# [not.a.table]
title = "a # b = [c]" # comment
long = """
[no]
key = "x" \\"""
""""
literal = \'\'\'
[no] 'it's'\'\'\'\'

[a."b.c".'d']
x.y = 1
z = [ 1, # one ]
  [2, { q = 3, "r s" = [4] }],
]

[[list]]
n = 1979-05-27 07:32:00
[[list]]
n = 2
[list.sub]
deep = {}
[[list.inner]]
i = 'C:\\'
[[list.inner]]
i = "\\"]"
'''

LINES: dict[Path, int] = {
    ("title",): 2,
    ("long",): 3,
    ("literal",): 7,
    ("a",): 10,
    ("a", "b.c", "d"): 10,
    ("a", "b.c", "d", "x", "y"): 11,
    ("a", "b.c", "d", "z", 1): 13,
    ("a", "b.c", "d", "z", 1, 1, "r s"): 13,
    ("list", 0, "n"): 17,
    ("list", 1): 18,
    ("list", 1, "n"): 19,
    ("list", 1, "sub", "deep"): 21,
    ("list", 1, "inner", 0, "i"): 23,
    ("list", 1, "inner", 1, "i"): 25,
    ("list", 1, "inner", 1, "i", "beyond"): 25,
}


@pytest.mark.parametrize("path", LINES, ids=format_path)
def test_a_path_is_found_on_its_line(path: Path) -> None:
    assert locate(TRICKY, path) == LINES[path]


def test_what_no_key_surrounds_has_no_line() -> None:
    assert locate(TRICKY, ("nothing",)) is None
    assert locate("", ()) is None


def test_keys_before_a_fault_are_found() -> None:
    assert locate("a = 1\nb = ]", ("a",)) == 1
    assert locate("a = 1\nb = " + "[" * 100_000, ("a",)) == 1


def paths_in(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_in(item, (*path, key))


def test_every_key_of_a_tricky_text_is_found() -> None:
    assert set(Places(TRICKY).lines) == set(paths_in(tomllib.loads(TRICKY)))


KEYS = st.text(alphabet="ab.\"'[]#= \\é", max_size=4)
LEAVES = st.integers() | st.booleans() | st.text(alphabet="ab\"'\\[]{}#=,\n", max_size=6)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


def written(text: str) -> str:
    signs = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}
    return '"' + "".join(signs.get(sign, sign) for sign in text) + '"'


def inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(inline, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)} = {inline(item)}" for key, item in value.items()) + "}"
    return written(value) if isinstance(value, str) else str(value)


@given(st.dictionaries(KEYS, TREES, max_size=4), st.dictionaries(KEYS, st.dictionaries(KEYS, TREES, max_size=3)))
def test_every_key_of_any_text_is_found(pairs: dict[str, Any], tables: dict[str, dict[str, Any]]) -> None:
    lines = [f"{written(key)} = {inline(value)}" for key, value in pairs.items() if key not in tables]
    for name, table in tables.items():
        lines += [f"[[{written(name)}]]", *(f"{written(key)} = {inline(value)}" for key, value in table.items())] * 2
    source = "\n".join(lines)
    assert set(Places(source).lines) == set(paths_in(tomllib.loads(source)))
