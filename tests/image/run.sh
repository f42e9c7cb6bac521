#!/bin/bash
# Runs the agent's unit tests inside the server's image of this checkout: what the host's virtual environment pins is what Debian has.
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$(.venv/bin/fwrkit images build --json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["data"]["server"])')
image=fwrkit-test:${server##*:}
docker build --quiet --build-arg "FROM_IMAGE=$server" --tag "$image" tests/image >/dev/null
module=pytest reports=()
if [ -n "${AGAIN:-}" ]; then # what failed is tried once more, in the same container
    mkdir -p artifacts
    module=tests.again reports=(--volume "$PWD/artifacts:/work/artifacts" --env FLAKY=/work/artifacts/flaky.txt)
fi
exec docker run --rm --label org.fwrkit.test=unit --volume "$PWD/tests:/work/tests:ro" --volume "$PWD/images:/work/images:ro" --volume "$PWD/pyproject.toml:/work/pyproject.toml:ro" \
    "${reports[@]}" --env HYPOTHESIS_PROFILE=again --workdir /work "$image" "$module" -p no:cacheprovider -q --numprocesses "${SIDES:-2}" tests/unit/agent
