"""Somebody who is signed in."""

import json
import uuid

from settings import PUBLIC_URL

PASSWORD = "correct horse battery staple"


class User:
    """Registered through the function `auth`; starts other functions so that they know that issuer."""

    def __init__(self, start, database, event) -> None:
        auth = start("auth", DATABASE_URL=database.app_url)
        account = {"email": f"{uuid.uuid4()}@example.com", "password": PASSWORD}
        answer = auth.invoke(event("POST", "/api/auth/register", body=account))
        assert answer.status == 201, answer.body
        keys = auth.invoke(event("GET", "/.well-known/jwks.json")).json()
        issuers = [{"issuer": PUBLIC_URL, "jwks": keys, "built_in": True}]
        self.settings = {"DATABASE_URL": database.app_url, "AUTH_ISSUERS": json.dumps(issuers)}
        self.token = answer.json()["access_token"]
        self._start, self._event = start, event

    def start(self, function: str, **settings: str):
        return self._start(function, **(self.settings | settings))

    def event(self, method: str, path: str, **more) -> dict:
        headers = {"authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self._event(method, path, headers=headers, **more)
