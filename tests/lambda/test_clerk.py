"""A user that Clerk tells of by webhook is the one whose token another function takes."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import pytest

import events
from settings import CLERK, CLERK_KEY

TOKEN_SECRET = "a secret of at least thirty-two bytes"


@pytest.mark.parametrize("event", [events.rest, events.http], ids=["REST", "HTTP"])
def test_a_signed_event_names_the_user(start, database, event):
    subject = f"user_{uuid.uuid4().hex}"
    webhook = start("clerk-webhook", DATABASE_SERVICE_URL=database.service_url)
    # Letters beyond ASCII, since the signature is over the very bytes that Clerk sent.
    body = json.dumps(user_created(subject, "Zoë", "zoe@example.com"), ensure_ascii=False)
    headers = signed(body) | {"content-type": "application/json"}
    assert webhook.invoke(event("POST", "/api/webhooks/clerk", headers=headers, body=body)).status == 200
    assert "zoe@example.com" not in webhook.log

    forged = webhook.invoke(event("POST", "/api/webhooks/clerk", headers=headers, body=body.replace("zoe@", "eve@")))
    assert (forged.status, forged.json()["code"]) == (401, "signature_invalid")

    issuers = json.dumps([{"issuer": CLERK, "secret": TOKEN_SECRET}])
    users = start("users", DATABASE_URL=database.app_url, AUTH_ISSUERS=issuers)
    me = users.invoke(event("GET", "/api/users/me", headers={"authorization": f"Bearer {token(subject)}"}))
    assert me.status == 200, me.body
    assert me.json()["email"] == "zoe@example.com"


def user_created(subject: str, first_name: str, email: str) -> dict:
    """The parts of Clerk's event that matter here."""
    now_ms = int(time.time() * 1000)
    addresses = [{"id": "idn_1", "email_address": email, "verification": {"status": "verified"}}]
    user = {
        "id": subject,
        "object": "user",
        "first_name": first_name,
        "last_name": None,
        "primary_email_address_id": "idn_1",
        "email_addresses": addresses,
        "created_at": now_ms,
        "updated_at": now_ms,
    }
    return {"type": "user.created", "object": "event", "data": user}


def signed(body: str) -> dict[str, str]:
    """The headers with which Svix signs a delivery."""
    message_id, timestamp = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
    content = f"{message_id}.{timestamp}.{body}".encode()
    mac = hmac.digest(base64.b64decode(CLERK_KEY), content, hashlib.sha256)
    signature = f"v1,{base64.b64encode(mac).decode()}"
    return {"svix-id": message_id, "svix-timestamp": timestamp, "svix-signature": signature}


def token(subject: str) -> str:
    """A token as an issuer with a shared secret makes it."""
    now = int(time.time())
    claims = {"iss": CLERK, "sub": subject, "iat": now, "nbf": now, "exp": now + 60}
    content = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
    mac = hmac.digest(TOKEN_SECRET.encode(), content.encode(), hashlib.sha256)
    return f"{content}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def encoded(part: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
