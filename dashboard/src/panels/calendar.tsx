// Scheduled events ahead, and the window of volatility around each.
import type { Calendar, CalendarEvent } from "../api/answers";
import { formatTime } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, Empty } from "./state";

// Of other venues it is not known when funding is settled.
const FUNDING_KNOWN = [
  ...["binance", "bybit", "bitget", "gate", "kucoin", "mexc", "okx", "dydx", "hyperliquid"],
  ...["sandbox", "sandbox-dark", "sandbox-sampled"],
];

export function CalendarPanel({ store }: { store: Store }) {
  const { venue, zone } = store.view.value;
  const own = FUNDING_KNOWN.includes(venue) ? { venue } : {};
  const held = useAnswer<Calendar>(store, "calendar", own, { of: "moment" });
  return (
    <Answer held={held} what="the calendar">
      {(told) => (
        <>
          {told.next_funding?.venue === venue && (
            <p class="line">
              <span class="muted">Next funding, {told.next_funding.venue}</span>
              <b>{formatTime(Date.parse(told.next_funding.time), zone)}</b>
            </p>
          )}
          {told.events.length === 0 ? (
            <Empty>
              <p>No event is known for the two weeks ahead.</p>
              {told.missing.map((one) => (
                <p key={`${one.event} ${one.from}`} class="muted">
                  {one.event}, {one.from} to {one.to}: {one.why}
                </p>
              ))}
            </Empty>
          ) : (
            <ul class="events">
              {told.events.map((one) => (
                <Event key={`${one.event} ${one.time}`} event={one} zone={zone} />
              ))}
            </ul>
          )}
        </>
      )}
    </Answer>
  );
}

function Event({ event, zone }: { event: CalendarEvent; zone: string }) {
  const { hours_to_window: hours, open } = event;
  const soon = open || (hours !== null && hours <= 6);
  return (
    <li class={soon ? "event soon" : "event"}>
      <div>
        <b>{event.event}</b>
        <span class="muted">{event.country}</span>
      </div>
      <div>
        <span>
          {formatTime(Date.parse(event.time), zone).slice(0, event.time_of_day_known ? 16 : 10)}
        </span>
        <span class={soon ? "soon-words" : "muted"}>
          {open ? "window open" : hours === null ? event.status : `window in ${spanWords(hours)}`}
        </span>
      </div>
      <i class="weight" title={`weight ${event.weight}`} style={{ "--share": `${100 * event.weight}%` }} />
    </li>
  );
}

function spanWords(hours: number): string {
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} d`;
}
