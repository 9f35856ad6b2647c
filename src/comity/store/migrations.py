"""Numbered migrations with receipts: ``0001_log.sql``, ``0002_….sql`` in a store's own folder.

A base keeps a receipt of each migration that it has been through, with the digest of its
text. What is to do follows from the two lists alone. A store applies each migration
together with its receipt in one transaction, under its own lock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

import msgspec

from comity.errors import StoreDamaged, StoreUnsupported

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql\Z")


class Migration(msgspec.Struct, frozen=True):
    """Be one step from one schema to the next."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the text, which its receipt keeps."""
        return hashlib.sha256(self.sql.encode()).digest()


def read_migrations(package: str) -> tuple[Migration, ...]:
    """Return the migrations in the folder ``migrations`` of a package, in order, none missing."""
    found = [(_NAME.match(entry.name), entry) for entry in files(package).joinpath("migrations").iterdir()]
    migrations = sorted(
        (Migration(int(name[1]), name[2], entry.read_text(encoding="utf-8")) for name, entry in found if name),
        key=lambda migration: migration.number,
    )
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise StoreUnsupported(f"the migrations of {package} aren't numbered 1, 2, 3 …")
    return tuple(migrations)


def pending_migrations(known: Sequence[Migration], receipts: Mapping[int, bytes]) -> tuple[Migration, ...]:
    """Return the migrations that a base has yet to go through.

    ``receipts`` maps the numbers it has been through to their digests. Raises
    StoreUnsupported for a base of a later version, StoreDamaged where the receipts have a
    gap or tell of another text.
    """
    if len(receipts) > len(known):
        raise StoreUnsupported(
            f"this base has schema {max(receipts)}, and this version of Comity knows {len(known)}: install a later one"
        )
    for migration in known[: len(receipts)]:
        if receipts.get(migration.number) != migration.digest:
            raise StoreDamaged(f"schema step {migration.number} of this base isn't the one that Comity made")
    return tuple(known[len(receipts) :])
