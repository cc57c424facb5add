"""The numerical core: tokens/s of the write rules, their share of the GEMM peak here, the ratio to titans-pytorch.

Everything at d = 384, a fast network of 2 layers, expansion 4, batch 1, a stream of random states read in pieces of
2,048 tokens with the state carried from call to call; contenders take turns and each figure is the median of its turns.

    speedup.cN        ours in bf16 over `titans_pytorch.NeuralMemory` at chunk N, with the same semantics: one gradient
                      step a chunk at the weights the chunk began with (their batch_size = chunk_size = N, without which
                      they take a whole call's gradients at its first weights), gates per chunk, step sizes per token,
                      momentum, no norm and no residual inside the memory, their squared error. Both sides include their
                      norms, projections and gates, and start from the same weights; SiLU for both, passed to them as
                      the memory's model. `apart_ppm.cN` is how far the final weights of the two lie apart, both fp32,
                      in millionths of how far they moved
    speedup_fp32.cN   the same with our products in fp32, as theirs
    speedup_default.cN  ours in bf16 over theirs as it comes (its own model with norm and residual, batch_size unset)
    ceiling.cN        what speedup.cN would be if our products ran at the measured bf16 peak and all else took no time
    speedup.per_token the paper's rule with gates per token, gradients at the weights of every 64th token, and each
                      token reading the memory of that very token, fp32, both: theirs is chunk_size 1 and batch_size
                      64, ours the causal read at chunk 64; `apart_ppm.per_token` as above, of the outputs too;
                      `speedup_bf16.per_token` with our products in bf16
    speedup.c1        a gradient step per token, chunk 1, fp32, both; both rows: theirs on few tokens, as it is slow
    tokens_per_s.X.cN, gflops.X.cN, gemm_fraction.X.cN
                      the rule alone (q, k, v and gates given): X is `chunk` (gates per chunk, 7 P operations a token
                      for P fast weights), `token` (the paper's gates per token, 9 P), `causal` (and reads inside the
                      chunk, 11 P + 2 C (in + out)), each with .bf16 or .fp32; bounded as shipped but for `chunk`
    gemm_fraction.cN  of `chunk.bf16`; the peak is the best bf16 product of any of three sizes, during this run
    peak_mb.L         peak memory of a process of its own that streams L tokens through a `MemoryLayer`

titans-pytorch comes with the extra `bench`; without it the ratios are left out. Threads are torch's. With one thread
(OMP_NUM_THREADS=1) the clock is the process's own CPU time, which does not see what else the machine is busy with;
with more it is the wall's, and wants a quiet machine.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from benchmarks.common import ROOT, Report, parser, per_s
from titans_cli.paper.gradient import GradientOptions, GradientRule
from titans_cli.paper.layer import MemoryLayer
from titans_cli.paper.rule import RuleState, Tokens

WIDTH, EXPANSION, PIECE = 384, 4, 2048
CHUNKS = (64, 256, 1024)
PRODUCTS = ((2048, 2048, 2048), (1024, 1536, 1024), (2048, 384, 1536))  # whose best speed is the peak
LENGTHS = {"10k": 10_000, "100k": 100_000}  # of the streams whose peak memory is measured
TURNS = (3, 9)  # with --quick, and without
WEIGHTS = 2 * EXPANSION * WIDTH * WIDTH
DTYPES = {"fp32": None, "bf16": torch.bfloat16}
Turn = Callable[[], float]  # one measurement; tokens/s or GFLOP/s


def seconds() -> float:
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


class SiluMLP(nn.Module):
    """Our fast network, as titans-pytorch takes a memory model."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(WIDTH, EXPANSION * WIDTH) * WIDTH**-0.5)
        self.second = nn.Parameter(torch.randn(EXPANSION * WIDTH, WIDTH) * (EXPANSION * WIDTH) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return fn.silu(x @ self.first) @ self.second


@dataclass(frozen=True)
class MeanSquare:
    """titans-pytorch's loss: the mean of the squared errors."""

    def loss(self, error: Tensor) -> Tensor:
        return error.square().mean(-1)

    def gradient(self, error: Tensor) -> Tensor:
        return error * (2 / error.shape[-1])


def theirs(chunk: int, steps: int | None = None, *, default: bool = False) -> Any:
    """Their memory, with a gradient step every `steps` tokens (every chunk) and gates every `chunk` tokens.

    Biases of the gates are set so that a long stream stays finite.
    """
    from titans_pytorch import NeuralMemory

    torch.manual_seed(0)
    same = {} if default else {"model": SiluMLP(), "mem_model_norm_add_residual": False, "batch_size": steps or chunk}
    memory = NeuralMemory(dim=WIDTH, chunk_size=chunk, momentum=True, **same).eval().requires_grad_(False)
    memory.to_adaptive_step[0].bias.add_(-3.0)
    memory.to_decay_factor[0].bias.add_(-5.0)
    return memory


class Same:
    """Ours with the semantics, the projections and the initial weights of one of theirs, whose gates are per chunk; or
    whose chunk is one token, with gradient steps every `chunk` tokens: gates per token and causal reads."""

    def __init__(
        self, memory: Any, chunk: int, gemm_dtype: torch.dtype | None = None, *, per_token: bool = False
    ) -> None:
        self.memory, self.shared, self.low = memory, 1 if per_token else chunk, gemm_dtype
        self.rule = GradientRule(
            WIDTH,
            chunk,
            "causal" if per_token else "start",
            expansion=EXPANSION,
            objective=MeanSquare(),
            how=GradientOptions("token" if per_token else "chunk", bounded=False, gemm_dtype=gemm_dtype),
        ).requires_grad_(False)
        first, second = memory.memory_model_parameters
        self.rule.initial[0].copy_(first[0].T)
        self.rule.initial[1].copy_(second[0])

    def __call__(self, x: Tensor, state: RuleState | None = None) -> tuple[Tensor, RuleState]:
        memory = self.memory
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low is not None):
            stored, asked = memory.store_norm(x), memory.retrieve_norm(x)
            q, k, v = memory.to_queries(asked), memory.to_keys(stored), memory.to_values(stored)
        theta = memory.adaptive_step_transform(memory.to_adaptive_step(stored))
        means = memory.reduce_to_chunk_rep(stored, chunk_size=self.shared)
        alpha = memory.to_decay_factor(means).sigmoid()[..., 0].repeat_interleave(self.shared, -1)
        eta = memory.to_momentum(means).sigmoid()[0, ..., 0].repeat_interleave(self.shared, -1)
        read: tuple[Tensor, RuleState] = self.rule(
            q, Tokens(k, v, theta, eta, alpha), state or self.rule.initial_state()
        )
        return read


