"""The web application: a page, its files, and four addresses behind it.

    POST /pictures            a picture file's bytes      -> its name and size
    GET  /about               the model's name and device
    GET  /pictures/NAME       the picture as WebP, as the model gets it
    POST /questions           JSON, `geopix.serving.messages.Question` -> the answer

A user's mistake is answered with its message as `{"error": ..}` and 400, 404, 413 or 415.
"""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geopix.serving.desk import Desk
from geopix.serving.messages import describe_answer, describe_picture, read_question
from harness.errors import GeoPixError, MissingDataError

#: A picture of 64 million pixels in four bands of 8 bits, uncompressed, and its head.
LARGEST_FILE = 257 * 2**20
LARGEST_QUESTION = 2**20

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# The page looks like the reports and draws masks as they do, with the same two files.
PAGE = {
    "/": ("geopix.serving", "index.html", "text/html"),
    "/page.css": ("geopix.serving", "page.css", "text/css"),
    "/page.js": ("geopix.serving", "page.js", "text/javascript"),
    "/report.css": ("harness.report", "report.css", "text/css"),
    "/masks.js": ("harness.report", "masks.js", "text/javascript"),
}


class TooLarge(GeoPixError):
    """What was sent is larger than the page takes."""


class OtherPage(GeoPixError):
    """Another web page than this server's own sent something."""


#: What each kind of mistake is answered with; 400 for any other.
STATUS: dict[type[GeoPixError], int] = {MissingDataError: 404, TooLarge: 413, OtherPage: 403}

Handler = Callable[[Request], Awaitable[Response]]


def application(desk: Desk, hosts: list[str]) -> Starlette:
    """Returns the application.

    Args:
        desk: what answers.
        hosts: the names by which the server may be called, without port; "*" for any. A name that is not among them is
            refused, so that no other web page can reach the server through a name of its own.
    """

    async def tell_of_model(request: Request) -> Response:
        return JSONResponse({"model": desk.name, "device": str(desk.geopix.model.device)})

    async def bring(request: Request) -> Response:
        brought = await run_in_threadpool(desk.bring, await _body(request, LARGEST_FILE))
        return JSONResponse(describe_picture(brought))

    async def show(request: Request) -> Response:
        brought = await run_in_threadpool(desk.picture, request.path_params["name"])
        return Response(brought.shown, media_type="image/webp")

    async def ask(request: Request) -> Response:
        question = read_question(await _body(request, LARGEST_QUESTION))
        told = await run_in_threadpool(desk.ask, question.picture, question.text, question.asking())
        return JSONResponse(await run_in_threadpool(describe_answer, told))

    return Starlette(
        routes=[
            *(Route(path, _file(*place)) for path, place in PAGE.items()),
            Route("/about", tell_of_model),
            Route("/pictures", bring, methods=["POST"]),
            Route("/pictures/{name}", show),
            Route("/questions", ask, methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts),
            Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
        ],
        exception_handlers={GeoPixError: _tell, Exception: _confess},
    )


def _file(package: str, name: str, media_type: str) -> Handler:
    content = (files(package) / "assets" / name).read_bytes()

    async def send(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return send


async def _body(request: Request, largest: int) -> bytes:
    origin = request.headers.get("origin")
    if origin not in (None, f"{request.url.scheme}://{request.headers['host']}"):
        raise OtherPage(f"This server answers its own page alone, not {origin}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest:
            raise TooLarge(f"Expected at most {largest // 2**20} MiB, and more came. Cut the picture into tiles.")
    return bytes(body)


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    response.headers.update(HEADERS)
    return response


async def _tell(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    return JSONResponse({"error": str(error)}, status)


async def _confess(request: Request, error: Exception) -> Response:
    # The server prints the traceback itself, once this has been sent.
    words = f"The server met a bug ({type(error).__name__}); the terminal where it runs has the details."
    return JSONResponse({"error": words}, 500, HEADERS)
