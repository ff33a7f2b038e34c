"""Kills of an endpoint's server, of the processes that ask it, and of who has started them."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.storm import Storm
from tests.harness.several_processes import Place

#: Answers each question by its number alone, a moment after it was asked.
SERVER = """
import json, re, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        number = int(re.search(r"Is thing (\\d+) here", asked)[1])
        time.sleep(0.01)
        message = {"role": "assistant", "content": ("yes", "no", "perhaps")[number % 5 % 3]}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        said = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices,
                           "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *words):
        pass

ThreadingHTTPServer.allow_reuse_address = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""
TIMES = {"seconds", "cost", "cached"}


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def told(files: dict[str, bytes]) -> list[Any]:
    """A finished task's result and records, but for their times."""
    lines = [files["result.json"], *files["records.jsonl"].splitlines()]
    return [without_times(json.loads(line)) for line in lines]


def weather(place: Place, kills: int, samples: int, seed: int) -> Storm:
    port = free_port()

    def server() -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stderr=subprocess.DEVNULL, text=True)

    model = f"openai:m@http://127.0.0.1:{port}/v1"
    options = ("--previews", "3", "--model-option", "parallel=2", "--model-option", "retries=2")
    storm = Storm(place, "storm", seed, options, model, companions=(server,))
    storm.rage(kills, samples)
    storm.calm()
    assert sum(storm.killed.values()) == kills
    again = server()
    try:
        ((code, _, said),) = place.run("quiet", *options, model=model)
        assert code == 0, said
    finally:
        again.kill()
        again.communicate()
    ids = [record.sample_id for record in place.directory("storm").records("small")]
    assert ids == [str(number) for number in range(samples)], "each sample has one record, in the data set's order"
    assert told(place.files("storm")) == told(place.files("quiet"))
    return storm


@pytest.mark.slow
def test_a_server_that_is_killed_between(tmp_path: Path) -> None:
    storm = weather(Place(tmp_path, questions=400, images=80), kills=30, samples=400, seed=5)
    assert storm.killed["companion"] > 3
