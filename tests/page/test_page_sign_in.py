"""Signing in where the stack asks for it: through the hosted login with PKCE, and the token stays in memory."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from playwright.sync_api import Browser, Page, Request, Route, expect

from pkai.serve import LocalServer

Opening = Callable[..., Page]
TOKEN = "eyJ.only-in.memory"  # noqa: S105  # of a made-up login


class HostedLogin:
    """An OpenID provider: signs everybody in, and gives a token for a code and the verifier of its challenge."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.challenges: dict[str, str] = {}

    def config(self, route: Route) -> None:
        """How the stack sets up the page."""
        login = f"{self.origin}/hosted"
        how = {"authorize": f"{login}/authorize", "token": f"{login}/token", "client_id": "page", "scope": "openid"}
        route.fulfill(json={"api": "", "sign_in": how})

    def authorize(self, route: Route) -> None:
        """Come back with a code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"], asked["client_id"]) == ("code", "S256", "page")
        self.challenges["code-1"] = asked["code_challenge"]
        back = f"{asked['redirect_uri']}?code=code-1&state={quote(asked['state'])}"
        route.fulfill(status=302, headers={"location": back})

    def token(self, route: Route) -> None:
        """Give the token, if the verifier fits."""
        sent = {name: values[0] for name, values in parse_qs(route.request.post_data or "").items()}
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenges.pop(sent["code"])
        route.fulfill(json={"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})


def signing_in(browser: Browser, service: LocalServer) -> Page:
    page = browser.new_context(locale="en-GB").new_page()
    login = HostedLogin(service.url)
    page.route("**/config.json", login.config)
    page.route("**/hosted/authorize*", login.authorize)
    page.route("**/hosted/token", login.token)
    page.goto(service.url)
    return page


def test_one_signs_in_and_every_question_carries_the_token(
    browser: Browser, service: LocalServer, recordings: Path
) -> None:
    page = signing_in(browser, service)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/v1/" in request.url else None)
    expect(page.locator(".record")).to_have_count(0)
    assert asked == []
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".record")
    assert page.url == f"{service.url}/"
    page.set_input_files("input[type=file]", recordings / "good.mp3")
    page.wait_for_selector(".answer .dial")
    assert {request.headers["authorization"] for request in asked} == {f"Bearer {TOKEN}"}
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "eyJ" not in kept and "verifier" not in kept
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.context.close()


def test_a_code_that_nobody_asked_for_is_not_taken(browser: Browser, service: LocalServer) -> None:
    page = signing_in(browser, service)
    page.goto(f"{service.url}/?code=stolen&state=guessed")
    assert "Signing in did not work" in page.get_by_role("alert").inner_text()
    assert page.url == f"{service.url}/"
    page.context.close()


def test_a_token_that_is_refused_leads_to_the_login_and_the_take_is_kept(
    browser: Browser, service: LocalServer, recordings: Path
) -> None:
    page = signing_in(browser, service)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".record")
    page.route("**/v1/assessments", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
    page.set_input_files("input[type=file]", recordings / "good.mp3")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("You are signed out")
    expect(alert.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.locator(".takes li")).to_contain_text("not judged yet")
    page.context.close()
