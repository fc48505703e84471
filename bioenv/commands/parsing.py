"""What every command's parser is made of."""

from __future__ import annotations

import argparse

OVERWRITE = (
    "Nothing is overwritten silently: a file that bioenv did not write itself stays,\n"
    "unless --force."
)

Commands = argparse._SubParsersAction  # the type of what add_subparsers returns


def command(
    commands: Commands[argparse.ArgumentParser], name: str, run: str, text: str, example: str
) -> argparse.ArgumentParser:
    """A command called `name`, run by `run` ("module:function" in bioenv.commands)."""
    parser = commands.add_parser(
        name,
        help=text.partition(".")[0].replace("%", "%%"),
        description=text,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def force(parser: argparse.ArgumentParser) -> None:
    """The option to overwrite."""
    parser.add_argument("--force", action="store_true", help="overwrite what stands in the way")
