"""The page in a real browser, served by the command: it shows the library's numbers, and asks no other machine."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from email.message import Message
from urllib.parse import urlsplit

import pytest

import penultimate as pen

pytest.importorskip("starlette", reason="pip install 'penultimate[app]'")
pytest.importorskip("playwright", reason="pip install playwright: for tests in a browser")
from playwright.sync_api import Browser, Page, expect

from browsing import Opened, chromium, grave_barriers
from sent_files import layer

COMMAND = (sys.executable, "-m", "penultimate", "app", "--no-browser", "--port", "0")
TAIL = "?source=profile&classes=20&largest=600&weight_decay=0.01"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True, start_new_session=True) as server:
        assert server.stderr is not None
        yield re.findall(r"http://127\.0\.0\.1:\d+/", server.stderr.readline())[0]
        os.killpg(server.pid, signal.SIGINT)  # as Ctrl-C does, the process beside it too
        assert server.wait(timeout=20) == 0
        assert server.stderr.read() == ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def tab(browser) -> Iterator[Opened]:
    """One tab for all tests: to load the page in it anew costs a third of opening another."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield Opened(context.new_page(), "about:blank")


@pytest.fixture
def opened(tab, address) -> Iterator[Opened]:
    """The page, of which every test sees that it said nothing, and asked no other machine for anything."""
    tab.said.clear()
    tab.asked.clear()
    tab.page.goto(address + TAIL)
    settled(tab.page, weight_decay="0.01")
    yield tab
    # To leave while it works would end the process beside the server, which takes seconds to start.
    expect(tab.page.locator("#result")).to_have_attribute("aria-busy", "false", timeout=30_000)
    assert [text for text in tab.said if "422" not in text] == []
    assert tab.asked and all(url.startswith((address, "data:", "blob:")) for url in tab.asked)


def settled(page: Page, **values: str) -> None:
    """Wait until what is set is what is shown."""
    for name, value in values.items():
        expect(page.locator("body")).to_have_attribute(
            "data-shown", re.compile(re.escape(f'"{name}":{json.dumps(value)}')), timeout=30_000
        )


