"""A scan in plain sentences: which classes were never or hardly ever trained."""

import numpy as np
from jaxtyping import Int

from penultimate.report.kit.numbers import number, percent
from penultimate.scans.groups import Group, Kind
from penultimate.scans.scan import FEWEST, Scan

# Names in a sentence.
_NAMED = 8
# A mean row with less of the squared length is not worth a sentence.
_SHARED = 0.05

_SAYS = {
    Kind.ONE_VECTOR: "have one and the same row, up to little noise",
    Kind.EQUAL_AS_STORED: "have rows that are equal within the rounding of the file",
    Kind.INITIAL: "have rows that are one vector and noise without direction, as initialisation leaves it",
    Kind.NEAR_ZERO: "have rows that are next to zero",
    Kind.DRIFTED: "have rows that started as one vector and moved by unequal amounts",
}
_MEANS = (
    "Training never showed these classes, or hardly ever: a softmax leaves the rows of classes that it does not see on "
    "one path."
)


def verdict(scan: Scan) -> str:
    """The scan in one paragraph."""
    return " ".join(paragraphs(scan))


def paragraphs(scan: Scan) -> list[str]:
    """What was found, the rest of the rows, and what can be done."""
    found = [group for group in scan.groups if group.kind is not Kind.HALO]
    first = [_group(scan, group) for group in found] or [_nothing(scan)]
    if found:
        first += [_MEANS, _reach(scan)]
    first += [_halo(scan, group) for group in scan.groups if group.kind is Kind.HALO]
    parts = [" ".join(filter(None, first)), _rest(scan)]
    if found:
        tied = " The rows are also an embedding of inputs, so what you drop or replace changes there too."
        parts.append(
            "You can leave these rows as they are, mask their outputs, drop the classes, or give them the mean of the "
            "trained rows before you train on: --fix, or scan.fix(…), makes that head." + tied * scan.tied
        )
    return parts


def named(scan: Scan, group: Group, limit: int = _NAMED) -> str:
    """The first classes of a group by name, those nearest to its centre first."""
    return listed(scan, group.rows, limit)


def listed(scan: Scan, rows: Int[np.ndarray, " n"], limit: int = _NAMED) -> str:
    """The first of some rows by name, and how many more there are."""
    shown = ", ".join(scan.name(row) for row in rows[:limit].tolist())
    return f"{shown} and {number(rows.size - limit)} more" if rows.size > limit else shown


def _group(scan: Scan, group: Group) -> str:
    share = percent(group.rows.size / scan.classes, 2)
    text = f"{number(group.rows.size)} of {number(scan.classes)} classes ({share}) {_SAYS[group.kind]}: "
    text += f"{named(scan, group)}."
    if 1 < group.equal < group.rows.size:
        text += f" {number(group.equal)} of these rows agree to rounding."
    return text + _count(group.nearly.size, "more lies near them", "more lie near them", " ")


def _reach(scan: Scan) -> str:
    """What a tokenizer makes of them: those that it produces are the dangerous ones."""
    reach = scan.reach
    if reach is None:
        return ""
    never, does, special = reach.unreachable.size, reach.reachable.size, reach.special.size
    said = [
        f"{reach.tokenizer} never produces {number(never)} of these: their own text becomes other tokens."
        if never
        else "",
        f"It does produce {number(does)}, and these are the dangerous ones: {listed(scan, reach.reachable)}."
        if does
        else "",
        f"{number(special)} are special tokens, which stand for themselves." if special else "",
    ]
    return " ".join(filter(None, said))


def _halo(scan: Scan, group: Group) -> str:
    more = f", with {number(group.nearly.size)} at its rim" if group.nearly.size else ""
    return (
        f"{number(group.rows.size)} rows form a halo around them{more}: these classes were seen a little, or long ago."
    )


def _nothing(scan: Scan) -> str:
    if scan.classes - scan.damaged.size < FEWEST:
        return (
            f"With fewer than {FEWEST} classes only copies and zero rows can be looked for, not rows that were never "
            "trained."
        )
    seen = "every class whose row is not zero" if scan.zero.size else "every class"
    return (
        f"No group of untrained rows stands out. If the network was trained for long this means that {seen} was "
        "seen; if it was trained briefly, this scan cannot tell."
    )


def _rest(scan: Scan) -> str:
    said = [
        _padding(scan),
        _count(
            scan.damaged.size,
            "row holds NaN or infinity and was left out",
            "rows hold NaN or infinity and were left out",
        ),
        _count(scan.zero.size, "row is all zeros", "rows are all zeros"),
        _copies(scan),
        _count(scan.runaway.size, "row is far longer than the others", "rows are far longer than the others"),
    ]
    sentences = [sentence for sentence in said if sentence]
    if not any(said[1:]):
        sentences += ["There are no zero rows, no copies, and no rows of runaway length."]
    if scan.mean_row_share > _SHARED:
        sentences.append(
            f"All rows share {percent(scan.mean_row_share, 2)} of their squared length, which a softmax does not see."
        )
    return " ".join(sentences)


def _padding(scan: Scan) -> str:
    more = scan.classes - scan.named
    if not scan.named or not more:
        return ""
    return f"There are {number(scan.named)} names for {number(scan.classes)} rows: the last {number(more)} are padding."


def _copies(scan: Scan) -> str:
    total = sum(rows.size for rows in scan.duplicates)
    if not total:
        return ""
    groups = "one group" if len(scan.duplicates) == 1 else f"{number(len(scan.duplicates))} groups"
    return f"{number(total)} rows are copies of one another, in {groups}."


def _count(size: int, one: str, many: str, before: str = "") -> str:
    return "" if not size else f"{before}One {one}." if size == 1 else f"{before}{number(size)} {many}."
