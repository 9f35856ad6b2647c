"""What raises an alert and who is told, and how deep a cascade may be: ``[alerts]`` and ``[cascades]``."""

from __future__ import annotations

from typing import Final

from comity import limits
from comity.model.addresses import is_mail
from comity.model.alerting import (
    DETECTORS,
    LEVELS,
    AlertLevel,
    AlertsDefinition,
    CascadesDefinition,
    DetectorDefinition,
)
from comity.model.reading.sections import Section, describe

SETTINGS: Final = ("to", "from", "per_hour", "quiet")
NAMES: Final = tuple(detector.name for detector in DETECTORS)


def read_alerts(root: Section) -> AlertsDefinition:
    """Return when an alert is raised and who is told."""
    section = root.section("alerts")
    section.allow((*SETTINGS, *NAMES))
    to = section.section("to")
    to.allow(("webhooks", "mail"))
    default = AlertsDefinition()
    least: AlertLevel | None = section.optional_choice("from", LEVELS)
    return AlertsDefinition(
        detectors=tuple(_read_detector(section.section(one.name), one) for one in DETECTORS),
        webhooks=_read_webhooks(to, root),
        mail=_read_mail(to, root),
        least=least or default.least,
        per_hour=_number(section, "per_hour", default.per_hour, limits.ALERT_TIMES),
        quiet_s=_quiet(section, default.quiet_s),
    )


def _read_detector(entry: Section, default: DetectorDefinition) -> DetectorDefinition:
    waits = default.share is not None
    entry.allow(("severity", "enabled", "share") if waits else ("severity", "enabled", "times", "within"))
    severity: AlertLevel | None = entry.optional_choice("severity", LEVELS)
    return DetectorDefinition(
        name=default.name,
        severity=severity or default.severity,
        times=_number(entry, "times", default.times, limits.ALERT_TIMES),
        within_s=entry.span("within", limit_s=limits.ALERT_WITHIN_MOST_S) or default.within_s,
        share=_number(entry, "share", default.share, 100) if default.share is not None else None,
        enabled=entry.flag("enabled") if "enabled" in entry.table else default.enabled,
    )


def _read_webhooks(to: Section, root: Section) -> tuple[str, ...]:
    names = to.names("webhooks", "webhook")
    declared = root.table.get("webhooks")
    known = declared if isinstance(declared, dict) else {}
    for name in names:
        if name not in known:
            to.problem("webhooks", f"{name!r} is no webhook of [webhooks]", given=name, choices=sorted(known))
    _check_count(to, "webhooks", names)
    return names


def _read_mail(to: Section, root: Section) -> tuple[str, ...]:
    value = to.table.get("mail", [])
    listed = value if isinstance(value, list) else [value]
    addresses = tuple(dict.fromkeys(one for one in listed if isinstance(one, str) and is_mail(one)))
    strays = [one for one in listed if one not in addresses]
    if strays:
        to.problem("mail", f"{describe(strays[0])} is no mail address")
    if addresses and "mail" not in root.table:
        to.problem("mail", "there is no [mail]: it says which server takes mail")
    _check_count(to, "mail", addresses)
    return addresses


def _check_count(to: Section, key: str, named: tuple[str, ...]) -> None:
    if len(named) > limits.ALERT_RECEIVERS:
        to.problem(key, f"{len(named)} receivers, of at most {limits.ALERT_RECEIVERS}")


def _quiet(section: Section, default: int) -> int:
    seconds = section.span("quiet", limit_s=limits.ALERT_QUIET_DAYS * 86_400)
    if seconds is not None and seconds < 60:
        section.problem("quiet", "must be at least a minute")
    return seconds or default


def _number(section: Section, key: str, default: int, most: int) -> int:
    if key not in section.table:
        return default
    number = section.integer(key)
    if not 0 < number <= most:
        section.problem(key, f"must be a number from 1 to {most:,}, not {describe(section.table[key])}")
        return default
    return number


def read_cascades(section: Section) -> CascadesDefinition:
    """Return how deep a cascade may be."""
    section.allow(("depth",))
    return CascadesDefinition(depth=_number(section, "depth", limits.CASCADE_DEPTH, limits.CASCADE_DEPTH_MOST))
