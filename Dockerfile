# SPDX-License-Identifier: Apache-2.0
# docker build -t allot . && docker run -p 50051:50051 -p 9464:9464 -v allot:/var/lib/allot allot
FROM debian:12-slim AS build
WORKDIR /src
COPY deploy/apt-packages.txt deploy/install deploy/
RUN deploy/install build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DBUILD_TESTING=OFF \
 && cmake --build --preset release --target allotd allot

FROM debian:12-slim
COPY deploy/apt-packages.txt deploy/install /tmp/deploy/
RUN /tmp/deploy/install runtime \
 && rm -rf /var/lib/apt/lists/* /tmp/deploy \
 && useradd --system --uid 10001 --home-dir /var/lib/allot --create-home allot
COPY --from=build /src/build/release/bin/allotd /src/build/release/bin/allot /usr/local/bin/
USER 10001
WORKDIR /var/lib/allot
VOLUME /var/lib/allot
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
# Answers only when allotd does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["allot", "--timeout", "2", "pool", "list"]
# A container's network is its own; give --tls_cert and --tls_key, and
# --allow_cleartext=http, where others reach it.
ENTRYPOINT ["allotd", "--listen=0.0.0.0:50051", "--http_listen=0.0.0.0:9464", "--allow_cleartext=all", "--store=sqlite:/var/lib/allot/allot.db"]