def streamed(step: Callable[..., tuple[Tensor, Any]], x: Tensor, piece: int) -> Any:
    """The whole stream, a piece a call: what the last piece read, and the last state."""
    read = state = None
    for part in torch.split(x, piece, dim=1):
        read, state = step(part, state=state)
    return read, state


def tokens_per_s(step: Callable[..., tuple[Tensor, Any]], tokens: int, piece: int = PIECE) -> Turn:
    x = torch.randn(1, tokens, WIDTH)
    return lambda: tokens * per_s(lambda: streamed(step, x, piece), seconds)


def alone(rule: GradientRule, tokens: int) -> Turn:
    """The rule with all that is projected given; the state goes on from turn to turn, so it is warm."""
    q, k = fn.normalize(torch.randn(2, 1, tokens, WIDTH), dim=-1)
    theta, eta, alpha = torch.rand(3, 1, tokens)
    given = Tokens(k, 0.05 * torch.randn(1, tokens, WIDTH), 0.01 * theta, 0.5 * eta, 0.01 * alpha)

    def read() -> None:
        state = rule.initial_state()
        for start in range(0, tokens, PIECE):
            _, state = rule(q[:, start : start + PIECE], given.cut(start, start + PIECE), state)

    return lambda: tokens * per_s(read, seconds)


