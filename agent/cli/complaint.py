"""What is wrong, as a line on standard error: nothing in it commands the terminal or gives a secret away."""

from __future__ import annotations

import os

import click

from agent.cli.untrusted import visible


def complain(problem: object) -> None:
    """Say it. Names and words in it may be a repository's or a server's."""
    from agent.host_secrets import host_secrets
    from agent.redaction import Redactor

    text = Redactor(host_secrets(os.environ)).text(str(problem))
    click.echo(f"bactrian: {visible(text)}", err=True)
