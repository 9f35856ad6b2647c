"""Dropping answers whose time is over, as a definition has it (S7); those of ``limits`` go as new ones are kept."""

from __future__ import annotations

from typing import Final


def _dropping(which: str) -> str:
    return (
        "DELETE FROM {s}.answers WHERE workspace = %s AND proposal IN (SELECT old.proposal FROM {s}.answers AS old"
        f" WHERE old.workspace = %s AND {which} AND old.at < %s ORDER BY old.at LIMIT %s)"
    )


DROP_SETTLED: Final = _dropping("old.outcome <> 'pending'")
DROP_PENDING: Final = _dropping("old.outcome = 'pending'")
