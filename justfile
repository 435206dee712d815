# `just` lists these. Each is one command that can be typed as well.

_default:
    @just --list

# The whole product on this machine.
dev:
    cargo dev

# All Rust tests.
test:
    cargo test

# Everything that must hold before a change lands.
ci *steps:
    .ci/run {{steps}}

# Real clients against the real server.
clients *files:
    tests/clients/run {{files}}

# Every function under AWS's emulator, the template, `cargo lambda watch`.
lambda *arguments:
    tests/lambda/run {{arguments}}

# The API description.
openapi:
    cargo almanac openapi
