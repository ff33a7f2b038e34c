"""The model behind an endpoint: what it is sent, what its answers are, and what it costs."""

import functools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import ConfigurationError, EnvironmentProblem, SampleError
from harness.interfaces import Closable, ConcurrentModel, RepeatableModel
from harness.models.endpoint import GIVE_UP, GIVE_UP_EARLY, EndpointModel, endpoint_model
from harness.models.endpoint_options import EndpointOptions
from harness.parsers.box import BoxParser
from harness.records import ImageFile, Request, Response, Sample, Target
from tests.harness.judge_server import Answer, JudgeServer, answers, cut, fails, hangs, says, serving

KEY = "very-secret-0123456789"
GREEDY = {"max_new_tokens": 16, "temperature": 0.0, "top_p": 1.0}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    with serving() as found:
        found.answers = [answers("yes", prompt_tokens=100, completion_tokens=2)]
        yield found


@pytest.fixture
def image(tmp_path: Path) -> Callable[[str], ImageFile]:
    def write(name: str, side: int = 8) -> ImageFile:
        Image.new("RGB", (side, side), (1, 2, 3)).save(tmp_path / f"{name}.png")
        return ImageFile(name, tmp_path / f"{name}.png")

    return write


def model(server: JudgeServer, **options: str) -> EndpointModel:
    return endpoint_model(f"some/model@{server.url}", {"retries": "0", "timeout": "5", **options})


def request(*images: ImageFile, sample_id: str = "1", **generation: Any) -> Request:
    return Request(sample_id, images, "Is it?", "vqa", {**GREEDY, **generation})


def ask(server: JudgeServer, asked: Request | None = None, **options: str) -> Response:
    with closing(model(server, **options)) as found:
        (response,) = found.respond([asked or request()])
    return response


def sent(server: JudgeServer) -> dict[str, Any]:
    return server.asked[-1][1]


def test_it_is_what_the_loop_can_use(server: JudgeServer) -> None:
    with closing(model(server)) as found:
        assert isinstance(found, ConcurrentModel)
        assert isinstance(found, RepeatableModel)
        assert isinstance(found, Closable)
        assert found.reads_images
        assert found.name == "some/model"


def test_a_question_without_a_picture_is_words_alone(server: JudgeServer) -> None:
    response = ask(server)
    assert (response.text, response.reason) == ("yes", None)
    assert sent(server) == {
        "model": "some/model", "messages": [{"role": "user", "content": "Is it?"}], "max_tokens": 16,
        "temperature": 0.0,
    }  # fmt: skip