def gemm(dtype: torch.dtype) -> Turn:
    """GFLOP/s of the fastest of three plain products."""
    pairs = [(torch.randn(m, k).to(dtype), torch.randn(k, n).to(dtype)) for m, k, n in PRODUCTS]

    def turn() -> float:
        best = 0.0
        for (m, k, n), (a, b) in zip(PRODUCTS, pairs, strict=True):
            until = seconds() + 0.15
            while seconds() < until:
                best = max(best, 2 * m * k * n * per_s(partial(torch.matmul, a, b), seconds) / 1e9)
        return best

    return turn


def operations(gating: str, chunk: int) -> float:
    """Floating-point operations of matrix products per token."""
    if gating == "causal":
        return 11 * WEIGHTS + 4 * chunk * (1 + EXPANSION) * WIDTH
    return {"chunk": 7, "token": 9}[gating] * WEIGHTS


def rules(chunk: int) -> dict[str, GradientRule]:
    made = {}
    for name, dtype in DTYPES.items():
        how = GradientOptions(gemm_dtype=dtype)
        by_chunk = replace(how, gating="chunk", bounded=False)
        made[f"chunk.{name}"] = GradientRule(WIDTH, chunk, "start", expansion=EXPANSION, how=by_chunk)
        made[f"token.{name}"] = GradientRule(WIDTH, chunk, "start", expansion=EXPANSION, how=how)
        made[f"causal.{name}"] = GradientRule(WIDTH, chunk, "causal", expansion=EXPANSION, how=how)
    return made


def apart(memory: Any, ours: Same, piece: int) -> float:
    """How far the weights (of per-token rules also the outputs) of the two lie apart after a stream of two pieces,
    in millionths of how far they moved."""
    x = torch.randn(1, 2 * piece, WIDTH)
    (mine, state), (its, their_state) = streamed(ours, x, piece), streamed(memory, x, piece)
    begun = [p[0] for p in memory.memory_model_parameters]
    ends = [
        (state.weights[0][0].T, their_state.weights["first"][0]),
        (state.weights[1][0], their_state.weights["second"][0]),
    ]
    relative = [float((a - b).norm() / (b - start).norm()) for (a, b), start in zip(ends, begun, strict=True)]
    if ours.rule.read == "causal":
        relative.append(float((mine - its).norm() / its.norm()))
    return max(relative) * 1e6


def peak(tokens: int) -> tuple[float, float]:
    """Peak MB and tokens/s of a process of its own."""
    program = f"from benchmarks.core import stream_layer; stream_layer({tokens})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    megabytes, speed = map(float, done.stdout.split())
    return megabytes, speed


def stream_layer(tokens: int) -> None:
    torch.manual_seed(0)
    layer = MemoryLayer(
        WIDTH, GradientRule(WIDTH, 256, expansion=EXPANSION, how=GradientOptions(gemm_dtype=torch.bfloat16))
    )
    with torch.no_grad():
        state, begun = layer.initial_state(), seconds()
        for start in range(0, tokens, PIECE):
            _, state = layer(torch.randn(1, min(PIECE, tokens - start), WIDTH), state)
    taken = seconds() - begun
    # not getrusage, which carries over what the parent had before it became this process
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1024, tokens / taken)


