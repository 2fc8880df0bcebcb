"""The report in a real browser, offline: charts drawn, nothing asked of the network, no name run, no barrier."""

from collections.abc import Iterator

import numpy as np
import pytest

import penultimate as pen
from report_cases import AUDITS, CASES, HEADS, HOSTILE

pytest.importorskip("playwright", reason="pip install playwright: for tests of the report in a browser")
from playwright.sync_api import Browser, expect

from browsing import Opened, chromium, grave_barriers, wait_for_charts

FORECASTS = ("lvis", "hostile", "collapsed", "two-classes", "width-splits", "million")
CHARTS = (
    {
        "cnn-mse": 7,
        "cnn-ce": 6,
        "audit-hostile": 7,
        "audit-without-head": 3,
        "audit-unseen": 7,
        "audit-long-tail": 7,
        "head-mse": 4,
        "head-hostile": 4,
        "head-collapsed": 4,
        "compared-heads": 2,
        "advice": 3,
    }
    | dict.fromkeys(FORECASTS, 8)
    | {"collapsed": 6}
)


def compared() -> pen.HeadComparison:
    batch = next(pen.datasets.features("cnn-ce-test").batches())
    return pen.compare_heads("cnn-ce", pen.ArraySource(batch.features[:1000], batch.labels[:1000]))


