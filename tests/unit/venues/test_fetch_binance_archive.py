"""Which files of Binance's public archive hold a span, and what is taken from them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime

import pytest

from forcedflow.errors import DamagedFileError, NotThereError, UsageError, VenueError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.binance.archive import archive_pieces
from forcedflow.venues.connector import Piece
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import identity

DAY_MS, FIVE_MIN_MS = 86_400_000, 300_000
BTC = parse_symbol("BTCUSDT")
COIN_M = Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0)


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Shelf:
    """An `Http` that serves what lies on it and remembers what was asked for."""

    def __init__(self, files=()):
        self.files = dict(files)
        self.asked = []

    def get(self, url, params=None, *, weight=1):
        assert (params, weight) == (None, 0)
        self.asked.append(url)
        if url not in self.files:
            raise NotThereError("binance", url)
        return self.files[url]


def tail(table, start_ms, end_ms, price_type):
    name = f"rest:{table if price_type is None else price_type}:{start_ms}:{end_ms}"
    return (Piece(name, frozenset({table}), start_ms, end_ms, dict, lasting=False),)


def plan(tables, start, end, now="2026-03-20T10:00", instrument=BTC, http=None, **options):
    options = {"interval_ms": FIVE_MIN_MS, "rest_tail": tail} | options
    return archive_pieces(
        http or Shelf(), tables, instrument, ms(start), ms(end), ms(now), **options
    )


def zipped(name, text):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, text)
    return data.getvalue()


def shelved(url, data, checksum=None):
    stated = checksum or hashlib.sha256(data).hexdigest()
    return {url: data, f"{url}.CHECKSUM": f"{stated}  {url.rpartition('/')[2]}\n".encode()}


def test_whole_past_months_are_one_file_and_the_rest_goes_by_the_day():
    pieces = plan(["klines"], "2026-01-01T00:05", "2026-03-03", instrument=parse_symbol("BTC/USDT"))
    assert [piece.name for piece in pieces] == [
        "spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2026-01.zip",
        "spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2026-02.zip",
        "spot/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2026-03-01.zip",
        "spot/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2026-03-02.zip",
    ]
    assert [(piece.start_ms, piece.end_ms) for piece in pieces[:2]] == [
        (ms("2026-01-01"), ms("2026-02-01")),
        (ms("2026-02-01"), ms("2026-03-01")),
    ]
    assert all(piece.lasting and piece.host == "archive" for piece in pieces)


def test_a_month_that_is_not_there_is_asked_for_by_the_day_and_a_day_over_http():
    (month,) = plan(
        ["klines"], "2026-02-01T00:05", "2026-03-01", instrument=parse_symbol("BTC/USDT")
    )
    assert len(month.instead) == 28
    first = month.instead[0]
    assert first.name == "spot/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2026-02-01.zip"
    (rest,) = first.instead
    assert rest.name == f"rest:spot:{ms('2026-02-01')}:{ms('2026-02-02')}"


def test_what_ends_at_midnight_is_filed_under_the_day_before():
    spot = parse_symbol("BTC/USDT")
    midnight = plan(["klines"], "2026-03-02", "2026-03-03", instrument=spot)
    after = plan(["klines"], "2026-03-02T00:05", "2026-03-03", instrument=spot)
    assert [piece.name[-14:-4] for piece in midnight] == ["2026-03-01", "2026-03-02"]
    assert [piece.name[-14:-4] for piece in after] == ["2026-03-02"]
    # Of the metrics that is so for the taker ratio alone.
    ratios = plan(["long_short_ratio"], "2026-03-02", "2026-03-03")
    assert [piece.name[-14:-4] for piece in ratios] == ["2026-03-01", "2026-03-02"]
    assert len(plan(["open_interest"], "2026-03-02", "2026-03-03")) == 1


def test_perpetuals_have_last_mark_and_index_bars():
    names = {piece.name for piece in plan(["klines"], "2026-03-01T00:05", "2026-03-02")}
    assert names == {
        f"futures/um/daily/{dataset}/BTCUSDT/5m/BTCUSDT-5m-2026-03-01.zip"
        for dataset in ("klines", "markPriceKlines", "indexPriceKlines")
    }


def test_metrics_serve_both_tables_and_are_daily_only():
    (piece,) = plan(["open_interest"], "2026-01-31", "2026-02-01")
    assert piece.name == "futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-01-31.zip"
    assert piece.tables == {"open_interest", "long_short_ratio"}
    assert [rest.tables for rest in piece.instead] == [{"open_interest"}]
    both = plan(["open_interest", "long_short_ratio"], "2026-01-31T00:05", "2026-02-01")[0]
    assert [rest.tables for rest in both.instead] == [{"open_interest"}, {"long_short_ratio"}]


def test_funding_is_monthly_and_the_present_month_comes_over_http():
    past, present = plan(["funding"], "2026-02-10", "2026-03-15")
    assert past.name == "futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-02.zip"
    assert (past.start_ms, past.end_ms) == (ms("2026-02-01"), ms("2026-03-01"))
    assert past.instead[0].name == f"rest:funding:{ms('2026-02-01')}:{ms('2026-03-01')}"
    assert present.name == f"rest:funding:{ms('2026-03-01')}:{ms('2026-03-15')}"


def test_a_day_that_has_not_ended_is_not_asked_from_the_archive_nor_is_the_future():
    pieces = plan(["depth_bands"], "2026-03-19T12:00", "2026-04-01", now="2026-03-20T10:00")
    assert [piece.name for piece in pieces] == [
        "futures/um/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2026-03-19.zip",
        f"rest:depth_bands:{ms('2026-03-20')}:{ms('2026-03-20T10:00')}",
    ]


def test_a_kind_of_bars_that_is_missing_asks_for_that_kind_alone():
    missing = {
        piece.name.split("/")[3]: [rest.name.split(":")[1] for rest in piece.instead]
        for piece in plan(["klines"], "2026-03-01T00:05", "2026-03-02")
    }
    assert missing == {
        "klines": ["last"],
        "markPriceKlines": ["mark"],
        "indexPriceKlines": ["index"],
    }
    (spot,) = plan(
        ["klines"], "2026-03-01T00:05", "2026-03-02", instrument=parse_symbol("BTC/USDT")
    )
    assert spot.instead[0].name.startswith("rest:spot:")


def test_the_present_day_is_asked_for_once_per_kind_of_bars():
    pieces = plan(["klines"], "2026-03-20T00:05", "2026-03-21", now="2026-03-20T10:00")
    assert [piece.name for piece in pieces] == [
        f"rest:{kind}:{ms('2026-03-20')}:{ms('2026-03-20T10:00')}"
        for kind in ("last", "mark", "index")
    ]


def test_trades_come_by_the_day_because_a_month_would_not_fit_in_memory():
    pieces = plan(["trades"], "2026-01-01", "2026-02-01")
    assert len(pieces) == 31
    assert pieces[0].name == "futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-01-01.zip"


def test_coin_margined_contracts_have_an_index_of_their_pair_and_no_depth():
    pieces = plan(["klines", "depth_bands"], "2026-03-01T00:05", "2026-03-02", instrument=COIN_M)
    assert {piece.name for piece in pieces} == {
        "futures/cm/daily/klines/BTCUSD_PERP/5m/BTCUSD_PERP-5m-2026-03-01.zip",
        "futures/cm/daily/markPriceKlines/BTCUSD_PERP/5m/BTCUSD_PERP-5m-2026-03-01.zip",
        "futures/cm/daily/indexPriceKlines/BTCUSD/5m/BTCUSD-5m-2026-03-01.zip",
    }


def test_a_bar_length_without_daily_files_is_refused():
    with pytest.raises(UsageError, match=r"(?s)no bars of 604800000 ms.*one of 1m"):
        plan(["klines"], "2026-01-01", "2026-02-01", interval_ms=7 * DAY_MS)


def test_a_piece_is_remembered_as_the_same_file_imported_by_hand(tmp_path):
    (piece,) = plan(["funding"], "2026-02-01", "2026-03-01")
    folder = "elsewhere/data/futures/um/monthly/fundingRate/BTCUSDT"
    by_hand = tmp_path / folder / "BTCUSDT-fundingRate-2026-02.zip"
    said = identity("binance-vision", by_hand, ImportOptions())
    assert piece.remembered_as == ("binance-vision", said)


def test_a_contract_size_is_stated_only_where_the_venue_was_asked():
    (asked,) = plan(["open_interest"], "2026-02-01", "2026-02-02", instrument=COIN_M)
    (guessed,) = plan(
        ["open_interest"], "2026-02-01", "2026-02-02", instrument=parse_symbol("BTCUSD_PERP")
    )
    assert '"contract_sizes":[["binance","BTC",100.0]]' in asked.remembered_as[1]
    assert "contract_sizes" not in guessed.remembered_as[1]


FUNDING_URL = (
    "http://mirror/data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-02.zip"
)
FUNDING = zipped(
    "BTCUSDT-fundingRate-2026-02.csv",
    "calc_time,funding_interval_hours,last_funding_rate\n1769904000008,8,0.00010000\n",
)


def funding_piece(files):
    http = Shelf(files)
    (piece,) = plan(["funding"], "2026-02-01", "2026-03-01", http=http, root="http://mirror/")
    return piece, http


def test_a_file_is_compared_with_its_checksum_and_read_like_an_imported_one():
    piece, http = funding_piece(shelved(FUNDING_URL, FUNDING))
    assert piece.fingerprint() == hashlib.sha256(FUNDING).hexdigest()
    (row,) = piece.read()["funding"].to_dicts()
    assert row["event_time"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert (row["funding_rate"], row["interval_hours"], row["kind"]) == (0.0001, 8.0, "settled")
    assert (row["source"], row["precedence"]) == ("binance-vision:fundingRate", 10)
    # The checksum was asked for once, by whoever came first.
    assert http.asked == [f"{FUNDING_URL}.CHECKSUM", FUNDING_URL]


def test_bytes_other_than_the_checksum_says_are_refused():
    piece, _ = funding_piece(shelved(FUNDING_URL, FUNDING, checksum="ab" * 32))
    with pytest.raises(VenueError, match=r"SHA-256 is .*, its .CHECKSUM says abababababababab"):
        piece.read()


@pytest.mark.parametrize("stated", [b"", b"<html>not found</html>", b"abc  file.zip"])
def test_a_checksum_file_without_a_checksum_is_refused(stated):
    piece, _ = funding_piece({f"{FUNDING_URL}.CHECKSUM": stated})
    with pytest.raises(VenueError, match="holds no SHA-256"):
        piece.fingerprint()


def test_a_file_whose_content_is_not_what_its_name_says_is_refused():
    broken = zipped("BTCUSDT-fundingRate-2026-02.csv", "calc_time,rate\n1769904000008,2\n")
    piece, _ = funding_piece(shelved(FUNDING_URL, broken))
    with pytest.raises(DamagedFileError, match="funding_interval_hours"):
        piece.read()


def test_what_an_importer_has_to_say_is_handed_on():
    url = "http://mirror/data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-02-01.zip"
    header = (
        "create_time,symbol,sum_open_interest,sum_open_interest_value,"
        "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
        "count_long_short_ratio,sum_taker_long_short_vol_ratio"
    )
    text = f"{header}\n2026-02-01 00:00:00,BTCUSDT,0,0,,,,\n2026-02-01 00:05:00,BTCUSDT,1,2,,,,\n"
    http = Shelf(shelved(url, zipped("BTCUSDT-metrics-2026-02-01.csv", text)))
    (piece,) = plan(["open_interest"], "2026-02-01", "2026-02-02", http=http, root="http://mirror")
    assert piece.remarks() == ()
    assert piece.read()["open_interest"].height == 1
    assert "open interest is zero in 1 rows" in piece.remarks()[0]
