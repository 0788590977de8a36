"""The shell face: commands for whoever runs a deployment."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from types import FrameType

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from app import accounts, administration, attachments, callbacks, clock, exports, imports, measurements, record
from app.errors import Refusal
from app.models.user import ROLES
from app.single_sign_on import single_sign_on
from config import Config

demo = AppGroup("demo", help="Demonstration data.")
audit = AppGroup("audit", help="The record of who did what.")


def init_app(app: Flask) -> None:
    """Register the commands with ``flask``."""
    for command in (
        demo, audit, import_terminology, open_repository, create_tenant, create_organization, create_user,
        end_second_step, check_single_sign_on, enable_exports, limit_requests, expire, requeue_stale,
        partition_measurements, seal_measurements, reconcile,
    ):  # fmt: skip
        app.cli.add_command(command)


def _config() -> Config:
    config: Config = current_app.extensions["chartroom.config"]
    return config


@contextmanager
def _refusals_told() -> Iterator[None]:
    """End the command with the words of a refusal."""
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None


@demo.command("load")
def load_demo() -> None:
    """Load the demonstration data, once; a second time changes nothing."""
    # Here: what reads its sources is large, and this module is loaded by every process.
    from app.demonstration.load import load_demonstration
    from app.demonstration.sources.installed import SourceMissing

    try:
        load = load_demonstration(_config().data_dir / "demo-credentials.json")
    except (Refusal, SourceMissing) as refusal:
        raise click.ClickException(str(refusal)) from None
    for line in load.lines or ("Everything is there already; nothing was changed.",):
        click.echo(f"  {line}")


@click.command("import-terminology")
@click.argument("what", metavar="icd-10|icd-10-cm|FILE")
@click.argument("address", metavar="/orgs/CODE/sources/ID/")
@click.option("--by", "email", required=True, help="The e-mail address of the person in whose name it is done.")
@click.option("--release", "version", help="Release it under this id, unless it is released so already.")
@click.option("--missing", type=click.Choice(["retire", "delete", "keep"]), default="retire", show_default=True,
              help="What becomes of concepts that the source has and the terminology has not.")  # fmt: skip
def import_terminology(what: str, address: str, email: str, version: str | None, missing: str) -> None:
    """Load a terminology into a source, all of it or nothing; FILE is an export.json, or a zip of one."""
    # Here: what reads a terminology is large, and this module is loaded by every process.
    from app.terminology import Address
    from app.terminology.sources import open_terminology, release_as

    with _refusals_told():
        actor = accounts.actor_for_user(administration.person_by_email(email).id, via="shell")
        loaded = open_terminology(what)
        release = None if version is None else release_as(loaded, version)
        found = exports.import_terminology(actor, Address.parse(address), loaded, release, missing=missing)
    counts = (("added", found.added), ("changed", found.changed), ("retired", found.retired),
              ("deleted", found.deleted), ("unchanged", found.unchanged))  # fmt: skip
    click.echo(", ".join(f"{count:,} {outcome}" for outcome, count in counts) + ".")
    told = "".join(f"Released as {one}; its export is on its way." for one in found.versions)
    click.echo(told or "Nothing was released.")


@click.command("open-repository")
@click.argument("address", metavar="/orgs/CODE/sources/ID/")
@click.option("--off", is_flag=True, help="Close it again.")
def open_repository(address: str, off: bool) -> None:
    """Let programs without a token read a repository, of whatever tenant; exports still need a token."""
    from app.terminology import Address, open_to_world

    with _refusals_told():
        open_to_world(Address.parse(address), not off)
    click.echo(f"{address} is {'closed: tokens are asked for again' if off else 'open to the world'}.")


@audit.command("verify")
@click.option("--expect", "noted", metavar="EVENT:HASH", help="An end of the chain that was noted down earlier.")
def verify_record(noted: str | None) -> None:
    """Follow the chain of hashes through the whole record; ends with status 1 when something does not hold."""
    verdict = record.verify_record(_noted_end(noted))
    for fault in verdict.faults:
        click.echo(f"  {fault.words}")
    more = verdict.fault_count - len(verdict.faults)
    if more:
        click.echo(f"  and {more:,} more")
    click.echo(f"{verdict.checked:,} events were read, {verdict.unsealed:,} wait to be sealed.")
    if verdict.removed_through:
        click.echo(f"Events up to {verdict.removed_through:,} were removed when their time was over.")
    if not verdict.holds:
        raise click.ClickException("The record is not as it was written.")
    click.echo("The record is as it was written. Keep this elsewhere, and it can be proved again later:")
    click.echo(f"  {verdict.last[0]}:{verdict.last[1]}")


def _noted_end(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    place, _, digest = text.strip().partition(":")
    if not (place.isascii() and place.isdigit() and len(place) < 19 and len(digest) == 64):
        raise click.BadParameter("It looks like 1042:9f86d081…, a number, a colon and 64 characters.")
    return int(place), digest


@audit.command("seal")
def seal_record() -> None:
    """Give every event that waits its place in the chain, now; the reconciler does it every few seconds."""
    click.echo(f"{record.seal_record():,} events were sealed.")


@click.command("create-tenant")
@click.argument("slug")
@click.argument("name")
def create_tenant(slug: str, name: str) -> None:
    """Create a tenant and its root organization."""
    with _refusals_told():
        tenant = administration.create_tenant(slug, name)
    root = administration.root_organization(tenant.id)
    click.echo(f"Tenant {slug} was created; its root organization is {root.short_code}. Exports are off.")


@click.command("create-organization")
@click.argument("tenant")
@click.argument("short_code")
@click.argument("name")
def create_organization(tenant: str, short_code: str, name: str) -> None:
    """Create an organization (a clinic) in a tenant."""
    with _refusals_told():
        administration.create_organization(administration.tenant_by_slug(tenant).id, name, short_code)
    click.echo(f"Organization {short_code} was created.")


@click.command("create-user")
@click.argument("tenant")
@click.argument("organization")
@click.argument("email")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.password_option(help="At least 12 characters. Asked for when not given.")
def create_user(tenant: str, organization: str, email: str, name: str, role: str, password: str) -> None:
    """Create a user; ORGANIZATION is a short code, and the root organization's gives the whole tenant."""
    with _refusals_told():
        home = administration.tenant_by_slug(tenant)
        clinic_id = administration.organization_by_code(home.id, organization).id
        administration.create_user(home.id, clinic_id, email=email, name=name, password=password, role=role)
    click.echo(f"{name} may sign in as {email.lower()}.")


