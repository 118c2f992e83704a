// Operations that the description doesn't hold yet. Goes when it does.
import type * as t from "./types"

type Ok<R, S extends number = 200> = {
  [K in S]: { headers: Record<string, unknown>; content: { "application/json": R } }
}
type P<Path> = { query?: never; header?: never; path: Path; cookie?: never }
type Q = { query?: never; header?: never; path?: never; cookie?: never }
type ById = { id: string }

export interface Pending {
  "/api/imports": {
    get: { parameters: Q; requestBody?: never; responses: Ok<{ imports: t.ImportPreview[] }> }
    post: {
      parameters: Q
      requestBody: { content: { "multipart/form-data": { file: string; account?: string } } }
      responses: Ok<t.ImportPreview, 201>
    }
  }
  "/api/imports/{id}": { get: { parameters: P<ById>; requestBody?: never; responses: Ok<t.ImportPreview> } }
  "/api/imports/{id}/mapping": {
    put: {
      parameters: P<ById>
      requestBody: { content: { "application/json": t.ColumnNames } }
      responses: Ok<t.ImportPreview>
    }
  }
  "/api/imports/{id}/apply": {
    post: {
      parameters: P<ById>
      requestBody: {
        content: {
          "application/json": {
            accountId?: string
            newAccount?: { name: string; kind: string; currency: string }
          }
        }
      }
      responses: Ok<t.ImportPreview>
    }
  }
  "/api/imports/{id}/undo": {
    post: { parameters: P<ById>; requestBody?: never; responses: Ok<t.ImportPreview> }
  }
}
