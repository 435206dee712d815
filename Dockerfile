# `almanac serve` for platforms that run containers: one program, no shell, no root.
#
#   docker build --tag almanac .
#   docker run --read-only --publish 8787:8787 --stop-timeout 40 --env-file settings almanac
#
# The bases are named by tag; Renovate pins them by digest. `tests/container/run` shows what can be shown without Docker.

FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY migrations migrations
COPY shared shared
COPY functions functions
COPY server server
# What was compiled stays in the caches, so only what has changed is compiled again. OpenSSL is built along.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --locked --release --package server --bin almanac --features vendored-openssl \
    && cp target/release/almanac /almanac
# A file for each root, named by its subject's hash: OpenSSL reads the one that it needs and not all of them.
RUN cp --recursive --dereference /etc/ssl/certs /roots && rm /roots/ca-certificates.crt

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Almanac" \
      org.opencontainers.image.description="One backend for AI assistants that plan people's days" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build --chmod=0555 /almanac /usr/local/bin/almanac
COPY --from=build /roots /etc/ssl/roots
ENV HOST=0.0.0.0 \
    PORT=8787 \
    SSL_CERT_DIR=/etc/ssl/roots \
    SSL_CERT_FILE=/dev/null
USER 65532:65532
EXPOSE 8787
STOPSIGNAL SIGTERM
# The program's own name for it, since there is no curl and no shell.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 CMD ["/usr/local/bin/almanac", "health"]
ENTRYPOINT ["/usr/local/bin/almanac"]
CMD ["serve"]
