from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import comity
from comity import Workspace
from comity.errors import InvalidRequest, NotFound
from comity.model.values import normalise
from comity.operations import Export, ExportAnswer
from tests.verbs.transfer.test_cells import VALUES


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with comity.open(tmp_path / "crm.db") as workspace:
        sales = workspace.agent("sales")
        sales.put("customer/acme", name="Acme, Inc.", zip="04109", n=1)
        sales.put("customer/beta", name='B "b"\nb', tags=["x"])
        sales.put("ticket/t1", title="")
        sales.put("ticket/t2", title="gone")
        sales.delete("ticket/t2", accept=workspace.revision)
        yield workspace


def test_csv_has_one_kind_and_the_union_of_fields(ws: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    answer = ws.export_file(file, kind="customer")
    assert (answer.records, answer.revision) == (2, 5)
    with file.open(newline="") as lines:
        assert list(csv.reader(lines)) == [
            ["id", "n", "name", "tags", "zip"],
            ["acme", "1", "Acme, Inc.", "", "04109"],
            ["beta", "", 'B "b"\nb', '["x"]', ""],
        ]
    with pytest.raises(InvalidRequest, match="customer, ticket"):
        ws.export_file(file)


def test_ndjson_and_json_take_all_kinds_of_live_records(ws: Workspace, tmp_path: Path) -> None:
    assert ws.export_file(tmp_path / "all.ndjson").records == 3
    lines = (tmp_path / "all.ndjson").read_text().splitlines()
    assert json.loads(lines[2]) == {"record": "ticket/t1", "values": {"title": ""}}
    ws.export_file(tmp_path / "all.json")
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["ticket"] == [{"id": "t1", "title": ""}]
    assert list(found) == ["customer", "ticket"]


def test_conditions_and_moments(ws: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "out.ndjson"
    assert ws.export_file(file, kind="customer", filters=["n > 0"]).records == 1
    assert ws.export_file(file, at=4).records == 4
    assert ws.export_file(file, at=0).records == 0
    with pytest.raises(NotFound, match="customer"):
        ws.export_file(file, kind="custmer")
    with pytest.raises(InvalidRequest, match="kind"):
        ws.export_file(file, filters=["n > 0"])


def test_a_declared_kind_has_its_columns_in_order_and_an_id_field_is_no_id(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[kinds.c.fields]\nz = { type = "string" }\nid = { type = "string" }\na = {}\n')
    with comity.open(tmp_path / "c.db", definition=tmp_path / "c.toml") as ws:
        ws.agent("sales").put("c/1", {"id": "other", "z": "12"})
        ws.agent("sales").put("c/2", a=True)
        ws.export_file(tmp_path / "c.csv")
        assert (tmp_path / "c.csv").read_text() == "$id,z,id,a\n1,12,other,\n2,,,true\n"
        ws.export_file(tmp_path / "c.json")
    for name in ("c.csv", "c.json"):
        with comity.open(tmp_path / f"{name}.db", definition=tmp_path / "c.toml") as copy:
            assert copy.agent("sales").import_file(tmp_path / name).errors == ()
            assert dict(copy.get("c/1")) == {"id": "other", "z": "12"}
            assert dict(copy.get("c/2")) == {"a": True}


def test_a_file_appears_whole_or_not_at_all(ws: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "out.ndjson"
    target.write_text("before")

    def fail(done: int, total: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ws.answer(Export(file=str(target)), fail)
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    link = tmp_path / "link.ndjson"
    link.symlink_to(target)
    ws.export_file(link)
    assert link.is_symlink()
    assert target.read_text() != "before"


def test_where_no_file_can_be_written(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        ws.export_file(tmp_path / "nowhere" / "out.csv", kind="customer")
    with pytest.raises(InvalidRequest, match="format"):
        ws.export_file(tmp_path / "out.xlsx")
    with pytest.raises(InvalidRequest, match=r"U\+0000"):
        ws.export_file("a\0.ndjson")
    ws.export_file("/dev/null", format="ndjson")
    assert not Path("/dev/null").is_file()


OWN_FILES = ["a.db", "a.db-wal", "a.db-shm", "a.db-journal", "a.db-turn"]


@pytest.mark.parametrize("target", OWN_FILES)
@pytest.mark.parametrize("url", ["a.db", "sqlite:///a.db", "~/a.db", "link.db"])
def test_the_files_of_the_workspace_are_never_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("link.db").symlink_to("a.db")
    (tmp_path / "folder").mkdir()
    with comity.open(url) as ws:
        ws.agent("sales").put("customer/acme", v=1)
        for file in (target, tmp_path / target, f"folder/../{target}"):
            with pytest.raises(InvalidRequest, match="the workspace itself"):
                ws.export_file(file, format="ndjson")
        ws.agent("sales").put("customer/beta", v=2)
    with comity.open("a.db") as ws:
        assert (ws.revision, ws.get("customer/beta").v) == (2, 2)


@pytest.mark.parametrize("target", ["a.db", "a.db-wal", "a.db-shm", "a.db-turn"])
def test_nor_by_another_name_of_theirs(tmp_path: Path, target: str) -> None:
    with comity.open(tmp_path / "a.db") as ws:
        ws.agent("sales").put("customer/acme", v=1)
        (tmp_path / "soft.ndjson").symlink_to(tmp_path / target)
        (tmp_path / "hard.ndjson").hardlink_to(tmp_path / target)
        for name in ("soft.ndjson", "hard.ndjson"):
            with pytest.raises(InvalidRequest, match="the workspace itself"):
                ws.export_file(tmp_path / name)
        assert ws.export_file(tmp_path / "a.db.ndjson").records == 1


def test_standard_output(ws: Workspace, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    answer: ExportAnswer = ws.answer(Export(file="-", kind="ticket"))
    assert answer.records == 1
    assert capfdbinary.readouterr().out == b'{"record":"ticket/t1","values":{"title":""}}\n'


def test_progress_counts_records(ws: Workspace, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    ws.answer(Export(file=str(tmp_path / "o.ndjson")), lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


RECORDS = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:@+~=-]{0,8}", fullmatch=True),
    st.dictionaries(st.sampled_from(["a", "b_c", "id", "Id", "values"]), VALUES, max_size=4),
    min_size=1,
    max_size=4,
)


@given(RECORDS, st.sampled_from(["csv", "json", "ndjson"]))
@settings(max_examples=40)
def test_an_import_of_an_export_gives_equal_records(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, dict[str, Any]], format: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    file = folder / f"thing.{format}"
    with comity.open(folder / "one.db") as one, comity.open(folder / "two.db") as two:
        for name, values in records.items():
            one.agent("sales").put(f"thing/{name}", normalise(values))
        one.export_file(file)
        answer = two.agent("sales").import_file(file)
        assert answer.errors == ()
        for name in records:
            assert dict(two.get(f"thing/{name}")) == dict(one.get(f"thing/{name}"))
            assert two.get(f"thing/{name}").exists
