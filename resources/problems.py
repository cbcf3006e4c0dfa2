"""The explanation behind the `type` of every error."""

from typing import Any

from api.outputs import gives
from api.problems import PROBLEMS
from api.resource import OpenResource
from api.types import shown
from models.refusals import NotFound
from models.shapes import ID, TEXT, closed


class ProblemResource(OpenResource):
    """One kind of problem."""

    @gives(closed("Explanation", {"code": TEXT, "status": ID, "title": TEXT, "explanation": TEXT}))
    def get(self, code: str) -> Any:
        """Explain a problem: what it means and what to do."""
        if code not in PROBLEMS:
            raise NotFound(f"There is no problem called {shown(code)!r}.")
        return {"code": code, **PROBLEMS[code]._asdict()}
