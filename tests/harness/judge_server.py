"""An OpenAI-compatible server on loopback that answers as it is told to, or fails as servers do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import log
from typing import Any

Reply = tuple[int, dict[str, str], bytes]
Answer = Callable[[dict[str, Any]], Reply]


def chat(text: str | None, **probabilities: float) -> Answer:
    """Returns an answer of /chat/completions or /completions with these words and first tokens."""
    return lambda body: (200, {}, json.dumps(_completion(body, text, probabilities)).encode())


def _completion(body: dict[str, Any], text: str | None, probabilities: dict[str, float]) -> dict[str, Any]:
    rivals = {token.removeprefix("_"): log(share) for token, share in probabilities.items()}
    base = {"id": "1", "created": 1, "model": "judge-2026-01-01", "system_fingerprint": "fp_7"}
    if "prompt" in body:
        logprobs = {"tokens": ["x"], "token_logprobs": [0.0], "text_offset": [0], "top_logprobs": [rivals]}
        choice = {"index": 0, "finish_reason": "stop", "text": text, "logprobs": logprobs if rivals else None}
        return {**base, "object": "text_completion", "choices": [choice]}
    top = [{"token": token, "logprob": value, "bytes": None} for token, value in rivals.items()]
    content = [{"token": "x", "logprob": 0.0, "bytes": None, "top_logprobs": top}]
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": text},
        "logprobs": {"content": content} if rivals else None,
    }
    return {**base, "object": "chat.completion", "choices": [choice]}


def answers(text: str | None, finish: str = "stop", refusal: str | None = None, **usage: int) -> Answer:
    """Returns an answer of /chat/completions with its end, a refusal, and the tokens that it counts."""

    def answer(body: dict[str, Any]) -> Reply:
        completion = _completion(body, text, {})
        completion["choices"][0]["finish_reason"] = finish
        completion["choices"][0]["message"]["refusal"] = refusal
        if usage:
            completion["usage"] = {**usage, "total_tokens": sum(usage.values())}
        return 200, {}, json.dumps(completion).encode()

    return answer


def cut() -> Answer:
    """Returns the first half of an answer, and then the connection is gone."""
    return lambda body: (200, {"Content-Length": "4000"}, chat("1")(body)[2][:40])


def fails(status: int, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    """Returns an error of the server's; an underscore in a header's name is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda body: (status, named, json.dumps({"error": {"message": message, "code": code}}).encode())


def says(content: bytes) -> Answer:
    """Returns bytes that may be anything."""
    return lambda body: (200, {}, content)


def hangs(seconds: float) -> Answer:
    """Returns an answer that comes too late."""

    def answer(body: dict[str, Any]) -> Reply:
        time.sleep(seconds)
        return chat("1")(body)

    return answer


class JudgeServer:
    """What a server was asked and is to say: the answers in turns, the last one for ever.

    Attributes:
        answers: what it says.
        asked: path, body and headers of each request, with the time it came.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = [chat("1")]
        self.asked: list[tuple[str, dict[str, Any], dict[str, str], float]] = []
        self.url = ""
        self._lock = threading.Lock()

    def reply(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            self.asked.append((path, body, headers, time.monotonic()))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(body)

    @property
    def prompts(self) -> list[str]:
        return [body.get("prompt") or body["messages"][0]["content"] for _, body, _, _ in self.asked]


@contextmanager
def serving() -> Iterator[JudgeServer]:
    """Runs a server as long as it is wanted."""
    judge = JudgeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, content = judge.reply(
                self.path, body, {name.lower(): value for name, value in self.headers.items()}
            )
            try:
                self.send_response(status)
                usual = {"Content-Type": "application/json", "Content-Length": str(len(content))}
                for name, value in {**usual, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = "Content-Length" in headers
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has given up

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    judge.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield judge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
