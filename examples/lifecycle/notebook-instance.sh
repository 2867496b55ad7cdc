#!/bin/bash
# Installs jupyter_lcc on a SageMaker notebook instance and sets its limits, at every start of the instance.
# Never keeps the instance from starting: it ends with 0 and tells on its output what failed.
# Edit this part and use the file as the "start notebook" script of a lifecycle configuration.

VERSION='0.1.0'
# Where the wheels are: a folder, an S3 folder, or `index` for the index that pip is set up with.
SOURCE='s3://EDIT-ME/jupyter_lcc'
# For pip, e.g. (--index-url 'https://…'). No secrets: whoever may describe this configuration can read it.
PIP_OPTIONS=()
# sha256 of the wheel of jupyter_lcc; empty: not checked.
SHA256=''
# The settings of LccIdle (docs/administrators.md), in seconds, 0 for never; one that is left out has its default.
# `bounds` is what users may choose themselves, `locked` what they may not.
LIMITS='{
  "mode": "enforce",
  "kernel_timeout_seconds": 3600,
  "terminal_timeout_seconds": 3600,
  "instance_timeout_seconds": 7200,
  "waiting_timeout_seconds": 14400,
  "warn_seconds": 300,
  "max_lease_seconds": 28800,
  "max_busy_seconds": 0,
  "bounds": {"kernel_timeout_seconds": [600, 14400], "terminal_timeout_seconds": [600, 14400]},
  "locked": ["warn_seconds"]
}'
# The folder of the jupyter-lab that runs here; empty: it is found.
JUPYTER_BIN=''
# Who runs Jupyter, and the home; of that only SageMaker/ survives a restart.
NOTEBOOK_USER='ec2-user'
NOTEBOOK_HOME='/home/ec2-user'
# Seconds for all of it; SageMaker gives up on an instance after 300.
TIME_LIMIT=150

# ---- nothing to edit below ----------------------------------------------------------------------------------

set -uo pipefail
umask 022
trap 'exit 0' EXIT
cd / || exit 0

PATH="$PATH:/usr/local/bin"
CACHE="$NOTEBOOK_HOME/SageMaker/.jupyter_lcc/wheels"
lab=$(command -v jupyter-lab)
bins=("$JUPYTER_BIN" "$NOTEBOOK_HOME"/*conda3/envs/JupyterSystemEnv/bin "$NOTEBOOK_HOME"/*conda3/bin
  "$NOTEBOOK_HOME"/*conda3/envs/*/bin "${lab%/*}" /opt/*/bin)

# The script runs as root and leaves nothing of root's in the user's folders.
as_user() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "$NOTEBOOK_USER" -- env HOME="$NOTEBOOK_HOME" USER="$NOTEBOOK_USER" PATH="$PATH" "$@"
  else
    env HOME="$NOTEBOOK_HOME" "$@"
  fi
}

# try-restart: only if it runs. --no-block: the unit may wait for this very script.
restart_server() {
  log 'restarting the Jupyter server, if it runs'
  timeout 20 systemctl --no-block try-restart jupyter-server.service </dev/null || log 'the restart failed'
}

# ---- from here on the same for spaces and notebook instances ------------------------------------------------

log() { printf 'jupyter_lcc: %s\n' "$*" >&2; }

# Runs a command as the user, within what is left of the time.
limited() {
  local left=$((TIME_LIMIT - SECONDS))
  if [ "$left" -le 0 ]; then
    log "no time left for ${1##*/}"
    return 1
  fi
  as_user timeout -k 5 "$left" "$@" </dev/null
}

pip() { limited "$python" -m pip --disable-pip-version-check --no-input "$@"; }

# The Python that runs JupyterLab 4.
find_python() {
  local bin
  for bin in "${bins[@]}"; do
    python="$bin/python"
    if [ -n "$bin" ] && [ -x "$bin/jupyter-lab" ] && limited "$python" -c '
import sys
from importlib.metadata import version
sys.exit(sys.version_info < (3, 10) or int(version("jupyterlab").split(".")[0]) < 4)' 2>/dev/null; then
      log "JupyterLab of $bin"
      return
    fi
  done
  return 1
}

# The version that works here, empty if none does. What a killed pip left, pip itself can't put right: it goes.
installed_version() {
  limited "$python" -c '
import shutil
from importlib.metadata import distribution
ours = distribution("jupyter_lcc")
if not ours.read_text("RECORD"):
    shutil.rmtree(ours._path)
import jupyter_lcc.config
print(distribution("jupyter_lcc").version)' 2>/dev/null
}

fetch_from_s3() {
  if command -v aws >/dev/null; then
    limited env AWS_MAX_ATTEMPTS=2 aws s3 cp --recursive --only-show-errors --cli-connect-timeout 5 \
      --cli-read-timeout 30 --exclude '*' --include '*.whl' "${SOURCE%/}/" "$1/"
  else
    limited "$python" -c '
import os, sys, boto3
from botocore.config import Config
bucket, _, folder = sys.argv[1][5:].rstrip("/").partition("/")
patience = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2})
s3 = boto3.client("s3", config=patience)
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder and folder + "/"):
    for item in page.get("Contents", ()):
        if item["Key"].endswith(".whl"):
            s3.download_file(bucket, item["Key"], os.path.join(sys.argv[2], os.path.basename(item["Key"])))
' "$SOURCE" "$1"
  fi
}

