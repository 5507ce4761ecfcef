"""A served page that answers to itself only, not to whatever else the browser has open.

Every page may open a websocket to this machine; the browser only says which page it was (`Origin`).
And a foreign name may come to stand for 127.0.0.1 once its page is loaded (DNS rebinding); then the
`Host` is foreign.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from inspect import isawaitable
from typing import Any
from urllib.parse import urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def is_of_own_page(host: str | None, origin: str | None) -> bool:
    """Whether a request was made by the page that the same server has given out.

    Args:
        host: its header `Host`; must name this machine, with any port, as a tunnel may change it.
        origin: its header `Origin`, which browsers add to websockets; must be that of the host.
    """
    try:
        is_here = urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False
    return is_here and origin in (None, f"http://{host}")


@contextmanager
def answering_to_own_page() -> Iterator[None]:
    """Have every websocket server that is started in the body refuse other pages with 403.

    viser starts its server by `websockets.asyncio.server.serve`, and has no option for this.
    """
    from websockets.asyncio import server

    serve = server.serve

    def guarded(*arguments: Any, process_request: Callable[..., Any], **options: Any) -> Any:  # noqa: ANN401 - as serve
        async def answer(connection: Any, request: Any) -> Any:  # noqa: ANN401 - as serve
            host, origin = request.headers.get("Host"), request.headers.get("Origin")
            if not is_of_own_page(host, origin):
                return connection.respond(HTTPStatus.FORBIDDEN, "not for this page\n")
            response = process_request(connection, request)
            return await response if isawaitable(response) else response

        return serve(*arguments, process_request=answer, **options)

    server.serve = guarded  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        server.serve = serve  # type: ignore[misc]
