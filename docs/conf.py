"""Sphinx configuration; the build needs no network: no intersphinx, no remote fonts, no scripts from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

# The examples' matrices are tiny: threads of the linear algebra library would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import penultimate

# ``pen.frames`` lives in penultimate.minimisers; autodoc imports by path and needs to find it under its public name.
sys.modules["penultimate.frames"] = penultimate.frames
sys.modules["penultimate.metrics"] = penultimate.metrics

project = "penultimate"
author = "The penultimate developers"
project_copyright = author
version = release = penultimate.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = [
    "_build",
    "_templates",
    "examples",
    "gallery/**/*.ipynb",
    "sg_execution_times.rst",
    "**/sg_execution_times.rst",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "code"  # single backticks in docstrings
myst_enable_extensions = ["deflist", "colon_fence", "dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 3

# The package's own names are loaded on first use; types stand in the docstrings, so signatures stay short.
autosummary_generate = True
autosummary_ignore_module_all = False
# On file systems that ignore case, Forecast and forecast would be one page.
autosummary_filename_map = {"penultimate.forecast": "penultimate.forecast-function"}
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
doctest_test_doctest_blocks = ""  # only the blocks of these pages: the package's docstrings have a test of their own

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "image_scrapers": ("altair_scraper",),
    "reset_modules": (),
    "capture_repr": (),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "notebook_extensions": (),
    "show_signature": False,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 10,
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"penultimate {release}"
html_static_path = ["_static"]
html_css_files = ["penultimate.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "show_nav_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
}


def _write_example_json() -> None:
    """Write the JSON that cli.md shows by running the command, so that it is what this version prints."""
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    counts = folder / "pets.csv"
    counts.write_text("class,count\ncat,600\ndog,300\nnewt,12\naxolotl,9\n", encoding="utf-8")
    command = [sys.executable, "-c", "from penultimate.cli import main; main()", "forecast", str(counts)]
    command += ["--weight-decay", "0.12", "--classes", "1", "--json", "-"]
    printed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    (folder / "pets.json").write_text(printed, encoding="utf-8")


_write_example_json()
