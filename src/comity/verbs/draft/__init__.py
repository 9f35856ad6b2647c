"""Drafting a definition from what is there, for ``comity init``.

Promises: what it returns loads, and its types accept the rows that it was drafted from
(a CSV's texts taken by the type of their field). A guess is a guess: owners and guards are
left to people.

Forbidden here: changing the file that is looked at.
"""

from __future__ import annotations

from comity.verbs.draft.names import field_name, kind_name
from comity.verbs.draft.template import template
from comity.verbs.draft.writing import draft_from, draft_from_records

__all__ = ["draft_from", "draft_from_records", "field_name", "kind_name", "template"]