@click.command("end-second-step")
@click.argument("email")
def end_second_step(email: str) -> None:
    """Forget the second step of somebody who lost it, and sign them out. Administrators do it in the portal."""
    with _refusals_told():
        ended = administration.end_second_step(administration.person_by_email(email).id)
    click.echo("It is forgotten." if ended else "There was none.")


@click.command("check-single-sign-on")
def check_single_sign_on() -> None:
    """Ask the OpenID provider of the settings whether all fits."""
    with _refusals_told():
        for line in single_sign_on.examine():
            click.echo(line)


@click.command("enable-exports")
@click.argument("tenant")
@click.option("--off", is_flag=True, help="Switch them off instead.")
def enable_exports(tenant: str, off: bool) -> None:
    """Switch a tenant's exports on; they are off until somebody does."""
    with _refusals_told():
        administration.set_exports_enabled(administration.tenant_by_slug(tenant).id, not off)
    click.echo(f"Exports of {tenant} are {'off' if off else 'on'}.")


@click.command("limit-requests")
@click.argument("tenant")
@click.argument("per_minute", type=int)
@click.option("--token", help="Only this token of the tenant's, by the beginning that its owner sees of it.")
def limit_requests(tenant: str, per_minute: int, token: str | None) -> None:
    """Say how many requests a tenant's programs, or one of its tokens, may make in a minute; 2,000 until then."""
    with _refusals_told():
        tenant_id = administration.tenant_by_slug(tenant).id
        if token is None:
            administration.limit_requests(tenant_id, per_minute)
        else:
            administration.limit_token(tenant_id, token, per_minute)
    click.echo(f"{token or tenant} may make {per_minute:,} requests a minute.")


@click.command("expire-exports")
def expire() -> None:
    """End the exports whose retention is over and delete their archives, now."""
    click.echo(f"{exports.expire_exports()} exports expired, {exports.sweep_storage()} stray objects deleted.")


@click.command("requeue-stale")
def requeue_stale() -> None:
    """Put back parts whose worker died, and ring for a worker, once."""
    found = exports.requeue_stale_exports()
    click.echo(f"{found.parts} parts put back, {found.failed} exports failed.")


@click.command("partition-measurements")
@click.option("--ahead", default=3, show_default=True, help="How many months after the present one.")
def partition_measurements(ahead: int) -> None:
    """Give PostgreSQL's measurements their monthly partitions, now; the reconciler does it once a day."""
    with _refusals_told():
        made = measurements.make_partitions(ahead=ahead, least_rows=_config().partition_rows, tell=click.echo)
    if made.again and made.put_off:
        raise click.ClickException(made.put_off)
    click.echo(made.put_off or f"Partitions made: {', '.join(made.made) or 'none, all are there'}.")


@click.command("seal-measurements")
def seal_measurements() -> None:
    """Make blocks of every past month's measurements, now; the reconciler does it by and by."""
    done = measurements.seal_measurements(settled_for=timedelta(0))
    click.echo(f"{done.values:,} values are sealed in {done.blocks:,} blocks.")


@click.command("reconcile")
def reconcile() -> None:
    """Look after exports and files until stopped: the reconciler, a process of its own."""
    stop = Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    keepers = [Thread(target=_keep, args=(app, rounds), daemon=True) for rounds in _keepers(_config(), stop)]
    for keeper in keepers:
        keeper.start()
    exports.reconcile_until(
        stop,
        every=_config().reconcile_seconds,
        sweep_every=60.0,
        also=lambda: attachments.sweep_files(clock.now()),
    )
    # A page range is soon copied; what takes longer ends with the process, and its leftovers are cleared next time.
    for keeper in keepers:
        keeper.join(timeout=5.0)


def _keepers(config: Config, stop: Event) -> tuple[Callable[[], None], ...]:
    """What has a thread of its own: exports must not wait for much to do, or for somebody else's slow server."""
    every = config.reconcile_seconds
    return (
        partial(measurements.keep_partitions_until, stop, least_rows=config.partition_rows),
        partial(measurements.keep_sealed_until, stop),
        partial(callbacks.deliver_until, stop, every=every),
        partial(accounts.send_mail_until, stop, every=every),
        partial(record.keep_record_until, stop, every=every, years=config.audit_years),
        partial(imports.keep_imports_until, stop, every=every),
    )


def _keep(app: Flask, rounds: Callable[[], None]) -> None:
    with app.app_context():
        rounds()
