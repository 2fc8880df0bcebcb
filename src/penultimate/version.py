"""The version, apart from the package's face, so that any module can note it in what it writes."""

__version__ = "0.1.0"
