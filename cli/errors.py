"""How a command ends that does not do what it was asked: one sentence on stderr, and an exit status."""

import click


class CommandError(click.ClickException):
    """The command could not do what it was asked; the exit status is 1."""


class ConfigurationError(CommandError):
    """A setting makes no sense, or the database can't be used; the exit status is 2."""

    exit_code = 2
