#!/bin/bash
# Runs the agent's unit tests inside the server's image of this checkout: what the host's virtual environment pins is what Debian has.
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$(.venv/bin/fwrkit images build --json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["data"]["server"])')
image=fwrkit-test:${server##*:}
docker build --quiet --build-arg "FROM_IMAGE=$server" --tag "$image" tests/image >/dev/null
exec docker run --rm --label org.fwrkit.test=unit --volume "$PWD/tests:/work/tests:ro" --volume "$PWD/images:/work/images:ro" --volume "$PWD/pyproject.toml:/work/pyproject.toml:ro" \
    --env HYPOTHESIS_PROFILE=again --workdir /work "$image" -q --numprocesses "${SIDES:-2}" tests/unit/agent
