"""A training step of the TCN against the machine's own matrix product, and against pytorch-tcn.

    python benchmarks/training_step.py [--threads 2] [--peer FOLDER_WITH_PYTORCH_TCN]

Batch 64, 64 channels, 6 levels, 3 taps, 200 samples; forward and backward pass. "Convolutions" is the TCN's convolution
path alone, whose arithmetic is counted; "TCN" adds normalization, activation, dropout and residual connections.
Repetitions of all candidates alternate, so that a slow moment of the machine meets all of them; the fastest counts.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lvmass.networks.tcn import Tcn, TimeConv, to_time_layout


def in_layout(module: nn.Module) -> nn.Module:
    """Weights laid out as networks are built with."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


BATCH, CHANNELS, LEVELS, KERNEL, SAMPLES = 64, 64, 6, 3, 200
GFLOP = 2 * LEVELS * CHANNELS**2 * KERNEL * SAMPLES * BATCH * 2 * 3 / 1e9  # forward, and twice as much backward
MATRIX = 2048


def step(network: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward and backward pass."""
    x = x.requires_grad_()

    def run() -> None:
        network.zero_grad(set_to_none=True)
        network(x).square().mean().backward()

    return run


def product(a: torch.Tensor, b: torch.Tensor) -> Callable[[], None]:
    """Matrix product in single precision."""

    def run() -> None:
        torch.mm(a, b)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--peer", help="a folder that holds the package pytorch_tcn")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    signal = torch.randn(BATCH, CHANNELS, SAMPLES)
    convolutions = nn.Sequential(
        *(TimeConv(CHANNELS, CHANNELS, KERNEL, 2**level) for level in range(LEVELS) for _ in range(2))
    )
    tcn = Tcn(CHANNELS, channels=CHANNELS, levels=LEVELS, kernel=KERNEL, stem_stride=1, dropout=0.1).blocks
    candidates = {
        "convolutions": step(in_layout(convolutions), to_time_layout(signal)),
        "TCN": step(in_layout(tcn), to_time_layout(signal)),
    }
    candidates["sgemm"] = product(torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX))
    if arguments.peer:
        sys.path.insert(0, arguments.peer)
        from pytorch_tcn import TCN

        peer = TCN(CHANNELS, [CHANNELS] * LEVELS, kernel_size=KERNEL, dropout=0.1, causal=False)
        candidates["pytorch-tcn"] = step(peer, signal.clone())
    fastest = dict.fromkeys(candidates, float("inf"))
    for _ in range(arguments.repetitions):
        for name, run in candidates.items():
            started = time.perf_counter()
            run()
            fastest[name] = min(fastest[name], time.perf_counter() - started)
    gflops = {"sgemm": 2 * MATRIX**3 / 1e9 / fastest["sgemm"], "convolutions": GFLOP / fastest["convolutions"]}
    share = gflops["convolutions"] / gflops["sgemm"]
    for name, seconds in fastest.items():
        rate = f"{gflops[name]:8.0f} GFLOP/s" if name in gflops else ""
        print(f"{name:14}{1000 * seconds:8.1f} ms{rate}")
    print(f"convolutions reach {share:.0%} of the matrix product")
    report = {"benchmark": "training_step", "threads": arguments.threads, "share_of_sgemm": round(share, 3)}
    report |= {f"{name} ms": round(1000 * seconds, 1) for name, seconds in fastest.items()}
    if "pytorch-tcn" in fastest:
        for name in ("convolutions", "TCN"):
            report[f"{name} times faster"] = round(fastest["pytorch-tcn"] / fastest[name], 2)
        print(f"pytorch-tcn takes {report['convolutions times faster']} times as long as the convolutions,")
        print(f"{report['TCN times faster']} times as long as the TCN")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
