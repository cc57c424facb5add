"""An LTM entry in one file, and an entry made from one: what was promoted here can be used elsewhere.

An export (`packed`) has `entry.json` behind its manifest, then the memory and the retained text, byte for byte. What is
imported is the same entry: it keeps its id and its provenance, and nothing is believed that the entry's own digests and
a look at every row do not bear out.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from titans_cli.errors import TitansError, UsageError
from titans_cli.records import EntryInfo
from titans_cli.steps import Hint, NextStep, Option
from titans_cli.store.archive import Export
from titans_cli.store.copies import Admit, anything
from titans_cli.store.files import (
    UNFINISHED,
    atomic_write,
    delete_folder,
    private_mkdir,
    rename_new,
    sha256_of,
    storage_errors,
    sync_folder,
    unique_id,
)
from titans_cli.store.home import Home, validate_name
from titans_cli.store.ltm import MEMORY, READ_ONLY, LongTermMemory, check_folder
from titans_cli.store.manifest import ENTRY_FILE, read_entry
from titans_cli.store.packed import MANIFEST, PER_MEMBER, PackedKind, damaged_export, manifest_bytes, packed, unpacking
from titans_cli.store.session import DATABASE
from titans_cli.store.temporary import require_new, write_outside

ENTRY = PackedKind(
    "titans.ltm-export",
    "exported LTM entry",
    re.compile(rf"{ENTRY_FILE}|{DATABASE}|{MEMORY}"),
    (ENTRY_FILE, DATABASE, MEMORY),
    NextStep("ltm export", file=None),
)


def export_entry(
    home: Home,
    selector: str,
    file: Path,
    *,
    replace_file: bool = False,
    dry_run: bool = False,
    admit: Admit = anything,
) -> Export:
    """Write an entry to `file`, durably and whole or not at all.

    Raises UsageError if the file exists, NotFoundError, DamagedError unless every byte is as it was promoted,
    StorageError; as `admit`.
    """
    require_new(file, replace_file=replace_file)
    memory = LongTermMemory(home)
    entry = memory.show(selector)
    folder = home.entry_folder(entry.name)
    paths = {name: folder / name for name in (DATABASE, MEMORY)}
    with storage_errors(folder):
        text = (folder / ENTRY_FILE).read_bytes()
        sizes = {ENTRY_FILE: len(text), **{name: path.stat().st_size for name, path in paths.items()}}
    if dry_run:
        return Export(entry.name, str(file), len(sizes), sum(sizes.values()))
    admit(sum(sizes.values()) + (len(sizes) + 2) * PER_MEMBER)
    memory.verify(entry.name)
    digests = {name: sha256_of(folder / name) for name in sizes}
    head = manifest_bytes(ENTRY, entry.name, sizes, digests)
    write_outside(home, file, packed({MANIFEST: head, ENTRY_FILE: text}, paths))
    with storage_errors(file):
        return Export(entry.name, str(file), len(sizes), file.stat().st_size)


def import_entry(home: Home, file: Path, name: str | None = None, *, admit: Admit = anything) -> EntryInfo:
    """The entry that `file` holds, under its own name or `name`.

    Raises DamagedError unless every byte is as it was promoted and everything in it fits; IncompatibleError;
    NotFoundError (no such file); UsageError when the name is taken or the entry is here already; StorageError; as
    `admit`.
    """
    with unpacking(file, ENTRY) as opened, home.lock():
        home.clear()
        try:
            target = validate_name(name or opened.name, "LTM entry")
        except UsageError as error:
            if name is not None:
                raise
            raise damaged_export(file, error.what) from error
        admit(sum(opened.sizes.values()))
        folder = home.ltm_dir / f"{UNFINISHED}{unique_id()}"
        try:
            private_mkdir(folder)
            atomic_write(folder / ENTRY_FILE, [opened.text(ENTRY_FILE).encode()], mode=READ_ONLY)
            for member, chunks in opened.rest():
                atomic_write(folder / member, chunks, mode=READ_ONLY)
            entry = replace(read_entry(folder), name=target)
            check_folder(folder, entry)
            _refuse_twice(home, entry)
            with storage_errors(folder):
                sync_folder(folder)
            home.refuse_prefix(target, entry=True)
            if not rename_new(folder, home.entry_folder(target)):
                hint = Hint("Choose another name: ", Option("name", f"{target}-2"))
                raise UsageError("an LTM entry of this name exists", subject=target, hint=hint)
        except BaseException:
            with suppress(OSError):
                delete_folder(folder)
            raise
    return entry


def _refuse_twice(home: Home, entry: EntryInfo) -> None:
    """Entries are found by their ids, so no two have the same."""
    for name in home.entry_names():
        try:
            same = read_entry(home.entry_folder(name)).id == entry.id
        except TitansError:  # a damaged one has no id
            continue
        if same:
            hint = f"Use that one, {name}"
            raise UsageError(f"this entry is here already, as {name}", subject=entry.name, hint=hint)
