"""The base of the API's schemas, and the forms of what they and its queries hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from pbxbilling.kernel.bounds import read_instant, read_month, read_period

PREFIX: Final = "/api/v1"
PAGE: Final = 100
PAGE_MOST: Final = 1000

ADDRESS: Final = "x-pbxbilling-address"
"""The header in which the web process says where a request came from."""

REQUEST_ID: Final = "x-request-id"
"""The header with the id that it gave a request."""

# Checked against the bounds of what can be stored; a fault names the expected form.
Instant = Annotated[datetime, BeforeValidator(lambda text: read_instant(str(text)))]
Month = Annotated[str, BeforeValidator(lambda text: read_month(str(text)))]
Period = Annotated[str, BeforeValidator(lambda text: read_period(str(text)))]
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST, description="Rows of a page, at most.")]
RowId = Annotated[int, Query(ge=1, le=2**63 - 1, description="The id of the last row before.")]

AFTER: Final = Query(description="The key of the last row before, as the header Link has it.")
After = Annotated[str | None, AFTER]
NO_KEY: Final = "expected the key of a row, as the header Link of a page has it"


def read_by(read: Callable[[str], object]) -> AfterValidator:
    """Return what accepts the keys that `read` does, which raises ValueError for any other."""
    return AfterValidator(lambda text: read(text) and text)


_NAMED: Final = str.maketrans("/", "_", "{}")
Responses = dict[int | str, dict[str, Any]]  # what the document adds to a route's answers


def leads_to(values: Mapping[str, str], *routes: tuple[str, str]) -> Responses:
    """Say in the document which routes take what an answer has.

    `values` are expressions of OpenAPI, such as `$response.body#/id`, by parameter.
    """
    links = {
        f"{method.lower()}{path.translate(_NAMED)}": {
            "operationRef": f"#/paths/{f'{PREFIX}{path}'.replace('/', '~1')}/{method.lower()}",
            "parameters": dict(values),
        }
        for method, path in routes
    }
    return {200: {"links": links}}


class Schema(BaseModel):
    """Base of the API's schemas: a request with an unknown key is refused, no answer has one."""

    model_config = ConfigDict(extra="forbid")


class DryRun(Schema):
    """Whether to report the changes without making them."""

    dry_run: bool = False
