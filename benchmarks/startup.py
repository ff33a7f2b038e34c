"""How long the commands that load no model take to start: seconds of CPU time, the least of several whole processes.

    python benchmarks/startup.py [--runs 10]

CPU time, since a busy machine stretches the wall clock; the least, since noise only adds.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVAL = [sys.executable, "-c", "from harness.cli import main; main()"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "geopix-eval --help": [*EVAL, "--help"],
    "geopix-eval ls": [*EVAL, "ls"],
    "geopix-eval validate tasks/": [*EVAL, "validate", str(ROOT / "tasks")],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "python -c 'import torch, transformers'": [sys.executable, "-c", "import torch, transformers"],
}


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one process."""
    # Byte code is written on first use, as after any installation.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            seconds[name].append(cpu_seconds(command))
    print("| command | least CPU seconds | median |")
    print("|---|---:|---:|")
    for name, values in seconds.items():
        print(f"| `{name}` | {min(values):.2f} | {sorted(values)[len(values) // 2]:.2f} |")


if __name__ == "__main__":
    main()
