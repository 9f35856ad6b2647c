"""Reading a definition: TOML text in, a :class:`~comity.model.definition.Definition` out.

Promises: every problem of a text is found in one pass and named by file, line and path, a
misspelt name with the nearest right one; nothing but
:class:`~comity.errors.InvalidDefinition` is raised, whatever the text. Of a text that is
wrong in parts :func:`read_partly` gives the rest, so that its meaning can be judged in the
same go.

Forbidden here: judging schemas, expressions and the kinds that fields refer to. That needs
the engines for JSON Schema and CEL and is the work of :mod:`comity.deciding.compile`,
which reports through the same :class:`Problems`.
"""

from __future__ import annotations

from comity.model.reading.definitions import read_built_in, read_definition, read_partly
from comity.model.reading.names import nearest
from comity.model.reading.partial import Reading, Unread, mentions
from comity.model.reading.places import Path, Places, format_path, locate
from comity.model.reading.problems import Problems

__all__ = [
    "Path",
    "Places",
    "Problems",
    "Reading",
    "Unread",
    "format_path",
    "locate",
    "mentions",
    "nearest",
    "read_built_in",
    "read_definition",
    "read_partly",
]
