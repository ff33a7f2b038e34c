"""The server's addresses, asked as a browser or a stranger would ask them."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from geopix.serving import server
from geopix.serving.desk import Desk
from tests.geopix.serving.test_desk import plain


def ask(address: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(content) if is_json else content, answer.headers


def question(address: str, **fields: Any) -> tuple[int, Any, Any]:
    return ask(address, "POST", "/questions", json.dumps(fields).encode())


@pytest.mark.parametrize("path", list(server.PAGE))
def test_the_page_and_its_files_come_from_this_server_alone(address: str, path: str) -> None:
    status, content, headers = ask(address, "GET", path)
    assert (status, len(content) > 500) == (200, True)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"https://" not in content


def test_a_picture_is_brought_shown_and_asked_about(address: str) -> None:
    status, told, _ = ask(address, "POST", "/pictures", plain(90))
    assert (status, told["width"], told["height"]) == (200, 40, 30)
    status, shown, headers = ask(address, "GET", f"/pictures/{told['picture']}")
    assert (status, headers["Content-Type"], shown[8:12]) == (200, "image/webp", b"WEBP")
    status, answer, _ = question(address, picture=told["picture"], text="Segment the building.")
    assert (status, answer["text"]) == (200, "It is <SEG>.")
    assert answer["masks"][0]["segmentation"]["size"] == [30, 40]
    assert set(answer) == {"text", "masks", "boxes", "reason", "tokens", "seconds"}


def test_the_page_can_say_which_model_answers(address: str) -> None:
    assert ask(address, "GET", "/about")[1] == {"model": "geopix-mini", "device": "cpu"}


def test_all_that_is_wrong_with_a_question_is_said(address: str) -> None:
    status, told, _ = question(address, picture="x", temprature=1, top_p=2)
    assert status == 400
    assert "text: Field required" in told["error"]
    assert "temprature: there is no such option. Did you mean 'temperature'?" in told["error"]
    assert "top_p: Input should be less than or equal to 1, found 2" in told["error"]
    assert "Invalid JSON" in ask(address, "POST", "/questions", b"{")[1]["error"]


def test_an_empty_question_and_an_unknown_task_are_refused(address: str) -> None:
    picture = ask(address, "POST", "/pictures", plain(91))[1]["picture"]
    assert question(address, picture=picture, text=" ")[:2] == (
        400,
        {"error": "question 1 of 1 is empty. Ask something in words."},
    )
    status, told, _ = question(address, picture=picture, text="Is it?", task="vqq")
    assert status == 400
    assert "vqa" in told["error"]


def test_a_picture_that_is_not_there_is_404(address: str) -> None:
    assert question(address, picture="0" * 64, text="Is it?")[0] == 404
    assert ask(address, "GET", "/pictures/..%2f..%2fetc%2fpasswd")[0] == 404


def test_what_is_no_picture_is_answered_with_why(address: str) -> None:
    status, told, _ = ask(address, "POST", "/pictures", b"<script>alert(1)</script>")
    assert status == 400
    assert "cannot be read as a picture" in told["error"]


def test_what_is_too_large_is_refused(address: str) -> None:
    status, told, _ = ask(address, "POST", "/questions", b" " * (server.LARGEST_QUESTION + 1))
    assert (status, told["error"]) == (413, "Expected at most 1 MiB, and more came. Cut the picture into tiles.")


def test_another_name_and_another_page_are_refused(address: str) -> None:
    assert ask(address, "GET", "/", Host="evil.example")[0] == 400
    status, told, _ = ask(address, "POST", "/pictures", plain(92), Origin="http://evil.example")
    assert (status, told["error"]) == (403, "This server answers its own page alone, not http://evil.example.")
    assert ask(address, "POST", "/pictures", plain(92), Origin=address)[0] == 200


def test_a_bug_is_told_as_one_and_does_not_end_the_server(
    address: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: bytes) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr(desk, "bring", broken)
    status, told, headers = ask(address, "POST", "/pictures", plain(93))
    assert (status, "RuntimeError" in told["error"], "secret" in told["error"]) == (500, True, False)
    assert "Content-Security-Policy" in headers
    assert ask(address, "GET", "/about")[0] == 200
