"""Killing a child at any one of its system calls that change what is on disk (Linux, by ptrace).

Between two of these the disk does not change, so a kill just before each of them leaves every state that a kill can
leave. Counting them and stopping at one takes no change to the program, and sees into SQLite and the C library, where
patching Python's `os` does not.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import traceback
from collections.abc import Callable
from typing import Any

_TRACEME, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_OPTIONS = 0x100001  # PTRACE_O_EXITKILL, PTRACE_O_TRACESYSGOOD
_CREATES = os.O_CREAT | os.O_TRUNC
# Numbers of the calls, as the kernel's tables of the two processors have them.
_CHANGING = {
    "x86_64": {1, 18, 20, 74, 75, 76, 77, 82, 83, 84, 86, 87, 88, 90, 91, 258, 263, 264, 265, 266, 285, 296, 316},
    "aarch64": {29, 34, 35, 36, 37, 38, 45, 46, 47, 52, 53, 64, 66, 68, 70, 82, 83, 276},
}
_OPEN_AT = {"x86_64": 257, "aarch64": 56}  # changes something only if it may create or truncate
_MACHINE = platform.machine()


def available() -> bool:
    return platform.system() == "Linux" and _MACHINE in _CHANGING


def killed_at(work: Callable[[], Any], at: int | None) -> tuple[bool, int]:
    """Do `work` in a child that dies just before its `at`-th change; whether it did, and how many there were till then.

    Raises RuntimeError if the child failed by itself.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            libc.ptrace(_TRACEME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            traceback.print_exc()
        os._exit(code)
    os.waitpid(pid, 0)
    if libc.ptrace(_SETOPTIONS, pid, None, _OPTIONS) != 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise OSError(ctypes.get_errno(), "children cannot be traced here")
    seen, passed_on = 0, 0
    info = ctypes.create_string_buffer(88)
    while True:
        libc.ptrace(_SYSCALL, pid, None, passed_on)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            break
        stopped = os.WSTOPSIG(status)
        passed_on = 0 if stopped in (signal.SIGTRAP | 0x80, signal.SIGTRAP) else stopped
        if stopped == signal.SIGTRAP | 0x80:
            libc.ptrace(_SYSCALL_INFO, pid, len(info), ctypes.cast(info, ctypes.c_void_p))
            seen += _changes(info.raw)
            if seen == at and _changes(info.raw):
                os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return True, seen
    if code != 0:
        raise RuntimeError(f"the child ended with {code}")
    return False, seen


def _changes(info: bytes) -> bool:
    """Whether this is the beginning of a call that changes the disk. struct ptrace_syscall_info, linux/ptrace.h."""
    if info[0] != 1:  # not an entry
        return False
    number, *arguments = struct.unpack_from("<7Q", info, 24)
    if number == _OPEN_AT[_MACHINE]:
        return bool(arguments[2] & _CREATES)
    return number in _CHANGING[_MACHINE]
