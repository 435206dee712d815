"""Each function starts with exactly what template.yaml gives it: settings have the names and forms that it reads."""

import pytest

import events
import granted
import template
from emulator import Emulator, FunctionError
from settings import CLERK, CLERK_KEY, EVENT_FUNCTIONS, NOWHERE, SIGNING_KEY, SITE

# Lambda refuses to take more, in bytes of names and values.
ENVIRONMENT_BYTES_MAX = 4096
# What cannot be left empty.
NEEDED = {"AUTH_SIGNING_KEY": SIGNING_KEY, "DATABASE_SERVICE_URL": NOWHERE, "DATABASE_URL": NOWHERE}
EVERYTHING = NEEDED | {name: "k" * length for name, length in granted.SECRETS_BYTES.items()} | {
    "CLERK_WEBHOOK_SECRET": f"whsec_{CLERK_KEY}",
    # As one line, with backslashes, which some ways of entering a secret make of it.
    "AUTH_ACCEPTED_KEY": SIGNING_KEY.replace("\n", "\\n"),
}  # fmt: skip
PARAMETERS = {
    "AuthIssuers": '[{"issuer":"https://clerk.example","jwks_url":"https://clerk.example/.well-known/jwks.json",'
    '"authorized_parties":["https://app.example"]},{"issuer":"https://ref.supabase.co/auth/v1",'
    '"jwks_url":"https://ref.supabase.co/auth/v1/.well-known/jwks.json","audience":"authenticated"}]',
    "ClerkIssuer": CLERK,
    "CorsOrigins": f"{SITE}, http://localhost:3000",
    "DatabasePipeline": "off",
    "DefaultModel": "openai/gpt-5-mini",
    "LogLevel": "debug",
    "OpenAIBaseUrl": "http://127.0.0.1:9/v1",
    "SentryDsn": "https://key@127.0.0.1/7",
}
FUNCTIONS = sorted(template.functions())


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("secrets", "parameters"),
    [(NEEDED, {}), (EVERYTHING, PARAMETERS)],
    ids=["defaults", "everything"],
)
def test_a_function_starts_with_what_it_is_given(function, secrets, parameters, tmp_path):
    # The layer is not here, and what is not reached needs no roots.
    settings = granted.environment(function, secrets, **parameters) | granted.OF_LAMBDA
    with Emulator(function, settings, tmp_path) as emulator:
        if function in EVENT_FUNCTIONS:
            with pytest.raises(FunctionError) as refused:
                emulator.tell({"job": "unheard_of"})
            # The function's own word, and not that of a process that ended.
            assert refused.value.kind == "malformed", emulator.log
        else:
            assert emulator.invoke(events.rest("GET", "/nowhere")).json()["code"] == "no_route", emulator.log


@pytest.mark.parametrize("function", FUNCTIONS)
def test_settings_fit_into_what_lambda_takes(function):
    settings = granted.environment(function, EVERYTHING, **PARAMETERS)
    assert sum(len(name) + len(value) for name, value in settings.items()) < ENVIRONMENT_BYTES_MAX * 3 / 4
