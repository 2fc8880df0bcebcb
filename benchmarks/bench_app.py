"""A slider of the page: from the press of a key to the picture, in a browser, at 1,000 classes; all charts in sight."""

import shutil
import statistics
import threading

from playwright.sync_api import Page, sync_playwright

from measure import console, table
from penultimate.app.server import listen, serve

VIEWS = {
    "weight decay, squared error, 1,000 classes": "classes=1000&weight_decay=1e-3",
    "weight decay, cross-entropy, 100 classes": "classes=100&weight_decay=1e-3&loss=ce",
}
STEPS, BOUND = 25, 150
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]


def redraws(page: Page, address: str) -> list[float]:
    """Milliseconds of each step of the slider of weight decay."""
    page.goto(address)
    page.wait_for_selector("#chart-counts svg.marks")
    slider = page.get_by_role("slider", name="Weight decay, slider", exact=True)
    for _ in range(STEPS):
        before = page.evaluate("performance.getEntriesByName('redraw').length")
        slider.press("ArrowRight")
        while page.evaluate("performance.getEntriesByName('redraw').length") == before:
            page.wait_for_timeout(20)
    found = page.evaluate("performance.getEntriesByName('redraw').map(entry => entry.duration)")
    return found[-STEPS:]


def main() -> None:
    """Print medians and ninth deciles."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        console.print("A slider of the page: no chromium on this machine, so nothing is measured")
        return
    out = table("A slider redraws, milliseconds", "slider", "charts in sight", "median", "nine in ten", "bound")
    listening = listen(0)
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
    address = "http://{}:{}/".format(*listening.getsockname())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name, query in VIEWS.items():
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            times = redraws(page, f"{address}?source=profile&largest=5000&{query}")
            drawn = page.locator(".chart svg.marks").count()
            tenth = statistics.quantiles(times, n=10)[-1]
            out.add_row(name, f"{drawn}", f"{statistics.median(times):.0f}", f"{tenth:.0f}", f"{BOUND}")
            page.close()
        browser.close()
    console.print(out)


if __name__ == "__main__":
    main()
