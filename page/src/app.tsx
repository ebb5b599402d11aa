// The page as a whole: what is on it now, its language, and what went wrong.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Answer, useTakeName } from "./answer";
import { stepBack } from "./arrive";
import type { Config } from "./config";
import { type Desk, type Problem, useDesk } from "./desk";
import { Pair } from "./pair";
import type { Refusal } from "./refusal";
import type { Session } from "./session";
import { Shelf } from "./shelf";
import { Listening, Stage, Waiting } from "./stage";
import type { Takes } from "./takes";
import { keepLanguage, type Language, points, Spoken, useWords } from "./words/words";

interface Props {
  config: Config;
  session: Session;
  kept: Takes;
  language: Language;
  firstProblem: Refusal | null;
}

export function App({ config, session, kept, language: first, firstProblem }: Props): JSX.Element {
  const [language, setLanguage] = useState(first);
  const [, redraw] = useState(0);
  const desk = useDesk(config, session, kept, firstProblem);
  const choose = (chosen: Language) => (keepLanguage(chosen), setLanguage(chosen));
  const signOut = () => (session.forget(), redraw((n) => n + 1));
  return (
    <Spoken.Provider value={language}>
      <Head language={language} choose={choose} session={session} signOut={signOut} />
      <main tabIndex={-1}>
        <Trouble desk={desk} session={session} areKept={kept.areKept} />
        <Showing desk={desk} session={session} kept={kept} />
      </main>
      <Foot />
      <Said desk={desk} />
      <Drop desk={desk} session={session} />
    </Spoken.Provider>
  );
}

function Showing({ desk, session, kept }: { desk: Desk; session: Session; kept: Takes }): JSX.Element {
  const { screen } = desk;
  switch (screen.kind) {
    case "recording":
      return <Listening recorder={screen.recorder} />;
    case "sending":
      return <Waiting desk={desk} />;
    case "answer":
      return <Answer desk={desk} take={screen.take} />;
    case "pair":
      return <Pair desk={desk} takes={screen.takes} pair={screen.pair} />;
    case "stage":
      return (
        <>
          <Stage desk={desk} session={session} />
          <Shelf desk={desk} areKept={kept.areKept} />
        </>
      );
  }
}

interface HeadProps {
  language: Language;
  choose: (language: Language) => void;
  session: Session;
  signOut: () => void;
}

function Head({ language, choose, session, signOut }: HeadProps): JSX.Element {
  const words = useWords();
  return (
    <header class="head">
      <p class="name">P-KAI<span>Piano-Karaoke AI</span></p>
      <div class="head-choices">
        {session.isSignedIn && <button type="button" class="quiet" onClick={signOut}>{words.signOut}</button>}
        <div class="languages" role="group" aria-label={words.language}>
          {(["en", "ja"] as const).map((one) => (
            <button key={one} type="button" lang={one} aria-pressed={one === language} onClick={() => choose(one)}>
              {one === "en" ? "English" : "日本語"}
            </button>
          ))}
        </div>
      </div>
    </header>
  );
}

function Trouble({ desk, session, areKept }: { desk: Desk; session: Session; areKept: boolean }): JSX.Element {
  const words = useWords();
  const { problem } = desk;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (problem) box.current?.focus();
  }, [problem]);
  if (!problem) return <></>;
  const close = () => {
    stepBack(box.current);
    desk.dismiss();
  };
  const [title, advice] = words.errors[problem.refusal.code] ?? words.errors.unknown!;
  return (
    <div class="trouble" role="alert" tabIndex={-1} ref={box} data-code={problem.refusal.code}>
      <div>
        <strong>{title}</strong>
        <p>{advice}</p>
        {problem.take && <p>{areKept ? words.keep : words.takesLost}</p>}
      </div>
      <div class="trouble-ways">
        <Way desk={desk} session={session} problem={problem} />
        <button type="button" class="quiet" onClick={close}>{words.close}</button>
      </div>
    </div>
  );
}

function Way({ desk, session, problem }: { desk: Desk; session: Session; problem: Problem }): JSX.Element {
  const words = useWords();
  const { take } = problem;
  if (session.isNeeded) {
    return <button type="button" class="action" onClick={() => void session.leave()}>{words.signIn}</button>;
  }
  if (!take) return <></>;
  return <button type="button" class="action" onClick={() => void desk.send(take)}>{words.sendAgain}</button>;
}

function Foot(): JSX.Element {
  const words = useWords();
  return <footer class="foot"><p>{words.madeBy}</p></footer>;
}

/** Told to those who do not see that the answer has come, or that a take has gone. */
function Said({ desk }: { desk: Desk }): JSX.Element {
  const words = useWords();
  const nameOf = useTakeName();
  const { screen, removed } = desk;
  const judged = screen.kind === "answer" ? words.done(points(screen.take.assessment!.rating)) : "";
  const told = removed ? words.removed(nameOf(removed)) : judged;
  return <p class="unseen" role="status">{told}</p>;
}

function Drop({ desk, session }: { desk: Desk; session: Session }): JSX.Element {
  const words = useWords();
  const [over, setOver] = useState(false);
  const isOpen = desk.screen.kind !== "recording" && desk.screen.kind !== "sending" && !session.isNeeded;
  useEffect(() => {
    const onOver = (event: DragEvent) => {
      event.preventDefault();
      setOver(isOpen && (event.dataTransfer?.types.includes("Files") ?? false));
    };
    const onLeave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      const [file] = event.dataTransfer?.files ?? [];
      if (isOpen && file) void desk.takeFile(file);
    };
    document.addEventListener("dragover", onOver);
    document.addEventListener("dragleave", onLeave);
    document.addEventListener("drop", onDrop);
    return () => {
      document.removeEventListener("dragover", onOver);
      document.removeEventListener("dragleave", onLeave);
      document.removeEventListener("drop", onDrop);
    };
  });
  return over ? <div class="drop" aria-hidden="true"><p>{words.dropHere}</p></div> : <></>;
}
