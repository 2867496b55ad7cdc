"""What every command shares: which server, how it is asked, and how a failure is told."""

from __future__ import annotations

import os
import ssl
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from jupyter_core.application import JupyterApp
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import Bool, Float, Integer, Unicode

from .._version import __version__
from .client import Answer, Client
from .exits import EXIT_HELP, CliError, Exit
from .options import sort_options
from .servers import Server, choose, current_folder, given, running, running_server_at, token_for

__all__ = ["LccCommand"]

T = TypeVar("T")

_ALIASES: dict[str, Any] = {
    "url": "LccCommand.url",
    "port": "LccCommand.port",
    "token": "LccCommand.token",
    "timeout": "LccCommand.timeout",
    "cafile": "LccCommand.cafile",
    "config": "JupyterApp.config_file",
    "log-level": "Application.log_level",
}
_FLAGS: dict[str, Any] = {
    "json": ({"LccCommand": {"as_json": True}}, "Print the answer as JSON, times in UTC."),
    "insecure": ({"LccCommand": {"insecure": True}}, "Don't verify the server's certificate."),
    "debug": ({"Application": {"log_level": 10}}, "Tell more on stderr."),
}


def leave_reader() -> int:
    """Whoever read our output has seen enough: let Python not try to write the rest when it ends; give the status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


class LccCommand(JupyterApp):
    """Ask a running Jupyter server."""

    version = __version__
    examples = EXIT_HELP
    positionals: ClassVar[tuple[int, int]] = (0, 0)
    """The fewest and the most words a command takes besides its options."""

    url = Unicode("", help="The server's address. Default: the running server found on this machine.").tag(config=True)
    port = Integer(0, help="The port of the server, of several that run on this machine.").tag(config=True)
    token = Unicode(
        "",
        help="The server's token. Default: the one in the server's runtime file, then JUPYTER_TOKEN, then "
        "JUPYTERHUB_API_TOKEN.",
    ).tag(config=True)
    timeout = Float(15.0, help="Seconds to wait for an answer.").tag(config=True)
    cafile = Unicode("", help="A file of certificates to trust, for a self-signed server.").tag(config=True)
    insecure = Bool(False, help="Don't verify the server's certificate.").tag(config=True)
    as_json = Bool(False, help="Print the server's answer as it came, as JSON with times in UTC.").tag(config=True)

    aliases = _ALIASES
    flags = _FLAGS
    raise_config_file_errors = True

    def _config_file_name_default(self) -> str:
        return "jupyter_lcc_config"

    # -- Jupyter's lifetime of an application ------------------------------------------------------------------

    def initialize(self, argv: Any = None) -> None:
        """Read the command line and the config files. What can't be understood ends with Exit.USAGE."""
        try:
            super().initialize(argv)
        except CliError as error:
            self._fail(error)
        except SystemExit as end:
            # traitlets leaves with 1 where a value is of the wrong type; to us that is usage.
            raise SystemExit(Exit.USAGE if end.code == 1 else end.code) from None

    def parse_command_line(self, argv: Any = None) -> None:
        """Allow options after words, and refuse unknown ones instead of ignoring them."""
        given_words = list(sys.argv[1:] if argv is None else argv)
        if given_words and given_words[0] in self.subcommands:
            super().parse_command_line(given_words)
            return
        options, words = sort_options(given_words, self.flags, self.aliases)
        super().parse_command_line([*options, "--", *words])
        fewest, most = self.positionals
        if not fewest <= len(self.extra_args) <= most:
            extra = self.extra_args[most:]
            told = f"{extra[0]!r} is one word too many." if extra else "Something is missing."
            raise CliError(Exit.USAGE, told, f"`{self.how_to_call()} --help` shows what it takes.")

    def load_config_file(self, suppress_errors: bool = True) -> None:  # type: ignore[override]
        """Read Jupyter's config files; a broken one is told in a line and done without."""
        try:
            super().load_config_file(suppress_errors=False)
        except Exception as error:
            self.log.warning("A Jupyter config file can't be read and is left out: %s", error)

    def migrate_config(self) -> None:
        """Leave the files of ancient Jupyter versions alone; asking a question changes nothing on the disk."""

    def start(self) -> None:
        """Run the command and leave with its exit status; an expected failure is one sentence on stderr."""
        super().start()
        for stream in (sys.stdout, sys.stderr):
            _be_lenient(stream)
        try:
            status = self.run()
            sys.stdout.flush()
        except CliError as error:
            self._fail(error)
        except KeyboardInterrupt:
            self.exit(130)
        except BrokenPipeError:
            self.exit(leave_reader())
        else:
            self.exit(int(status))

    def run(self) -> Exit:
        """Do the command's work: print the answer to stdout and give the exit status. Raises CliError."""
        raise NotImplementedError

    # -- for the commands --------------------------------------------------------------------------------------

    def client(self) -> Client:
        """Find the server and the token for it. Raises CliError where there is none, or where several may be meant."""
        server = self.find_server()
        token = token_for(
            server, token=self.token or (given(self.url).token if self.url else ""), environment=os.environ
        )
        return Client(server, token, timeout=self.timeout, context=self._context(server))

    def find_server(self) -> Server:
        """Find the server that is meant."""
        runtime_dir = Path(jupyter_runtime_dir())
        if self.url:
            return running_server_at(self.url, runtime_dir)
        return choose(running(runtime_dir), port=self.port, cwd=current_folder(), environment=os.environ)

    def say(self, *lines: str) -> None:
        """Print lines of the answer."""
        sys.stdout.write("".join(line + "\n" for line in lines))

    def print_raw(self, answer: Answer[Any]) -> None:
        """Print an answer as it came."""
        self.say(answer.raw.decode("utf-8"))

    def now(self) -> datetime:
        """The local time."""
        return datetime.now().astimezone()

    def how_to_call(self) -> str:
        """Give the words that run this command."""
        return "jupyter " + self.name.removeprefix("jupyter-").replace("lcc-", "lcc ")

    # -- odds --------------------------------------------------------------------------------------------------

    def _context(self, server: Server) -> ssl.SSLContext | None:
        if not server.url.startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.cafile or None)
        except OSError as error:
            raise CliError(Exit.USAGE, f"{self.cafile} can't be read as certificates: {error}.") from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _fail(self, error: CliError) -> None:
        print(f"{self.how_to_call()}: {error.message}", *filter(None, [error.advice]), sep="\n", file=sys.stderr)
        self.exit(int(error.exit_status))


def _be_lenient(stream: Any) -> None:
    """A name that the terminal's encoding lacks is no reason to fail."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
