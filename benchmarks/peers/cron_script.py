"""The peer: what cron starts every two minutes to ask a Jupyter server whether it is idle.

Written after the auto-stop scripts that are handed around for SageMaker: ask the REST API, parse
`last_activity`, keep the newest in a state file, end. `--client` chooses how much such a script imports:
`urllib` alone is the least one can do, `requests` is what those scripts use, `boto3` adds what they import
to stop the app. It stands alone, so that starting it costs what starting such a script costs.
"""

import sys


def main() -> None:
    """Ask the three routes and tell whether everything is idle."""
    import json
    from datetime import datetime, timezone

    client, base, token, state_file = sys.argv[1:]
    headers = {"Authorization": f"token {token}"}
    if client == "urllib":
        from urllib.request import Request, urlopen

        def get(path: str) -> list[dict[str, object]]:
            with urlopen(Request(base + path, headers=headers)) as response:
                found: list[dict[str, object]] = json.load(response)
            return found

    else:
        if client == "boto3":
            __import__("boto3")
        requests = __import__("requests")

        def get(path: str) -> list[dict[str, object]]:
            found: list[dict[str, object]] = requests.get(base + path, headers=headers).json()
            return found

    sessions, kernels, terminals = get("api/sessions"), get("api/kernels"), get("api/terminals")
    newest = datetime.min.replace(tzinfo=timezone.utc)
    of_sessions = [session["kernel"] for session in sessions]
    for thing in [*of_sessions, *kernels, *terminals]:
        assert isinstance(thing, dict)
        newest = max(newest, datetime.strptime(thing["last_activity"], "%Y-%m-%dT%H:%M:%S.%f%z"))
    idle = all(kernel["execution_state"] == "idle" for kernel in kernels)
    with open(state_file, "w") as file:
        file.write(newest.isoformat())
    age = (datetime.now(timezone.utc) - newest).total_seconds()
    sys.stdout.write(f"{'stop' if idle and age > 3600 else 'keep'} {age:.0f}\n")


if __name__ == "__main__":
    main()
