"""Bytes to clean pages of text: find the sources, read each one, and never let a bad file take the run down.

    discover(paths)     -> Discovery(sources, failures)
    read(source)        -> Document, or a ReadError that says which file, what happened and what to do next
    read_ahead(sources) -> the same of many, in order, the next ones parsed while one is learned

Everything foreign stops here: the parsers' and the operating system's errors are translated, and every format but
plain text, Markdown and source code is parsed in a process of its own under limits of time and memory. The libraries
are imported only when a file needs them.
"""

from titans_cli.readers.ahead import SourceReady, default_ahead, digest_of, read_ahead
from titans_cli.readers.discover import Discovery, discover
from titans_cli.readers.limits import Limits
from titans_cli.readers.read import read

__all__ = ["Discovery", "Limits", "SourceReady", "default_ahead", "digest_of", "discover", "read", "read_ahead"]
