"""What `penultimate app` says where something is missing."""

import socket
import sys
import webbrowser

import pytest

pytest.importorskip("starlette", reason="pip install 'penultimate[app]'")
from penultimate.app import server


@pytest.fixture
def served(monkeypatch):
    """The command without its server: what it would serve on."""
    found = []
    monkeypatch.setattr(server, "serve", lambda listening: (found.append(listening.getsockname()), listening.close()))
    return found


@pytest.mark.parametrize("library", ["starlette", "uvicorn", "altair"])
def test_a_missing_extra_is_one_line_that_says_how_to_get_it(penultimate, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    status, out, err = penultimate("app", "--no-browser")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert library in err and "pip install 'penultimate[app]'" in err


def test_where_no_browser_opens_the_address_is_said_and_served(penultimate, monkeypatch, served):
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address))
    status, _, err = penultimate("app", "--port", "0")
    ((host, port),) = served
    assert status == 0 and host == "127.0.0.1" and asked == [f"http://127.0.0.1:{port}/"]
    assert asked[0] in err and "no browser could be opened" in err


def test_no_browser_is_asked_where_none_is_wanted(penultimate, monkeypatch, served):
    monkeypatch.setattr(webbrowser, "open", lambda address: pytest.fail("a browser was opened"))
    assert penultimate("app", "--port", "0", "--no-browser")[0] == 0 and len(served) == 1


@pytest.mark.parametrize("port", ["-1", "65536", "many"])
def test_a_port_that_cannot_be_is_refused(penultimate, port):
    status, _, err = penultimate("app", "--port", port)
    assert status == 2 and "--port" in err and err.count("\n") == 1


def test_a_port_in_use_is_one_clear_line(penultimate):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, out, err = penultimate("app", "--no-browser", "--port", str(taken.getsockname()[1]))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "address already in use" in err and "--port 0" in err
