"""What is taken out of other people's text, and what stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.redaction import redacted

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dGhpcy1pcy1ub3QtcmVhbA"
ACCESS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE" + "KEY"
BEGIN = "-----BEG" + "IN"  # so that no file of ours looks as if it held a key
KEY = f"{BEGIN} RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Authorization: Bearer {JWT} next", "Authorization: Bearer [secret] next"),
        (f"got {JWT}", "got [secret]"),
        ('{"password": "s3 cret", "user": "bob"}', '{"password": "[secret]", "user": "bob"}'),
        (r"{\"db_password\": \"s3cret\"}", r"{\"db_password\": \"[secret]\"}"),
        ("password=hunter2 user=bob", "password=[secret] user=bob"),
        ("DB_PASSWORD_V2='a b c'", "DB_PASSWORD_V2='[secret]'"),
        ("?api_key=abc123&x=1", "?api_key=[secret]&x=1"),
        ("postgres://shop:p@ss@db:5432/x", "postgres://[secret]@db:5432/x"),
        (f"{ACCESS_KEY}, {SECRET_KEY}", "[secret], [secret]"),
        ("token xoxb-12345678-abcdef", "token [secret]"),
        ("https://hooks.slack.com/services/T0/B0/abcdef", "https://hooks.slack.com/services/[secret]"),
        ("Cookie: a=b; session=xyz", "Cookie: [secret]"),
        ("customer=jane.doe+1@example.co.uk paid", "customer=[email] paid"),
        ("card 4111 1111 1111 1111 declined", "card [card] declined"),
        ("card 4111-1111-1111-1111", "card [card]"),
        ("order 4111111111111112", "order 4111111111111112"),
        ("from 8.8.8.8 to 10.0.1.7", "from [ip] to 10.0.1.7"),
        ("from 2606:4700:4700::1111 at 12:34:56", "from [ip] at 12:34:56"),
        (f"key {KEY} end", "key [secret] end"),
        (f"key {BEGIN} PRIVATE KEY-----\ncut off", "key [secret]"),
        ("key=" + "0123456789abcdef" * 4, "key=[secret]"),
        ("hash " + "0123456789abcdef" * 4, "hash [secret]"),
        ("X-Amz-Signature=abcdef0123&X-Amz-Date=1", "X-Amz-Signature=[secret]&X-Amz-Date=1"),
    ],
)
def test_what_is_taken_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'currency' in /app/checkout/payments.py, line 118",
        "request_id=4f1a2b3c4d5e status=500 took 870 ms at 12:34:56.123",
        "max_tokens=512 prompt tokens: 80",
        "arn:aws:ecs:eu-west-1:123456789012:service/shop-prod/checkout-api",
        "pulled web@sha256:" + "ab" * 32,
        "at com.example.shop.checkout.payments.internal.PaymentServiceImplementation.charge(Payment.java:118)",
        "/usr/local/lib/python3.11/site-packages/Flask/sessions/open_session/__init__.py",
        "1-67890abc-0123456789abcdef01234567",
        "task 0123456789abcdef0123456789abcdef stopped",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "version 1.2.3 and 127.0.0.1:8080",
    ],
)
def test_what_stays(text: str) -> None:
    assert redacted(text) == text


PIECES = st.sampled_from(
    ["password", "token", "=", ": ", '"', "'", "\\", "[secret]", "[", "]", "@", "a.b", "example.com", "Bearer ", "://",
     ":", "/", "4111111111111111", " ", "\n", "-", JWT, ACCESS_KEY, SECRET_KEY, "AKIA", "xoxb-", "1.2.3.4", "::", "ab",
     "cookie", f"{BEGIN} PRIVATE KEY-----", "0123456789abcdef0123456789abcdef", ",", "}", "Z9"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join))
def test_a_second_time_changes_nothing(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(before=st.text("abc xyz.,\n", max_size=30), after=st.text(" .,\n", max_size=5))
def test_a_secret_is_found_wherever_it_stands(before: str, after: str) -> None:
    shown = redacted(f"{before} password={SECRET_KEY} {JWT} {ACCESS_KEY} jane@example.com {after}")
    for secret in (SECRET_KEY, JWT, ACCESS_KEY, "jane"):
        assert secret not in shown


@pytest.mark.parametrize(
    "piece",
    ["a", "eyJ", "password", "password=", "@", "a@", "a.", "1", "1 ", "1.", ":", "://", f"{BEGIN} PRIVATE KEY-----",
     "xoxb-", "cookie:", "Bearer ", "A9a/", "://a:", "token.", "f", "0:", "=", "\\", 'token="'],
)  # fmt: skip
def test_it_takes_time_linear_in_the_text(piece: str) -> None:
    """Ten times the text takes far less than the hundred times that something quadratic would."""
    text = piece * (200_000 // len(piece))
    started = time.thread_time()
    redacted(text)
    assert time.thread_time() - started < 3
