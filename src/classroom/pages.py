"""Show pages that a tool has written to a folder: served on 127.0.0.1, inside the notebook.

JupyterLab shows an HTML file from disk as a blank sheet until somebody trusts it, and a page of
4 MB in an output makes the notebook as large. A page that a server of this machine hands out has
neither fault.
"""

from __future__ import annotations

import html
import sys
from pathlib import Path

from classroom import servers
from classroom.servers import Link, Server
from classroom.workspaces import headless


def serve(name: str, folder: Path) -> Server:
    """Serve the files of a folder, for reading.

    Parameters
    ----------
    name : str
        What the server is called, such as ``"reports"``.
    folder : Path
        The folder; it is made if it is not there.

    Returns
    -------
    Server
        Its ``at("first-look.html")`` is a link to that file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return servers.start(
        name,
        [
            *(sys.executable, "-m", "http.server", "{port}"),
            *("--bind", "127.0.0.1", "--directory", str(folder)),
        ],
        ready="/",
    )


class Embedded:
    """A page inside the notebook, with a link to it; made by `embed`."""

    def __init__(self, link: Link, height: int) -> None:
        self.link, self.height = link, height

    def __repr__(self) -> str:
        return repr(self.link)

    def _repr_html_(self) -> str | None:
        if headless() or not self.link.server.running:
            return None
        address = html.escape(self.link.server.address_of(self.link.page))
        frame = (
            f'<iframe src="{address}" title="{html.escape(self.link.words)}" width="100%" '
            f'height="{self.height}" style="border:1px solid #999"></iframe>'
        )
        return f"{frame}<br>{self.link._repr_html_()}"


def embed(link: Link, height: int = 520) -> Embedded:
    """Return a page for the last line of a cell: shown inside the notebook, with its link.

    Parameters
    ----------
    link : Link
        From ``server.at("page.html", "what it says")``.
    height : int, default 520
        In pixels.

    Returns
    -------
    Embedded
        Headless it is the text ``"reports: ready"``.
    """
    return Embedded(link, height)
