"""How training slows down beside other work, by its threads and by how they wait for each other.

    python benchmarks/threads.py

Each case is a process of its own, since OpenMP reads its settings once. Threads that wait
actively spin on a core that another process could use, and are themselves thrown off it; one that
is late makes all others wait, in every layer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from timing import machine

BUSY = "while True: pass"
STEPS, BATCH, CROP = 12, 16, 128


def measure() -> None:
    """Print how many images/s some training steps take, on random numbers."""
    import torch

    from pixelwise.networks import build_network

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    network = build_network(21, encoder="efficientnet_lite0").train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.rand(BATCH, 3, CROP, CROP).mul(255).contiguous(memory_format=torch.channels_last)
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        network(images, network.stride).logits.square().mean().backward()
        times.append(time.perf_counter() - started)
    print(BATCH * (STEPS - 2) / sum(times[2:]))


def rate(threads: int, policy: str, neighbours: int) -> float:
    """Measure a case in a process of its own, beside others that keep a core each busy."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": policy}
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(neighbours)]
    try:
        command = [sys.executable, __file__, "measure"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main() -> None:
    if sys.argv[1:] == ["measure"]:
        measure()
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{machine()}; images/s at {CROP} px, batches of {BATCH}")
    print(f"{'threads':>8} {'waiting':>8} {'alone':>7} {'beside 1':>9} {f'beside {cores}':>9}")
    for threads in sorted({1, cores or 1}):
        for policy in ("ACTIVE", "PASSIVE"):
            alone, beside, crowded = (rate(threads, policy, n) for n in (0, 1, cores or 1))
            row = f"{threads:>8} {policy.lower():>8} {alone:7.1f} {beside:9.1f} {crowded:9.1f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
