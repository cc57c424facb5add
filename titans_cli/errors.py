"""Every error this package raises on purpose, and the exit code each becomes.

TitansError                     1   something failed
├── UsageError                  2   the command line or a setting makes no sense
├── ReadError                   1   one input file could not be read (others go on; the run ends with 3)
│   ├── UnsupportedFormatError      no reader for this kind of file
│   ├── EncryptedError              needs a password
│   ├── NoTextError                 nothing to read in it: empty, or scanned images only
│   ├── CorruptError                truncated, malformed or hostile
│   └── LimitError                  it took, or would take, more time, memory or disk than allowed
├── SomeInputsFailed            3   some inputs failed, the rest is committed
├── NotFoundError              10   no such session or LTM entry
├── LockedError                11   another writer holds the session
├── IncompatibleError          12   made with another model or memory layout
├── DamagedError               13   damaged on disk
├── PromotionRefused           20   the gate said no
├── StorageError                1   the disk or a permission got in the way
│   └── OutputError                 what was to be told could not be written
├── ModelError                  1   a model could not be loaded or run
│   ├── GatedModelError             its owner has to let you in
│   ├── MemoryTooSmallError         it would not fit
│   ├── WrongArchitectureError      no decoder-only language model
│   ├── NoSuchModelError            not here and not on the hub, or no such adapter
│   └── IncompleteReplyError        it stopped writing before its reply was complete
│       └── ReplyCutError           ... because it had written as much as it was allowed to
├── ClusterError                1   the workers of --engine ray gave up
└── Interrupted               130   stopped by the user; what was committed stays

Foreign errors are translated at one boundary each (readers, store, model); `cli.main` turns a TitansError
into its message on stderr and its exit code, and nothing else in the package calls sys.exit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from titans_cli.steps import Hint, NextStep, as_hint, in_python


class TitansError(Exception):
    """What happened, to which file or session, and what to do next.

    `str(error)` is the whole message, in the words of Python; `what` and `hint` are its two parts, `subject` the file
    or session. A hint is a value (`titans_cli.steps`): `said` tells it in the words of another surface.
    """

    exit_code = 1
    kind = "failed"

    def __init__(self, problem: str, *, subject: str | None = None, hint: Hint | NextStep | str | None = None) -> None:
        super().__init__(problem, subject, hint)  # all three, so that pickling across a worker process keeps them
        self.what = problem
        self.subject = subject
        self.hint = as_hint(hint)

    def __str__(self) -> str:
        return self.said(in_python)

    def said(self, words: Callable[[Hint], str]) -> str:
        """The whole message, with the hint in the words of a surface."""
        head = f"{self.subject}: {self.what}" if self.subject else self.what
        stop = "" if head.endswith(("?", ".")) else "."
        return f"{head}{stop} {words(self.hint)}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.subject, self.hint))


def damaged_file(path: Path, problem: str, hint: Hint | str | None = None) -> DamagedError:
    """Of a file whose bytes are not what they were, or cannot be what they are named."""
    return DamagedError(f"damaged: {problem}", subject=str(path), hint=hint)


def _rebuild(cls: type[TitansError], problem: str, subject: str | None, hint: Hint | None) -> TitansError:
    return cls(problem, subject=subject, hint=hint)


class UsageError(TitansError):
    exit_code = 2
    kind = "usage"


class ReadError(TitansError):
    kind = "unreadable"


class UnsupportedFormatError(ReadError):
    kind = "unsupported"


class EncryptedError(ReadError):
    kind = "encrypted"


class NoTextError(ReadError):
    kind = "no-text"


class CorruptError(ReadError):
    kind = "corrupt"


class LimitError(ReadError):
    kind = "limit"


class SomeInputsFailed(TitansError):
    exit_code = 3
    kind = "some-inputs-failed"


class NotFoundError(TitansError):
    exit_code = 10
    kind = "not-found"


class LockedError(TitansError):
    exit_code = 11
    kind = "locked"


class IncompatibleError(TitansError):
    exit_code = 12
    kind = "incompatible"


class DamagedError(TitansError):
    exit_code = 13
    kind = "damaged"


class PromotionRefused(TitansError):
    exit_code = 20
    kind = "promotion-refused"


class StorageError(TitansError):
    kind = "storage"


class OutputError(StorageError):
    kind = "output"


class ModelError(TitansError):
    kind = "model"


class ClusterError(TitansError):
    kind = "cluster"


class GatedModelError(ModelError):
    kind = "gated-model"


class MemoryTooSmallError(ModelError):
    kind = "not-enough-memory"


class WrongArchitectureError(ModelError):
    kind = "wrong-architecture"


class NoSuchModelError(ModelError):
    kind = "no-such-model"


class IncompleteReplyError(ModelError):
    kind = "incomplete-reply"


class ReplyCutError(IncompleteReplyError):
    kind = "reply-cut"


class Interrupted(TitansError):
    exit_code = 130
    kind = "interrupted"
