"""The indexes that a workspace needs: its definition's, and those of the built-in kinds of which it has records."""

from __future__ import annotations

from collections.abc import Container

from comity.model.built_in import built_in
from comity.model.definition import Definition
from comity.store.contract import Store


def index(store: Store, definition: Definition, kinds: Container[str]) -> None:
    """Have exactly the indexes that are needed where these kinds have records."""
    own = [kind for kind in built_in().kinds if kind.name in kinds]
    store.index({kind.name: kind.indexes for kind in (*definition.kinds, *own) if kind.indexes})
