"""From what a session keeps to a model with its memory: backbone, adapter, calibration, in one call."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from titans_cli.errors import NoSuchModelError, UsageError
from titans_cli.model import adapter as files
from titans_cli.model import hub, named
from titans_cli.model.adapter import AdapterSpec, MemoryAdapter
from titans_cli.model.attach import AttachedModel
from titans_cli.model.attached import AttachedEngine
from titans_cli.model.calibrate import calibrate
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.interface import RULES
from titans_cli.model.known import Places
from titans_cli.model.session import session_reader
from titans_cli.model.structure import anatomy
from titans_cli.records import Loading
from titans_cli.steps import Hint, NextStep, Option

UNTRAINED = "untrained"
SEED = 20_501_663


def spec_for(layers: int, width: int, depth: int | None = None) -> AdapterSpec:
    """`depth`: by default where the upper half of the layers begins."""
    if depth is not None and not 0 <= depth < layers:
        raise UsageError(
            f"no layer {depth}: this model has layers 0 to {layers - 1}", hint=Hint("Give another ", Option("depth"))
        )
    return AdapterSpec(width=width, depth=layers // 2 if depth is None else depth)


def attach_new(model: Any, tokenizer: HubTokenizer, name: str | None = None, depth: int | None = None) -> AttachedModel:
    """With a new adapter, the same for every call: zero gate, so that the model's logits are its own."""
    parts = anatomy(model, name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        adapter = MemoryAdapter(spec_for(len(parts.layers), parts.width, depth))
    return AttachedModel(model, tokenizer, adapter)


def backbone_of(model: str, loading: Loading, places: Places) -> tuple[hub.ModelFolder, str, Loading]:
    """The checkpoint, its fingerprint, and `loading` with device, dtype and revision settled."""
    location = named.find(model, places.root, revision=loading.revision)
    device = hub.device_of(loading.device)
    settled = replace(loading, device=device, dtype=hub.dtype_of(loading.dtype, device), revision=location.revision)
    return location, hub.fingerprint(location, places.digests), settled


def assemble(model: str, loading: Loading, places: Places) -> AttachedEngine:
    """`loading.adapter`: None takes the newest for this model, or none; "untrained" insists on none; else a file, or
    the sha256 of one, as sessions keep it.

    Raises NoSuchModelError, ModelError and its kinds, IncompatibleError (an adapter of another model).
    """
    location, backbone, settled = backbone_of(model, loading, places)
    path = _adapter_file(loading.adapter, backbone, places)
    network, tokenizer = hub.load(
        location, device=settled.device, dtype=settled.dtype, trust_remote_code=loading.trust_remote_code
    )
    if path is None:
        attached, digest = _untrained(network, tokenizer, location.name, backbone, settled, places), UNTRAINED
    else:
        anatomy(network, location.name)
        attached = AttachedModel(network, tokenizer, files.load(path, backbone))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    session, made_of = None, [RULES, backbone, digest, asdict(attached.adapter.spec), settled.device, settled.dtype]
    if settled.session_memory:
        session, of = session_reader(network, tokenizer.backend, location.folder)
        made_of.append(of)
    kept = asdict(replace(settled, adapter=digest))
    fingerprint = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return AttachedEngine(
        attached, fingerprint, location.name, settled.dtype, kept, adapted=path is not None, session=session
    )


def _untrained(
    network: Any, tokenizer: HubTokenizer, name: str, backbone: str, settled: Loading, places: Places
) -> AttachedModel:
    """With a new adapter, calibrated: once for a model, since that takes a few passes over a page of text."""
    calibrated = places.root / "untrained" / f"{backbone[:16]}-{settled.device}-{settled.dtype}-{RULES}.safetensors"
    if calibrated.is_file():
        return AttachedModel(network, tokenizer, files.load(calibrated, backbone))
    attached = attach_new(network, tokenizer, name)
    files.save(calibrate(attached), calibrated, backbone)
    return attached


def _adapter_file(asked: str | None, backbone: str, places: Places) -> Path | None:
    if asked == UNTRAINED:
        return None
    if asked is None:
        return next(iter(places.adapters(backbone)), None)
    if len(asked) == 64 and (kept := places.adapter(backbone, asked)).is_file():
        return kept
    path = Path(asked).expanduser()
    if not path.is_file():
        make = NextStep("model adapt", model=None, corpus=None)
        hint = Hint("Make one: ", make, f"; they are kept in {places.root / 'adapters'}")
        raise NoSuchModelError("missing adapter", subject=asked, hint=hint)
    # what a session refers to has to stay: a copy by content
    data = path.read_bytes()
    own = places.adapter(backbone, hashlib.sha256(data).hexdigest())
    if not own.is_file() and files.described(path)["backbone"] == backbone:
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes(data)
    return path
