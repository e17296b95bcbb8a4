import subprocess
import sys
from pathlib import Path

import pyarrow as pa

from market.columns import first_row, floats, integers
from tests.market.material import write_parquet

ROOT = Path(__file__).parents[2]


def test_chunks_become_one_array_that_may_be_written() -> None:
    values = floats(pa.chunked_array([[1.5, 2.5], [3.5]]))
    values[0] = 9.0
    assert values.tolist() == [9.0, 2.5, 3.5]
    assert integers(pa.chunked_array([[1], [2, 3]])).tolist() == [1, 2, 3]


def test_rows_count_from_one_and_zero_is_nowhere() -> None:
    mask = pa.chunked_array([[False, False], [True]])
    assert first_row(mask, True) == 3
    assert first_row(mask, False) == 1
    assert first_row(pa.chunked_array([[False]]), True) == 0


def test_loading_candles_does_not_import_pandas(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from market.importing.loading import load_candles;"
        f"load_candles(Path({str(write_parquet(tmp_path))!r}), 'BTC/USDT'); print('pandas' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
