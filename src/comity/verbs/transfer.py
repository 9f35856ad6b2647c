"""Import and export."""

from __future__ import annotations

from comity.errors import InvalidRequest
from comity.model.proposals import Caller
from comity.operations import Export, ExportAnswer, Import, ImportAnswer
from comity.verbs.engine import Engine, Progress


def import_file(engine: Engine, caller: Caller, request: Import, progress: Progress | None = None) -> ImportAnswer:
    """Bring records in."""
    raise InvalidRequest("being written")


def export_file(engine: Engine, caller: Caller, request: Export, progress: Progress | None = None) -> ExportAnswer:
    """Write records."""
    raise InvalidRequest("being written")
