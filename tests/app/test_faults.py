"""What the server answers where the work for a view fails."""

import contextlib
import json

import pytest

pytest.importorskip("starlette", reason="pip install 'penultimate[app]'")
import anyio

from penultimate.app import server


class Fault(Exception):
    """One of ours, which the server must answer before it raises it again, for the log."""


def answer(monkeypatch, fault: Exception) -> tuple[int, str]:
    """Status and error of the answer to a request whose work raises a fault."""

    async def fails(*_, **__):
        raise fault

    async def ask():
        request = {"type": "http.request", "body": b"{}"}
        scope = {"type": "http", "method": "POST", "path": "/view", "headers": [(b"host", b"localhost")]}

        async def receive():
            while not request:
                await anyio.sleep_forever()
            message = dict(request)
            request.clear()
            return message

        async def send(message):
            sent.append(message)

        with contextlib.suppress(Fault):
            await server.application()(scope, receive, send)

    sent: list[dict] = []
    monkeypatch.setattr(anyio.to_process, "run_sync", fails)
    anyio.run(ask)
    return sent[0]["status"], json.loads(sent[1]["body"])["error"]


@pytest.mark.parametrize("fault", [MemoryError(), anyio.BrokenWorkerProcess()])
def test_work_that_runs_out_of_memory_is_told_in_a_line(monkeypatch, fault):
    status, error = answer(monkeypatch, fault)
    assert status == 422 and "not enough memory" in error


def test_a_fault_of_ours_is_told_in_a_line_that_asks_for_a_report(monkeypatch):
    status, error = answer(monkeypatch, Fault("two\nlines"))
    assert status == 500 and error.endswith("Fault: two lines") and "please report it" in error
