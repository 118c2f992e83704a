// Our own texts: headings, paragraphs, lists and bold words of Markdown, and nothing else of it.
import type { ReactNode } from "react"

interface Block {
  kind: "heading" | "list" | "text"
  lines: string[]
}

/** The blocks of a text. Its first heading is the title, which stands above it already. */
export function blocks(text: string): Block[] {
  const found: Block[] = []
  for (const line of text.split("\n")) {
    const last = found.at(-1)
    if (/^# /.test(line)) continue
    if (/^#{2,} /.test(line)) found.push({ kind: "heading", lines: [line.replace(/^#+ /, "")] })
    else if (/^[-*] /.test(line)) {
      if (last?.kind === "list") last.lines.push(line.slice(2))
      else found.push({ kind: "list", lines: [line.slice(2)] })
    } else if (line.trim() === "") found.push({ kind: "text", lines: [] })
    else if (last?.kind === "text") last.lines.push(line)
    else if (last?.kind === "list" && /^\s/.test(line)) last.lines.push(`${last.lines.pop()} ${line.trim()}`)
    else found.push({ kind: "text", lines: [line] })
  }
  return found.filter((b) => b.lines.length > 0)
}

function words(line: string): ReactNode[] {
  return line
    .split(/\*\*([^*]+)\*\*/)
    .map((part, i) => (i % 2 === 1 ? <strong key={part}>{part}</strong> : part))
}

/** `level` is that of its headings: 2 on a page of its own, 3 in a dialog. */
export function Prose({ text, level = 3 }: { text: string; level?: 2 | 3 }) {
  const Title = level === 2 ? "h2" : "h3"
  return (
    <div className="space-y-3 text-ink-2">
      {blocks(text).map((b) => {
        const key = `${b.kind} ${b.lines[0]}`
        if (b.kind === "heading") {
          return (
            <Title key={key} className="pt-1 font-semibold text-ink">
              {b.lines[0]}
            </Title>
          )
        }
        if (b.kind === "list") {
          return (
            <ul key={key} className="list-disc space-y-1 pl-5">
              {b.lines.map((l) => (
                <li key={l}>{words(l)}</li>
              ))}
            </ul>
          )
        }
        return <p key={key}>{words(b.lines.join(" "))}</p>
      })}
    </div>
  )
}
