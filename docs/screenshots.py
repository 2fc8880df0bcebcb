"""Pictures of `penultimate app` for its page, taken in a browser: ``python docs/screenshots.py``."""

import shutil
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from penultimate.app.server import listen, serve

IMAGES = Path(__file__).parent / "images"
TAIL = "?source=profile&classes=100&largest=5000&weight_decay=1e-3"
PICTURES = {
    "app-forecast": (TAIL, "light", "#chart-spectrum .marks"),
    "app-losses": (TAIL + "&view=losses", "dark", "#chart-cosines .marks"),
}


def main() -> None:
    """Take each picture."""
    listening = listen(0)
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
    address = "http://{}:{}/".format(*listening.getsockname())
    with sync_playwright() as playwright:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        for name, (query, scheme, ready) in PICTURES.items():
            page = browser.new_page(viewport={"width": 1280, "height": 920}, color_scheme=scheme)
            page.goto(address + query)
            page.wait_for_selector(ready, timeout=60_000)
            page.wait_for_timeout(1000)
            page.screenshot(path=IMAGES / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
