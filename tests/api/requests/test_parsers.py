"""A parser is built and changed as those of reqparse are, from fields that say where they come from."""

from itertools import product

import pytest
from werkzeug.datastructures import MultiDict

from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Boolean, Integer, InvalidValues

NAME = Field("name", Text(20), required=True)
LOUD = QueryField("loud", Boolean(), default=False)


def test_a_copy_takes_the_same_and_is_changed_alone():
    parser = RequestParser(NAME, LOUD, refused={"id": ("read_only", "is set by the service")}, example={"name": "Ada"})

    copy = parser.copy().add_argument(Field("age", Integer(0, 150)))

    taken = copy.read({"name": "Ada", "age": 36}, MultiDict({"loud": "true"}))
    assert taken == {"name": "Ada", "age": 36, "loud": True}
    assert (copy.refused, copy.example) == (parser.refused, parser.example)
    assert [*copy.schema()["properties"]] == ["name", "age"]
    assert [*parser.schema()["properties"]] == ["name"]
    with pytest.raises(InvalidValues, match="is not a field"):
        parser.read({"name": "Ada", "age": 36})


def test_a_copy_is_of_the_same_class():
    class Lenient(RequestParser):
        pass

    assert type(Lenient(NAME).copy()) is Lenient


def test_an_argument_is_added_where_it_belongs():
    parser = RequestParser()

    assert parser.add_argument(NAME) is parser
    parser.add_argument(LOUD)

    assert ([*parser.fields], [*parser.query]) == (["name"], ["loud"])
    assert parser.needs_body("POST")


def test_an_argument_is_replaced_in_its_place():
    parser = RequestParser(NAME, LOUD)

    parser.replace_argument("name", Field("name", Integer(1, 9)))

    assert parser.read({"name": 5}, MultiDict()) == {"name": 5, "loud": False}
    assert [argument.name for argument in parser.args] == ["name", "loud"]


def test_an_argument_is_removed():
    parser = RequestParser(NAME, LOUD)

    parser.remove_argument("name")

    assert parser.read({}, MultiDict()) == {"loud": False}
    with pytest.raises(InvalidValues, match="is not a field"):
        parser.read({"name": "Ada"})


@pytest.mark.parametrize("change", ["replace_argument", "remove_argument"])
def test_an_argument_that_is_not_there_is_named(change):
    parser = RequestParser(NAME)
    arguments = [LOUD] if change == "replace_argument" else []

    with pytest.raises(KeyError, match="colour"):
        getattr(parser, change)("colour", *arguments)
    assert parser.args == [NAME]


@pytest.mark.parametrize(
    "build",
    [
        lambda: RequestParser("name"),
        lambda: RequestParser().add_argument("name", type=int),
        lambda: RequestParser().add_argument("name"),
        lambda: RequestParser().add_argument(NAME, required=False),
        lambda: RequestParser(NAME).replace_argument("name", type=int),
        lambda: RequestParser(NAME).replace_argument("name", "name"),
    ],
)
def test_an_argument_by_its_name_alone_is_refused_because_it_does_not_say_where_it_comes_from(build):
    with pytest.raises(TypeError, match="Field or QueryField"):
        build()


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (Field, "action"),
        *product((Field, QueryField), ("choices", "dest", "ignore", "location", "store_missing", "trim")),
    ],
)
def test_an_option_of_reqparse_that_would_do_nothing_is_refused(kind, option):
    with pytest.raises(TypeError, match=option):
        kind("name", Text(20), **{option: "json"})


@pytest.mark.parametrize("build", [lambda: RequestParser(NAME, NAME), lambda: RequestParser(NAME).add_argument(NAME)])
def test_a_name_is_given_once(build):
    with pytest.raises(TypeError, match="name"):
        build()
