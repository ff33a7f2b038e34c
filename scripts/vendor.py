"""Fetches the scripts of others that are kept in this repository, and checks that they are what was fetched.

python scripts/vendor.py            fetch every file that a manifest names from its package's archive, and check it
python scripts/vendor.py --check    check the files on disk against the manifests; exit code 1 where one differs

A `manifest.json` beside the files names each: package, version, licence, the archive's address, the path in it, and
the sha256. To take a new version, change version and url there and run this script; it tells the sha256 it found.
"""

import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = (ROOT / "harness" / "report" / "vendor" / "manifest.json", ROOT / "tests" / "vendor" / "manifest.json")


def problems(manifest: Path) -> list[str]:
    """Returns what differs between a manifest and the files beside it."""
    listed = json.loads(manifest.read_text("utf-8"))
    named = {entry["file"] for entry in listed} | {manifest.name}
    found = [f"{file}: no manifest names it" for file in sorted(manifest.parent.iterdir()) if file.name not in named]
    for entry in listed:
        file = manifest.parent / entry["file"]
        if not file.is_file():
            found.append(f"{file}: missing")
        elif (digest := hashlib.sha256(file.read_bytes()).hexdigest()) != entry["sha256"]:
            found.append(f"{file}: sha256 is {digest}, the manifest says {entry['sha256']}")
    return found


def fetch(manifest: Path) -> None:
    """Writes every file that a manifest names, out of its package's archive."""
    archives: dict[str, bytes] = {}
    for entry in json.loads(manifest.read_text("utf-8")):
        url = entry["url"]
        if not url.startswith("https://registry.npmjs.org/"):
            sys.exit(f"{manifest}: {url}: expected an address of https://registry.npmjs.org/")
        if url not in archives:
            with urllib.request.urlopen(url, timeout=60) as reply:
                archives[url] = reply.read()
        with tarfile.open(fileobj=io.BytesIO(archives[url])) as archive:
            member = archive.extractfile(entry["path"])
            if member is None:
                sys.exit(f"{manifest}: {entry['path']} is no file in {url}")
            (manifest.parent / entry["file"]).write_bytes(member.read())


def main() -> None:
    """Fetches and checks, or checks alone."""
    if "--check" not in sys.argv:
        for manifest in MANIFESTS:
            fetch(manifest)
    found = [problem for manifest in MANIFESTS for problem in problems(manifest)]
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
