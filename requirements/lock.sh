#!/bin/sh
# Choose the versions anew: what development and tests run with first, then the same versions, with hashes, for
# what is shipped. Takes minutes. Commit the locks together with pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
export CUSTOM_COMPILE_COMMAND="make lock"

# No registry, folder or option of the machine that wrote a lock is left in it.
compile() {
    pip-compile --quiet --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
        --no-emit-trusted-host --no-emit-options "$@"
}

# torch comes as builds of the same release for CPU and for CUDA. A lock that named one build, or the packages that
# only a CUDA build needs, would shut the other out; so the release alone is named, and no hash.
compile --no-header --no-annotate --extra training --extra plot --extra dev pyproject.toml --output-file requirements/dev.tmp
{
    echo "# Written by \`make lock\`. No hashes: torch may come as another build of the same release."
    sed -E -e 's/^(torch==[^+]*)\+.*/\1/' -e '/^(nvidia-|cuda-|triton=|pip=)/d' -e '/^$/d' requirements/dev.tmp
} > requirements/dev.lock
rm requirements/dev.tmp

compile --generate-hashes -c requirements/dev.lock pyproject.toml --output-file requirements/inference.lock
compile --generate-hashes -c requirements/dev.lock requirements/score.in --output-file requirements/score.lock

# What Dockerfile.cpu installs, with hashes for all but torch.
compile --no-header --no-annotate --generate-hashes --no-allow-unsafe --unsafe-package torch -c requirements/dev.lock \
    --extra training --extra plot pyproject.toml --output-file requirements/cpu.tmp
{
    echo "# Written by \`make lock\`: what Dockerfile.cpu installs, but for torch, of which dev.lock names the release."
    sed -e '/^$/d' -e '/^#/d' requirements/cpu.tmp
} > requirements/cpu.lock
rm requirements/cpu.tmp

compile --no-header --no-annotate requirements/checkov.in --output-file requirements/checkov.tmp
{
    echo "# All that requirements/checkov.in asks for; \`make lock\` chooses anew."
    cat requirements/checkov.tmp
} > requirements/checkov.lock
rm requirements/checkov.tmp
