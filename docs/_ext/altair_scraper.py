"""Show charts and figures of a gallery example as pictures, drawn here by vl-convert or Matplotlib: no browser."""

import altair as alt
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

_SCALE = 2  # pixels per point: sharp on dense screens
_PER_INCH = 100


class _Scraper:
    """Shows every chart with a title that a block of an example assigns to a name; layers on their way have none."""

    def __init__(self) -> None:
        self._shown: dict[str, list[object]] = {}

    def __repr__(self) -> str:
        return "altair_scraper"

    def __call__(self, block, block_vars, gallery_conf) -> str:
        names = block_vars["example_globals"]
        shown = self._shown.setdefault(str(block_vars["src_file"]), [])
        paths, titles = [], []
        for name, value in list(names.items()):
            if (
                not isinstance(value, alt.TopLevelMixin | Figure)
                or name.startswith("_")
                or any(value is old for old in shown)
            ):
                continue
            title = _title(value)
            if title is None:
                continue
            shown.append(value)  # keeps the object alive, so that no later one can be taken for it
            path = next(block_vars["image_path_iterator"])
            if isinstance(value, Figure):
                value.savefig(path, format="png", dpi=_SCALE * _PER_INCH)
            else:
                value.save(path, format="png", scale_factor=_SCALE)
            paths.append(path)
            titles.append(title)
        return figure_rst(paths, gallery_conf["src_dir"], fig_titles="; ".join(titles)) if paths else ""


def _title(chart) -> str | None:
    if isinstance(chart, Figure):
        return chart.get_label().partition(". ")[0]
    title = chart.to_dict().get("title")
    return title["text"] if isinstance(title, dict) else title


_SCRAPER = _Scraper()


def _get_sg_image_scraper():
    return _SCRAPER
