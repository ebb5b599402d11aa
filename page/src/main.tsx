// The page of P-KAI.

import { render } from "preact";
import { App } from "./app";
import { readConfig } from "./config";
import { MIN_PLAYED_S } from "./desk";
import { Refusal } from "./refusal";
import { Session } from "./session";
import { Takes } from "./takes";
import { firstLanguage, keepLanguage } from "./words/words";

const language = firstLanguage();
keepLanguage(language);
const [config, takes] = await Promise.all([readConfig(), Takes.open(MIN_PLAYED_S)]);
const session = new Session(config.sign_in);
const problem = await session.arrive().then(
  () => null,
  (reason) => Refusal.from(reason),
);
render(
  <App config={config} session={session} kept={takes} language={language} firstProblem={problem} />,
  document.getElementById("page")!,
);