def test_several_pictures_go_before_the_words_in_their_order(server: JudgeServer, image: Any) -> None:
    ask(server, request(image("a"), image("b", 9)), detail="low", system="Be brief.", seed="3")
    system, user = sent(server)["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    first, second, words = user["content"]
    assert words == {"type": "text", "text": "Is it?"}
    assert first["image_url"]["url"].startswith("data:image/png;base64,")
    assert first["image_url"]["url"] != second["image_url"]["url"]
    assert second["image_url"]["detail"] == "low"
    assert sent(server)["seed"] == 3


def test_what_the_server_is_told_can_be_chosen(server: JudgeServer) -> None:
    ask(server, request(temperature=0.7, top_p=0.9))
    assert (sent(server)["temperature"], sent(server)["top_p"]) == (0.7, 0.9)
    extra = '{"chat_template_kwargs": {"enable_thinking": false}}'
    ask(server, temperature="server", max_tokens="max_completion_tokens", extra_body=extra)
    assert "temperature" not in sent(server)
    assert "max_tokens" not in sent(server)
    assert sent(server)["max_completion_tokens"] == 16
    assert sent(server)["chat_template_kwargs"] == {"enable_thinking": False}


def test_openai_itself_is_told_the_newer_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with closing(endpoint_model("gpt", {})) as found:
        question = found._question(request(), [])
    assert "max_completion_tokens" in question


def test_tokens_are_counted_and_priced(server: JudgeServer) -> None:
    response = ask(server, price_in="2.5", price_out="10")
    assert (response.prompt_tokens, response.tokens) == (100, 2)
    assert response.cost == pytest.approx((100 * 2.5 + 2 * 10) / 1e6)
    assert response.seconds is not None
    assert ask(server).cost is None
    server.answers = [answers("yes")]
    silent = ask(server, price_in="2.5")
    assert (silent.prompt_tokens, silent.tokens, silent.cost) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "text", "reason"),
    [
        (answers(None, refusal="I will not."), "", "the model refuses: I will not."),
        (answers("", "content_filter"), "", "the endpoint's content filter cut the answer off"),
        (answers("It i", "content_filter"), "It i", "the endpoint's content filter cut the answer off"),
        (answers("It is a", "length"), "It is a", "the answer was cut off at 16 tokens"),
        (answers(None, "length"), "", "the answer was cut off at 16 tokens, before a word of it was said"),
        (answers(""), "", "the answer is empty (finish_reason stop)"),
        (answers(" \n"), " \n", "the answer is empty (finish_reason stop)"),
        (answers(None, "tool_calls"), "", "the answer is empty (finish_reason tool_calls)"),
    ],
)
def test_an_answer_that_is_not_whole_says_why(server: JudgeServer, answer: Answer, text: str, reason: str) -> None:
    server.answers = [answer]
    response = ask(server)
    assert (response.text, response.reason) == (text, reason)


def test_a_question_that_the_filter_refuses_is_an_empty_answer(server: JudgeServer) -> None:
    server.answers = [fails(400, "flagged", code="content_filter")]
    response = ask(server)
    assert response.text == ""
    assert str(response.reason).startswith("the endpoint's content filter refuses the question: ")


@pytest.mark.parametrize(
    "content", [b"{broken", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}', b"[]", b'"hi"']
)
def test_what_is_no_completion_fails_its_sample(server: JudgeServer, content: bytes) -> None:
    server.answers = [says(content)]
    with pytest.raises(SampleError, match="answers what is no completion"):
        ask(server)


def test_each_answer_comes_when_it_is_ready_and_a_failure_is_its_own(server: JudgeServer, tmp_path: Path) -> None:
    others_came = threading.Event()

    def slow(body: dict[str, Any]) -> Any:
        others_came.wait(30)
        return answers("slow")(body)

    server.answers = [slow, answers("fast")]
    missing = ImageFile("gone", tmp_path / "gone.png")
    came = []
    with closing(model(server, parallel="2", timeout="40")) as found:
        for answered in found.answers([request(), request(missing), request(), request()]):
            came.append(answered)
            if len(came) == 3:
                others_came.set()
    assert sorted(index for index, _ in came) == [0, 1, 2, 3]
    assert "cannot be read" in str(dict(came)[1])
    assert getattr(came[-1][1], "text", None) == "slow"


def test_a_server_that_bears_only_few_gets_few_and_answers_all(server: JudgeServer) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def crowded(body: dict[str, Any]) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            full = now > 3
            most = max(most, now)
        try:
            time.sleep(0.02)
            return fails(429, "crowded")(body) if full else answers("yes")(body)
        finally:
            with lock:
                now -= 1

    server.answers = [crowded]
    with closing(model(server, parallel="12", retries="8")) as found:
        outcomes = [outcome for _, outcome in found.answers([request(sample_id=str(n)) for n in range(40)])]
    assert all(isinstance(outcome, Response) for outcome in outcomes)
    assert most <= 8, "it never grows much beyond what is borne"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (fails(401, "wrong key"), "HTTP 401.*Nothing more is asked.*key_env=NAME.*goes on where it stopped"),
        (fails(404, "no such model"), "HTTP 404.*Check the model's name"),
        (fails(429, "pay", code="insufficient_quota"), "HTTP 429.*Nothing more is asked"),
    ],
)
def test_where_there_is_no_hope_nothing_more_is_asked(server: JudgeServer, answer: Answer, reason: str) -> None:
    server.answers = [answer]
    with closing(model(server, parallel="1")) as found, pytest.raises(EnvironmentProblem, match=reason):
        found.respond([request()] * 9)
    assert len(server.asked) <= 2


