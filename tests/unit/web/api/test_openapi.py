"""The document of the API is what the routes say, and names what a stranger needs."""

from __future__ import annotations

from pbxbilling.web.api import ROUTES
from rig.openapi import PAGE, document, text


def test_the_committed_document_is_todays() -> None:
    assert PAGE.read_text() == text(), "run `make openapi`, and look at what changed"


def test_every_route_has_a_sentence_a_shape_and_a_name_of_its_own() -> None:
    for route in ROUTES:
        assert route.description.endswith("."), route.path
        assert route.response_model is not None, route.path
    names = [route.name for route in ROUTES]
    assert sorted(set(names)) == sorted(names)


def test_paths_are_those_of_the_first_version() -> None:
    assert all(path.startswith("/api/v1/") for path in document()["paths"])
