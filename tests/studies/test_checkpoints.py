"""The study of downloaded models, without a download: names, scripts, and tables of scans that are made here."""

import json
from dataclasses import replace

import numpy as np

import penultimate as pen
from scans_planted import planted
from studies import checkpoints
from studies.checkpoints import SOURCES, Found, Source, names_of, rings, scripts


def test_names_in_their_forms(tmp_path):
    (tmp_path / "c.py").write_text("OTHER = ['x']\nSET = ['', 'a', 'b']\n", encoding="utf-8")
    (tmp_path / "v.json").write_text(json.dumps({"char2idx": {"a": 1, "b": 2}}))
    source = Source("t", "p", "1", "f")
    assert names_of(source, tmp_path) is None
    assert names_of(replace(source, names="t.json"), tmp_path) == tmp_path / "t.json"
    for names in ("c.py SET", "v.json char2idx"):
        assert names_of(replace(source, names=names), tmp_path) == ["<blank>", "a", "b"]


def test_a_head_in_every_table(monkeypatch):
    rows, which = planted(noise=0.02)
    names = [chr(0x4E00 + row) for row in range(600)]
    for row in which[:3]:
        names[row] = chr(0x5D0 + row % 20)
    scan = pen.scan(rows, names=names)
    found = Found(SOURCES[7], scan, [40, 40, 38], 1.2)
    assert scripts(scan, scan.untrained) == {"CJK": 37, "HEBREW": 3}
    monkeypatch.setattr(checkpoints, "frequencies", lambda: {name: float(i) for i, name in enumerate(names)})
    (first, size, known, median), *_, (last, others, *_) = rings(scan)
    assert (first, size, last, others) == ("untrained", 40, "all others", 560)
    assert known == 1.0 and median == np.median(which)
    assert "| **ddddocr** | `ddddocr` 1.6.1 | 600 × 48, float64 | 40 |" in checkpoints._table([found])
    [claim] = checkpoints._general(found)
    assert claim.distance == 0.05 and claim.verdict == "fails"
    assert checkpoints._facts(found)["groups"][0]["rows"] == 40


def test_every_source_names_one_version():
    assert all(
        source.version and source.file.endswith((".onnx", ".gguf", ".safetensors", ".pth")) for source in SOURCES
    )
    assert len({(source.package, source.file) for source in SOURCES}) == len(SOURCES)
