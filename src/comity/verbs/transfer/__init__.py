"""Import and export: records as CSV, JSON or NDJSON files; and copies of whole workspaces, with their history.

Promises: every imported row is a proposal of its own, so that ownership, guards and all
other checks hold for it (a file is no way around them); a row never overwrites what
somebody else changed after the import began; repeating an import after a crash does
nothing twice, and only a file of the same name and contents is a repeat; memory stays flat
for CSV and NDJSON. An export is one consistent snapshot, never takes the place of the
workspace's own files, and importing it into an empty workspace gives equal records.

Forbidden here: judging what a check judges.
"""

from comity.verbs.transfer.copying import check_whole, copy
from comity.verbs.transfer.exporting import export_file
from comity.verbs.transfer.importing import import_file

__all__ = ["check_whole", "copy", "export_file", "import_file"]
