"""What every page of a report must be, whatever it reports."""

import itertools
from html.parser import HTMLParser


class Page(HTMLParser):
    """What a browser would take from a page: tags with attributes, text of scripts, text of the rest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._within = tag if tag in ("script", "style") else ""
        self.text += " "
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._within = ""

    def handle_data(self, data):
        if self._within == "script":
            self.scripts[-1] += data
        elif not self._within:
            self.text += data


def refers_outside(page: Page) -> list[str]:
    """Tags by which a page would ask for something, and a policy that would let it."""
    asking = [
        f"<{tag} {attributes}>"
        for tag, attributes in page.tags
        if {"src", "href", "srcset", "action", "data"} & set(attributes)
        or tag in ("link", "iframe", "object", "img", "base")
    ]
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    return asking if policy and policy.startswith("default-src 'none'") else [*asking, f"policy {policy}"]


def well_formed(page: Page) -> None:
    """Assert that headings nest, tables have captions and scopes, and labels name what is there."""
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert dict(page.tags[0][1])["lang"] == "en"
    tags = [tag for tag, _ in page.tags]
    described = {dict(attributes).get("aria-describedby") for tag, attributes in page.tags if tag == "table"}
    assert len(described) == tags.count("table") and described <= {
        dict(attributes).get("id") for _, attributes in page.tags
    }
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes}
    assert labels <= set(ids)
