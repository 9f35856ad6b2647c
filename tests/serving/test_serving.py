"""The process: from the first key to the last answer, with the real command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx2

import comity
from comity import limits
from tests.serving.conftest import ANN, Serve

COMMAND = [sys.executable, "-m", "comity", "serve", "--port", "0", "--json"]


@contextmanager
def process(folder: Path, *words: str, **environment: str) -> Generator[tuple[subprocess.Popen[str], list[Any]]]:
    """Run the command in a folder until the block is left; give the documents that it printed until it listened."""
    running = subprocess.Popen(
        [*COMMAND, *words], cwd=folder, text=True, env=os.environ | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield running, list(_until_listening(running.stdout))
    finally:
        running.kill()
        running.communicate()


def _until_listening(lines: IO[str] | None) -> Iterator[Any]:
    for line in lines or ():
        found = json.loads(line)
        yield found
        if "listening" in found:
            return


def test_in_a_clean_folder_it_makes_a_workspace_and_takes_names(tmp_path: Path) -> None:
    with process(tmp_path, "--dev") as (running, told):
        url = told[-1]["workspaces"]["comity"]
        headers = {"Comity-Agent": "sales"}
        put = httpx2.post(
            f"{url}/operations/put", json={"record": "customer/acme", "fields": {"a": 1}}, headers=headers
        )
        assert put.json()["outcome"] == "committed"
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
    with comity.open(tmp_path / "comity.db") as base:
        assert base.get("customer/acme").a == 1


def test_the_first_start_shows_one_key_with_which_others_are_issued(tmp_path: Path) -> None:
    (tmp_path / "comity.toml").write_text(ANN)
    comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml").close()
    with process(tmp_path) as (running, told):
        issued, listening = told
        assert issued["agent"] == "ann"
        ann = {"Authorization": f"Bearer {issued['key']}"}
        url = listening["workspaces"]["crm"]
        sales = httpx2.post(f"{url}/operations/issue_key", json={"agent": "sales"}, headers=ann).json()["key"]
        headers = {"Authorization": f"Bearer {sales}"}
        assert httpx2.post(f"{url}/operations/count", json={"kind": "x"}, headers=headers).status_code in (200, 404)
        running.terminate()
        _, log = running.communicate(timeout=20)
        assert issued["key"] not in log
        assert sales not in log
        assert "POST /v1/crm/operations/issue_key 200" in log
    with process(tmp_path) as (_, told):
        assert [set(one) & {"key"} for one in told] == [set()], "no second first key"


def test_what_the_first_start_says_to_do_next_works(tmp_path: Path) -> None:
    (tmp_path / "comity.toml").write_text(ANN)
    comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml").close()
    words = [word for word in COMMAND if word != "--json"]
    with subprocess.Popen(words, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        told = _told(running.stdout)
        running.terminate()
    key = told.partition("shown this once: ")[2].partition("\n")[0]
    command = told.partition("COMITY_KEY=… comity ")[2].partition("\n")[0].replace("NAME", "sales").split()
    done = subprocess.run(
        [*COMMAND[:3], *command], cwd=tmp_path, env=os.environ | {"COMITY_KEY": key},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "A key for sales" in done.stdout


def _told(lines: IO[str]) -> str:
    """Return what is printed until the server listens."""
    told = ""
    while "Serving " not in told:
        told += lines.readline()
    return told


def test_a_workspace_in_which_nobody_could_issue_keys_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "comity.toml").write_text("[agents]\nsales = {}\n")
    comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml").close()
    done = subprocess.run([*COMMAND], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "declares no human" in json.loads(done.stderr)["error"]["message"]


def test_several_workspaces_keep_their_keys_apart(tmp_path: Path) -> None:
    with process(tmp_path, "--workspace", "a=a.db", "--workspace", "b=b.db") as (_, told):
        keys = {one["workspace"]: one["key"] for one in told[:-1]}
        urls = told[-1]["workspaces"]
        for name in ("a", "b"):
            for of in ("a", "b"):
                headers = {"Authorization": f"Bearer {keys[of]}"}
                answer = httpx2.post(f"{urls[name]}/operations/stats", json={}, headers=headers)
                assert answer.status_code == (200 if name == of else 401)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [*COMMAND[:4], "--port", str(taken.getsockname()[1]), "--dev", "--json"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "in use" in json.loads(done.stderr)["error"]["message"]


def test_what_was_taken_is_answered_before_the_end(serve: Serve) -> None:
    served = serve(dev=True)
    answers: list[int] = []

    def ask() -> None:
        with served.client("sales") as sales:
            for number in range(200):
                try:
                    url = f"records/customer/c{number}"
                    answers.append(sales.put(url, json={"orders": 1}, headers={"If-None-Match": "*"}).status_code)
                except httpx2.TransportError:
                    return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answers) < 20:
        time.sleep(0.01)
    served.server.should_exit = True
    for thread in threads:
        thread.join(20)
    assert set(answers) <= {200, 409}
    with comity.open(served.path) as base:
        assert base.count("customer") == answers.count(200), "what was answered is there, and nothing else"


def test_headers_that_are_too_large_and_bodies_that_come_too_slowly_end_the_request(serve: Serve) -> None:
    served = serve(dev=True, request_s=0.3)
    assert limits.SERVED_HEADER_BYTES < 20_000 < limits.SERVED_BODY_BYTES
    with served.client("sales") as sales:
        assert sales.get("records/customer/acme", headers={"X-Much": "x" * 20_000}).status_code == 431
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(
            b"POST /v1/crm/operations/get HTTP/1.1\r\nHost: localhost\r\nComity-Agent: sales\r\n"
            b"Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
        )
        assert b" 408 " in slow.recv(4_096).splitlines()[0]


def test_many_that_wait_take_no_place_from_those_who_work(serve: Serve) -> None:
    served = serve(dev=True)
    waiting = limits.SERVED_WORKERS + 8

    def wait() -> None:
        with served.client("support") as support:
            support.post("operations/feed", json={"after": "now", "wait_s": 3})

    threads = [threading.Thread(target=wait) for _ in range(waiting)]
    for thread in threads:
        thread.start()
    with served.client("sales") as sales:
        began = time.monotonic()
        assert sales.post("operations/stats", json={}).status_code == 200
        assert time.monotonic() - began < 2.5
    for thread in threads:
        thread.join(20)


def test_an_answer_is_sent_at_once_not_when_the_last_one_was_acknowledged(serve: Serve) -> None:
    with serve(dev=True).client("sales") as sales:
        took: list[float] = []
        for _ in range(30):
            began = time.monotonic()
            sales.get("records/customer/none")
            took.append(time.monotonic() - began)
        assert min(took) < 0.03, "Nagle's algorithm against delayed acknowledgements costs 40 ms each time"


def test_a_stream_is_kept_alive_within_the_bound() -> None:
    assert 5 <= limits.SERVED_KEEP_ALIVE_S <= 30, "below what proxies close by themselves"
