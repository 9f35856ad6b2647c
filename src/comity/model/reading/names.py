"""What names may look like, and the nearest one to a name that isn't there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

from comity import limits
from comity.model import refs

NEARNESS: Final = 0.6
"""How alike two names must be, on difflib's scale of 0 to 1, for one to be suggested for the other."""

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
"""Of the environment."""

TITLE: Final = re.compile(r"[^\x00-\x1f\x7f]+\Z")

FORMS: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "kind": (refs.KIND, "letters, digits, '_' and '-', a letter first"),
    "field": (refs.NAME, "letters, digits and '_', a letter first"),
    "event": (refs.NAME, "letters, digits and '_', a letter first"),
    "agent": (refs.AGENT, "letters, digits and any of _.:@-, a letter or a digit first"),
    "role": (refs.AGENT, "letters, digits and any of _.:@-, a letter or a digit first"),
    "owner": (refs.AGENT, "letters, digits and any of _.:@-, a letter or a digit first"),
    "action": (refs.AGENT, "letters, digits and any of _.:@-, a letter or a digit first"),
    "effect": (refs.AGENT, "letters, digits and any of _.:@-, a letter or a digit first"),
    "name": (TITLE, "one line of text"),
    "workflow": (refs.KIND, "letters, digits, '_' and '-', a letter first"),
    "variable": (VARIABLE, "letters, digits and '_', no digit first"),
    "webhook": (refs.AGENT, "letters, digits and any of _.:@-, a letter or a digit first"),
}


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice most like ``name``, or None if none is like it.

    >>> nearest("sale", ["support", "sales"])
    'sales'
    """
    by_folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name[: 2 * limits.NAME_CHARS].casefold(), by_folded, n=1, cutoff=NEARNESS)
    return by_folded[found[0]] if found else None


def problem_of_name(name: str, what: str) -> str | None:
    """Return what is wrong with a name for ``what`` (a key of ``FORMS``), or None."""
    if what == "agent" and name == refs.SYSTEM_AGENT:
        return f"{name!r} is the name under which Comity itself acts: take another one"
    form, description = FORMS[what]
    if len(name) <= limits.NAME_CHARS and form.match(name):
        return None
    article = "an" if what[0] in "aeiou" else "a"
    return f"{name[:80]!r} is no name for {article} {what}: {description}, at most {limits.NAME_CHARS} characters"
