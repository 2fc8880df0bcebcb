"""The part of lazy_loader that is used here; the library ships no types."""

from collections.abc import Callable, Collection

Attached = tuple[Callable[[str], object], Callable[[], list[str]], list[str]]

def attach_stub(package_name: str, filename: str) -> Attached: ...
def attach(package_name: str, submodules: Collection[str] | None = None) -> Attached: ...
