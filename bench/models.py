"""What models cost, as ratios in one run: `python -m bench.models [part...] [--gpu]`, all parts by default.

forecasts  training a causal network to a fixed validation error, beside a FreqAI-like loop over windows
sentiment  texts a second, beside the pipeline that takes one at a time

On the processor, then on the CUDA device; with `--gpu` on that alone, which needs torch, transformers, safetensors and
numpy, no network and under eight minutes. Where there is no such device it says so.
"""

import argparse
import subprocess
import sys

PARTS = ("forecasts", "sentiment")


def forecasts(*, gpu: bool) -> None:
    from bench import models_training

    models_training.main(only="gpu" if gpu else None)


def sentiment(*, gpu: bool) -> None:
    """A process of its own: it changes how many threads there are, and fills memory."""
    command = [sys.executable, "-m", "bench.models_sentiment", *(["--only", "gpu"] if gpu else [])]
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--gpu", action="store_true", help="on the CUDA device alone")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.parts) - set(PARTS)):
        parser.error(f"found {', '.join(unknown)}, allowed are {', '.join(PARTS)}")
    run = {"forecasts": forecasts, "sentiment": sentiment}
    for part in asked.parts or PARTS:
        run[part](gpu=asked.gpu)
        print(flush=True)


if __name__ == "__main__":
    main()
