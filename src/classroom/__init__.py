"""The course's own machinery. Lessons import from here; a team would leave it behind."""

from classroom import figures, ledger, servers
from classroom.checks import check
from classroom.guesses import came, guess
from classroom.lesson import begin, end, leaves, today
from classroom.map import checklist, show_map
from classroom.pictures import show
from classroom.source import code_of

__all__ = [
    "begin",
    "came",
    "check",
    "checklist",
    "code_of",
    "end",
    "figures",
    "guess",
    "leaves",
    "ledger",
    "servers",
    "show",
    "show_map",
    "today",
]
