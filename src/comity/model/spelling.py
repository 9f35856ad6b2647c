"""Names in JSON that comes from outside: one that means nothing is told, not left out.

What is stored is read more tolerantly (:mod:`comity.model.codec`), as a later version may
have written it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec.inspect import ListType, StructType, Type, UnionType, VarTupleType, type_info

from comity.model.refs import nearest
from comity.model.texts import listed, suggestion

_SHOWN_CHARS = 40
_SHOWN_NAMES = 12


def misspelt(value: object, struct: type[msgspec.Struct]) -> Iterator[str]:
    """Yield what is wrong with the names in a JSON value that stands for a struct, each with its place.

    >>> from comity.model.proposals import Proposal
    >>> list(misspelt({"id": "p", "changes": [{"do": "put", "recrd": "customer/acme"}]}, Proposal))
    ["changes[0] has no 'recrd'; did you mean 'record'?"]
    """
    yield from _wrong(value, _described(struct), "")


@cache
def _described(struct: type[msgspec.Struct]) -> Type:
    return type_info(struct)


def _wrong(value: object, declared: Type, place: str) -> Iterator[str]:
    match declared:
        case StructType(array_like=False) if isinstance(value, dict):
            yield from _wrong_in_struct(value, declared, place)
        case UnionType() if isinstance(value, dict):
            yield from _wrong_in_union(value, [one for one in declared.types if isinstance(one, StructType)], place)
        case ListType() | VarTupleType() if isinstance(value, list):
            for number, item in enumerate(value):
                yield from _wrong(item, declared.item_type, f"{place}[{number}]")
        case _:
            return


def _wrong_in_struct(value: dict[str, Any], declared: StructType, place: str) -> Iterator[str]:
    known = {field.encode_name: field.type for field in declared.fields}
    names = [*known] if declared.tag_field is None else [declared.tag_field, *known]
    for name, item in value.items():
        if name in known:
            yield from _wrong(item, known[name], f"{place}.{name}" if place else name)
        elif name not in names:
            yield f"{place or 'it'} has no {name[:_SHOWN_CHARS]!r}{_instead(name, names)}"


def _wrong_in_union(value: dict[str, Any], structs: Sequence[StructType], place: str) -> Iterator[str]:
    """Yield what is wrong in one of several structs, which are told apart by what their tag field holds."""
    by_tag = {one.tag: one for one in structs}
    tag_field = next((one.tag_field for one in structs if one.tag_field is not None), None)
    if tag_field is None:
        return
    tag = value.get(tag_field)
    if isinstance(tag, str) and tag in by_tag:
        yield from _wrong_in_struct(value, by_tag[tag], place)
        return
    tags = [str(one) for one in by_tag]
    if tag_field in value:
        yield f"{place}.{tag_field} is {str(tag)[:_SHOWN_CHARS]!r}{_instead(str(tag), tags)}"
    else:
        yield f"{place} lacks {tag_field!r}: one of {listed(tags, _SHOWN_NAMES)}"


def _instead(name: str, names: Sequence[str]) -> str:
    return suggestion(nearest(name, names)) or f": it takes {listed(names, _SHOWN_NAMES)}"