def test_a_server_that_only_fails_is_given_up(server: JudgeServer) -> None:
    server.answers = [cut()]
    with closing(model(server)) as found, pytest.raises(EnvironmentProblem, match=r"\d+ requests in a row have failed"):
        list(found.answers([request()] * (2 * GIVE_UP)))
    assert GIVE_UP <= len(server.asked) < 1.5 * GIVE_UP


def test_a_server_that_hangs_on_and_on_is_given_up_early(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.endpoint.LONGEST_SILENCE", 0.3)
    server.answers = [hangs(0.5)]
    with (
        closing(model(server, timeout="0.1", parallel="4")) as found,
        pytest.raises(EnvironmentProblem, match="did not answer in time.*requests in a row have failed"),
    ):
        list(found.answers([request()] * GIVE_UP))
    assert GIVE_UP_EARLY <= len(server.asked) < GIVE_UP


def test_a_server_that_wants_to_be_left_alone_for_long_ends_the_run(server: JudgeServer) -> None:
    server.answers = [fails(429, "daily quota", Retry_After="3600")]
    with (
        closing(model(server)) as found,
        pytest.raises(EnvironmentProblem, match="left alone for 3600 s.*goes on where"),
    ):
        list(found.answers([request()]))


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PLACES = [
    (), ("choices",), ("choices", 0), ("choices", 0, "message"), ("choices", 0, "message", "content"),
    ("choices", 0, "message", "refusal"), ("choices", 0, "finish_reason"), ("usage",), ("usage", "prompt_tokens"),
    ("usage", "completion_tokens"), ("model",), ("id",),
]  # fmt: skip


def test_whatever_a_server_says_is_an_answer_that_can_be_kept_or_a_failure(server: JudgeServer) -> None:
    with closing(model(server, price_in="1")) as found:

        @example(place=("choices", 0, "message", "content"), odd="\ud800")
        @example(place=("usage", "prompt_tokens"), odd=10**30)
        @given(place=st.sampled_from(PLACES), odd=ODD)
        def said(place: tuple[Any, ...], odd: Any) -> None:
            whole = json.loads(answers("yes", prompt_tokens=3, completion_tokens=1)({})[2])
            if place:
                *way, last = place
                functools.reduce(lambda part, name: part[name], way, whole)[last] = odd
            server.answers = [says(json.dumps(whole if place else odd).encode())]
            ((_, outcome),) = found.answers([request()])
            assert isinstance(outcome, str) or isinstance(outcome.text, str)
            orjson.dumps(outcome)
            found.connection.pace.start()
            found.connection.pace.answered()  # nonsense in a row is no reason to give up here

        said()


def test_answers_to_boxes_carry_their_family(server: JudgeServer, image: Any) -> None:
    assert ask(server, boxes="qwen3_vl").box_family == "qwen3_vl"
    assert ask(server, request(image("large", 40)), boxes="qwen3_vl", size="16").seen is None


def test_boxes_in_pixels_are_counted_back_from_the_picture_as_it_was_sent(server: JudgeServer, image: Any) -> None:
    server.answers = [answers('[{"bbox_2d": [4, 8, 12, 16], "label": "ship"}]')]
    asked = request(image("large", 40))
    response = ask(server, asked, boxes="qwen2_5_vl", size="20")
    assert response.seen == (20, 20)
    read = BoxParser().parse(response, Sample("1", asked.images, {}, Target()))
    assert read.boxes == ((8.0, 16.0, 24.0, 32.0),)


def test_the_digest_is_of_what_is_known(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(name: str = "m", **options: str) -> str:
        with closing(endpoint_model(f"{name}@{server.url}", options)) as found:
            assert "not known" in found.settings["weights"]
            return found.digest

    usual = digest()
    assert digest(parallel="3", timeout="9", retries="1", price_in="5", price_out="1", patience="3") == usual
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert digest() == usual
    changed = [
        digest("other"), digest(size="512"), digest(format="jpeg"), digest(system="x"), digest(seed="0"),
        digest(temperature="server"), digest(revision="2026-01"), digest(detail="low"), digest(boxes="internvl"),
        digest(extra_body='{"a": 1}'), digest(max_tokens="max_tokens"),
    ]  # fmt: skip
    assert len({usual, *changed}) == 1 + len(changed)


def test_it_says_when_it_would_not_answer_the_same_again(server: JudgeServer) -> None:
    with closing(model(server)) as plain, closing(model(server, seed="1")) as seeded:
        assert plain.repeats(request())
        assert not plain.repeats(request(temperature=0.5))
        assert seeded.repeats(request(temperature=0.5))
    with closing(model(server, temperature="server")) as drawn:
        assert not drawn.repeats(request())


@pytest.mark.parametrize(
    ("argument", "options", "reason"),
    [
        ("m@http://h/v1", {"key": "x"}, "no option 'key'.*read from the environment alone"),
        ("m@http://h/v1", {"siez": "3"}, "no option 'siez'. Did you mean 'size'"),
        ("m@http://h/v1", {"size": "0"}, "model option size: .*greater than or equal to 16, found '0'"),
        ("m@http://h/v1", {"format": "gif"}, "model option format: .*'png', 'jpeg' or 'webp', found 'gif'"),
        ("m@http://h/v1", {"price_in": "inf"}, "model option price_in: .*finite number, found 'inf'"),
        ("m@http://h/v1", {"boxes": "qwen3"}, "model option boxes: .*unknown family.*Did you mean 'qwen3_vl'"),
        ("m@http://h/v1", {"extra_body": "{"}, "model option extra_body: .*expected a JSON object"),
        ("m@http://h/v1", {"extra_body": "[]"}, "model option extra_body: .*dictionary"),
        ("m@http://h/v1", {"size": "x", "retries": "y"}, r"(?s)option size: .*option retries: "),
        ("m@ftp://h/v1", {}, r"--model openai: expected MODEL@http\(s\)://HOST/v1, found the address 'ftp://h/v1'"),
        ("m@http://me:pw@h/v1", {}, "holds a name or password"),
        ("m@http://h/v1?key=pw", {}, "holds a query or fragment"),
        ("@http://h/v1", {}, "found no model"),
        ("m@http://[/v1", {}, "found the address"),
    ],
)
def test_what_is_mistyped_is_refused(argument: str, options: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        endpoint_model(argument, options)
    assert "pw" not in str(caught.value)


def test_a_key_that_is_typed_is_refused_and_not_repeated(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for argument, options in (
        (f"{KEY}@{server.url}", {}), (f"m@{server.url}/{KEY}", {}), (f"m@{server.url}", {"system": f"I say {KEY}"}),
        (f"m@{server.url}", {KEY: "1"}), (f"m@{server.url}", {"extra_body": KEY}),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match="holds the key, and it would be kept") as caught:
            endpoint_model(argument, options)
        assert KEY not in str(caught.value)


def test_the_page_lists_every_option_with_its_usual_value() -> None:
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (`.*?) \| (.*?) \|", page.partition("## Endpoints")[2], re.MULTILINE))
    listed = {name: usual for names, usual in rows.items() for name in re.findall(r"`(\w+)`", names)}
    assert listed.keys() == EndpointOptions.model_fields.keys()
    for name, value in EndpointOptions():
        if isinstance(value, int | float | str) and value:
            assert listed[name] == (f"{value:g}" if isinstance(value, float) else str(value)), name


def test_openai_itself_wants_a_key(server: JudgeServer) -> None:
    with pytest.raises(EnvironmentProblem, match="the environment variable OPENAI_API_KEY, which is empty"):
        endpoint_model("gpt-4o-mini", {})
