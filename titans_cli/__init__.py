"""titans: long-document memorization sessions with a neural memory that learns while it reads."""

__version__ = "0.1.0"
