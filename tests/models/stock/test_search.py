"""The search for words: what it finds is a plain rule, and an index finds it however many items there are."""

import json
import unicodedata
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models.database.base import db
from models.stock import item_query, item_search
from models.stock.item import Item
from tests.support.files import NDJSON, imported
from tests.support.shelf import add, path_of

NEEDLE = "needle"


def lines(items):
    """A file to import."""
    return "\n".join(json.dumps(item) for item in items)


def found(client, q, **query):
    """The SKUs of all that a search finds, walked through by cursor; the count of a numbered page agrees."""
    skus, cursor = [], ""
    while cursor is not None:
        page = client.get("/items", query_string={"q": q, "limit": 200, "cursor": cursor, **query})
        assert page.status_code == 200, page.json
        skus += [item["sku"] for item in page.json["data"]]
        cursor = page.json["next_cursor"]
    assert client.get("/items", query_string={"q": q, "limit": 1, **query}).json["total_items"] == len(skus)
    return skus


@pytest.fixture
def database(app):
    with app.app_context():
        yield db.engine.dialect.name


# What is found


@pytest.mark.parametrize("q", ["lam", "p 1\ufe0f", "amp-1", "desk", "sk l", "oak", "00638", "lam amp oak 400"])
def test_each_word_is_found_inside_of_others_in_any_of_the_four_fields(member, q):
    add(member, "LAMP-1\ufe0f", name="Desk lamp", description="Made\nof oak", barcode="4006381333931")
    add(member, "other", name="Dek lmp", description="o ak", barcode="63")

    assert found(member, q) == ["LAMP-1\ufe0f"]


@pytest.mark.parametrize("q", ["lamp-1desk", "lampoak", "oak4006", "desklamp"])
def test_a_word_does_not_go_on_in_the_next_field(member, q):
    add(member, "LAMP-1", name="Desk lamp", description="oak", barcode="4006381333931")

    assert found(member, q) == []


@pytest.mark.parametrize(
    "q",
    [
        *("AND", "OR", "NOT", "NEAR", "near(lamp", "lamp*", "name:lamp", "search_text:lamp", "-lamp", "+lamp", "^lamp"),
        *(
            "{lamp}",
            "(lamp)",
            "[lam]",
            '"lamp"',
            '"""',
            'la"mp',
            '""lam',
            "'lam'",
            "';--",
            "lam%",
            "l%p",
            "la_mp",
            "_am",
        ),
        *(
            "\\lamp",
            "la\\%p",
            "///",
            "la/_p",
            "%%%",
            "___",
            "***",
            "🔦🔦🔦",
            "$1$",
            ":piece",
            "%(q)s",
            "?,?",
            "{},",
            "𝄞am",
        ),
    ],
)
def test_what_means_something_to_a_database_is_found_as_it_is_written(member, q):
    add(member, "1", name=f"before {q} after")
    add(member, "2", name="lamp amp lam name search_text 1 x%y_z")

    assert found(member, q) == ["1"]


@pytest.mark.parametrize("q", ["s", "-1", "ö", "ss", "de", "k l", "🔦"])
def test_words_of_one_and_of_two_letters_are_found(member, q):
    add(member, "LAMP-1", name="Desk lamp", description="größer 🔦")
    add(member, "other")

    assert found(member, q) == ["LAMP-1"]


@pytest.mark.parametrize("q", ["GRÖSSER", "größer", "gro\u0308ßer", "ÖSS", "σίσυφος", "ΣΊΣΥΦΟΣ", "ﬁlter", "FILTER"])
def test_case_and_the_way_an_accent_is_written_make_no_difference(member, q):
    add(member, "LAMP-1", name="Größer", description="ΣΊΣΥΦΟΣ", barcode="ﬁlter")
    add(member, "other", name="grober", description="σισυφος")

    assert found(member, q) == ["LAMP-1"]


@pytest.mark.parametrize("q", ["x" * 200, " ".join(f"{n:03}" for n in range(50)), ", ".join("abcdefghijkl" * 5)])
def test_the_longest_search_finds(member, q):
    add(member, "long", description=f"before {q} after")
    add(member, "other", description=q[:-5])

    assert "long" in found(member, q)


