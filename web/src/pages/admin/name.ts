import type { StaffAccount } from "../../api/types"

/** What somebody is called, or else the address. */
export function nameOf(a: Pick<StaffAccount, "firstName" | "lastName" | "email">): string {
  return [a.firstName, a.lastName].filter(Boolean).join(" ") || a.email
}