def main() -> None:
    options = parser(__doc__).parse_args()
    turns, tokens = (TURNS[0], PIECE) if options.quick else (TURNS[1], 2 * PIECE)
    compared = importlib.util.find_spec("titans_pytorch") is not None
    settings: dict[str, Any] = {"width": WIDTH, "depth": 2, "expansion": EXPANSION, "turns": turns, "tokens": tokens}
    settings |= {"threads": torch.get_num_threads(), "wait": os.environ.get("OMP_WAIT_POLICY", "default")}
    settings |= {"clock": "cpu" if torch.get_num_threads() == 1 else "wall"}
    settings |= {"torch": str(torch.__version__), "load": os.getloadavg()[0], "titans_pytorch": compared}
    report = Report("core", settings)
    torch.manual_seed(0)
    with torch.no_grad():
        contenders: dict[str, Turn] = {f"peak.{n}": gemm(d or torch.float32) for n, d in DTYPES.items()}
        for chunk in CHUNKS:
            for name, rule in rules(chunk).items():
                contenders[f"{name}.c{chunk}"] = alone(rule, tokens)
            if compared:
                memory = theirs(chunk)
                contenders[f"theirs.c{chunk}"] = tokens_per_s(memory, tokens)
                contenders[f"theirs_default.c{chunk}"] = tokens_per_s(theirs(chunk, default=True), tokens)
                for name, dtype in DTYPES.items():
                    contenders[f"same.{name}.c{chunk}"] = tokens_per_s(Same(memory, chunk, dtype), tokens)
                report.add(f"apart_ppm.c{chunk}", apart(memory, Same(memory, chunk), max(chunk, 512)))
        if compared:
            memory = theirs(1)
            contenders["theirs.c1"] = tokens_per_s(memory, 8, 8)
            contenders["same.fp32.c1"] = tokens_per_s(Same(memory, 1), 256)
            report.add("apart_ppm.c1", apart(memory, Same(memory, 1), 8))
            memory = theirs(1, 64)
            contenders["theirs.per_token"] = tokens_per_s(memory, 64, 64)
            for name, dtype in DTYPES.items():
                contenders[f"same.{name}.per_token"] = tokens_per_s(Same(memory, 64, dtype, per_token=True), tokens)
            report.add("apart_ppm.per_token", apart(memory, Same(memory, 64, per_token=True), 64))
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(turns + 1):
            for name, measure in contenders.items():
                speed = measure()
                if turn:  # the first one is warming up
                    taken[name].append(speed)
    speeds = {name: statistics.median(values) for name, values in taken.items()}
    peaks = {name: max(taken[f"peak.{name}"]) for name in DTYPES}
    for name, value in peaks.items():
        report.add(f"gemm_peak.{name}", value)
    for chunk in CHUNKS:
        for name in rules(chunk):
            gating, dtype_name = name.split(".")
            speed = speeds[f"{name}.c{chunk}"]
            gflops = speed * operations(gating, chunk) / 1e9
            report.add(f"tokens_per_s.{name}.c{chunk}", speed)
            report.add(f"gflops.{name}.c{chunk}", gflops)
            report.add(f"gemm_fraction.{name}.c{chunk}", gflops / peaks[dtype_name])
        report.add(f"gemm_fraction.c{chunk}", report.figures[f"gemm_fraction.chunk.bf16.c{chunk}"])
        if compared:
            for name in (f"theirs.c{chunk}", f"theirs_default.c{chunk}", f"same.fp32.c{chunk}", f"same.bf16.c{chunk}"):
                report.add(f"tokens_per_s.{name}", speeds[name])
            ours, its = speeds[f"same.bf16.c{chunk}"], speeds[f"theirs.c{chunk}"]
            report.add(f"speedup.c{chunk}", ours / its)
            most = peaks["bf16"] * 1e9 / (operations("chunk", chunk) + 6 * WIDTH**2)  # and its three projections
            report.add(f"ceiling.c{chunk}", most / its)
            report.add(f"speedup_fp32.c{chunk}", speeds[f"same.fp32.c{chunk}"] / its)
            report.add(f"speedup_default.c{chunk}", ours / speeds[f"theirs_default.c{chunk}"])
    if compared:
        for row in ("c1", "per_token"):
            report.add(f"tokens_per_s.theirs.{row}", speeds[f"theirs.{row}"])
            report.add(f"tokens_per_s.same.fp32.{row}", speeds[f"same.fp32.{row}"])
            report.add(f"speedup.{row}", speeds[f"same.fp32.{row}"] / speeds[f"theirs.{row}"])
        report.add("speedup_bf16.per_token", speeds["same.bf16.per_token"] / speeds["theirs.per_token"])
    for label, length in LENGTHS.items():
        megabytes, speed = peak(length)
        report.add(f"peak_mb.{label}", megabytes)
        report.add(f"tokens_per_s.layer.{label}", speed)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
