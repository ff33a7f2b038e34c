"""The programs in pycocoevalcap: what running one needs, and what is said where that is missing."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from harness.errors import EnvironmentProblem


def java_and_package(metric: str) -> tuple[str, Path]:
    """Returns the path of Java and the folder of pycocoevalcap.

    Args:
        metric: who needs them, for the message.

    Raises:
        EnvironmentProblem: one of them, or both, are missing; says which, and how to get them.
    """
    java, package = shutil.which("java"), find_spec("pycocoevalcap")
    folders = package.submodule_search_locations if package else None
    if java and folders:
        return java, Path(folders[0])
    lacking = []
    if not java:
        lacking.append("Java is not on the PATH (on Debian: apt-get install default-jre-headless)")
    if not folders:
        lacking.append(
            "the package pycocoevalcap, which has its jar, is not installed (pip install 'geopix[captions]')"
        )
    raise EnvironmentProblem(f"{metric} cannot run: {'; '.join(lacking)}. The other metrics do not need it")
