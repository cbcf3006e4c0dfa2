"""The check of every error response."""

from werkzeug.test import TestResponse

from api.problems import PROBLEMS

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


def assert_problem(response: TestResponse, status: int, code: str) -> None:
    """Fail unless a response is a complete problem document (RFC 9457) with this status and code.

    That its `type` leads to an explanation is tested once for every code, in tests/api/test_errors.py.
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
