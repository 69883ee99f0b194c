"""Write the API's own document into docs: `python -m rig.openapi`; a test compares the two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pbxbilling.web.api import api

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"


def document() -> dict[str, Any]:
    """Return the document without the version of the program, which changes with each release."""
    made = api(None, None).openapi()
    made["info"]["version"] = "1"
    return made


def text() -> str:
    """Return it as the page has it."""
    return json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text())
