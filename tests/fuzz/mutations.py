"""Ways in which a file goes wrong: bytes that flip, vanish, repeat; numbers that grow; JSON of another shape."""

import io
import json
import random
import zipfile

# Bytes that mean something to the formats, and numbers that mean trouble.
_TOKENS = [
    b"\0",
    b"\xff",
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\t",
    b'"',
    b"{",
    b"[",
    b"]",
    b"}",
    b"\xef\xbb\xbf",
    b"\x80\x04",
]
_NUMBERS = [
    b"-1",
    b"0",
    b"1e308",
    b"1e999",
    b"nan",
    b"inf",
    b"-0.0",
    b"9" * 25,
    b"1,000",
    b"\xd9\xa3",
    b"0x10",
    b"true",
]
_VALUES = [
    *(None, True, False, 0, -1, 0.5, 1e308, -1e308, 1e-320, 2**63, 10**400, "", "x", "nan", "\ud800", "‮", [], {}),
    *([[]], [None], {"a": {}}, [1, 2], "free", "none", "ce", "mse", 3, 12),
]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A copy with one to four things wrong."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_WAYS)(out, rng)
    return bytes(out)


def mutated_zip(content: bytes, rng: random.Random) -> bytes:
    """An archive with something wrong, or one of its members, whose check sum is then right."""
    if rng.random() < 0.4:
        return mutated(content, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w") as copy:
        members = archive.infolist()
        spoilt = rng.choice(members)
        for member in members:
            held = archive.read(member)
            copy.writestr(member, mutated(held, rng) if member is spoilt else held, member.compress_type)
    return out.getvalue()


def mutated_json(text: str, rng: random.Random) -> bytes:
    """JSON with values of another type, keys that are missing or more, or bytes that are wrong."""
    if rng.random() < 0.2:
        return mutated(text.encode(), rng)
    record = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(record, rng)
    if rng.random() < 0.02:
        return b'{"calibration":' * rng.choice((1, 50_000)) + b"[" * 100_000
    return json.dumps(record, allow_nan=True).encode()


def _change(record: object, rng: random.Random) -> None:
    """Walk down and change something where the walk ends."""
    while True:
        keys = (
            list(record) if isinstance(record, dict) else list(range(len(record))) if isinstance(record, list) else []
        )
        if not keys:
            return
        key = rng.choice(keys)
        inner = record[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.75:
            record = inner
            continue
        if rng.random() < 0.15:
            del record[key]
        elif isinstance(inner, int | float) and abs(inner) < 1e300 and rng.random() < 0.3:
            record[key] = rng.choice((-inner, inner * 1e300, inner / 1e300, inner + 1, str(inner)))
        else:
            record[key] = rng.choice(_VALUES)
        return


def _flip(out: bytearray, rng: random.Random) -> None:
    if out:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _set(out: bytearray, rng: random.Random) -> None:
    if out:
        out[rng.randrange(len(out))] = rng.randrange(256)


def _flip_early(out: bytearray, rng: random.Random) -> None:
    # Headers are early, and archives have theirs at the end.
    if out:
        out[rng.randrange(min(len(out), 128)) * rng.choice((1, -1))] ^= 1 << rng.randrange(8)


def _cut(out: bytearray, rng: random.Random) -> None:
    del out[rng.randrange(len(out) + 1) :]


def _drop(out: bytearray, rng: random.Random) -> None:
    first = rng.randrange(len(out) + 1)
    del out[first : first + rng.choice((1, 2, 8, 64))]


def _repeat(out: bytearray, rng: random.Random) -> None:
    first = rng.randrange(len(out) + 1)
    out[first:first] = out[first : first + rng.choice((1, 8, 64))] * rng.choice((1, 2, 50))


def _token(out: bytearray, rng: random.Random) -> None:
    first = rng.randrange(len(out) + 1)
    out[first : first + rng.choice((0, 1))] = rng.choice(_TOKENS)


def _number(out: bytearray, rng: random.Random) -> None:
    digits = [place for place, byte in enumerate(out) if 48 <= byte <= 57]
    if digits:
        first = rng.choice(digits)
        out[first : first + 1] = rng.choice(_NUMBERS)


def _word(out: bytearray, rng: random.Random) -> None:
    # Sizes stand in little-endian words.
    if len(out) > 8:
        first = rng.randrange(len(out) - 8)
        out[first : first + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", rng.randbytes(4)))


_WAYS = (_flip, _flip, _set, _flip_early, _cut, _drop, _repeat, _token, _number, _word)
