"""Who is asking: a token of the issuer's, verified against its keys and remembered for a minute."""

import os
import time
from contextlib import asynccontextmanager
from typing import Annotated

import aiohttp
import jwt
from fastapi import Depends, HTTPException, Request

REMEMBER_SECONDS = 60
REMEMBERED_MAX = 10_000

keys: dict[str, jwt.PyJWK] = {}
remembered: dict[str, tuple[str, float]] = {}


@asynccontextmanager
async def opened():
    async with aiohttp.ClientSession() as http, http.get(os.environ["JWKS_URL"]) as answer:
        for key in jwt.PyJWKSet.from_dict(await answer.json()).keys:
            keys[key.key_id] = key
    yield


async def user_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise HTTPException(401, "Sign in.")
    known = remembered.get(token)
    if known is None or known[1] <= time.time():
        known = verified(token)
        if len(remembered) >= REMEMBERED_MAX:
            remembered.clear()
        remembered[token] = known
    request.state.user = known[0]
    return known[0]


def verified(token: str) -> tuple[str, float]:
    try:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["ES256"], issuer=os.environ["ISSUER"], audience="authenticated")
    except (jwt.PyJWTError, KeyError):
        raise HTTPException(401, "The token is not valid.") from None
    return claims["sub"], min(time.time() + REMEMBER_SECONDS, claims["exp"])


User = Annotated[str, Depends(user_of)]
