"""Backups from the command line."""

from __future__ import annotations

from tests.cli.conftest import Run


def test_a_backup_is_made_restored_and_verified(crm: Run) -> None:
    crm("backup", "make", "monday.backup", "--db", "crm.db")
    made = crm("backup", "make", "tuesday.backup", "--json", "--db", "crm.db")
    assert made.code == 0
    assert made.json["revision"] == crm("stats", "--json", "--db", "crm.db").json["revision"]
    told = crm("backup", "restore", "monday.backup", "again.db")
    assert told.out.startswith(str(made.json["file"]).replace("tuesday.backup", "again.db: restored up to revision "))
    assert crm("verify", "--head", made.json["head"], "--db", "again.db").code == 0
    assert crm("backup", "restore", "monday.backup", "early.db", "--at", "1", "--json").json["revision"] == 1


def test_what_is_in_the_way_of_a_backup_is_told(crm: Run) -> None:
    crm("backup", "make", "monday.backup", "--db", "crm.db")
    again = crm("backup", "make", "monday.backup", "--json", "--db", "crm.db")
    assert (again.code, again.error["code"]) == (2, "invalid")
    assert "is there already" in crm("backup", "restore", "monday.backup", "crm.db").err
    assert crm("backup", "restore", "nothing.backup", "again.db").code == 3