def asked(
    address: str, path: str, body: bytes, method: str = "POST", **headers: str
) -> tuple[int, dict[str, str], Message]:
    """The server's answer to a request that no page of ours would make."""
    with closing(http.client.HTTPConnection(str(urlsplit(address).netloc), timeout=30)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read()
    return answer.status, json.loads(text) if text.startswith(b"{") else {}, answer.headers


def test_the_page_shows_the_verdict_of_the_library(opened):
    settled(opened.page, weight_decay="0.01")
    forecast = pen.forecast(pen.ClassCounts.long_tailed(20, 600, 100), 0.01)
    assert forecast.verdict == " ".join(opened.page.locator(".verdict > p").all_inner_texts())
    expect(opened.page.locator("#chart-counts .marks")).to_be_visible()


def test_a_slider_moves_the_survivors_to_what_the_library_computes(opened):
    page = opened.page
    slider = page.get_by_role("slider", name="Weight decay, slider", exact=True)
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    decay = page.get_by_label("Weight decay λ").input_value()
    assert float(decay) > 0.01
    settled(page, weight_decay=decay)
    forecast = pen.forecast(pen.ClassCounts.long_tailed(20, 600, 100), float(decay))
    assert page.locator("dt", has_text="Directions that survive").locator("+ dd").inner_text().split()[0] == str(
        forecast.survivors
    )
    spectrum = page.locator("#chart-spectrum > div > [aria-label]")
    assert f"survive: {forecast.survivors} of" in (spectrum.get_attribute("aria-label") or "")


PICTURES = "['counts', 'spectrum'].map((name) => document.querySelector(`#chart-${name} canvas`).toDataURL())"


def test_a_chart_that_is_moved_is_the_chart_that_would_be_drawn(opened, address):
    page = opened.page
    page.locator("#chart-counts canvas").evaluate("(canvas) => { canvas.dataset.first = 'yes'; }")
    page.get_by_label("Weight decay λ").fill("0.011")
    settled(page, weight_decay="0.011")
    assert page.locator("#chart-counts canvas").get_attribute("data-first") == "yes"
    page.locator("#chart-counts summary").click()
    with page.expect_download() as found:
        page.locator("#chart-counts").get_by_text("Save data as CSV").click()
    needed = pen.forecast(pen.ClassCounts.long_tailed(20, 600, 100), 0.011).samples_needed
    assert repr(needed) in found.value.path().read_text()
    page.keyboard.press("Escape")
    moved = page.evaluate(PICTURES)
    page.goto(address + TAIL.replace("0.01", "0.011"))
    settled(page, weight_decay="0.011")
    expect(page.locator("#chart-spectrum canvas")).to_be_visible()
    assert moved == page.evaluate(PICTURES)


def test_a_long_solution_has_its_closed_form_said_first(opened, address):
    page = opened.page
    page.goto(address + "?source=profile&classes=100&loss=ce&weight_decay=0.01")
    settled(page, weight_decay="0.01")
    said = "() => performance.getEntriesByName('draft').length"
    before = page.evaluate(said)
    page.get_by_label("Weight decay λ").fill("0.02")
    settled(page, weight_decay="0.02")
    assert page.evaluate(said) > before
    expect(page.locator("#draft")).to_be_hidden()


def test_an_absurd_number_is_told_in_a_line_and_the_page_goes_on(opened):
    page = opened.page
    page.get_by_label("Weight decay λ").fill("-1")
    expect(page.get_by_role("alert")).to_contain_text("must be positive", timeout=30_000)
    page.get_by_label("Weight decay λ").fill("0.02")
    settled(page, weight_decay="0.02")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_file_is_read_and_a_bad_one_refused(opened):
    page = opened.page
    page.get_by_role("radio", name="Yours").check()
    page.locator("#file").set_input_files({"name": "bad.npy", "mimeType": "", "buffer": b"\x93NUMPY"})
    expect(page.get_by_role("alert")).to_contain_text("bad.npy")
    table = f'class,count\n"{HOSTILE}",600\ndog,300\nnewt,12\n'.encode()
    page.locator("#file").set_input_files({"name": "good.csv", "mimeType": "text/csv", "buffer": table})
    expect(page.locator("#origin")).to_contain_text("3 classes")
    expect(page.locator("tbody th", has_text=HOSTILE)).to_be_visible(timeout=30_000)
    assert page.locator("main img").count() == 0


def test_a_file_is_scanned_kept_and_a_bad_one_refused(opened, address):
    page = opened.page
    page.goto(address + "?view=files&task=scan")
    expect(page.get_by_role("alert")).to_contain_text("choose a file of a last layer")
    given = page.get_by_label("A checkpoint or a head")
    given.set_input_files({"name": "bad.npz", "mimeType": "", "buffer": b"\x93NUMPY"})
    expect(page.get_by_role("alert")).to_contain_text("bad.npz")
    given.set_input_files({"name": "model.npz", "mimeType": "", "buffer": layer()})
    expect(page.locator(".verdict")).to_contain_text("30 of 90 classes", timeout=30_000)
    expect(page.get_by_role("alert")).to_be_hidden()
    with opened.page.expect_download() as found:
        page.get_by_role("button", name="All figures, JSON").click()
    assert json.loads(found.value.path().read_text())["verdict"].startswith("30 of 90")
    # Back to counts, whose settings have stayed.
    page.get_by_role("radio", name="What will happen").check()
    settled(page, view="forecast")


def test_a_link_restores_what_was_set(opened, browser):
    page = opened.page
    page.get_by_role("radio", name="Yours").check()
    page.locator("#text").fill(f"class,count\n{HOSTILE},600\ndog,300\nnewt,12\n")
    page.get_by_label("Weight decay λ").fill("0.02")
    settled(page, source="text", weight_decay="0.02")
    other = browser.new_page()
    other.goto(page.url)
    expect(other.locator("tbody th", has_text=HOSTILE)).to_be_visible(timeout=30_000)
    assert other.locator(".verdict").inner_text() == page.locator(".verdict").inner_text()
    # Two tabs never meet.
    other.get_by_label("Weight decay λ").fill("0.2")
    settled(other, weight_decay="0.2")
    settled(page, weight_decay="0.02")
    other.goto(page.url + "&no_such=1")
    expect(other.get_by_role("alert")).to_contain_text("no_such")
    other.close()


def test_what_is_kept_opens(opened):
    begins = {
        "Report, HTML": "<!DOCTYPE html>",
        "All figures, JSON": "{",
        "Classes, CSV": "class,",
        "Counts, JSON": "{",
    }
    for button, text in begins.items():
        with opened.page.expect_download() as found:
            opened.page.get_by_role("button", name=button).click()
        assert found.value.path().read_text().startswith(text)


def test_counts_too_long_for_a_link_are_left_out_of_it(opened, address):
    page = opened.page
    page.goto(address + "?source=text&weight_decay=0.01")
    expect(page.get_by_role("alert")).to_contain_text("no counts yet")
    page.locator("#text").fill("class,count\n" + "\n".join(f"{'x' * 300}{k}, {k % 9 + 1}" for k in range(300)))
    expect(page.get_by_text("all but your counts")).to_be_visible(timeout=60_000)
    assert len(page.url) < 1000


def test_losses_and_advice_are_views_of_the_same_counts(opened):
    page = opened.page
    page.get_by_role("radio", name="Losses side by side").check()
    settled(page, view="losses")
    assert page.locator("tbody th", has_text="la:1").count() >= 1
    page.get_by_role("radio", name="What to change").check()
    settled(page, view="advice")
    expect(page.locator("#python")).to_contain_text("pen.advise(counts, 0.01, loss='mse')")


def test_long_work_shows_that_it_goes_on_and_can_be_cancelled(opened, address):
    page = opened.page
    page.goto(address + "?source=profile&classes=2000&largest=1000000&ratio=10000&loss=smooth:0.1&bias=none")
    page.get_by_role("button", name="Cancel").click(timeout=30_000)
    expect(page.get_by_role("alert")).to_contain_text("Cancelled")
    page.get_by_label("Classes", exact=True).fill("20")
    settled(page, classes="20")


def test_a_server_that_has_ended_is_told_and_what_to_do(opened):
    page = opened.page
    page.route("**/view", lambda route: route.abort())
    page.get_by_label("Weight decay λ").fill("0.02")
    expect(page.get_by_role("alert")).to_contain_text("start `penultimate app` again")
    page.unroute("**/view")
    page.get_by_label("Weight decay λ").fill("0.03")
    settled(page, weight_decay="0.03")
    assert [text for text in opened.said if "ERR_FAILED" not in text] == []
    opened.said.clear()


@pytest.mark.parametrize(
    ("query", "width", "scheme"), [(TAIL, 390, "dark"), (TAIL, 1280, "light"), ("?view=files", 390, "light")]
)
def test_every_view_width_and_scheme_is_without_barriers(browser, address, query, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(address + query)
    expect(page.locator(".verdict")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave_barriers(page) == []
    page.close()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"settings": 3}', b'{"settings": {"loss": 3}}']
)
def test_a_damaged_request_is_refused_and_the_server_goes_on(address, body):
    status, answer, headers = asked(address, "/view", body)
    assert status == 422 and answer["error"] and "\n" not in answer["error"]
    assert "script-src 'self';" in headers["content-security-policy"] and headers["cache-control"] == "no-store"


def test_names_that_no_file_can_hold_are_kept_with_a_mark(address):
    counts = {"settings": {"source": "text", "text": '{"lone \\ud800": 30, "other": 9}'}, "kind": "html", "charts": 3}
    assert asked(address, "/save", json.dumps(counts).encode())[0] == 200
    assert "lone" in asked(address, "/view", json.dumps(counts).encode())[1]["html"]


def test_too_large_an_upload_is_refused(address):
    status, answer, _ = asked(address, "/upload?name=a.csv", bytes((32 << 20) + 1))
    assert status == 422 and "more than the 32 MB" in answer["error"]


def test_another_site_gets_nothing_and_may_link_to_a_view(address):
    assert asked(address, "/" + TAIL, b"", "GET", sec_fetch_site="cross-site")[0] == 200
    assert asked(address, "/view", b"{}", sec_fetch_site="cross-site")[0] == 403
    assert asked(address, "/view", b"{}", Host="evil.example")[0] == 400
