"""What every error answer is held against."""

from werkzeug.test import TestResponse

from api.problems import PROBLEMS

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


def assert_problem(response: TestResponse, status: int, code: str) -> None:
    """The answer is a whole problem document (RFC 9457) of this code.

    That its `type` leads to an explanation is proven below, once for every code there is.
    """
    assert (response.status_code, response.json and response.json["code"]) == (status, code), response.text
    problem = response.json
    assert response.content_type == "application/problem+json"
    assert problem.keys() >= MEMBERS
    assert problem["type"] == f"/problems/{code}"
    assert (problem["status"], problem["title"]) == (status, PROBLEMS[code].title)
    assert problem["detail"].endswith(".")
    assert 10 < len(problem["detail"]) < 1000
    assert problem["request_id"] == response.headers["X-Request-ID"]
    if code == "invalid_input":
        assert problem["errors"]
        assert all(entry.keys() >= {"field", "code", "message"} for entry in problem["errors"])
