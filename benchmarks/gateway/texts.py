"""What the fronts we compare with are told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

WORKERS: Final = 2
"""Of everybody, as many as ours has."""

HEAD: Final = """\
daemon off; worker_processes {workers}; worker_rlimit_nofile 8192;
pid front.pid; error_log error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; tcp_nodelay on; server_tokens off; keepalive_requests 1000000;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
    scgi_temp_path t5;
    server_names_hash_bucket_size 128;
"""


def backend(port: int) -> str:
    """An nginx that says ok, whatever it is asked."""
    return (
        HEAD.format(workers=1) + f"server {{ listen 127.0.0.1:{port} reuseport;"
        ' location / { default_type text/plain; return 200 "ok\\n"; } } }'
    )


SAID: Final = """\
    proxy_buffering off; proxy_buffer_size 32k; proxy_buffers 4 32k;
    map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
    proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Forwarded ""; proxy_set_header Proxy "";
"""


def telling(port: int, behind: int) -> str:
    """The same with what programs behind a gateway are told, and WebSockets."""
    plain = static(port, behind).replace("proxy_set_header Connection '';", "")
    return plain.replace("upstream behind", f"{SAID}    upstream behind", 1)


def static(port: int, behind: int, routes: int = 0, mark: str = "") -> str:
    """The plainest proxy_pass with kept connections.

    With routes, a location and an upstream for each: what routes to as many programs take.
    """
    passed = "proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection '';"
    names = [f"r{number:05d}" for number in range(routes)]
    places = "".join(
        f"location /{name}/ {{ {passed.replace('//behind', '//' + name)} }}\n" for name in names
    )
    ups = "".join(
        f"upstream {name} {{ server 127.0.0.1:{behind}; keepalive 64; }}\n" for name in names
    )
    return (
        HEAD.format(workers=WORKERS)
        + ups
        + f"upstream behind {{ server 127.0.0.1:{behind}; keepalive 64; }}\n"
        f"server {{ listen 127.0.0.1:{port};\n{places}location / {{ {passed} }}\n"
        f"location = /mark {{ default_type text/plain; return 200 '{mark}'; }} }} }}"
    )


def naive(port: int, routes: str) -> str:
    """What the original does: read the table anew for each request, sort it, look at each rule."""
    return (
        HEAD.format(workers=WORKERS)
        + """
    lua_shared_dict routes 16m;
    init_by_lua_block {
        local file = io.open(ngx.config.prefix() .. "ROUTES", "rb")
        ngx.shared.routes:set("routes", file:read("*a"))
    }
    server { listen 127.0.0.1:PORT;
    location / {
        set $behind "";
        access_by_lua_block {
            local rules = require("cjson").decode(ngx.shared.routes:get("routes"))
            table.sort(rules, function(a, b) return a.priority > b.priority end)
            for _, rule in ipairs(rules) do
                if ngx.var.uri:sub(1, #rule.path_prefix) == rule.path_prefix then
                    ngx.var.behind = rule.backend
                    return
                end
            end
            return ngx.exit(404)
        }
        proxy_pass $behind;
    } } }
    """.replace("PORT", str(port)).replace("ROUTES", routes)
    )


def naive_rules(behind: int, routes: int) -> str:
    """Its table."""
    return json.dumps(
        [
            {
                "priority": 1,
                "path_prefix": f"/r{number:05d}/",
                "backend": f"http://127.0.0.1:{behind}",
            }
            for number in range(routes)
        ]
    )


def haproxy(port: int, behind: int, mapped: str) -> str:
    """A map of prefixes, and kept connections."""
    return f"""\
global
    nbthread {WORKERS}
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    use_backend %[path,map_beg({mapped},none)]
backend behind
    server one 127.0.0.1:{behind} pool-max-conn 128
"""


def caddy(port: int, behind: int, admin: str, routes: Iterable[str]) -> str:
    """A route for each prefix; one that says a mark can be addressed by its id."""
    passed = {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{behind}"}]}
    listed = [
        {"match": [{"path": [f"/{name}/*"]}], "handle": [passed], "terminal": True}
        for name in routes
    ]
    mark = {"@id": "mark", "handler": "static_response", "body": ""}
    listed.append({"match": [{"path": ["/mark"]}], "handle": [mark], "terminal": True})
    server = {"listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True}}
    return json.dumps(
        {
            "admin": {"listen": admin, "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": {"http": {"servers": {"front": {**server, "routes": listed}}}},
        }
    )
