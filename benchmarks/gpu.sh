#!/bin/sh
# All that an NVIDIA GPU is wanted for, from a checkout and one zip of FER2013; no internet and no notebooks needed.
#   sh benchmarks/gpu.sh [fer2013.zip] [python3]
# Safe to stop and to start again: finished runs stay. What could not be done is listed at the end.
# Runs go to gpu/, or to where FER_HOME says.
zip=${1:-} python=${2:-python3}
case $zip in ""|/*) ;; *) zip=$PWD/$zip ;; esac
cd "$(dirname "$0")/.." || exit 1
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
"$python" - <<'END' || exit 1
import sys, torch
if not torch.cuda.is_available():
    sys.exit("gpu.sh: torch " + torch.__version__ + " finds no CUDA device; use make bench on a CPU")
print("torch", torch.__version__, torch.cuda.get_device_name())
END
export FER_HOME="${FER_HOME:-$PWD/gpu}"  # apart from the committed study: its runs would count as finished
mkdir -p "$FER_HOME/data"
[ -e "$FER_HOME/data/weights" ] || [ ! -e data/weights ] || ln -s "$PWD/data/weights" "$FER_HOME/data/weights"
not_run=""

step() {
    echo "== $*"
    "$@" || not_run="$not_run
  $*"
}

if [ ! -e "$FER_HOME/data/fer2013/dataset.json" ]; then
    "$python" -c 'import sys; from fer_utils import paths; from fer_utils.data import ingest; ingest.prepare(sys.argv[1], paths.DATA / "fer2013")' \
        "${zip:?give the path of a zip of FER2013}" || exit 1
fi
step "$python" benchmarks/epoch.py
step "$python" benchmarks/epoch.py resnet18
step "$python" benchmarks/epoch.py run
step "$python" benchmarks/roofline.py
step "$python" benchmarks/many.py
step "$python" benchmarks/growth.py
step "$python" benchmarks/prepare.py
step "$python" -m fer_utils weights --fetch all
step "$python" benchmarks/studies.py
step "$python" benchmarks/bars.py
echo "== not done:${not_run:- nothing}"
[ -z "$not_run" ]
