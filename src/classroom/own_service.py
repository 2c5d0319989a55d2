"""Serve a BentoML class that was written in a notebook, and show its page.

``bentoml serve`` imports a file, and a notebook is none. So the text of the cell that defines the
class becomes a file, and the file is served as at work: it knows nothing of the notebook.

    python -m classroom.own_service PORT ADDRESS

serves the page of a service without what calls home from the browser: BentoML's own first page
loads a tag manager, and the badges in its text come from elsewhere.
"""

from __future__ import annotations

import linecache
import re
import sys
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from classroom import exercises, servers
from classroom.errors import CourseError
from classroom.own_pages import OwnPagesOnly
from firstflight.workspace import current

FOLDER = "first_try"  # in the workspace
OWN_ONLY = "default-src 'self' data: 'unsafe-inline' 'unsafe-eval'"
ELSEWHERE = re.compile(r"<(script|noscript)>[^<]*(<iframe[^>]*></iframe>)?[^<]*</\1>")
PASSED_ON = ("content-type", "accept")


def text_of(service: Any, id: str = "") -> str:
    """Return the text of the cell that defined a service.

    Parameters
    ----------
    service : bentoml service
        Made by ``@bentoml.service`` in a notebook.
    id : str, optional
        Of the exercise that asked for the class: its reference answer may lie there instead.

    Returns
    -------
    str
        The whole cell.

    Raises
    ------
    CourseError
        If the cell is not known.
    """
    functions = [method.func for method in service.apis.values()]
    functions += [f for f in vars(service.inner).values() if hasattr(f, "__code__")]
    for function in functions:
        lines = linecache.getlines(function.__code__.co_filename)
        if lines and f"class {service.inner.__name__}" in "".join(lines):
            return "".join(lines)
    if id:
        return exercises.reference_answer(id)
    raise CourseError(f"The cell that defines {service.inner.__name__} is not known: run it again.")


def serve(service: Any, id: str = "") -> servers.Server:
    """Write a class's cell into a file, and serve that with ``bentoml serve file:Class``.

    Parameters
    ----------
    service : bentoml service
        Made by ``@bentoml.service`` in a notebook.
    id : str, optional
        As for `text_of`.

    Returns
    -------
    Server
        Ready; its name is the class's in small letters.
    """
    title = service.inner.__name__
    name = title.lower()
    folder = current().root / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text_of(service, id))
    return servers.start(
        name,
        [
            *(sys.executable, "-m", "bentoml", "serve", f"{name}:{title}"),
            *("--host", "127.0.0.1", "--port", "{port}", "--working-dir", str(folder)),
        ],
        ready="/readyz",
        page="docs.json",
    )


def docs_of(service: servers.Server) -> servers.Server:
    """Start the page of a service, without what its own first page loads from elsewhere.

    Parameters
    ----------
    service : Server
        A BentoML service that is up.

    Returns
    -------
    Server
        Its first page lists what the service can be asked, and can ask it.
    """
    command = [sys.executable, "-m", "classroom.own_service", "{port}", service.url]
    return servers.start("docs", command, ready="/docs.json")


def app(address: str) -> Starlette:
    """Return the page of the service at an address: everything else is passed on to it.

    Parameters
    ----------
    address : str
        Where the service is, without a slash at the end.

    Returns
    -------
    Starlette
        An ASGI application.
    """
    http = httpx.AsyncClient(base_url=address, timeout=60, trust_env=False)

    async def page(request: Request) -> Response:
        reply = await http.get("/")
        html = ELSEWHERE.sub("", reply.text)
        return Response(html, media_type="text/html", headers={"content-security-policy": OWN_ONLY})

    async def docs(request: Request) -> Response:
        content = (await http.get("/docs.json")).json()
        content["info"].pop("description", None)  # badges from elsewhere, and links to them
        return JSONResponse(content)

    async def pass_on(request: Request) -> Response:
        reply = await http.request(
            request.method,
            request.url.path,
            params=dict(request.query_params),
            content=await request.body(),
            headers={k: v for k, v in request.headers.items() if k in PASSED_ON},
        )
        return Response(
            reply.content, reply.status_code, media_type=reply.headers.get("content-type")
        )

    return Starlette(
        routes=[
            Route("/", page),
            Route("/docs.json", docs),
            Route("/{path:path}", pass_on, methods=["GET", "POST"]),
        ]
    )


def main(port: int, address: str) -> None:
    """Serve until the process is ended."""
    uvicorn.run(OwnPagesOnly(app(address), port), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