def test_short_words_narrow_what_long_ones_find(member):
    for sku in ("LAMP-1", "LAMP-2", "LAMP-12"):
        add(member, sku)

    assert found(member, "lamp 2") == ["LAMP-2", "LAMP-12"]
    assert found(member, "lamp 12") == ["LAMP-12"]


def test_a_search_goes_together_with_filters_and_sorts(member):
    for sku, name, bin_ in [("A", "lamp 3", "x"), ("B", "lamp 1", "y"), ("C", "lamp 2", "x"), ("D", "desk", "x")]:
        add(member, sku, name=name, bin=bin_, tags=[bin_])

    assert found(member, "lamp", sort="name") == ["B", "C", "A"]
    assert found(member, "lamp", sort="-name", bin="x") == ["A", "C"]
    assert found(member, "lamp", tag="x", sku="c") == ["C"]


def test_what_very_many_items_have_is_found_in_all_of_them(member):
    many = item_search.MAX_CANDIDATES + 100
    imported(member, lines({"sku": f"S{n}", "name": f"thing {n:05}"} for n in range(many)), content_type=NDJSON)

    assert found(member, "thing") == [f"S{n}" for n in range(many)]
    assert found(member, "thing 00042") == found(member, "00042") == ["S42"]
    assert found(member, "ing 0004") == ["S4", *(f"S{n}" for n in range(40, 50))]


# The rule

SIGNS = "aábAßİ\"'%_\\/*-:^(🔦1 \n"
WORDS = st.text(st.sampled_from(SIGNS.replace("\n", " ")), min_size=1, max_size=12)


def normalized(value):
    """The rule's own folding: without case, accents composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())


def shelf_of_signs():
    """Items of which every field is some of the signs, so that nearly every short word is somewhere."""
    turn = count(7)
    for n in range(60):
        texts = ["".join(SIGNS[next(turn) ** 2 // 5 % len(SIGNS)] for _ in range(n % 17 + 2)) for _ in range(3)]
        yield {
            "sku": f"{n}{texts[0].strip()}x".replace("\n", ""),
            "name": f"n{texts[1]}x".replace("\n", ""),
            "description": texts[2],
        }


def test_a_search_finds_whatever_contains_all_its_words_and_nothing_else(member):
    imported(member, lines(shelf_of_signs()), content_type=NDJSON)
    items = member.get("/items?limit=200").json["data"]
    assert len(items) == 60
    texts = {
        item["sku"]: normalized("\n".join((item["sku"], item["name"], item["description"], item["barcode"] or "")))
        for item in items
    }
    pieces = st.sampled_from(sorted(texts.values())).flatmap(
        lambda value: st.tuples(st.integers(0, len(value)), st.integers(1, 6)).map(
            lambda cut: value[cut[0] : cut[0] + cut[1]].replace("\n", " ")
        )
    )

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(WORDS, pieces), min_size=1, max_size=3).map(" ".join))
    @example('"""')
    @example("AND a%b")
    def finds(q):
        expected = [sku for sku, value in texts.items() if all(word in value for word in normalized(q).split())]
        assert found(member, q) == expected

    finds()


# What it follows


def test_a_search_follows_an_item_through_its_life(member):
    path = f"/items/{add(member, 'A', name='first name')['id']}"
    assert found(member, "first") == ["A"]
    imported(member, lines({"sku": f"S{n}", "name": "n"} for n in range(100)), content_type=NDJSON)
    assert found(member, "first") == ["A"]

    member.patch(path, json={"name": "second name"})
    assert (found(member, "first"), found(member, "second")) == ([], ["A"])

    member.put(path, json={"sku": "A", "name": "third name", "description": "second"})
    assert (found(member, "second"), found(member, "third")) == (["A"], ["A"])

    member.put(path_of("A"), json={"name": "third name"})
    assert (found(member, "second"), found(member, "third")) == ([], ["A"])

    member.delete(path)
    assert (found(member, "third"), found(member, "third", archived="true")) == ([], ["A"])

    member.post(f"{path}/restore")
    assert (found(member, "third"), found(member, "third", archived="true")) == (["A"], [])


def test_a_search_follows_imports_of_any_size(member):
    skus = [f"S{n}" for n in range(333)]
    for word, other in [("hammer", "needle"), ("needle", "hammer"), ("hammer", "needle")]:
        imported(member, lines({"sku": sku, "name": f"{word} of {sku}"} for sku in skus), content_type=NDJSON)

        assert (found(member, word), found(member, other)) == (skus, [])
        assert found(member, f"{word} s33") == ["S33", "S330", "S331", "S332"]


