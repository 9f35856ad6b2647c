"""Advice is worded for Python, where most agents are; here it is put as a model with tools understands it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SPELLINGS: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"in_line='30s', or a lease with wait=…"), "claim it with wait 30s first"),
    (re.compile(r"\(lease with wait=…\)"), "(claim with wait 30s)"),
    (
        re.compile(r"\boffer\('[^']*'\) sends it as it is\. Or propose only your own fields"),
        "the tool offer takes the same record and fields. Or write only your own fields",
    ),
    (re.compile(r"\boffer\('[^']*'\)"), "the tool offer"),
    (re.compile(r",? or say was=\{[^{}]*\}"), ""),
    (re.compile(r"\bsay was=\{[^{}]*\}"), "read it first"),
    (re.compile(r",? or use edit\b"), ""),
    (re.compile(r"\bif_held=['\"]queue['\"]"), "claim it with wait 30s"),
    (re.compile(r"\bif_foreign=['\"]offer['\"]"), "use the tool offer"),
    (re.compile(r"\bstart\('(\w+)', key=…\)"), r"act and name \1"),
)


def as_tools(text: str) -> str:
    """Return advice with the tools and arguments that do it.

    >>> as_tools("Having seen these values, repeat with accept=3, or say was={…}, or use edit.")
    'Having seen these values, repeat with accept=3.'
    >>> as_tools("Take a place in line (lease with wait=…), or try again later.")
    'Take a place in line (claim with wait 30s), or try again later.'
    """
    for python, tool in _SPELLINGS:
        text = python.sub(tool, text)
    return text
