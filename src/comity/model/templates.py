"""Texts with places for parameters: ``customer/{customer}``. A brace of its own is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_PLACE: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z][A-Za-z0-9_]*)\}")
_BRACES: Final = {"{{": "{", "}}": "}"}


def places_in(value: object) -> Iterator[str]:
    """Yield the names of the parameters in a text, or in the texts of a value, at any depth.

    >>> sorted(places_in({"to": ["{customer}", "{{not}}"], "subject": "Bye, {name}"}))
    ['customer', 'name']
    """
    if isinstance(value, str):
        yield from (found[1] for found in _PLACE.finditer(value) if found[1] is not None)
    elif isinstance(value, dict):
        for item in value.values():
            yield from places_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from places_in(item)


def fill_text(text: str, params: Mapping[str, Any]) -> str:
    """Return a text with its parameters put in.

    >>> fill_text("customer/{customer}", {"customer": "acme"})
    'customer/acme'
    """
    return _PLACE.sub(lambda found: _BRACES.get(found[0]) or _shown(params[found[1]]), text)


def fill(value: Any, params: Mapping[str, Any]) -> Any:
    """Return a value with the parameters put into its texts; a text that is nothing else becomes the value itself.

    >>> fill({"seats": "{seats}", "note": "{seats} seats"}, {"seats": 3})
    {'seats': 3, 'note': '3 seats'}
    """
    if isinstance(value, str):
        whole = _PLACE.fullmatch(value)
        return params[whole[1]] if whole is not None and whole[1] is not None else fill_text(value, params)
    if isinstance(value, dict):
        return {name: fill(item, params) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill(item, params) for item in value]
    return value


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
