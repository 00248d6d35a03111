# One image, one public port (7860), one user (1000). docs/en/docker.md says how to build on it.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# For networks with a certificate authority of their own: a bundle mounted at build time.
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-deps --require-hashes -r requirements.lock \
    && python3 -m venv /build/venv \
    && /build/venv/bin/pip install --no-deps --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY supervisor supervisor
COPY gateway gateway
COPY grafana grafana
COPY src src
RUN /build/venv/bin/python -m hatchling build -t wheel -d dist \
    && /opt/reconciler/bin/pip install --no-deps dist/*.whl \
    && sed -i -e '/^import re$/d' -e '/re\.sub(/d' /opt/reconciler/bin/reconciler \
    && /opt/reconciler/bin/python -m compileall -q /opt/reconciler/lib \
    && /opt/reconciler/bin/pip uninstall -q -y pip setuptools


FROM ${BASE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates curl git openssh-client python3 tini tzdata \
        nginx-light libnginx-mod-http-lua libnginx-mod-http-ndk \
        lua-resty-core lua-resty-lrucache lua-cjson \
    && rm -rf /var/lib/apt/lists/* /var/log/* \
    && groupadd --gid 1000 user \
    && useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash user
COPY --from=build /opt/reconciler /opt/reconciler

ENV HOME=/home/user \
    LANG=C.UTF-8 \
    PATH=/home/user/.local/bin:/opt/reconciler/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    RECONCILER_SPECS=/home/user/specs \
    RECONCILER_STATE_DIR=/home/user/.local/state/reconciler \
    RECONCILER_BIND=0.0.0.0
WORKDIR /home/user
USER 1000:1000
# Made by the user, so that a volume mounted over it starts out with the right owner.
RUN mkdir -p -m 700 .local/state/reconciler
COPY --chown=1000:1000 specs specs
COPY --chown=1000:1000 examples/site examples/site

LABEL org.opencontainers.image.title="reconciler" \
      org.opencontainers.image.description="Processes, routes and backups converge to what specs/ says" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD reconciler healthcheck --port 7860
ENTRYPOINT ["/usr/bin/tini", "--", "reconciler"]
CMD ["up"]
