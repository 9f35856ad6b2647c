"""Advice is worded for Python, where most agents are; here it is put as the command line says it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SPELLINGS: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"\baccept=(\d+)"), r"--accept \1"),
    (re.compile(r"\(lease with wait=…\)"), "('comity leases take SUBJECT --wait 30s')"),
    (re.compile(r"\bif_(held|foreign)=['\"](\w+)['\"]"), r"--if-\1 \2"),
    (re.compile(r"\bwas=\{[^{}]*\}"), "--was FIELD=VALUE"),
    (re.compile(r"\babout=\['([^']*)'\]"), r"--about \1"),
    (re.compile(r"\bkey=COLUMN\b"), "--key COLUMN"),
    (re.compile(r"\benforce=True\b"), "--enforce"),
    (re.compile(r"\b(?:Open the agent with )?key=…"), "Show it with --key-file FILE"),
    (re.compile(r",? or use edit\b"), ""),
    (re.compile(r"\boffer\('([^']*)'\)"), r"'comity offers send \1'"),
)
_ARGUMENT: Final = re.compile(r"\A(not_after|days|limit|reason|action|cause|accept)(?=: )")


def as_options(text: str) -> str:
    """Return advice with its arguments as options.

    >>> as_options("Having seen these values, repeat with accept=3, or say was={…}, or use edit.")
    'Having seen these values, repeat with --accept 3, or say --was FIELD=VALUE.'
    >>> as_options("not_after: 'soon' is no RFC 3339 time")
    "--not-after: 'soon' is no RFC 3339 time"
    """
    for python, option in _SPELLINGS:
        text = python.sub(option, text)
    return _ARGUMENT.sub(lambda match: f"--{match[1].replace('_', '-')}", text)
