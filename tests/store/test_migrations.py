"""What a base has yet to go through follows from its receipts."""

from __future__ import annotations

import pytest

from comity.errors import StoreDamaged, StoreUnsupported
from comity.store.migrations import Migration, pending_migrations, read_migrations

KNOWN = tuple(Migration(number, f"step{number}", f"SELECT {number}") for number in (1, 2, 3))
DIGESTS = {migration.number: migration.digest for migration in KNOWN}


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_pending_is_what_has_no_receipt(done: int) -> None:
    receipts = {number: digest for number, digest in DIGESTS.items() if number <= done}
    assert pending_migrations(KNOWN, receipts) == KNOWN[done:]


@pytest.mark.parametrize(
    ("receipts", "error"),
    [
        ({**DIGESTS, 4: b"x"}, StoreUnsupported),
        ({1: b"another text"}, StoreDamaged),
        ({2: DIGESTS[2]}, StoreDamaged),
    ],
)
def test_strange_receipts_are_refused(receipts: dict[int, bytes], error: type[Exception]) -> None:
    with pytest.raises(error):
        pending_migrations(KNOWN, receipts)


def test_migrations_of_sqlite_are_numbered() -> None:
    migrations = read_migrations("comity.store.sqlite")
    assert [migration.number for migration in migrations] == list(range(1, len(migrations) + 1))
    assert (migrations[0].name, migrations[0].sql.strip() != "") == ("log", True)
