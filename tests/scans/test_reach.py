"""What a tokenizer can produce, by tokenizers that are built here."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import penultimate as pen
from penultimate.scans.reach import find_reach
from scans_planted import planted

tokenizers = pytest.importorskip("tokenizers")


@pytest.fixture
def pieces(tmp_path):
    """WordPiece, as BERT's: ideographs stand alone, so a piece that goes on with a word has none."""
    tokens = ["[PAD]", "[UNK]", "a", "b", "##b", "国", "##国", "[unused1]", "1", "Z"]
    model = tokenizers.models.WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    tokenizer.add_special_tokens(["[PAD]"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_pieces_of_words(pieces):
    found = find_reach(pieces, np.arange(11))
    assert found.special.tolist() == [0] and found.untried.tolist() == [10]
    # "##国" never follows a letter, "[unused1]" is cut at its brackets, "Z" becomes a small letter.
    assert {6, 7, 9} <= set(found.unreachable) and {2, 3, 4, 5, 8} <= set(found.reachable)


def test_bytes_of_a_byte_level_tokenizer(tmp_path):
    """A pair that no merge makes is never produced; a byte that is no character cannot be tried."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, "ab", "cd", "Ġab"])}
    model = tokenizers.models.BPE(vocabulary, [("a", "b"), ("Ġ", "ab")])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "t.json"))
    rows = np.array([vocabulary[token] for token in ("a", "ab", "Ġab", "cd", "ÿ")])
    found = find_reach(tmp_path / "t.json", rows)
    assert found.reachable.tolist() == rows[:3].tolist()
    assert found.unreachable.tolist() == [rows[3]] and found.untried.tolist() == [rows[4]]


def test_a_scan_says_which_of_its_tokens_are_dangerous(tmp_path):
    rows, which = planted()
    words = {f"w{chr(0x61 + i // 26)}{chr(0x61 + i % 26)}": i for i in range(598)}
    never = {int(row): f"[unused{row}]" for row in which[:30] if row < 598}
    model = tokenizers.models.WordLevel(
        {never.get(i, word): i for word, i in words.items()} | {"?": 598}, unk_token="?"
    )
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    save_file({"lm_head.weight": rows.astype(np.float32)}, tmp_path / "model.safetensors")
    found = pen.scan(tmp_path)
    assert sorted(found.reach.unreachable) == sorted(never)
    assert sorted([*found.reach.reachable, *found.reach.untried]) == sorted(set(which) - set(never))
    assert f"tokenizer.json never produces {len(never)} of these" in found.verdict
    assert "these are the dangerous ones: w" in found.verdict
    record = found.to_dict()["tokenizer"]
    assert record["file"] == "tokenizer.json" and record["unreachable"]["names"][0].startswith("[unused")
    assert found.to_dict() == pen.scan(rows.astype(np.float32), names=tmp_path / "tokenizer.json").to_dict() | {
        "head": found.to_dict()["head"]
    }


def test_a_list_of_names_is_no_tokenizer(tmp_path):
    rows, _ = planted()
    (tmp_path / "names.json").write_text(json.dumps([f"n{i}" for i in range(600)]))
    assert pen.scan(rows, names=tmp_path / "names.json").reach is None


def test_what_the_library_does_not_understand_is_one_error(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0}}}')
    with pytest.raises(pen.FileError, match="this is no tokenizer"):
        find_reach(tmp_path / "tokenizer.json", np.arange(1))


def test_without_the_library_the_scan_says_that_it_was_not_tried(pieces, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    rows, _ = planted(classes=100, members=10)
    found = pen.scan(rows, names=pieces)
    assert found.reach is None and found.tokenizer == "tokenizer.json"
