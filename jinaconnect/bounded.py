"""Programs that read what strangers made: each in a process of its own, with bounds on memory, time and files.

The program bounds itself (`bound`) before it reads anything; what goes wrong in it is its end alone.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path


def bound(*, memory: int, processor_s: int, file: int) -> None:
    """Bound what this process may use, in bytes and seconds, and let everything else go first."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file, file))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def run(module: str, directory: Path, deadline_s: float) -> int:
    """Run a module on a directory and return how it ended; raises TimeoutError when it has not by then."""
    with (directory / "errors").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, directory, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
    try:
        async with asyncio.timeout(deadline_s):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
