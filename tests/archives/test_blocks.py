"""In which rows a long array is read."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penultimate.archives.archive import chunk_span, reblock
from penultimate.archives.blocks import block_rows, spans


@given(st.integers(1, 1 << 18))
def test_blocks_are_about_sixteen_mebibytes(dimension):
    rows = block_rows(dimension)
    size = rows * dimension * 4
    assert 1024 <= rows <= 65_536
    assert size <= 16 << 20 or rows == 1024
    assert dimension > 1024 or rows % 4096 == 0
    assert dimension < 64 or dimension > 1024 or size > 8 << 20


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 20))
def test_spans_cover_the_rows_once_and_end_at_multiples(start, length, size):
    bounds = list(spans(start, start + length, size))
    assert [row for first, end in bounds for row in range(first, end)] == list(range(start, start + length))
    assert all(end % size == 0 for _, end in bounds[:-1])
    assert all(0 < end - first <= size for first, end in bounds)


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 30), st.integers(1, 9))
def test_reblocking_cuts_as_spans_do_whatever_the_pieces(lengths, start, size):
    rows = np.arange(start, start + sum(lengths))
    pieces = np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(reblock(pieces, start, size))
    assert [(int(block[0]), int(block[-1]) + 1) for block in blocks] == list(spans(start, start + len(rows), size))
    assert [row for block in blocks for row in block] == rows.tolist()


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_reads_are_of_whole_chunks(chunk, size):
    span = chunk_span(chunk, size)
    assert span % chunk == 0
    assert span <= max(chunk, size)
