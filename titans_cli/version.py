"""The version of titans, by itself: what names it needs nothing else of the package."""

__version__ = "0.2.0"