def test_what_is_changed_again_and_again_is_found_as_it_is(member):
    paths = [f"/items/{add(member, sku, name='number 000')['id']}" for sku in ("A", "B")]
    for n in range(1, 120):
        member.patch(paths[n % 2], json={"name": f"number {n:03}"})

    assert (found(member, "118"), found(member, "119")) == (["A"], ["B"])
    assert [q for q in (f"{n:03}" for n in range(118)) if found(member, q)] == []


def test_the_index_of_sqlite_holds_what_the_items_hold(member, database):
    if database != "sqlite":
        pytest.skip("others check their own indices")
    skus = [f"S{n}" for n in range(300)]
    for word in ("hammer", "needle"):
        imported(member, lines({"sku": sku, "name": f"{word} {sku}"} for sku in skus), content_type=NDJSON)
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM item_tags"))
        connection.execute(text("DELETE FROM events"))
        connection.execute(text("DELETE FROM items WHERE id % 3 = 0"))
        connection.execute(
            text("INSERT INTO items_search_due SELECT -id, NULL FROM items LIMIT 100")
        )  # all that is due

        connection.execute(text("INSERT INTO items_search (items_search, rank) VALUES ('integrity-check', 1)"))


def test_a_change_that_is_refused_is_not_found(member):
    add(member, "A", name="hammer", barcode="4006")
    other = add(member, "B", name="hammer")

    member.patch(f"/items/{other['id']}", json={"name": NEEDLE, "barcode": "4006"})

    assert (found(member, NEEDLE), found(member, "hammer")) == ([], ["A", "B"])


# The index


def plan(query, **parameters):
    """How the database goes about a query, as text."""
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[db.engine.dialect.name]
    compiled = query.compile(db.engine)
    values = {**compiled.params, **parameters}
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # which else may not know yet how many there are
            connection.exec_driver_sql("ANALYZE items, items_search")
        if compiled.positional:
            values = tuple(values[name] for name in compiled.positiontup)
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + str(compiled), values))


def looked_up(monkeypatch):
    """What the index will be asked, as the questions come."""
    asked = []
    rows = item_search.PreparedQuery.rows

    def remembered(self, **parameters):
        if "trigrams" in parameters:
            asked.append((self._query, parameters))
        return rows(self, **parameters)

    monkeypatch.setattr(item_search.PreparedQuery, "rows", remembered)
    return asked


@pytest.mark.parametrize("sort", [Item.id, Item.name_key, Item.price.desc()], ids=str)
def test_a_rare_word_of_three_letters_is_looked_up(member, database, sort, monkeypatch):
    imported(
        member,
        lines({"sku": f"S{n}", "name": f"thing {n}"} for n in range(item_search.MAX_CANDIDATES + 1)),
        content_type=NDJSON,
    )
    add(member, "LAMP-1")
    asked = looked_up(monkeypatch)

    found = item_query.matching(q="lam")
    query, values = found.query.order_by(sort, Item.id).limit(51), found.values

    if database == "mysql":
        pytest.skip("MariaDB has no such index")
    ((question, parameters),) = asked
    if database == "sqlite":
        assert "items_search VIRTUAL TABLE INDEX" in plan(question, **parameters)
        assert "SEARCH items USING INTEGER PRIMARY KEY" in plan(query, **values)
        assert "ix_items" not in plan(query, **values)
    else:
        assert "Index Scan on ix_items_search_pieces" in plan(question, **parameters)
        assert "Index Scan using pk_items" in plan(query, **values)


@pytest.mark.parametrize(("q", "times"), [("", 0), ("la", 0), ("lam", 1), ("la lamp desk", 1), ("thing", 2)])
def test_the_index_is_asked_for_what_it_can_know(member, database, q, times, monkeypatch):
    imported(
        member,
        lines({"sku": f"S{n}", "name": f"thing {n}"} for n in range(item_search.MAX_CANDIDATES + 1)),
        content_type=NDJSON,
    )
    asked = looked_up(monkeypatch)

    item_query.matching(q=q)

    # PostgreSQL sees by the first items what all have.
    assert len(asked) == (0 if database == "mysql" or (database == "postgresql" and q == "thing") else times)
