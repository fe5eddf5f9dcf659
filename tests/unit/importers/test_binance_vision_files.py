"""Binance archive files built by hand: every shape they come in, and every way they break."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.binance_vision import read_binance_vision
from forcedflow.venues.importers.options import ImportOptions

UM = Path("data/futures/um/daily")
KLINES = UM / "klines/BTCUSDT/5m/BTCUSDT-5m-2025-10-01.zip"
MARK = UM / "markPriceKlines/BTCUSDT/5m/BTCUSDT-5m-2025-10-01.zip"
PREMIUM = UM / "premiumIndexKlines/BTCUSDT/5m/BTCUSDT-5m-2025-10-01.zip"
METRICS = UM / "metrics/BTCUSDT/BTCUSDT-metrics-2025-12-01.zip"
FUNDING = Path("data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-12.zip")
DEPTH = UM / "bookDepth/BTCUSDT/BTCUSDT-bookDepth-2025-10-10.zip"
TRADES = UM / "aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-10-01.zip"
SPOT = Path("data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip")
COIN_M_METRICS = Path(
    "data/futures/cm/daily/metrics/BTCUSD_PERP/BTCUSD_PERP-metrics-2026-06-24.zip"
)
COIN_M = Path("data/futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2025-01-01.zip")

KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
BAR = "1759276800000,100,110,90,105,12.5,1759277099999,1300,42,7.5,780,0\n"
NEXT = "1759277100000,105,106,104,104,2,1759277399999,210,9,1,105,0\n"

METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)

START = 1_759_276_800_000


def zipped(path: Path, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{path.stem}.csv", text)
    return buffer.getvalue()


def read(path: Path, text: str, **options):
    return read_binance_vision(path, zipped(path, text), ImportOptions(**options))


def times(frame, column="event_time"):
    return [int(moment.timestamp() * 1000) for moment in frame[column]]


def damage(path: Path, text: str, **options) -> DamagedFileError:
    with pytest.raises(DamagedFileError) as caught:
        read(path, text, **options)
    return caught.value


def test_a_bar_is_stamped_with_its_end_and_known_then():
    frame = read(KLINES, KLINE_HEADER + BAR).frames["klines"]
    assert times(frame) == [START + 300_000]
    assert times(frame, "available_time") == [START + 300_000]
    row = frame.row(0, named=True)
    assert (row["venue"], row["symbol"], row["price_type"]) == ("binance", "BTC/USDT:USDT", "last")
    assert (row["interval_ms"], row["precedence"]) == (300_000, 10)
    assert (row["volume"], row["quote_volume"]) == (12.5, 1300)
    assert (row["taker_buy_volume"], row["trade_count"]) == (7.5, 42)


def test_a_file_without_its_header_gives_the_same_rows():
    with_header = read(KLINES, KLINE_HEADER + BAR + NEXT).frames["klines"]
    assert read(KLINES, BAR + NEXT).frames["klines"].equals(with_header)


def test_an_unzipped_csv_gives_the_same_rows():
    text = KLINE_HEADER + BAR
    plain = read_binance_vision(KLINES.with_suffix(".csv"), text.encode(), ImportOptions())
    assert plain.frames["klines"].equals(read(KLINES, text).frames["klines"])


def test_microseconds_are_told_by_their_size_even_on_a_day_of_milliseconds():
    micro = BAR.replace("1759276800000", "1759276800000000").replace(
        "1759277099999", "1759277099999999"
    )
    mixed = read(SPOT.with_name("BTCUSDT-5m-2025-01-01.zip"), micro + NEXT).frames["klines"]
    assert times(mixed) == [START + 300_000, START + 600_000]
    assert mixed["symbol"].unique().to_list() == ["BTC/USDT"]
    assert mixed["price_type"].unique().to_list() == ["spot"]


def test_mark_price_bars_hold_no_volume():
    frame = read(MARK, BAR.replace(",12.5,", ",0,")).frames["klines"]
    assert frame["price_type"].item() == "mark"
    for column in ("volume", "quote_volume", "taker_buy_volume", "trade_count"):
        assert frame[column].item() is None


def test_a_premium_may_be_negative_and_a_price_may_not():
    text = "1759276800000,-0.001,0.001,-0.002,-0.0005,0,1759277099999,0,0,0,0,0\n"
    assert read(PREMIUM, text).frames["klines"]["low"].item() == -0.002
    error = damage(MARK, text)
    assert (error.row, error.field) == (1, "open")


def test_unsorted_rows_come_out_sorted_and_identical_duplicates_collapse_in_silence():
    parsed = read(KLINES, KLINE_HEADER + NEXT + BAR + NEXT)
    assert times(parsed.frames["klines"]) == [START + 300_000, START + 600_000]
    assert parsed.warnings == ()


def test_of_conflicting_duplicates_the_last_is_kept_and_said():
    parsed = read(KLINES, BAR + BAR.replace("1300,42", "1301,42"))
    assert parsed.frames["klines"]["quote_volume"].to_list() == [1301]
    assert "1 rows of klines repeat a key" in parsed.warnings[0]


def test_a_bar_whose_high_is_below_its_close_is_damage():
    error = damage(KLINES, NEXT + BAR.replace("110,90,105", "104,90,105"))
    assert (error.row, error.field) == (2, "high")


def test_coin_margined_bars_take_coins_from_the_column_that_holds_them():
    text = "1735689600000,94000,95000,93000,94500,1000,1735693199999,1.06,50,400,0.42,0\n"
    row = read(COIN_M, text).frames["klines"].row(0, named=True)
    assert (row["symbol"], row["volume"], row["taker_buy_volume"]) == ("BTC/USD:BTC", 1.06, 0.42)
    assert row["quote_volume"] is None
    sized = read(COIN_M, text, contract_sizes=(("binance", "BTC", 100.0),))
    assert sized.frames["klines"]["quote_volume"].item() == 100_000


@pytest.mark.parametrize(
    ("path", "symbol"),
    [
        ("data/spot/daily/klines/ETHBTC/1h/ETHBTC-1h-2025-10-01.zip", "ETH/BTC"),
        ("data/spot/daily/klines/BTCTUSD/1h/BTCTUSD-1h-2025-10-01.zip", "BTC/TUSD"),
        ("data/spot/daily/klines/USDCUSDT/1h/USDCUSDT-1h-2025-10-01.zip", "USDC/USDT"),
        ("data/futures/um/daily/klines/ETHBTC/1h/ETHBTC-1h-2025-10-01.zip", "ETH/BTC:BTC"),
    ],
)
def test_pairs_against_other_coins_keep_both_their_names(path, symbol):
    assert read(Path(path), BAR).frames["klines"]["symbol"].item() == symbol


def test_a_pair_whose_quote_is_not_known_is_left_alone_and_said():
    parsed = read(Path("data/spot/daily/klines/BTCZZZ/1h/BTCZZZ-1h-2025-10-01.zip"), BAR)
    assert parsed.frames == {}
    assert parsed.warnings[0].endswith("the quote coin of BTCZZZ is not known; not read")


def test_a_delivery_contract_is_left_alone_and_said():
    path = KLINES.with_name("BTCUSDT_251226-5m-2025-10-01.zip")
    parsed = read(path, BAR)
    assert parsed.frames == {}
    assert "delivery" in parsed.warnings[0]


def test_open_interest_is_known_five_minutes_after_its_moment():
    text = METRICS_HEADER + "2025-12-01 00:05:00,BTCUSDT,89832.175,8064963864.475,,,,\n"
    parsed = read(METRICS, text)
    row = parsed.frames["open_interest"].row(0, named=True)
    assert row["event_time"].isoformat() == "2025-12-01T00:05:00+00:00"
    assert (row["available_time"] - row["event_time"]).total_seconds() == 300
    assert (row["open_interest"], row["open_interest_usd"]) == (89832.175, 8064963864.475)
    assert "long_short_ratio" not in parsed.frames


@pytest.mark.parametrize(
    ("path", "stamp", "symbol", "end"),
    [
        # The same five minutes, as the last old file and the first new one stamp them.
        (METRICS.with_name("BTCUSDT-metrics-2026-06-24.zip"), "06-25 00:00", "BTCUSDT", "00:00"),
        (METRICS.with_name("BTCUSDT-metrics-2026-06-25.zip"), "06-25 00:00", "BTCUSDT", "00:05"),
        (COIN_M_METRICS, "06-24 00:00", "BTCUSD_PERP", "00:05"),
    ],
)
def test_metrics_are_of_the_end_of_their_period_whichever_end_they_are_stamped_with(
    path, stamp, symbol, end
):
    text = METRICS_HEADER + f"2026-{stamp}:00,{symbol},1,2,1.1,1.2,1.3,1.4\n"
    frames = read(path, text).frames
    for frame in (frames["open_interest"], frames["long_short_ratio"]):
        assert {moment.strftime("%H:%M") for moment in frame["event_time"]} == {end}
        known = frame["available_time"] - frame["event_time"]
        assert {delay.total_seconds() for delay in known} == {300}


def test_filled_ratio_columns_become_ratios():
    text = METRICS_HEADER + "2025-12-01 00:05:00,BTCUSDT,1,2,1.1,1.2,1.3,1.4\n"
    frame = read(METRICS, text).frames["long_short_ratio"]
    found = {row["kind"]: row for row in frame.iter_rows(named=True)}
    assert {kind: row["ratio"] for kind, row in found.items()} == {
        "top_accounts": 1.1,
        "top_positions": 1.2,
        "accounts": 1.3,
        "taker_volume": 1.4,
    }
    ends = {kind: row["event_time"].strftime("%H:%M") for kind, row in found.items()}
    assert ends == {
        "top_accounts": "00:05",
        "top_positions": "00:05",
        "accounts": "00:05",
        "taker_volume": "00:05",
    }
    for row in found.values():
        assert (row["available_time"] - row["event_time"]).total_seconds() == 300


def test_metrics_of_another_symbol_than_the_name_says_are_damage():
    error = damage(METRICS, METRICS_HEADER + "2025-12-01 00:05:00,ETHUSDT,1,2,,,,\n")
    assert (error.row, error.field) == (1, "symbol")


def test_funding_is_stamped_with_the_whole_second_below():
    text = "calc_time,funding_interval_hours,last_funding_rate\n1764576000004,8,-0.00003153\n"
    row = read(FUNDING, text).frames["funding"].row(0, named=True)
    assert row["event_time"].isoformat() == "2025-12-01T08:00:00+00:00"
    assert (row["kind"], row["funding_rate"], row["interval_hours"]) == ("settled", -0.00003153, 8)


@pytest.mark.parametrize("label", ["-5", "-5.00"])
def test_depth_bands_keep_their_sign_however_they_are_written(label):
    text = f"timestamp,percentage,depth,notional\n2025-10-10 00:00:07,{label},8243.012,979983314\n"
    row = read(DEPTH, text).frames["depth_bands"].row(0, named=True)
    assert (row["distance_pct"], row["amount"]) == (-5.0, 8243.012)


def test_a_trade_whose_buyer_waited_was_sold_by_the_taker():
    header = (
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    )
    text = header + "7,100,0.5,1,2,1759276800123,true\n8,101,0.25,3,3,1759276800124,false\n"
    frame = read(TRADES, text).frames["trades"]
    assert frame["taker_side"].to_list() == ["sell", "buy"]
    assert frame["trade_id"].to_list() == ["7", "8"]


def test_spot_trades_have_one_column_more_and_capital_letters():
    path = Path("data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-01.zip")
    frame = read(path, "7,100,0.5,1,2,1735689600123456,False,True\n").frames["trades"]
    row = frame.row(0, named=True)
    assert (row["symbol"], row["taker_side"]) == ("BTC/USDT", "buy")
    assert row["event_time"].isoformat() == "2025-01-01T00:00:00.123000+00:00"


def test_a_text_in_a_number_column_is_named_by_row_and_field():
    error = damage(KLINES, KLINE_HEADER + BAR + NEXT.replace(",104,104,", ",abc,104,"))
    assert (error.row, error.field) == (2, "low")
    assert "BTCUSDT-5m-2025-10-01.zip (BTCUSDT-5m-2025-10-01.csv)" in str(error)
    assert "'abc' is no number" in str(error)


@pytest.mark.parametrize("value", ["inf", "nan", ""])
def test_a_price_that_is_no_finite_number_is_damage(value):
    error = damage(KLINES, BAR + NEXT.replace("105,106", f"{value},106"))
    assert (error.row, error.field) == (2, "open")


def test_a_negative_price_is_named_by_row_and_field():
    error = damage(KLINES, BAR + NEXT.replace(",104,104,", ",-104,104,"))
    assert (error.row, error.field) == (2, "low")


def test_a_time_outside_this_century_is_damage():
    error = damage(KLINES, BAR.replace("1759276800000", "9959276800000"))
    assert (error.row, error.field) == (1, "open_time")


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (BAR + NEXT.replace(",0\n", "\n"), 2),
        (KLINE_HEADER + BAR + NEXT.replace(",0\n", ",0,0\n"), 2),
        ("1759276800000,100,110\n", 1),
    ],
)
def test_a_wrong_number_of_columns_is_named_by_row(text, row):
    assert damage(KLINES, text).row == row


def test_a_header_without_a_column_is_damage():
    text = KLINE_HEADER.replace("close_time", "closing") + BAR
    assert damage(KLINES, text).field == "close_time"


def test_an_empty_file_is_damage_and_a_header_alone_is_not():
    assert "empty" in str(damage(KLINES, ""))
    assert read(KLINES, KLINE_HEADER).frames == {}


def test_a_checksum_beside_the_file_is_verified(tmp_path):
    path = tmp_path / KLINES
    path.parent.mkdir(parents=True)
    data = zipped(path, BAR)
    beside = path.with_name(f"{path.name}.CHECKSUM")
    beside.write_text(f"{hashlib.sha256(data).hexdigest()}  {path.name}\n")
    assert read_binance_vision(path, data, ImportOptions()).frames["klines"].height == 1
    beside.write_text(f"{'0' * 64}  {path.name}\n")
    with pytest.raises(DamagedFileError, match=r"BTCUSDT-5m-2025-10-01\.zip.*SHA-256"):
        read_binance_vision(path, data, ImportOptions())
    beside.write_text("Not Found")
    with pytest.raises(DamagedFileError, match="CHECKSUM: holds no SHA-256"):
        read_binance_vision(path, data, ImportOptions())


def test_no_flipped_byte_of_an_archive_ever_yields_other_rows():
    whole = zipped(KLINES, KLINE_HEADER + BAR + NEXT)
    sound = read_binance_vision(KLINES, whole, ImportOptions()).frames["klines"]
    refusals = []
    for position in range(len(whole)):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        try:
            parsed = read_binance_vision(KLINES, bytes(broken), ImportOptions())
        except DamagedFileError as error:
            refusals.append(error)
            continue
        # Dates and attributes of the archive itself mean nothing to us.
        assert parsed.frames["klines"].equals(sound)
    assert len(refusals) > len(whole) // 2
    assert all(str(KLINES) in refusal.file for refusal in refusals)


def test_no_truncated_archive_is_read():
    whole = zipped(KLINES, KLINE_HEADER + BAR + NEXT)
    for length in range(len(whole)):
        with pytest.raises(DamagedFileError):
            read_binance_vision(KLINES, whole[:length], ImportOptions())


def test_an_archive_of_another_file_is_damage():
    other = KLINES.with_name("ETHUSDT-5m-2025-10-01.zip")
    with pytest.raises(DamagedFileError, match="BTCUSDT"):
        read_binance_vision(other, zipped(KLINES, BAR), ImportOptions())


def test_bars_outside_their_folders_need_dataset_and_market_stated():
    loose = Path("BTCUSDT-5m-2025-10-01.zip")
    with pytest.raises(UsageError, match="--dataset klines"):
        read(loose, BAR)
    with pytest.raises(UsageError, match="--market um"):
        read(loose, BAR, dataset="klines")
    frame = read(loose, BAR, dataset="klines", market="spot").frames["klines"]
    assert frame["price_type"].item() == "spot"


def test_metrics_outside_their_folders_say_enough():
    text = METRICS_HEADER + "2025-12-01 00:05:00,BTCUSDT,1,2,,,,\n"
    frame = read(Path(METRICS.name), text).frames["open_interest"]
    assert frame["symbol"].item() == "BTC/USDT:USDT"


def test_a_dataset_that_is_not_read_is_named():
    with pytest.raises(UsageError, match="bookTicker is not read"):
        read(UM / "bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-01-01.zip", "1,2\n")


def test_depth_of_coin_margined_contracts_is_left_alone_and_said():
    path = Path("data/futures/cm/daily/bookDepth/BTCUSD_PERP/BTCUSD_PERP-bookDepth-2025-10-10.zip")
    parsed = read(path, "timestamp,percentage,depth,notional\n2025-10-10 00:00:07,-5,8,9\n")
    assert parsed.frames == {}
    assert "not documented" in parsed.warnings[0]


def test_open_interest_of_zero_is_left_out_and_said():
    text = (
        METRICS_HEADER
        + "2025-12-01 00:05:00,BTCUSDT,89832.175,8064963864.475,,,,\n"
        + "2025-12-01 00:05:00,BTCUSDT,0,0,,,,\n"
        + "2025-12-01 00:10:00,BTCUSDT,0.0000,8064963864.475,,,,\n"
    )
    parsed = read(METRICS, text)
    # The zero would have replaced the row before it, as the later of two with one key.
    assert parsed.frames["open_interest"]["open_interest"].to_list() == [89832.175]
    (warning,) = parsed.warnings
    assert warning.endswith("open interest is zero in 2 rows; left out")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_refused_by_the_name_of_its_encoding(encoding):
    path = METRICS.with_suffix(".csv")
    with pytest.raises(DamagedFileError, match="is UTF-16, expected UTF-8"):
        read_binance_vision(path, METRICS_HEADER.encode(encoding), ImportOptions())


def test_a_header_alone_is_read_with_a_warning():
    parsed = read(METRICS, METRICS_HEADER)
    assert parsed.frames == {}
    (warning,) = parsed.warnings
    assert warning.endswith("holds no rows")
