"""Tokens of texts: against one encoding of each whole text, and what is no text or no tokenizer."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

import penultimate as pen
from penultimate.counts import corpus


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tokenizer of bytes with a few merges, told to cut at two tokens and to pad, and a number that none has."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    merges = [("c", "a"), ("ca", "t"), ("Ġ", "cat"), ("Ċ", "Ċ")]
    for pair in merges:
        vocabulary["".join(pair)] = len(vocabulary) + 1
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9, pad_token="<end>")
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def whole(path, text):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    size = max(tokenizer.get_vocab().values()) + 1
    return np.bincount(tokenizer.encode(text, add_special_tokens=False).ids, minlength=size)


@settings(max_examples=30)
@given(text=st.text("cat \n\tü€", min_size=1, max_size=60), piece=st.integers(1, 20), read=st.integers(1, 7))
def test_pieces_change_nothing(saved, text, piece, read):
    patched = pytest.MonkeyPatch()
    with patched.context() as patch:
        for name, value in (("_PIECE", piece), ("_READ", read), ("_BATCH", 2)):
            patch.setattr(corpus, name, value)
        counts = pen.count_tokens([io.BytesIO(f"{text}\nab".encode())], saved)
    np.testing.assert_array_equal(counts.values, whole(saved, f"{text}\nab"))


def test_texts_add_up_and_a_number_without_a_token_is_a_row(saved, tmp_path):
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("\ufeffcat cat" if name == "one.txt" else " cat")
    counts = pen.count_tokens([tmp_path / "one.txt", tmp_path / "two.txt"], saved)
    names = list(counts.names)
    assert counts.samples == 3
    assert (counts.values[names.index("cat")], counts.values[names.index("Ġcat")]) == (1, 2)
    assert f"(no token {256})" in names and "<end>" in names
    assert counts.unseen.size == counts.classes - 2


def test_a_line_without_end_is_cut(saved, monkeypatch):
    monkeypatch.setattr(corpus, "_PIECE", 8)
    monkeypatch.setattr(corpus, "_LONGEST", 16)
    text = " cat" * 50 + " a"
    np.testing.assert_array_equal(pen.count_tokens([io.BytesIO(text.encode())], saved).values, whole(saved, text))
    assert pen.count_tokens([io.BytesIO(b"c" * 100 + b"a")], saved).samples == 100


def test_progress_tells_every_byte(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_READ", 1 << 12)
    path, told = tmp_path / "text.txt", []
    path.write_text("cat\na" * 10_000)
    pen.count_tokens([path], saved, on_progress=lambda name, size: told.append((name, size)))
    assert {name for name, _ in told} == {str(path)} and sum(size for _, size in told) == path.stat().st_size
    assert len(told) > 3


@pytest.mark.parametrize(
    ("before", "at"), [(b"", "0"), (b"cat ", "4"), ("ü".encode() * 300_000 + b"\xe2\x82", "600,000")]
)
def test_what_is_not_utf8_is_refused_with_its_place(saved, tmp_path, before, at):
    path = tmp_path / "latin.txt"
    path.write_bytes(before + b"\xff cat")
    with pytest.raises(pen.FileError, match=rf"latin.txt: byte {at} is not UTF-8.*iconv"):
        pen.count_tokens([path], saved)
    with pytest.raises(pen.FileError, match="is not UTF-8"):
        pen.count_tokens([io.BytesIO("ü".encode()[:1])], saved)


def test_no_tokenizer_no_text_no_token(saved, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    for texts, tokenizer, error, words in (
        ([empty], broken, pen.FileError, "no tokenizer"),
        ([empty], tmp_path / "none.json", pen.FileError, "none.json"),
        ([tmp_path / "none.txt"], saved, pen.FileError, "none.txt"),
        ([tmp_path], saved, pen.FileError, "folder"),
        ([empty], saved, pen.CountsError, "no token"),
    ):
        with pytest.raises(error, match=words):
            pen.count_tokens(texts, tokenizer)


def test_the_command_writes_what_forecast_reads(penultimate, saved, tmp_path):
    text, out = tmp_path / "text.txt", tmp_path / "counts.json"
    text.write_text("cat cat cat\n\nact tac\n" * 20)
    status, said, err = penultimate("count", "--tokenizer", str(saved), str(text), "--json", str(out))
    assert (status, err) == (0, f"wrote {out}\n")
    counts = pen.ClassCounts.read(out)
    expected = whole(saved, text.read_text())
    np.testing.assert_array_equal(counts.values, expected)
    assert f"{expected.sum():,} tokens in 1 text: {np.count_nonzero(expected)} of {expected.size} in the" in said
    assert list(json.loads(out.read_text())) == list(counts.names)
    status, said, _ = penultimate("forecast", str(out), "--json", "-")
    assert status == 0 and json.loads(said)["counts"]["unseen"] == counts.unseen.size


def test_a_count_that_is_cancelled_writes_nothing(penultimate, saved, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "_batches", interrupted)
    out = tmp_path / "counts.json"
    status, said, _ = penultimate("count", "--tokenizer", str(saved), str(saved), "--json", str(out))
    assert (status, said, out.exists()) == (130, "", False)


def test_the_command_counts_standard_input_once(penultimate, saved, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"cat a")))
    status, said, _ = penultimate("count", "--tokenizer", str(saved), "-", "--json", "-")
    assert status == 0 and json.loads(said)["cat"] == 1
    status, _, err = penultimate("count", "--tokenizer", str(saved), "-", "-")
    assert status == 2 and "give it once" in err