RESULTS = {
    **CASES,
    **AUDITS,
    **HEADS,
    "compared-heads": compared,
    "advice": lambda: pen.advise(
        pen.ClassCounts(dict(zip(HOSTILE, (2.0 ** np.arange(12)).tolist(), strict=True))),
        0.1,
        feature_ratio=1.0,
    ),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    """Open the report of a case, each once."""
    folder = tmp_path_factory.mktemp("reports")
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    pages: dict[str, Opened] = {}

    def open_case(case: str) -> Opened:
        if case not in pages:
            RESULTS[case]().report(folder / f"{case}.html")
            url = (folder / f"{case}.html").as_uri()
            pages[case] = Opened(context.new_page(), url)
            wait_for_charts(pages[case].page, CHARTS.get(case, 8))
        return pages[case]

    yield open_case
    context.close()


@pytest.mark.parametrize("case", CHARTS)
def test_all_charts_are_drawn_without_a_word(opened, case):
    report = opened(case)
    boxes = [chart.bounding_box() for chart in report.page.query_selector_all(".chart svg.marks")]
    assert len(boxes) == CHARTS[case]
    assert all(box and box["width"] > 100 and box["height"] > 60 for box in boxes)
    assert report.said == []


@pytest.mark.parametrize("case", CHARTS)
def test_nothing_but_the_file_is_asked_for(opened, case):
    asked = opened(case).asked
    assert asked and all(url.startswith(("file://", "data:", "blob:")) for url in asked)


@pytest.mark.parametrize("case", ["hostile", "audit-hostile", "head-hostile", "advice"])
def test_a_hostile_name_is_text(opened, case):
    page = opened(case).page
    assert page.title().endswith(": 12 classes")
    assert page.locator("tbody th", has_text="<script>document.title='pwned'</script>").count() >= 1
    assert page.locator("img").count() == 0


def test_a_tooltip_is_text_too(opened):
    page = opened("hostile").page
    page.locator("#chart-counts svg.marks .mark-symbol path").first.hover()
    tip = page.locator("#vg-tooltip-element")
    tip.wait_for(state="visible")
    assert "<script>" in tip.inner_text()
    assert page.title().startswith("Forecast of the last layer")
    page.mouse.move(0, 0)


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("case", ["lvis", "cnn-mse", "audit-long-tail", "head-mse", "advice"])
def test_the_page_never_scrolls_sideways(opened, case, width):
    page = opened(case).page
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("case", ["lvis", "cnn-mse", "head-mse"])
def test_on_a_narrow_screen_charts_fit_and_their_letters_stay_legible(opened, case, browser):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(opened(case).page.url)
    wait_for_charts(page, CHARTS[case])
    for chart in page.query_selector_all(".chart svg.marks"):
        box, drawn = chart.bounding_box(), chart.evaluate("svg => svg.viewBox.baseVal.width")
        # Letters of 11 pixels shrink with the picture; a right-hand legend or long names may cost a fifth.
        assert box["width"] <= 390 and box["width"] / drawn > 0.72, (drawn, chart.get_attribute("class"))
    page.close()


@pytest.mark.parametrize(
    "case",
    [
        "lvis",
        "hostile",
        "known-decay",
        "cnn-mse",
        "cnn-ce",
        "audit-hostile",
        "audit-without-head",
        "head-mse",
        "advice",
    ],
)
def test_no_serious_barrier(opened, case):
    assert grave_barriers(opened(case).page) == []


@pytest.mark.parametrize("case", ["lvis", "cnn-mse", "cnn-ce", "head-mse", "advice", "compared-heads"])
def test_on_paper_no_column_is_cut(opened, case, browser):
    """An upright A4 page leaves some 700 pixels between its margins."""
    page = browser.new_page(viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    page.goto(opened(case).page.url)
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth + 1).map(box => "
        "box.ariaLabel + ' ' + box.scrollWidth)"
    )
    assert wide == []
    page.close()


def test_dark_mode_is_dark_and_without_barriers(opened, browser):
    page = browser.new_page(color_scheme="dark")
    page.goto(opened("cnn-mse").page.url)
    wait_for_charts(page, 7)
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(page.evaluate(shade)) < 60
    assert grave_barriers(page) == []
    page.close()


def test_captions_are_read_whole_on_a_narrow_screen(opened):
    page = opened("lvis").page
    page.set_viewport_size({"width": 390, "height": 900})
    widths = page.eval_on_selector_all(".caption", "captions => captions.map(c => c.getBoundingClientRect().right)")
    assert widths and max(widths) <= 390


def test_a_slider_of_a_mailed_report_says_what_a_forecast_says(opened):
    page = opened("lvis").page
    slider = page.locator("#chart-slider input").first
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    there = pen.forecast("lvis", 1e-3, feature_ratio=1.0)
    own, lost = there.classes_with("own"), there.classes_with("lost")
    words = page.locator("#chart-slider svg.marks")
    expect(words).to_contain_text("weight decay 0.001")
    expect(words).to_contain_text(f"{own:,} own, {there.classes_with('shared'):,} shared, {lost:,} lost")
    page.locator("#chart-slider input").last.press("ArrowRight")
    expect(words).to_contain_text("ratio c = 1.58")
    assert opened("lvis").said == []


@pytest.mark.parametrize("case", ["lvis", "cnn-mse"])
def test_what_a_chart_shows_is_saved_as_numbers(opened, case):
    page = opened(case).page
    for chart in page.locator(".chart").all():
        chart.locator("summary").click()
        with page.expect_download() as saved:
            chart.get_by_text("Save data as CSV").click()
        lines = saved.value.path().read_text("utf-8").splitlines()
        assert saved.value.suggested_filename.endswith(".csv") and len(lines) > 1 and "," in lines[0]
        chart.locator("summary").click()


def test_samples_are_unfolded_and_saved(opened):
    page = opened("audit-hostile").page
    rows = page.locator("details.samples tbody tr")
    assert not rows.first.is_visible()
    page.locator("details.samples > summary").click()
    expect(rows.first).to_be_visible()
    assert grave_barriers(page) == []
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    assert len(saved.value.path().read_text("utf-8").splitlines()) == 1 + rows.count()
    assert opened("audit-hostile").said == []


@pytest.mark.parametrize("width", [390, 1200])
def test_words_of_the_slider_touch_no_dot(opened, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(opened("lvis").page.url)
    wait_for_charts(page, CHARTS["lvis"])
    chart = page.locator("#chart-slider")
    words = chart.locator("svg.marks .role-mark text", has_text="weight decay").last.bounding_box()
    dots = [dot.bounding_box() for dot in chart.locator("svg.marks .role-mark.mark-symbol path").all()]
    assert words and dots and all(dot["y"] + dot["height"] < words["y"] for dot in dots if dot)
    assert words["x"] + words["width"] <= width
    page.close()
