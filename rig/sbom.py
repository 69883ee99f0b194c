"""Writes what a wheel or a package brings with it, as a CycloneDX bill of materials.

`python -m rig.sbom LOCK OUT [FILE]`: the releases of the lock that Linux gets, with the hashes of
their files, their licences as far as they are installed here, and who requires whom; FILE is the
wheel or package that is described. The same lock and file give the same bytes: no instant stands in
it but that of SOURCE_DATE_EPOCH, and its serial number is made from what it says.
"""

import hashlib
import json
import os
import sys
import tomllib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.markers import Marker

from rig.environment import ROOT
from rig.locked import Release, releases

_NAMESPACE = uuid.UUID("6c0b9bd5-0a3e-5b6d-9d35-4a3c9c1f3f0b")
_LINUX = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"}


def bill(lock: Path, described: Path | None, epoch: int | None) -> str:
    """Return the bill of materials as JSON; `epoch` is its instant, in seconds. Raises OSError."""
    ours = _ours(described)
    locked = [one for one in releases(lock) if _is_for_linux(one)]
    components = {one.name: _component(one) for one in locked}
    bom = Bom(
        metadata=BomMetaData(component=ours),
        components=components.values(),
        serial_number=uuid.uuid5(_NAMESPACE, _digest(filter(None, (lock, described)))),
    )
    parents = {**components, ours.name: ours}
    for name, parent in parents.items():
        requires = [components[one.name] for one in locked if name in one.via]
        bom.register_dependency(parent, requires)
    return _dated(json.loads(JsonV1Dot6(bom).output_as_string()), epoch)


def _dated(document: dict[str, dict[str, object]], epoch: int | None) -> str:
    """Return a document as JSON, with that instant or none: the library writes the present one."""
    if epoch is None:
        del document["metadata"]["timestamp"]
    else:
        document["metadata"]["timestamp"] = datetime.fromtimestamp(epoch, UTC).isoformat()
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _is_for_linux(release: Release) -> bool:
    return not release.marker or Marker(release.marker).evaluate(_LINUX)


def _ours(described: Path | None) -> Component:
    """Return ourselves, with the hash of the file that is described."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    purl = PackageURL("pypi", None, project["name"], project["version"])
    return Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        description=f"{project['description']}: {described.name}" if described else None,
        bom_ref=str(purl),
        purl=purl,
        licenses=[_license(project["license"])],
        hashes=[_hash(_sha256(described))] if described else [],
    )


def _component(release: Release) -> Component:
    """Return a locked release; its files stand as one distribution, of which one is installed."""
    purl = PackageURL("pypi", None, release.name, release.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="the files of this release; one of them is installed",
        hashes=[_hash(each.removeprefix("sha256:")) for each in release.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=release.name,
        version=release.version,
        bom_ref=str(purl),
        purl=purl,
        licenses=_licenses(release),
        external_references=[files],
    )


def _licenses(release: Release) -> list[License]:
    """Return what an installed release says of its licence; [] where another one is installed."""
    try:
        said = metadata(release.name)
    except PackageNotFoundError:
        return []
    if _stated(said, "Version") != release.version:
        return []
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in said.get_all("Classifier") or []
        if text.startswith("License :: ") and text != "License :: OSI Approved"
    ]
    stated = _stated(said, "License-Expression") or _short(_stated(said, "License"))
    return [_license(name) for name in ([stated] if stated else classifiers)]


def _stated(said: PackageMetadata, name: str) -> str | None:
    """Return a field of a release's metadata; None where it is missing."""
    found = said.get_all(name)
    return found[0] if found else None


def _short(text: str | None) -> str | None:
    """Return a licence's name; None where its whole text stands in its place."""
    return text if text and len(text) < 60 and "\n" not in text and text != "UNKNOWN" else None


def _license(name: str) -> License:
    declared = LicenseAcknowledgement.DECLARED
    return LicenseFactory().make_from_string(name, license_acknowledgement=declared)


def _hash(hexadecimal: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hexadecimal)


def _digest(files: Iterable[Path]) -> str:
    return "".join(_sha256(path) for path in files)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Write the bill of materials of the arguments' lock and file."""
    lock, out, *described = map(Path, sys.argv[1:])
    file = described[0] if described else None
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    out.write_text(bill(lock, file, int(epoch) if epoch else None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
