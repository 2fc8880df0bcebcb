"""A slider of the page: from the press of a key to the picture, in a browser, and how long its first view takes.

Beside the times stand those of the processor, which other work on the machine disturbs least: of the process that
computes and of the browser's page.
"""

import shutil
import statistics
import subprocess
import sys
import time

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from measure import console, table

VIEWS = {
    "squared error, 1,000 classes": "classes=1000&weight_decay=1e-3",
    "cross-entropy, 100 classes": "classes=100&weight_decay=1e-3&loss=ce",
    "cross-entropy, 1,000 classes": "classes=1000&weight_decay=1e-3&loss=ce",
}
STEPS, BOUND = 20, 150
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]
COMMAND = (sys.executable, "-m", "penultimate", "app", "--no-browser", "--port", "0")


def durations(page: Page, name: str) -> list[float]:
    """Milliseconds of all that the page measured by this name."""
    return page.evaluate(f"performance.getEntriesByName('{name}').map(entry => entry.duration)")


def page_seconds(session: CDPSession) -> float:
    """Seconds of the processor that the page's main thread took."""
    found = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in found if metric["name"] == "TaskDuration")


def server_seconds(server: int) -> float:
    """Seconds of the processor that the server and the process beside it took."""
    ids = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server)], capture_output=True, text=True, check=False)
    ticks = 0
    for pid in (str(server), *ids.stdout.split()):
        with open(f"/proc/{pid}/stat") as stat:
            ticks += sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))
    return ticks / 100.0


def redraws(page: Page) -> None:
    """Move the slider of weight decay, a step at a time."""
    page.get_by_role("slider", name="Weight decay, slider", exact=True).focus()
    for _ in range(STEPS):
        before = len(durations(page, "redraw"))
        page.keyboard.press("ArrowRight")
        while len(durations(page, "redraw")) == before:
            page.wait_for_timeout(50)


def cells(times: list[float]) -> list[str]:
    """Median and the 95 % point."""
    if not times:
        return ["–", "–"]
    return [f"{statistics.median(times):.0f}", f"{statistics.quantiles(times, n=20)[-1]:.0f}"]


def rows(browser: Browser, address: str, server: int) -> list[list[str]]:
    """One row a view."""
    found: list[list[str]] = []
    for name, query in VIEWS.items():
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(f"{address}?source=profile&largest=5000&{query}")
        page.wait_for_selector("#chart-counts .marks")
        page.wait_for_selector("#result[aria-busy=false]")
        drawn = page.locator(".chart .marks").count()
        first, worked, computed = len(durations(page, "redraw")), page_seconds(session), server_seconds(server)
        redraws(page)
        page_ms = 1e3 * (page_seconds(session) - worked) / STEPS
        server_ms = 1e3 * (server_seconds(server) - computed) / STEPS
        drafts, times = durations(page, "draft")[-STEPS:], durations(page, "redraw")[first:]
        processor = [f"{server_ms:.0f}", f"{page_ms:.0f}"]
        found.append([name, f"{drawn}", *cells(drafts), *cells(times), *processor, f"{BOUND}"])
        page.close()
    return found


def main() -> None:
    """Print the table."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        console.print("A slider of the page: no chromium on this machine, so nothing is measured")
        return
    columns = ("charts in sight", "first words", "95 %", "median", "95 %", "processor: server", "page", "bound")
    with open("/proc/loadavg") as load:
        others = load.read().split()[0]
    out = table(f"A slider of weight decay redraws, milliseconds, load {others} before", "view", *columns)
    begun = time.perf_counter()
    with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stderr is not None
        address = server.stderr.readline().split()[2]
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.wait_for_selector("#chart-counts .marks")
        first = time.perf_counter() - begun
        page.close()
        for row in rows(browser, address, server.pid):
            out.add_row(*row)
        browser.close()
        server.terminate()
    console.print(out)
    console.print(f"From the command to the first view, the start of the browser with it: {first:.1f} s")


if __name__ == "__main__":
    main()
