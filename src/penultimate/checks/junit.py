"""A check as JUnit XML, which pipelines of every make show as tests: one test a class and figure."""

import xml.etree.ElementTree as ElementTree

from penultimate.checks.check import Check


def junit(check: Check) -> str:
    """Write a check as JUnit XML.

    Parameters
    ----------
    check : Check

    Returns
    -------
    str
        A suite with one test for each class and figure: failed where it breaches its bound, skipped where it is not
        known.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.checks.junit import junit
    >>> xml = junit(pen.check(pen.audit("cnn-ce-test"), min_recall=0.5))
    >>> xml.count("<testcase"), xml.count("<failure")
    (10, 1)
    """
    suite = ElementTree.Element(
        "testsuite",
        name="penultimate check",
        tests=str(len(check.checked)),
        failures=str(len(check.breaches)),
        errors="0",
        skipped=str(len(check.unknown)),
    )
    for each in check.checked:
        case = ElementTree.SubElement(suite, "testcase", classname=_allowed(each.figure), name=_allowed(each.name))
        if each.breached:
            ElementTree.SubElement(case, "failure", message=_allowed(str(each)))
        elif each.value is None:
            ElementTree.SubElement(case, "skipped")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _allowed(text: str) -> str:
    """Characters that XML has no way to write, as Python writes them."""
    return "".join(mark if _is_allowed(ord(mark)) else repr(mark)[1:-1] for mark in text)


def _is_allowed(code: int) -> bool:
    # XML 1.0, production 2. Line ends and tabs within an attribute would be read as spaces.
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code
