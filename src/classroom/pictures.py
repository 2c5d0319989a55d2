"""Show a figure with words for those who do not see it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png(figure: Figure) -> bytes:
    """Draw a figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Display a figure once, with alt text.

    The alt text is also the plain-text form of the output, so nbval compares it (it never
    compares pictures) and a terminal shows it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure. It is closed, so that Jupyter does not show it a second time.
    alt : str
        One or two sentences that say what the picture shows.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    picture = png(figure)
    plt.close(figure)
    data = {"image/png": picture, "text/plain": alt}
    metadata = {"image/png": {"alt": alt}, "alt": alt}
    display(data, raw=True, metadata=metadata)