# Puts into $1 the wheels that are missing here, and only those, found by pip with the given options.
resolve() {
  local to="$1"
  shift
  pip install --dry-run --quiet --report "$to/report.json" --constraint "$to/constraints.txt" "$@" \
    "jupyter_lcc==$VERSION" || return 1
  limited "$python" -c '
import json, sys
with open(sys.argv[1] + "/report.json") as report, open(sys.argv[1] + "/missing.txt", "w") as missing:
    for item in json.load(report)["install"]:
        print(item["metadata"]["name"], item["metadata"]["version"], sep="==", file=missing)
' "$to" || return 1
  pip download --quiet --no-deps --only-binary :all: --dest "$to" "$@" --requirement "$to/missing.txt"
}

# Fills $cache from the source; half a download never gets that name.
fill_cache() {
  local new="$cache.new" wheels
  local once=(--retries 1 --timeout 10)
  log "fetching $VERSION from $SOURCE"
  limited rm -rf -- "$new" && limited mkdir -p -- "$new/source" || return 1
  # pip may not change the Jupyter of this image.
  limited "$python" -c '
import sys
from importlib.metadata import version
with open(sys.argv[1], "w") as held:
    for name in "jupyterlab", "jupyter_server":
        print(name, version(name), sep="==", file=held)
' "$new/constraints.txt" || return 1
  case "$SOURCE" in
  index) resolve "$new" "${once[@]}" "${PIP_OPTIONS[@]}" || return 1 ;;
  *)
    local folder="$SOURCE"
    if [[ $SOURCE == s3://* ]]; then
      folder="$new/source"
      fetch_from_s3 "$folder" || return 1
    fi
    # The folder alone if it holds all that is missing, else the index for the rest.
    resolve "$new" --no-index --find-links "$folder" 2>/dev/null ||
      resolve "$new" --find-links "$folder" "${once[@]}" "${PIP_OPTIONS[@]}" || return 1
    ;;
  esac
  wheels=("$new/jupyter_lcc-$VERSION"-*.whl)
  if [ -n "$SHA256" ] && [ "$(limited sha256sum "${wheels[0]}" | cut -c -64)" != "$SHA256" ]; then
    log "refused: ${wheels[0]##*/} has not the sha256 $SHA256"
    return 1
  fi
  limited rm -rf -- "$new/source" "$cache" && limited mv -T -- "$new" "$cache"
}

install_from() { pip install --quiet --no-index --find-links "$1" --constraint "$1/constraints.txt" "$2"; }

# The wanted version from the cache, else from the source, else, better than none, the last one that is cached.
install() {
  local tag last
  tag=$(limited "$python" -c 'import sys; print(sys.implementation.cache_tag)') || return 1
  cache="$CACHE/$tag/$VERSION"
  if [ -d "$cache" ] && install_from "$cache" "jupyter_lcc==$VERSION" 2>/dev/null; then return; fi
  if fill_cache && install_from "$cache" "jupyter_lcc==$VERSION"; then
    for last in "$CACHE/$tag"/*; do
      [ "$last" = "$cache" ] || limited rm -rf -- "$last"
    done
    return
  fi
  log "version $VERSION could not be had"
  [ -z "$(installed_version)" ] || return 1
  for last in "$CACHE/$tag"/*; do
    if [[ $last != *.new ]] && [ -d "$last" ] && install_from "$last" jupyter_lcc; then
      log "using ${last##*/} instead, kept from an earlier start"
      return
    fi
  done
  return 1
}

# Makes the limits what they are above, all of them; tells by 10 that they were something else.
set_limits() {
  limited "$python" -c '
import json, os, site, sys, sysconfig
from traitlets.config import Config
from jupyter_lcc.config import LccIdle

def refuse(why):
    sys.exit(f"jupyter_lcc: the limits are refused, those before stay: {why}")

try:
    limits = json.loads(sys.argv[1])
    if not isinstance(limits, dict):
        refuse("not an object {…}")
    unknown = sorted(set(limits) - set(LccIdle.class_trait_names(config=True)))
    if unknown:
        refuse("there is no " + ", ".join(unknown))
    LccIdle(config=Config(LccIdle=limits)).policy_input()
except Exception as error:
    refuse(error)
# Where pip installed to: the environment of the image or, where that is not ours to write, the user site.
ours = os.access(sysconfig.get_path("purelib"), os.W_OK)
path = os.path.join(sys.prefix if ours else site.getuserbase(), "etc", "jupyter", "jupyter_jupyter_lcc_config.json")
text = json.dumps({"LccIdle": limits}, indent=2) + "\n"
try:
    with open(path, encoding="utf-8") as file:
        if file.read() == text:
            sys.exit(0)
except FileNotFoundError:
    pass
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(path + ".new", "w", encoding="utf-8") as file:
    file.write(text)
os.replace(path + ".new", path)
sys.exit(10)' "$LIMITS"
}

main() {
  local before after
  find_python || { log 'no JupyterLab 4 with Python 3.10 or newer here, nothing done'; return; }
  before=$(installed_version)
  after="$before"
  if [ "$before" != "$VERSION" ]; then
    install
    after=$(installed_version)
  fi
  [ -n "$after" ] || { log 'not installed'; return; }
  set_limits
  if [ $? = 10 ] || [ "$before" != "$after" ]; then restart_server; fi
  log "version $after is in place after $SECONDS s"
}

main
