// The terms, the privacy notice and what else we say of ourselves, for everybody to read.
import { useEffect, useState } from "react"
import { api, ask } from "../api/client"
import { type ApiError, asApiError } from "../api/problem"
import type { DocumentText } from "../api/types"
import { fullDay } from "../format/dates"
import { Prose } from "../pages/privacy/Prose"
import { Button } from "../ui/Button"
import { Brand, Heading } from "./Frame"
import { FormProblem } from "./Notice"

const texts = [
  { name: "terms", title: "Terms of use" },
  { name: "privacy", title: "Privacy notice" },
  { name: "general", title: "What Flint is not" },
]

export default function Legal({ name }: { name: string }) {
  return (
    <div className="mx-auto max-w-2xl px-6 py-8 sm:px-10">
      <header>
        <Brand />
      </header>
      <main className="py-10">
        <Reading key={name} name={name} />
      </main>
      <nav
        aria-label="Our texts"
        className="flex flex-wrap gap-x-6 gap-y-2 border-t border-line pt-5 text-sm"
      >
        {texts.map((t) => (
          <a
            key={t.name}
            href={`/legal/${t.name}`}
            aria-current={t.name === name ? "page" : undefined}
            className={t.name === name ? "text-ink-2" : "prose-link"}
          >
            {t.title}
          </a>
        ))}
      </nav>
    </div>
  )
}

function Reading({ name }: { name: string }) {
  const [text, setText] = useState<DocumentText>()
  const [error, setError] = useState<ApiError>()
  const [tries, setTries] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another try is another look
  useEffect(() => {
    const stop = new AbortController()
    const path = { document: name }
    ask(api.GET("/api/privacy/documents/{document}", { params: { path }, signal: stop.signal })).then(
      setText,
      (e) => !stop.signal.aborted && setError(asApiError(e)),
    )
    return () => stop.abort()
  }, [name, tries])
  if (text) {
    return (
      <>
        <Heading title={text.title}>
          {text.summary} In force since {fullDay(text.version)}.
        </Heading>
        <Prose text={text.text} level={2} />
      </>
    )
  }
  if (error?.kind === "gone")
    return <Heading title="There’s no such text">Below are those that there are.</Heading>
  if (error) {
    const again = () => {
      setError(undefined)
      setTries(tries + 1)
    }
    return (
      <>
        <Heading title="We couldn’t load this text" />
        <div className="space-y-4">
          <FormProblem error={error} />
          <Button onClick={again}>Try again</Button>
        </div>
      </>
    )
  }
  return <p role="status" aria-busy="true" aria-label="Loading" />
}
