// In whose time moments are written: UTC, one's own, or any other of the world.
import { useState } from "preact/hooks";

import type { Store } from "../store/store";
import { Menu } from "./menu";

const OFTEN = ["UTC", "America/New_York", "America/Chicago", "Europe/London", "Asia/Singapore", "Asia/Tokyo"];

/** A zone as short as it is plain: UTC, New York. */
export function zoneWords(zone: string): string {
  return zone.slice(zone.lastIndexOf("/") + 1).replaceAll("_", " ");
}

export function ZoneMenu({ store }: { store: Store }) {
  const { zone } = store.view.value;
  return (
    <Menu name={`${zoneWords(zone)}: time zone`} align="end" label={<span>{zoneWords(zone)}</span>}>
      {(close) => <Zones store={store} close={close} />}
    </Menu>
  );
}

function Zones({ store, close }: { store: Store; close: () => void }) {
  const [words, setWords] = useState("");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const wanted = words.toLowerCase().replaceAll(" ", "_");
  const every = ["UTC", ...Intl.supportedValuesOf("timeZone")];
  const shown = wanted
    ? every.filter((one) => one.toLowerCase().includes(wanted)).slice(0, 30)
    : [...new Set([own, ...OFTEN])];
  return (
    <div class="choices narrow">
      <input
        type="search"
        placeholder="City"
        aria-label="Find a time zone"
        value={words}
        ref={(input) => input?.focus()}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <ul>
        {shown.map((one) => (
          <li key={one}>
            <button
              type="button"
              aria-current={one === store.view.value.zone}
              onClick={() => {
                store.look({ zone: one });
                close();
              }}
            >
              <b>{zoneWords(one)}</b>
              <small>{one === own ? "here" : one.split("/")[0]}</small>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
