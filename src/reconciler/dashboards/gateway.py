"""The dashboards about requests: all of them, and those of one route."""

from __future__ import annotations

from typing import Final

from .panel import (
    YES,
    Dashboard,
    Query,
    Row,
    Variable,
    quantiles,
    rate,
    series,
)

REQUESTS: Final = "reconciler_gateway_requests_total"
SECONDS: Final = "reconciler_gateway_request_duration_seconds"
OF_ONE: Final = '{route=~"$route"}'
BAD_OF_ONE: Final = '{route=~"$route", code="5xx"}'

GATEWAY: Final = Dashboard(
    "reconciler-gateway",
    "reconciler / Gateway",
    "Requests, how long they take, and who answers them.",
    (
        Row(
            "Requests",
            (
                series(
                    "By route",
                    Query(
                        rate(REQUESTS, "route"),
                        "{{route}}",
                    ),
                    unit="reqps",
                    stacked=True,
                ),
                series(
                    "By status",
                    Query(rate(REQUESTS, "code"), "{{code}}"),
                    unit="reqps",
                    stacked=True,
                ),
                series("How long they take", *quantiles(SECONDS), unit="s"),
                series(
                    "Under way",
                    Query("reconciler_gateway_requests_in_flight", "{{route}}"),
                ),
                series(
                    "Failures of programs behind routes",
                    Query(
                        rate("reconciler_gateway_upstream_errors_total", "route"),
                        "{{route}}",
                    ),
                    unit="reqps",
                ),
                series(
                    "Waiting for a program",
                    Query("reconciler_gateway_requests_parked", "waiting"),
                ),
            ),
        ),
        Row(
            "Below",
            (
                series(
                    "Under way by endpoint",
                    Query(
                        "reconciler_gateway_endpoint_requests_in_flight or vector(0)",
                        "{{endpoint}}",
                    ),
                ),
                series(
                    "Endpoints that refuse",
                    Query("reconciler_gateway_endpoint_refuses or vector(0)", "{{endpoint}}"),
                ),
                series(
                    "Connections of clients",
                    Query("reconciler_gateway_connections", "{{state}}"),
                    stacked=True,
                ),
                series(
                    "Version of the table",
                    Query("reconciler_gateway_table_version", "worker {{worker}}"),
                    Query("reconciler_route_table_version", "wanted"),
                ),
            ),
        ),
    ),
)


ONE_ROUTE: Final = Dashboard(
    "reconciler-route",
    "reconciler / One route",
    "One route: how often, how long, how well.",
    (
        Row(
            "Requests",
            (
                series(
                    "By status",
                    Query(
                        rate(REQUESTS, "code", of=OF_ONE),
                        "{{code}}",
                    ),
                    unit="reqps",
                    stacked=True,
                ),
                series(
                    "Failing",
                    Query(
                        f"{rate(REQUESTS, of=BAD_OF_ONE)} / {rate(REQUESTS, of=OF_ONE)}",
                        "5xx",
                    ),
                    unit="percentunit",
                ),
                series("How long they take", *quantiles(SECONDS, of=OF_ONE), unit="s"),
                series(
                    "Under way",
                    Query(f"reconciler_gateway_requests_in_flight{OF_ONE}", "{{route}}"),
                ),
                series(
                    "Failures of the program behind it",
                    Query(
                        rate("reconciler_gateway_upstream_errors_total", "route", of=OF_ONE),
                        "{{route}}",
                    ),
                    unit="reqps",
                ),
                series(
                    "Healthy",
                    Query('reconciler_resource_healthy{kind="Route", name=~"$route"}', "{{name}}"),
                    names=YES,
                ),
            ),
        ),
    ),
    (Variable("route", "reconciler_gateway_requests_total", "route", every=False),),
)
