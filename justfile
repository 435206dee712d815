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

# All functions on this machine as on AWS Lambda, at one address; `--watch` builds again after changes.
lambda *arguments:
    tools/lambda {{arguments}}

# Every function under AWS's emulator, the template, the local tools; `--release` for the binaries that are deployed.
lambda-tests *arguments:
    tests/lambda/run {{arguments}}

# Builds, migrates the database (DATABASE_ADMIN_URL, as its owner), and deploys; tools/deploy says what it takes.
deploy *arguments:
    tools/deploy {{arguments}}

# The API description.
openapi:
    cargo almanac openapi
