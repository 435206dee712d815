"""Settings with which each function starts; nothing here is reached before a test needs it."""

import subprocess

SITE = "https://app.example"
PUBLIC_URL = "https://api.example"
CLERK = "https://clerk.example"
CLERK_KEY = "dGVzdHMgb25seQ=="
DATABASE_PASSWORD = "swordfish-of-the-tests"
NOWHERE = f"postgres://almanac_app:{DATABASE_PASSWORD}@127.0.0.1:9/almanac"
ISSUERS = f'[{{"issuer":"{PUBLIC_URL}","jwks_url":"{PUBLIC_URL}/.well-known/jwks.json","built_in":true}}]'
SIGNING_KEY = subprocess.run(
    ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    check=True, capture_output=True, text=True,
).stdout  # fmt: skip
OF_ALL = {"CORS_ORIGINS": SITE, "METRICS": "emf"}
DATABASE = OF_ALL | {"DATABASE_URL": NOWHERE}

SETTINGS = {
    "auth": DATABASE | {"AUTH_SIGNING_KEY": SIGNING_KEY, "PUBLIC_URL": PUBLIC_URL},
    "changes": DATABASE | {"AUTH_ISSUERS": ISSUERS},
    "chat": DATABASE | {"AUTH_ISSUERS": ISSUERS},
    "clerk-webhook": OF_ALL
    | {"DATABASE_SERVICE_URL": NOWHERE, "CLERK_ISSUER": CLERK, "CLERK_WEBHOOK_SECRET": f"whsec_{CLERK_KEY}"},
    "conversation": OF_ALL,
    "conversations": DATABASE | {"AUTH_ISSUERS": ISSUERS, "PUBLIC_URL": PUBLIC_URL},
    "health": DATABASE,
    "history": DATABASE | {"AUTH_ISSUERS": ISSUERS},
    "jobs": OF_ALL | {"DATABASE_SERVICE_URL": NOWHERE},
    "notes": DATABASE | {"AUTH_ISSUERS": ISSUERS},
    "planning": DATABASE | {"AUTH_ISSUERS": ISSUERS},
    "tasks": DATABASE | {"AUTH_ISSUERS": ISSUERS},
    "users": DATABASE | {"AUTH_ISSUERS": ISSUERS},
}
# Called by schedules and queues; they answer no HTTP.
EVENT_FUNCTIONS = {"jobs"}
# What must never be in a log.
SECRETS = [DATABASE_PASSWORD, CLERK_KEY, *SIGNING_KEY.splitlines()[1:-1]]
