"""Whether a rule is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...core.backend import refusal
from ...core.model import Health, HealthCode, Json, Observed
from .endpoint import host_of
from .state import Rule


def health(seen: Observed[Rule]) -> Health:
    """Healthy once every worker of the gateway serves a version that has this rule."""
    version = seen.vitals.get("version")
    if behind := seen.vitals.get("behind"):
        text = f"workers {', '.join(behind)} do not serve table {version} yet"
        return Health(HealthCode.PROGRESSING, "Loading", text)
    proxy = seen.state.proxy
    if proxy is not None and proxy.process is not None:
        return _backed(proxy.process.name, seen)
    if (host := host_of(proxy)) is not None:
        return _located(host.name, seen.vitals)
    for address in seen.vitals.get("refusing", ()):
        return Health(HealthCode.DEGRADED, "Refused", refusal(str(address)))
    if root := seen.vitals.get("missing"):
        return Health(HealthCode.DEGRADED, "FolderMissing", f"there is no folder {root}")
    return Health(HealthCode.HEALTHY, "Served", f"by every worker, since table {version}")


def _backed(process: str, seen: Observed[Rule]) -> Health:
    """Whether there is anybody behind it."""
    endpoints = seen.vitals.get("endpoints")
    ready = [one for one in endpoints or () if one.get("ready", True)]
    if not ready and (endpoints or endpoints is None):
        text = f"waits for an instance of Process/{process} to be ready"
        return Health(HealthCode.PROGRESSING, "NotReady", text)
    if not ready:
        text = f"no instance of Process/{process} is ready"
        return Health(HealthCode.DEGRADED, "NotReady", text)
    refusing = [one for one in ready if one["address"] in seen.vitals.get("refusing", ())]
    if refusing:
        text = f"{len(refusing)} of {len(ready)} instances of Process/{process} refuse connections"
        return Health(HealthCode.DEGRADED, "Refused", f"{text}: {_names(refusing)}")
    return Health(HealthCode.HEALTHY, "Served", f"by {_names(ready)}")


def _located(name: str, vitals: Mapping[str, Json]) -> Health:
    """Whether anybody knows where the host is, and it takes requests."""
    endpoints, problem = vitals.get("endpoints"), vitals.get("problem")
    if not endpoints and not problem:
        return Health(HealthCode.PROGRESSING, "LookingUp", f"looks up {name}")
    if not endpoints:
        return Health(HealthCode.DEGRADED, "Unresolved", str(problem))
    where = ", ".join(one["address"] for one in endpoints)
    if len(vitals.get("refusing", ())) == len(endpoints):
        return Health(HealthCode.DEGRADED, "Refused", f"{name} refuses connections at {where}")
    text = f"{problem}; as last known by {where}" if problem else f"by {name} at {where}"
    return Health(HealthCode.HEALTHY, "Served", text)


def _names(endpoints: Iterable[Mapping[str, Json]]) -> str:
    return ", ".join(f"{one['name']} at {one['address']}" for one in endpoints)
