"""A client's accounts: connect, disconnect, take what vendors push."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from pierre_data.auth import Connected, Dialogue, Disconnected, connect
from pierre_data.cache import CachingProvider
from pierre_data.client.selection import selected
from pierre_data.client.table_methods import TableMethods
from pierre_data.errors import PierreError, UnsupportedFeature
from pierre_data.registry import Accounts, ConfiguredProvider, ProviderRegistry
from pierre_data.registry.registry import terminal_dialogue
from pierre_data.settings import Settings
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Received


class AccountMethods(TableMethods):
    """What a client does with accounts."""

    registry: ProviderRegistry
    settings: Settings
    tenant: str
    user: str
    _accounts: Accounts

    def connect(
        self,
        provider: str,
        *,
        again: bool = False,
        browser: bool = True,
        timeout_s: float = 300.0,
        dialogue: Dialogue | None = None,
        cancel: threading.Event | None = None,
    ) -> Connected:
        """Connect an account: stored token, environment, consent in a browser, pasted address; in this order.

        Parameters
        ----------
        again : bool
            Ask for consent even if there is a token.
        browser : bool
            Open the consent page; otherwise only show its address.
        timeout_s : float
            Longest wait for the consent.
        dialogue : Dialogue, optional
            How the person is spoken to; by default the link is printed, and a terminal can paste the address.
        cancel : threading.Event, optional
            Set it to give up waiting.

        Raises
        ------
        ConfigurationError
            The application's id, secret or redirect address is missing; the message names the variables.
        AuthenticationFailed
            Consent was declined, or the answer was not ours.
        Timeout, Cancelled
            Nobody consented, or `cancel` was set.
        """
        descriptor, config = self._setup(provider)
        talk, before = dialogue or terminal_dialogue(browser), self._accounts.token(descriptor)
        account, store = self._accounts.account(descriptor.name), self._accounts.store
        done = connect(descriptor, config, store, account, talk, again=again, timeout_s=timeout_s, cancel=cancel)
        if done.how == "consent" and before is not None and done.token is not None:
            same = before.account and before.account == done.token.account
            if not same:  # what was kept for one account must not be shown as another's
                self._caching(provider).invalidate_user()
        self._forget(provider)
        return done

    async def connect_async(
        self,
        provider: str,
        *,
        again: bool = False,
        browser: bool = True,
        timeout_s: float = 300.0,
        dialogue: Dialogue | None = None,
    ) -> Connected:
        """Do what `connect` does without blocking the kernel; cancelling the task ends the wait.

        `dialogue` is called from another thread.
        """
        stop = threading.Event()
        work = partial(self.connect, again=again, browser=browser, timeout_s=timeout_s, dialogue=dialogue, cancel=stop)
        try:
            return await asyncio.to_thread(work, provider)
        except asyncio.CancelledError:
            stop.set()
            raise

    def disconnect(self, provider: str) -> Disconnected:
        """Revoke the token at the vendor, forget it and everything cached of that account; returns what is left.

        What cannot be removed is a StorageError.
        """
        cached = self._caching(provider)  # while the token still says whose cache that is
        done = self._accounts.disconnect(*self._setup(provider))
        cached.invalidate_user()
        self._forget(provider)
        return done

    def receive_webhook(
        self, provider: str, headers: Mapping[str, str], body: bytes, *, athlete: str | None = None
    ) -> Received:
        """Take what a vendor pushed: verify it, forget what changed, keep what it brings.

        Any web framework can call this; answer the vendor with the result's status, content type and reply.

        Parameters
        ----------
        headers : mapping of str to str
            Of the request, names in any case.
        body : bytes
            As it came; for a handshake by GET, the query string.
        athlete : str, optional
            The vendor's id of this client's athlete.  Without it, the id that came with the consent counts, then the
            one of the profile that is cached (``client.athlete()`` fetches it).

        Returns
        -------
        Received
            What to answer, and all events.  A vendor may push several athletes at once: events of others than the
            client's change nothing, and ``ignored`` counts them; with no id known those are all that name one.

        Raises
        ------
        UnsupportedFeature
            The vendor pushes nothing we know of.
        AccessDenied
            The signature is not the vendor's.
        PayloadError
            The body cannot be read.
        """
        chosen = self._configured(provider)
        descriptor, names = self.registry.describe(chosen), (chosen.alias, chosen.name)
        if descriptor.webhook is None:
            raise UnsupportedFeature(
                f"{descriptor.display_name} pushes nothing we know of.", "Ask it instead.", provider=provider
            )
        secret = self.settings.secret(names, "WEBHOOK_SECRET") or self.settings.secret(names, "CLIENT_SECRET")
        cached, token = self._fetcher.provider(chosen), self._accounts.token(descriptor)
        received = descriptor.webhook(headers, body, secret, dt.datetime.now(dt.UTC), cached.config.options)
        own = athlete or (token.account if token is not None else None) or None
        done = [cached.apply_event(event, account=own) for event in received.events]
        ignored = sum(handled.ignored for handled in done)
        if ignored < len(done):
            self._results.clear()
        return replace(received, ignored=ignored, set_aside=sum(len(handled.rejected) for handled in done))

    def _configured(self, alias: str) -> ConfiguredProvider:
        """Return the client's own provider of a name or alias, or the registry's."""
        [chosen] = selected(alias, self.registry, self._own)
        return chosen

    def _setup(self, alias: str) -> tuple[ProviderDescriptor, ProviderConfig]:
        chosen = self._configured(alias)
        config = self.registry.config(chosen.name, alias=chosen.alias, **chosen.options)
        return self.registry.describe(chosen), config

    def _is_connected(self, chosen: ConfiguredProvider) -> bool:
        try:
            config = self.registry.config(chosen.name, alias=chosen.alias, **chosen.options)
            return self._accounts.connected(self.registry.describe(chosen), config)
        except PierreError:
            return False

    def _caching(self, alias: str, user: str | None = None) -> CachingProvider:
        """Make a provider for this user or another one of the tenant, apart from those that are asked."""
        accounts = self._accounts
        if user is not None and user != self.user:
            accounts = Accounts(self.registry, self.settings, self.tenant, user, accounts.opened)
        return self.registry.open(self._configured(alias), self._fetcher.store, accounts)

    def _forget(self, alias: str) -> None:
        self._fetcher.forget(alias)
        self._results.clear()
