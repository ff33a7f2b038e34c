"""kill -9 at random of processes that answer and of who has started them, and the same command again after each."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import kill
from pathlib import Path

from tests.harness.several_processes import Place, lines

#: Starts processes as torchrun does, says who they are, and waits for them; it may be killed itself.
DRIVER = """
import os, subprocess, sys
count, command = int(sys.argv[1]), sys.argv[2:]
told = lambda rank: {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
said = open(f"said.{os.getpid()}.txt", "w")
started = [subprocess.Popen(command, env=os.environ | told(rank), stdout=said, stderr=said) for rank in range(count)]
print(*(process.pid for process in started), flush=True)
sys.exit(max(abs(process.wait()) for process in started))
"""


@dataclass
class Launch:
    """A driver and the processes that it has started."""

    driver: "subprocess.Popen[str]"
    ranks: list[int]

    def alive(self) -> list[int]:
        self.driver.poll()
        return [pid for pid in (self.driver.pid, *self.ranks) if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@dataclass
class Storm:
    """Kills processes of a run while it goes on.

    Attributes:
        place: the data, and the commands.
        output: the run's folder.
        seed: of all that is random here, but for what the machine adds.
        options: the command's options.
        model: the model that is asked.
        companions: processes that the run needs, an endpoint's server for example: each is started by its function,
            takes its turn in being killed, and is started again.
        most: how many processes answer at most.
    """

    place: Place
    output: str
    seed: int
    options: tuple[str, ...] = ()
    model: str = "steady:"
    companions: Sequence[Callable[[], "subprocess.Popen[str]"]] = ()
    most: int = 4
    killed: dict[str, int] = field(default_factory=dict)
    launches: int = 0

    def __post_init__(self) -> None:
        self.launched: list[Launch] = []
        self.random = random.Random(self.seed)
        self.running: list[subprocess.Popen[str]] = [start() for start in self.companions]

    def rage(self, kills: int, samples: int) -> None:
        """Kills so often, each time when a random number of records is there, and starts anew what is needed."""
        targets = sorted(self.random.randrange(samples) for _ in range(kills))
        launch = self.launch()
        for target in targets:
            while self.written() < target or not launch.alive():
                if not is_alive(launch.driver.pid) and (not launch.alive() or self.random.random() < 0.01):
                    launch = self.launch(orphans=launch.alive())
                time.sleep(0.002)
            self.kill_one(launch)
        for pid in launch.alive():
            kill(pid, signal.SIGKILL)

    def launch(self, orphans: Sequence[int] = ()) -> Launch:
        """Starts the command with any number of processes, whether or not some are still at work."""
        count = self.random.randint(1, self.most)
        command = self.place.command(self.output, *self.options, model=self.model)
        driver = self.place.start([sys.executable, "-c", DRIVER, str(count), *command])
        assert driver.stdout is not None
        assert driver.stderr is not None
        self.launches += 1
        ranks = [int(pid) for pid in driver.stdout.readline().split()]
        driver.stdout.close()
        driver.stderr.close()
        launch = Launch(driver, [*ranks, *orphans])
        self.launched.append(launch)
        return launch

    def kill_one(self, launch: Launch) -> None:
        """Kills a process; when it is the driver, those that it has started go on, and the next launch meets them."""
        chances = [("companion", index) for index in range(len(self.running))]
        chances += [("driver" if pid == launch.driver.pid else "rank", pid) for pid in launch.alive()]
        what, which = self.random.choice(sorted(chances))
        self.killed[what] = self.killed.get(what, 0) + 1
        if what == "companion":
            self.running[which].kill()
            self.running[which].communicate()
            self.running[which] = self.companions[which]()
        else:
            kill(which, signal.SIGKILL)
            # The system takes a moment to let go of what it had.
            while is_alive(which):
                time.sleep(0.001)

    def calm(self) -> None:
        """Runs the command, with any number of processes, until the task is finished."""
        for _ in range(5):
            code = self.launch().driver.wait(timeout=120)
            if code == 0 and self.place.directory(self.output).is_finished("small"):
                break
        for launch in self.launched:
            launch.driver.wait(timeout=120)
        for companion in self.running:
            companion.kill()
            companion.communicate()

    def written(self) -> int:
        files = self.place.directory(self.output).record_files("small")
        return sum(lines(path) for path in files)
