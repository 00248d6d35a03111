"""From the results of probes to verdicts: pure, and by the rules of the kubelet.

A verdict turns only after its threshold of equal results in a row. Startup gates the other two
until it succeeds, and is then never run again in that life. In a life that was seen to begin,
readiness starts as failure and liveness as success; of one that was there before anybody looked
nothing is known, and unknown is no reason to withdraw or to restart anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from .model import Json
from .probe import Probe, Probes, Role


class Verdict(StrEnum):
    UNKNOWN = "unknown"
    SUCCESS = "success"
    FAILURE = "failure"


class Result(NamedTuple):
    """What one look found; ``ok`` is None when it could not tell."""

    ok: bool | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Where one probe stands. ``since`` is when the verdict last turned, in Unix seconds."""

    verdict: Verdict
    since: float
    message: str = ""
    failures: int = 0
    """Failures in a row."""
    successes: int = 0
    """Successes in a row, counted no further than the threshold."""
    returns: int = 0
    """How often it was good again after it was bad."""
    settled: bool = False
    """Whether its threshold was reached in this life, either way; else it is too early to judge."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where all probes of one life stand. ``adopted``: it was there before anybody looked."""

    probes: Probes
    findings: Mapping[Role, Finding]
    adopted: bool = False

    def verdict(self, role: Role) -> Verdict | None:
        """The verdict of ``role``; None where there is no such probe."""
        found = self.findings.get(role)
        return None if found is None else found.verdict

    def judged(self, role: Role) -> tuple[Verdict, bool] | None:
        """What others act on: the verdict of ``role``, and whether that of readiness is settled."""
        found = self.findings.get(role)
        if found is None:
            return None
        # Of the others nobody reads it: it must not be worth a look at each start of a process.
        return (found.verdict, found.settled and role is Role.READINESS)


_FRESH: Final = {
    Role.STARTUP: Verdict.UNKNOWN,
    Role.READINESS: Verdict.FAILURE,
    Role.LIVENESS: Verdict.SUCCESS,
}


def begin(
    probes: Probes, now: float, *, adopted: bool = False, age: float | None = None
) -> Standing:
    """Where the probes of a life stand before the first look.

    ``age`` is how long an adopted life has lasted, where that is known.
    """
    findings = {
        role: Finding(Verdict.UNKNOWN if adopted else _FRESH[role], now, "not probed yet")
        for role, _ in probes.items()
    }
    startup = probes.startup
    if startup is not None and adopted and age is not None and age > patience(startup):
        # Otherwise it would not be alive any more.
        findings[Role.STARTUP] = Finding(Verdict.SUCCESS, now)
    return Standing(probes, findings, adopted)


def edited(standing: Standing, probes: Probes, now: float) -> Standing:
    """Where the same life stands after its probes were edited: what is equal keeps its verdict."""
    fresh = begin(probes, now, adopted=True).findings
    kept = {
        role: found
        for role, found in standing.findings.items()
        if probes.of(role) == standing.probes.of(role) and role in fresh
    }
    findings = {**fresh, **kept}
    if Role.STARTUP in findings and standing.verdict(Role.STARTUP) in {None, Verdict.SUCCESS}:
        findings[Role.STARTUP] = Finding(Verdict.SUCCESS, now)  # it has started long ago
    return Standing(probes, findings, standing.adopted)


def patience(probe: Probe) -> float:
    """How long a probe may fail before it counts, in seconds."""
    return probe.initial_delay + probe.period * probe.failure_threshold + probe.timeout


def awaited(standing: Standing) -> tuple[Role, ...]:
    """The probes that are to be run now."""
    if Role.STARTUP in standing.findings:
        if standing.verdict(Role.STARTUP) is not Verdict.SUCCESS:
            return (Role.STARTUP,)
        return tuple(role for role in standing.findings if role is not Role.STARTUP)
    return tuple(standing.findings)


def heard(standing: Standing, role: Role, result: Result, now: float) -> Standing:
    """Where the probes stand after one more result; the same object when nothing is different."""
    probe = standing.probes.of(role)
    if probe is None or result.ok is None or role not in awaited(standing):
        return standing
    before = standing.findings[role]
    after = _counted(before, probe, result)
    if _reached(after, probe):
        after = replace(after, settled=True)
    if _reached(after, probe) and after.verdict is not _said(result):
        returns = after.returns + (after.verdict is Verdict.FAILURE)
        after = replace(after, verdict=_said(result), since=now, returns=returns)
    if after == before:
        return standing
    return replace(standing, findings={**standing.findings, role: after})


def ready(standing: Standing | None) -> Verdict:
    """Whether something may be sent to it. Without probes it may."""
    if standing is None:
        return Verdict.SUCCESS
    if standing.verdict(Role.STARTUP) not in {None, Verdict.SUCCESS}:
        return Verdict.UNKNOWN if standing.adopted else Verdict.FAILURE
    return standing.verdict(Role.READINESS) or Verdict.SUCCESS


def is_awaited(standing: Standing) -> bool:
    """Whether it was never ready in this life, which was seen to begin."""
    if standing.adopted:
        return False
    if standing.verdict(Role.STARTUP) not in {None, Verdict.SUCCESS}:
        return True
    found = standing.findings.get(Role.READINESS)
    return found is not None and found.verdict is Verdict.FAILURE and not found.returns


def broken(standing: Standing) -> tuple[Role, Finding] | None:
    """The probe for whose failure it must be restarted, if there is one."""
    for role in (Role.STARTUP, Role.LIVENESS):
        found = standing.findings.get(role)
        if found is not None and found.verdict is Verdict.FAILURE:
            return role, found
    return None


def told(standing: Standing) -> dict[str, Json]:
    """The same for people and programs."""
    return {
        str(role): {
            "verdict": str(found.verdict),
            "since": found.since,
            "message": found.message,
            "failures": found.failures,
            "settled": found.settled,
        }
        for role, found in standing.findings.items()
    }


def _said(result: Result) -> Verdict:
    return Verdict.SUCCESS if result.ok else Verdict.FAILURE


def _counted(before: Finding, probe: Probe, result: Result) -> Finding:
    if result.ok:
        successes = min(before.successes + 1, probe.success_threshold)
        done = successes == probe.success_threshold or before.verdict is Verdict.SUCCESS
        message = "" if done else before.message
        return replace(before, successes=successes, failures=0, message=message)
    return replace(before, successes=0, failures=before.failures + 1, message=result.message)


def _reached(after: Finding, probe: Probe) -> bool:
    if after.failures:
        return after.failures >= probe.failure_threshold
    return after.successes >= probe.success_threshold
