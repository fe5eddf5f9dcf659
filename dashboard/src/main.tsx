// Begins the page: the token of the address goes into memory, then the shell is drawn.
import { render } from "preact";

import { Client } from "./api/client";
import { App } from "./app";
import { readAnswers } from "./chart/answers";
import { Store } from "./store/store";
import "./style.css";

const token = new URLSearchParams(location.search).get("token");
if (token !== null) history.replaceState(null, "", location.pathname + location.hash);
const store = new Store(new Client(token));
store.start();
// Before anything is drawn: the map is on its way while the page is laid out.
readAnswers(store);
render(<App store={store} />, document.getElementById("app")!);
